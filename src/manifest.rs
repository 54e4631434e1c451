//! What there is to work on: labelled segments of recordings, in the order that every store keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::rng::Stream;
use crate::span::Span;
use crate::track::Track;
use crate::{Error, Result};

/// A column of ids, classes or domains as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// Names.
    Texts(Vec<String>),
    /// Whole numbers, to the last digit.
    Whole(Vec<i128>),
}

impl Words {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Whole(numbers) => numbers.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names; of a number its digits.
    pub fn into_texts(self) -> Vec<String> {
        match self {
            Self::Texts(texts) => texts,
            Self::Whole(numbers) => numbers.iter().map(i128::to_string).collect(),
        }
    }
}

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

/// Rows of the target domain that are tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestSet {
    /// Its test rows (CMRF's convention on HAC, and MM-SADA's).
    TargetTest,
    /// Its training and test rows (SimMMDG's convention on HAC).
    TargetAll,
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
    /// Class, an index into [`Manifest::classes`].
    pub label: usize,
    /// Domain, an index into [`Manifest::domains`].
    pub domain: usize,
    /// Part of the domain.
    pub split: Split,
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

impl Segment {
    /// A stretch of a container or sound file, with nothing beside it.
    pub fn new(id: impl Into<String>, path: impl Into<PathBuf>, span: Span) -> Self {
        Self {
            id: id.into(),
            path: path.into(),
            span,
            label: 0,
            domain: 0,
            split: Split::Train,
            frame_rate: None,
            numbers: None,
            precut: false,
            audio_path: None,
            audio_track: None,
            video_track: None,
            audio_key: None,
            flow_paths: None,
            flow_rate: None,
        }
    }
}

/// Segments in their fixed order: by (media, start, id).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Manifest {
    /// Class names; a label is a place in this list.
    pub classes: Vec<String>,
    /// Domain names.
    pub domains: Vec<String>,
    /// Row i of every array describes segment i.
    pub segments: Vec<Segment>,
    /// What the data set says of its test set; stores keep it in their recipe.
    pub test_set: Option<TestSet>,
}

impl Manifest {
    /// Puts the segments in order and checks what every data set owes: unique ids, and at least one row for each class and domain.
    ///
    /// # Errors
    /// [`Error::Input`] that names `input` (the annotation file) and the id, class or domain.
    pub fn new(input: &str, classes: Vec<String>, domains: Vec<String>, segments: Vec<Segment>) -> Result<Self> {
        let manifest = Self::sorted(classes, domains, segments);
        match manifest.doubles().into_iter().chain(manifest.unused()).next() {
            Some(problem) => Err(Error::input(input, problem)),
            None => Ok(manifest),
        }
    }

    /// Puts the segments in order, unchecked.
    pub fn sorted(classes: Vec<String>, domains: Vec<String>, mut segments: Vec<Segment>) -> Self {
        segments.sort_by(|a, b| a.path.cmp(&b.path).then(a.span.start.total_cmp(&b.span.start)).then_with(|| a.id.cmp(&b.id)));
        Self { classes, domains, segments, test_set: None }
    }

    /// A sentence for each id, class and domain that stands twice.
    pub fn doubles(&self) -> Vec<String> {
        fn twice<'n>(what: &str, names: impl Iterator<Item = &'n String>) -> Vec<String> {
            let mut seen = BTreeSet::new();
            let again = names.filter(|name| !seen.insert(name.as_str()));
            again.map(|name| format!("{what} {name:?} stands twice; expected it once")).collect()
        }
        let mut problems = twice("id", self.segments.iter().map(|segment| &segment.id));
        problems.extend(twice("class", self.classes.iter()));
        problems.extend(twice("domain", self.domains.iter()));
        problems
    }

    /// A sentence for each class and domain that no segment has, or for having no segments.
    pub fn unused(&self) -> Vec<String> {
        if self.segments.is_empty() {
            return vec!["no segments; expected at least one row".into()];
        }
        let nobody = |what: &'static str, names: &[String], used: BTreeSet<usize>| -> Vec<String> {
            let unused = (0..names.len()).filter(|i| !used.contains(i));
            unused.map(|i| format!("no row has the {what} {:?}; expected at least one", names[i])).collect()
        };
        let mut problems = nobody("class", &self.classes, self.segments.iter().map(|s| s.label).collect());
        problems.extend(nobody("domain", &self.domains, self.segments.iter().map(|s| s.domain).collect()));
        problems
    }

    /// Number of segments.
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }
}

/// Marks 20 % of each domain's files (at least one where there are two) as `Val`, by a hash of seed and file name order,
/// so that no file is on both sides. For data sets that come without a split.
pub fn hold_out(segments: &mut [Segment], seed: u64) {
    let mut files: BTreeMap<usize, BTreeSet<PathBuf>> = BTreeMap::new();
    for segment in segments.iter() {
        files.entry(segment.domain).or_default().insert(segment.path.clone());
    }
    let mut held = BTreeSet::new();
    for (domain, paths) in files {
        let wanted = if paths.len() < 2 { 0 } else { (paths.len() as f64 * 0.2).round().max(1.0) as usize };
        let paths: Vec<_> = paths.into_iter().collect();
        let order = Stream::new(seed).with("hold out").at(domain as u32).permutation(paths.len());
        held.extend(order.into_iter().take(wanted).map(|i| paths[i].clone()));
    }
    for segment in segments {
        segment.split = if held.contains(&segment.path) { Split::Val } else { Split::Train };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(id: usize, file: usize, domain: usize) -> Segment {
        Segment { domain, split: Split::Test, ..Segment::new(id.to_string(), format!("{file}.mp4"), Span::WHOLE) }
    }

    #[test]
    fn a_fifth_of_each_domains_files_is_held_out_whole() {
        // 50 files of three segments in each of two domains, one file in both
        let mut segments: Vec<Segment> = (0..300).map(|i| segment(i, if i % 150 < 3 { 0 } else { i / 3 }, i / 150)).collect();
        hold_out(&mut segments, 7);
        let mut splits: BTreeMap<PathBuf, BTreeSet<Split>> = BTreeMap::new();
        for segment in &segments {
            splits.entry(segment.path.clone()).or_default().insert(segment.split);
        }
        assert!(splits.values().all(|splits| splits.len() == 1));
        for domain in 0..2 {
            let held = segments.iter().filter(|s| s.domain == domain && s.split == Split::Val).count();
            assert!((30..=33).contains(&held), "{held}");
        }
        let before = segments.clone();
        hold_out(&mut segments, 7);
        assert_eq!(segments, before);
        hold_out(&mut segments, 8);
        assert_ne!(segments, before);
    }

    #[test]
    fn rows_are_ordered_by_media_start_and_id() {
        let mut later = segment(2, 1, 0);
        later.span.start = 1.0;
        let segments = vec![segment(3, 2, 0), later, segment(1, 1, 0), segment(0, 1, 0)];
        let manifest = Manifest::new("t", vec!["c".into()], vec!["d".into()], segments).unwrap();
        assert!(manifest.segments.iter().map(|s| s.id.as_str()).eq(["0", "1", "2", "3"]));
    }
}
