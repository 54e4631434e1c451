//! One stretch of one recording.

use std::cmp::Ordering;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::span::Span;
use crate::track::Track;

/// Which part of its domain a segment belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Trained on where its domain is a source.
    Train,
    /// Selected on where its domain is a source.
    Val,
    /// Held out.
    Test,
}

impl Split {
    /// The word in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }

    /// The inverse of [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Train, Self::Val, Self::Test].into_iter().find(|split| split.name() == name)
    }
}

/// A stretch in frame numbers, [start, stop); frame n shows second (n − 1) / rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    /// The first.
    pub start: u64,
    /// One past the last, more than `start`.
    pub stop: u64,
    /// Frames a second that the numbers count.
    pub rate: f64,
}

/// One labelled stretch of one recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Unique in the manifest.
    pub id: String,
    /// The recording: a container with pictures and perhaps sound, a sound file, or a folder or tar of extracted frames.
    pub path: PathBuf,
    /// Its stretch.
    pub span: Span,
    /// Domain, an index into [`Manifest::domains`](super::Manifest::domains).
    pub domain: usize,
    /// Part of the domain.
    pub split: Split,
    /// What few segments have.
    pub extras: Extras,
}

/// What a segment may have beside a recording and a stretch of it. The [`Default`] is nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Extra {
    /// Extracted frames a second, where `path` holds such: frame n shows second (n − 1) / rate.
    pub frame_rate: Option<f64>,
    /// The stretch in the annotation's own frame numbers.
    pub numbers: Option<Numbers>,
    /// Whether `path` and the flow hold just this segment, cut out beforehand: their second 0 is the segment's start.
    pub precut: bool,
    /// Sound from another file, whose second 0 is the recording's.
    pub audio_path: Option<PathBuf>,
    /// Which sound track of several, if the annotations say so.
    pub audio_track: Option<Track>,
    /// Which video track of several, if the annotations say so.
    pub video_track: Option<Track>,
    /// Where `audio_path` is an HDF5 file: the dataset of the waveform and its samples a second.
    pub audio_key: Option<(String, u32)>,
    /// Optical flow (horizontal, vertical) on the same clock: two videos, or two folders of extracted frames.
    pub flow_paths: Option<(PathBuf, PathBuf)>,
    /// Extracted flow frames a second, where `flow_paths` hold such.
    pub flow_rate: Option<f64>,
}

/// An [`Extra`], which takes memory only where there is something: tables have a million rows, most of them of plain recordings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Extras(Option<Box<Extra>>);

static NOTHING: Extra = Extra {
    frame_rate: None,
    numbers: None,
    precut: false,
    audio_path: None,
    audio_track: None,
    video_track: None,
    audio_key: None,
    flow_paths: None,
    flow_rate: None,
};

impl From<Extra> for Extras {
    fn from(extra: Extra) -> Self {
        Self((extra != NOTHING).then(|| Box::new(extra)))
    }
}

impl Deref for Extras {
    type Target = Extra;

    fn deref(&self) -> &Extra {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl DerefMut for Extras {
    fn deref_mut(&mut self) -> &mut Extra {
        self.0.get_or_insert_default()
    }
}

impl PartialEq for Extras {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Segment {
    /// A stretch of a container or sound file, with nothing beside it.
    pub fn new(id: impl Into<String>, path: impl Into<PathBuf>, span: Span) -> Self {
        let (id, path) = (id.into(), path.into());
        Self { id, path, span, domain: 0, split: Split::Train, extras: Extras::default() }
    }

    /// The order of rows: by (media, start, id).
    pub fn order(&self, other: &Self) -> Ordering {
        let by_time = || self.span.start.total_cmp(&other.span.start);
        self.path.cmp(&other.path).then_with(by_time).then_with(|| self.id.cmp(&other.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_segment_is_small_and_equal_to_one_whose_extras_were_taken_back() {
        assert!(size_of::<Segment>() <= 104);
        let plain = Segment::new("a", "a.mp4", Span::WHOLE);
        let mut other = plain.clone();
        other.extras.precut = true;
        assert_ne!(plain, other);
        other.extras.precut = false;
        assert_eq!(plain, other);
        let framed = Segment { extras: Extra { frame_rate: Some(25.0), ..Extra::default() }.into(), ..plain.clone() };
        assert_eq!((framed.extras.frame_rate, plain.extras.frame_rate), (Some(25.0), None));
        for segment in [plain, framed] {
            let written = serde_json::to_string(&segment).unwrap();
            assert_eq!(serde_json::from_str::<Segment>(&written).unwrap(), segment);
        }
        assert_eq!(Extras::from(Extra::default()).0, None);
    }
}
