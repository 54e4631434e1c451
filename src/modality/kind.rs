//! What the samples of a modality are made of.

use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::column::{Column, Field};
use super::media::Media;
use crate::source::SourceRef;
use crate::track::Track;

/// What the samples of a modality are made of: a line of [`KINDS`](super::KINDS). In files it is its name.
#[derive(Clone, Copy)]
pub struct Kind(pub(super) &'static Definition);

/// All that tells a kind from others.
pub struct Definition {
    /// The word in files and messages.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// Its columns in tables of recordings and in `manifest.csv`, files first.
    pub columns: &'static [Column],
    /// What its media must be beside what their columns ask for; else what was expected.
    pub check: fn(&Media) -> Result<(), String>,
    /// Where samples come from; else what is lacking.
    pub source: for<'a> fn(Recording<'a>) -> Result<SourceRef<'a>, &'static str>,
    /// Where a file of it would lie beside a recording, which may be a folder of extracted frames (`true`).
    pub beside: Option<fn(&Path, bool) -> PathBuf>,
    /// What the axes of a sample may be, each by its letter: channel, time, height, width, features, samples (C, T, H, W, D, S). The first is the usual one.
    pub axes: &'static [&'static str],
    /// Elements on the axis C of the usual sample; 1 where it has none.
    pub channels: u8,
    /// The axes that a network mostly takes a usual sample in, the batch (N) first.
    pub layout: &'static str,
    /// What a group or dataset of such features is called in the field's HDF5 files.
    pub dataset: Option<&'static str>,
}

/// The recording of a segment, and what else the segment says of its media.
#[derive(Debug, Clone, Copy)]
pub struct Recording<'a> {
    /// A container, a sound file, or extracted frames.
    pub path: &'a Path,
    /// At most one of a kind.
    pub media: &'a [Media],
    /// The track that is taken where the segment names none.
    pub track: &'a Track,
}

impl<'a> Recording<'a> {
    /// What is said of the media of `kind`.
    pub fn media(self, kind: Kind) -> Option<&'a Media> {
        self.media.iter().find(|media| media.kind == kind)
    }

    /// Whether it is extracted frames: media without a file of their own are the recording, and have a rate.
    pub fn is_frames(self) -> bool {
        self.media.iter().any(|media| media.paths.is_empty() && media.rate.is_some())
    }
}

impl Kind {
    /// All that tells it from others.
    pub fn definition(self) -> &'static Definition {
        self.0
    }

    /// How many files of its own a segment has, where it has such.
    pub fn files(self) -> usize {
        self.path_columns().len()
    }

    /// The columns of these.
    pub fn path_columns(self) -> Vec<&'static str> {
        let is_path = |column: &&Column| matches!(column.field, Field::Path(_));
        self.0.columns.iter().filter(is_path).map(|column| column.name).collect()
    }

    /// The column that names a track, where it has tracks.
    pub fn track_column(self) -> Option<&'static Column> {
        self.0.columns.iter().find(|column| column.field == Field::Track)
    }

    /// Whether a plain recording, of which nothing else is said, has samples of it.
    pub fn is_of_recordings(self) -> bool {
        (self.source)(Recording { path: Path::new("recording"), media: &[], track: &Track::Default }).is_ok()
    }
}

impl Deref for Kind {
    type Target = Definition;

    fn deref(&self) -> &Definition {
        self.0
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Kind {}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name)
    }
}
