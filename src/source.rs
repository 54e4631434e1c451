//! Where the samples of one segment and modality come from.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Code;
use crate::manifest::Segment;
use crate::modality::Kind;
use crate::track::Track;
use crate::{Error, Result};

/// A place on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Source {
    /// RGB pictures.
    Video(Pictures),
    /// Optical flow: horizontal and vertical displacement, each as pictures.
    Flow(Pictures, Pictures),
    /// A sound track of a container, or a sound file.
    Sound {
        /// The file.
        path: PathBuf,
        /// Which of its sound tracks.
        track: Track,
    },
    /// A waveform in an HDF5 file.
    Waveform {
        /// The file.
        path: PathBuf,
        /// Its dataset, one-dimensional, in [-1, 1].
        key: String,
        /// Samples a second.
        sample_rate: u32,
    },
}

/// A series of pictures in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pictures {
    /// A container; with `rate`, a folder of `frame_%010d.jpg` numbered from 1, or such a folder in a tar (`a.tar`, `a.tar/u`).
    pub path: PathBuf,
    /// Extracted frames a second: frame n shows second (n − 1) / rate. `None` for a container, which has its own clock.
    pub rate: Option<f64>,
    /// Which video track of a container.
    pub track: Track,
}

/// What tells a file, or a folder of extracted frames, from another of the same name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Bytes of the file; of a folder the highest number of its frames.
    pub size: u64,
    /// Hash of what lies at its beginning and its end.
    pub ends_blake3: String,
}

/// A [`Source`] as its segment has it, for looking at those of many segments.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub enum SourceRef<'a> {
    Video { path: &'a Path, rate: Option<f64>, track: &'a Track },
    Flow { x: &'a Path, y: &'a Path, rate: Option<f64> },
    Sound { path: &'a Path, track: &'a Track },
    Waveform { path: &'a Path, key: &'a str, sample_rate: u32 },
}

impl<'a> SourceRef<'a> {
    /// Where the samples of `segment` come from: sound from its own file if there is one, else from the recording itself; of several tracks the
    /// one that the segment names, else `track`.
    ///
    /// # Errors
    /// What is lacking, where the segment has no flow, or no sound beside extracted frames.
    pub fn of(kind: Kind, segment: &'a Segment, track: &'a Track) -> Result<Self, &'static str> {
        let extras = &segment.extras;
        let sound = |path| Self::Sound { path, track: extras.audio_track.as_ref().unwrap_or(track) };
        match kind {
            Kind::Video => {
                let track = extras.video_track.as_ref().unwrap_or(track);
                Ok(Self::Video { path: &segment.path, rate: extras.frame_rate, track })
            }
            Kind::Flow => {
                let (x, y) = extras.flow_paths.as_ref().ok_or("no flow files")?;
                Ok(Self::Flow { x, y, rate: extras.flow_rate })
            }
            Kind::Audio => match (&extras.audio_path, &extras.audio_key) {
                (Some(path), Some((key, sample_rate))) => Ok(Self::Waveform { path, key, sample_rate: *sample_rate }),
                (Some(path), None) => Ok(sound(path)),
                (None, _) if extras.frame_rate.is_some() => Err("no sound beside the extracted frames"),
                (None, _) => Ok(sound(&segment.path)),
            },
        }
    }

    /// The files that it needs, each with whether it is a folder: a tar stands for what lies in it.
    pub fn files(self) -> impl Iterator<Item = (&'a Path, bool)> {
        fn pictures(path: &Path, rate: Option<f64>) -> (&Path, bool) {
            let tar = |path: &&Path| path.extension().is_some_and(|end| end == "tar");
            match rate.and_then(|_| path.ancestors().find(tar)) {
                Some(tar) => (tar, false),
                None => (path, rate.is_some()),
            }
        }
        let (first, second) = match self {
            Self::Video { path, rate, .. } => (pictures(path, rate), None),
            Self::Flow { x, y, rate } => (pictures(x, rate), Some(pictures(y, rate))),
            Self::Sound { path, .. } | Self::Waveform { path, .. } => ((path, false), None),
        };
        std::iter::once(first).chain(second)
    }

    /// The dataset in an HDF5 file; of what is none nothing.
    pub fn key(self) -> &'a str {
        if let Self::Waveform { key, .. } = self { key } else { "" }
    }

    /// The first file, for messages.
    pub fn path(self) -> &'a Path {
        match self {
            Self::Video { path, .. } | Self::Flow { x: path, .. } | Self::Sound { path, .. } | Self::Waveform { path, .. } => {
                path
            }
        }
    }
}

impl From<SourceRef<'_>> for Source {
    fn from(source: SourceRef<'_>) -> Self {
        let pictures = |path: &Path, rate, track: &Track| Pictures { path: path.into(), rate, track: track.clone() };
        match source {
            SourceRef::Video { path, rate, track } => Self::Video(pictures(path, rate, track)),
            SourceRef::Flow { x, y, rate } => Self::Flow(pictures(x, rate, &Track::Default), pictures(y, rate, &Track::Default)),
            SourceRef::Sound { path, track } => Self::Sound { path: path.into(), track: track.clone() },
            SourceRef::Waveform { path, key, sample_rate } => {
                Self::Waveform { path: path.into(), key: key.to_owned(), sample_rate }
            }
        }
    }
}

impl Source {
    /// [`SourceRef::of`], to keep.
    ///
    /// # Errors
    /// [`Error::Media`] with [`Code::Absent`] where the segment has no flow, or no sound beside extracted frames.
    pub fn of(kind: Kind, segment: &Segment, track: &Track) -> Result<Self> {
        let absent = |what| Error::media(&segment.path, Code::Absent, what);
        SourceRef::of(kind, segment, track).map(Self::from).map_err(absent)
    }

    fn as_ref(&self) -> SourceRef<'_> {
        match self {
            Self::Video(Pictures { path, rate, track }) => SourceRef::Video { path, rate: *rate, track },
            Self::Flow(x, y) => SourceRef::Flow { x: &x.path, y: &y.path, rate: x.rate },
            Self::Sound { path, track } => SourceRef::Sound { path, track },
            Self::Waveform { path, key, sample_rate } => SourceRef::Waveform { path, key, sample_rate: *sample_rate },
        }
    }

    /// [`SourceRef::files`].
    pub fn files(&self) -> Vec<(&Path, bool)> {
        self.as_ref().files().collect()
    }

    /// [`SourceRef::path`].
    pub fn path(&self) -> &Path {
        self.as_ref().path()
    }
}
