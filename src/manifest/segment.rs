//! One stretch of one recording.

use std::cmp::Ordering;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::Code;
use crate::modality::{KINDS, Kind, Media, Recording};
use crate::source::{Source, SourceRef};
use crate::span::Span;
use crate::track::Track;
use crate::{Error, Result};

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
    /// The stretch in the annotation's own frame numbers.
    pub numbers: Option<Numbers>,
    /// Whether `path` and the flow hold just this segment, cut out beforehand: their second 0 is the segment's start.
    pub precut: bool,
    /// What is said of media, by kind.
    media: Vec<Media>,
}

/// An [`Extra`], which takes memory only where there is something: tables have a million rows, most of them of plain recordings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Extras(Option<Box<Extra>>);

static NOTHING: Extra = Extra { numbers: None, precut: false, media: Vec::new() };

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

    /// What it says of its media of `kind`.
    pub fn media(&self, kind: Kind) -> Option<&Media> {
        self.extras.media.iter().find(|media| media.kind == kind)
    }

    /// All that it says of media, at most once of a kind, in the order of [`KINDS`].
    pub fn all_media(&self) -> &[Media] {
        &self.extras.media
    }

    /// Says this of its media of a kind, in place of what was said; what says nothing takes that back.
    pub fn set_media(&mut self, media: Media) {
        let place = |kind: Kind| KINDS.iter().position(|other| *other == kind);
        if media.is_empty() && self.media(media.kind).is_none() {
            return;
        }
        let all = &mut self.extras.media;
        all.retain(|other| other.kind != media.kind);
        if !media.is_empty() {
            let before = all.partition_point(|other| place(other.kind) < place(media.kind));
            all.reserve_exact(1);
            all.insert(before, media);
        }
    }

    /// Whether it is of extracted frames.
    pub fn is_frames(&self) -> bool {
        self.recording(&Track::Default).is_frames()
    }

    /// What its samples are looked for in; `track` where it names none.
    pub fn recording<'a>(&'a self, track: &'a Track) -> Recording<'a> {
        Recording { path: &self.path, media: &self.extras.media, track }
    }

    /// Where its samples of `kind` come from, for looking at many segments; of several tracks the one that it names, else `track`.
    ///
    /// # Errors
    /// What is lacking, such as flow, or sound beside extracted frames.
    pub fn source_ref<'a>(&'a self, kind: Kind, track: &'a Track) -> Result<SourceRef<'a>, &'static str> {
        (kind.source)(self.recording(track))
    }

    /// [`source_ref`](Self::source_ref), to keep.
    ///
    /// # Errors
    /// [`Error::Media`] with [`Code::Absent`] that says what is lacking.
    pub fn source(&self, kind: Kind, track: &Track) -> Result<Source> {
        let absent = |what| Error::media(&self.path, Code::Absent, what);
        self.source_ref(kind, track).map(Source::from).map_err(absent)
    }

    /// The order of rows: by (media, start, id).
    pub fn order(&self, other: &Self) -> Ordering {
        let by_time = || self.span.start.total_cmp(&other.span.start);
        self.path.cmp(&other.path).then_with(by_time).then_with(|| self.id.cmp(&other.id))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

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
        let mut framed = plain.clone();
        framed.set_media(Media { rate: Some(25.0), ..Media::new(Kind::VIDEO) });
        assert!(framed.is_frames() && !plain.is_frames());
        for segment in [&plain, &framed] {
            let written = serde_json::to_string(segment).unwrap();
            assert_eq!(serde_json::from_str::<Segment>(&written).unwrap(), *segment);
        }
        framed.set_media(Media::new(Kind::VIDEO));
        assert_eq!(framed, plain);
        // what a segment with a file of its own takes beside that
        assert!(size_of::<Extra>() <= 64 && size_of::<Media>() <= 96);
    }

    #[test]
    fn media_stand_once_a_kind_in_the_order_of_the_table() {
        let mut segment = Segment::new("a", "a.mp4", Span::WHOLE);
        for kind in KINDS.iter().rev() {
            for name in ["first", "second"] {
                segment.set_media(Media::at(*kind, vec![name.into(); kind.files().max(1)]));
            }
        }
        assert!(segment.all_media().iter().map(|media| media.kind).eq(KINDS.iter().copied()));
        assert!(KINDS.iter().all(|kind| segment.media(*kind).unwrap().paths[0] == Path::new("second")));
    }
}
