//! Where the samples of one segment and modality come from, by what has to be read; which that is a kind says ([`crate::modality::Definition::source`]).

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::track::Track;

/// A place on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Source {
    /// Pictures in colour.
    Pictures(Pictures),
    /// Two planes of one picture, each as pictures of its own: optical flow, horizontal and vertical.
    PicturePair(Pictures, Pictures),
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
    Pictures { path: &'a Path, rate: Option<f64>, track: &'a Track },
    PicturePair { x: &'a Path, y: &'a Path, rate: Option<f64> },
    Sound { path: &'a Path, track: &'a Track },
    Waveform { path: &'a Path, key: &'a str, sample_rate: u32 },
}

impl<'a> SourceRef<'a> {
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
            Self::Pictures { path, rate, .. } => (pictures(path, rate), None),
            Self::PicturePair { x, y, rate } => (pictures(x, rate), Some(pictures(y, rate))),
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
            Self::Pictures { path, .. }
            | Self::PicturePair { x: path, .. }
            | Self::Sound { path, .. }
            | Self::Waveform { path, .. } => path,
        }
    }
}

impl From<SourceRef<'_>> for Source {
    fn from(source: SourceRef<'_>) -> Self {
        let pictures = |path: &Path, rate, track: &Track| Pictures { path: path.into(), rate, track: track.clone() };
        match source {
            SourceRef::Pictures { path, rate, track } => Self::Pictures(pictures(path, rate, track)),
            SourceRef::PicturePair { x, y, rate } => {
                Self::PicturePair(pictures(x, rate, &Track::Default), pictures(y, rate, &Track::Default))
            }
            SourceRef::Sound { path, track } => Self::Sound { path: path.into(), track: track.clone() },
            SourceRef::Waveform { path, key, sample_rate } => {
                Self::Waveform { path: path.into(), key: key.to_owned(), sample_rate }
            }
        }
    }
}

impl Source {
    fn as_ref(&self) -> SourceRef<'_> {
        match self {
            Self::Pictures(Pictures { path, rate, track }) => SourceRef::Pictures { path, rate: *rate, track },
            Self::PicturePair(x, y) => SourceRef::PicturePair { x: &x.path, y: &y.path, rate: x.rate },
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
