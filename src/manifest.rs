//! What there is to work on: labelled segments of recordings, in the order that every store keeps.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::rng::Stream;
use crate::{Error, Result};

mod labels;
mod names;
mod order;
mod segment;

pub use labels::{LabelSpace, Labels, value};
pub use names::{Occurring, places, twice};
pub use segment::{Extra, Extras, Numbers, Segment, Split};

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

/// Rows of the target domain that are tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestSet {
    /// Its test rows (CMRF's convention on HAC, and MM-SADA's).
    TargetTest,
    /// Its training and test rows (SimMMDG's convention on HAC).
    TargetAll,
}

/// Segments in their fixed order: by (media, start, id).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Manifest {
    /// Row i's is that of segment i.
    pub labels: Labels,
    /// Domain names.
    pub domains: Vec<String>,
    /// Row i of every array describes segment i.
    pub segments: Vec<Segment>,
    /// What the data set says of its test set; stores keep it in their recipe.
    pub test_set: Option<TestSet>,
}

impl Manifest {
    /// Puts the segments in order and checks what every data set owes: unique ids, a label for each row, and at
    /// least one row for each class and domain.
    ///
    /// # Errors
    /// [`Error::Input`] that names `input` (the annotation file) and the id, row, class or domain.
    pub fn new(input: &str, labels: Labels, domains: Vec<String>, segments: Vec<Segment>) -> Result<Self> {
        if let Some(problem) = labels.problem(segments.len()) {
            return Err(Error::input(input, format!("labels: {problem}")));
        }
        let manifest = Self::sorted(labels, domains, segments);
        match manifest.doubles().into_iter().chain(manifest.unused()).next() {
            Some(problem) => Err(Error::input(input, problem)),
            None => Ok(manifest),
        }
    }

    /// Puts the segments in order with their labels, unchecked.
    pub fn sorted(mut labels: Labels, domains: Vec<String>, mut segments: Vec<Segment>) -> Self {
        sort(&mut segments, &mut labels);
        Self { labels, domains, segments, test_set: None }
    }

    /// A sentence for each id, class and domain that stands twice.
    pub fn doubles(&self) -> Vec<String> {
        let ids: Vec<&str> = self.segments.iter().map(|segment| segment.id.as_str()).collect();
        let classes: Vec<&str> = self.labels.names().iter().map(String::as_str).collect();
        let domains: Vec<&str> = self.domains.iter().map(String::as_str).collect();
        let lists = [("id", ids), ("class", classes), ("domain", domains)];
        let all = lists.iter().flat_map(|(what, names)| twice(names).into_iter().map(move |place| (what, names[place])));
        all.map(|(what, name)| format!("{what} {name:?} stands twice; expected it once")).collect()
    }

    /// A sentence for each class and domain that no segment has, or for having no segments.
    pub fn unused(&self) -> Vec<String> {
        if self.segments.is_empty() {
            return vec!["no segments; expected at least one row".into()];
        }
        let nobody = |what: &'static str, names: &[String], places: &mut dyn Iterator<Item = usize>| -> Vec<String> {
            let mut used = vec![false; names.len()];
            for place in places {
                used.get_mut(place).into_iter().for_each(|used| *used = true);
            }
            let unused = names.iter().zip(used).filter(|(_, used)| !used);
            unused.map(|(name, _)| format!("no row has the {what} {name:?}; expected at least one")).collect()
        };
        let labels = &self.labels;
        let mut problems = nobody("class", labels.names(), &mut labels.places().iter().map(|&place| place as usize));
        problems.extend(nobody("domain", &self.domains, &mut self.segments.iter().map(|segment| segment.domain)));
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

/// Puts segments in the order of a [`Manifest`], and their labels with them.
pub fn sort(segments: &mut [Segment], labels: &mut Labels) {
    if let Some(order) = order::of(segments) {
        *labels = labels.of_rows(&order);
        order::arrange(segments, order);
    }
}

/// Marks 20 % of each domain's files (at least one where there are two) as `Val`, by a hash of seed and file name order,
/// so that no file is on both sides. For data sets that come without a split.
pub fn hold_out(segments: &mut [Segment], seed: u64) {
    let files = files(segments);
    let mut domains: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (segment, file) in segments.iter().zip(&files) {
        domains.entry(segment.domain).or_default().push(*file);
    }
    let mut held = vec![false; segments.len()];
    for (domain, mut files) in domains {
        files.sort_unstable();
        files.dedup();
        let wanted = if files.len() < 2 { 0 } else { (files.len() as f64 * 0.2).round().max(1.0) as usize };
        let order = Stream::new(seed).with("hold out").at(domain as u32).permutation(files.len());
        order.into_iter().take(wanted).for_each(|i| held[files[i]] = true);
    }
    for (segment, file) in segments.iter_mut().zip(files) {
        segment.split = if held[file] { Split::Val } else { Split::Train };
    }
}

/// The number of each segment's file, counted in the order of names.
fn files(segments: &[Segment]) -> Vec<usize> {
    let compare = |a: &usize, b: &usize| segments[*a].path.cmp(&segments[*b].path);
    let mut rows: Vec<usize> = (0..segments.len()).collect();
    rows.sort_unstable_by(compare);
    let (mut files, mut file) = (vec![0; segments.len()], 0);
    for (place, &row) in rows.iter().enumerate() {
        file += usize::from(place > 0 && compare(&rows[place - 1], &row) != Ordering::Equal);
        files[row] = file;
    }
    files
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;
    use crate::span::Span;

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
        let labels = Labels::Values { unit: String::new(), of: vec![3.0, 2.0, 1.0, 0.0] };
        let manifest = Manifest::new("t", labels.clone(), vec!["d".into()], segments.clone()).unwrap();
        assert!(manifest.segments.iter().map(|s| s.id.as_str()).eq(["0", "1", "2", "3"]));
        assert_eq!(manifest.labels.values(), [0.0, 1.0, 2.0, 3.0]);
        let fewer = Manifest::new("t", labels.of_rows(&[0]), vec!["d".into()], segments).unwrap_err();
        assert!(fewer.to_string().contains("labels: 1 entries; expected 4"), "{fewer}");
    }
}
