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

impl Source {
    /// Where the samples of `segment` come from: sound from its own file if there is one, else from the recording itself; of several tracks the
    /// one that the segment names, else `track`.
    ///
    /// # Errors
    /// [`Error::Media`] with [`Code::Absent`] where the segment has no flow, or no sound beside extracted frames.
    pub fn of(kind: Kind, segment: &Segment, track: &Track) -> Result<Self> {
        let absent = |what: &str| Err(Error::media(&segment.path, Code::Absent, what));
        let sound = |path: &PathBuf| {
            let track = segment.audio_track.as_ref().unwrap_or(track).clone();
            Self::Sound { path: path.clone(), track }
        };
        match kind {
            Kind::Video => {
                let track = segment.video_track.as_ref().unwrap_or(track).clone();
                Ok(Self::Video(Pictures { path: segment.path.clone(), rate: segment.frame_rate, track }))
            }
            Kind::Flow => match &segment.flow_paths {
                Some((x, y)) => {
                    let pictures =
                        |path: &PathBuf| Pictures { path: path.clone(), rate: segment.flow_rate, track: Track::Default };
                    Ok(Self::Flow(pictures(x), pictures(y)))
                }
                None => absent("no flow files"),
            },
            Kind::Audio => match (&segment.audio_path, &segment.audio_key) {
                (Some(path), Some((key, sample_rate))) => {
                    Ok(Self::Waveform { path: path.clone(), key: key.clone(), sample_rate: *sample_rate })
                }
                (Some(path), None) => Ok(sound(path)),
                (None, _) if segment.frame_rate.is_some() => absent("no sound beside the extracted frames"),
                (None, _) => Ok(sound(&segment.path)),
            },
        }
    }

    /// The files that it needs, each with whether it is a folder: a tar stands for what lies in it.
    pub fn files(&self) -> Vec<(&Path, bool)> {
        fn place(pictures: &Pictures) -> (&Path, bool) {
            let tar = |path: &&Path| path.extension().is_some_and(|end| end == "tar");
            match (pictures.rate, pictures.path.ancestors().find(tar)) {
                (Some(_), Some(tar)) => (tar, false),
                (rate, _) => (&pictures.path, rate.is_some()),
            }
        }
        match self {
            Self::Video(pictures) => vec![place(pictures)],
            Self::Flow(x, y) => vec![place(x), place(y)],
            Self::Sound { path, .. } | Self::Waveform { path, .. } => vec![(path, false)],
        }
    }

    /// The first file, for messages.
    pub fn path(&self) -> &Path {
        match self {
            Self::Video(pictures) | Self::Flow(pictures, _) => &pictures.path,
            Self::Sound { path, .. } | Self::Waveform { path, .. } => path,
        }
    }
}
