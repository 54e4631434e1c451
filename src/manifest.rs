//! What there is to work on: labelled segments of recordings, in the order that every store keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::rng::Stream;
use crate::span::Span;
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

/// One labelled stretch of one recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Unique in the manifest.
    pub id: String,
    /// The recording: a container with pictures and perhaps sound, or a sound file.
    pub path: PathBuf,
    /// Its stretch.
    pub span: Span,
    /// Class, an index into [`Manifest::classes`].
    pub label: usize,
    /// Domain, an index into [`Manifest::domains`].
    pub domain: usize,
    /// Part of the domain.
    pub split: Split,
    /// Sound from another file, on the same clock.
    pub audio_path: Option<PathBuf>,
    /// Optical flow as two videos (horizontal, vertical), on the same clock.
    pub flow_paths: Option<(PathBuf, PathBuf)>,
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
}

impl Manifest {
    /// Puts the segments in order and checks what every data set owes: unique ids, and at least one row for each class and domain.
    ///
    /// # Errors
    /// [`Error::Input`] that names `input` (the annotation file) and the id, class or domain.
    pub fn new(input: &str, classes: Vec<String>, domains: Vec<String>, mut segments: Vec<Segment>) -> Result<Self> {
        if segments.is_empty() {
            return Err(Error::input(input, "no segments; expected at least one row"));
        }
        let mut seen = BTreeSet::new();
        for segment in &segments {
            if !seen.insert(segment.id.as_str()) {
                return Err(Error::input(input, format!("id {:?} stands twice; expected unique ids", segment.id)));
            }
        }
        let nobody = |what: &str, names: &[String], used: BTreeSet<usize>| match (0..names.len()).find(|i| !used.contains(i)) {
            Some(i) => Err(Error::input(input, format!("no row has the {what} {:?}; expected at least one", names[i]))),
            None => Ok(()),
        };
        nobody("class", &classes, segments.iter().map(|s| s.label).collect())?;
        nobody("domain", &domains, segments.iter().map(|s| s.domain).collect())?;
        segments.sort_by(|a, b| a.path.cmp(&b.path).then(a.span.start.total_cmp(&b.span.start)).then_with(|| a.id.cmp(&b.id)));
        Ok(Self { classes, domains, segments })
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
        Segment {
            id: id.to_string(),
            path: format!("{file}.mp4").into(),
            span: Span::WHOLE,
            label: 0,
            domain,
            split: Split::Test,
            audio_path: None,
            flow_paths: None,
        }
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
