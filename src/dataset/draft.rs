//! What a reader of annotations makes, and what readers have in common.

use std::path::{Path, PathBuf};

use super::settings::DatasetSettings;
use crate::manifest::{Labels, Segment, Split, TestSet};
use crate::{Error, Result};

/// What is wrong with annotations, and what is good to know of them.
#[derive(Debug, Default)]
pub struct Findings {
    /// By file and line.
    pub faults: Vec<Error>,
    /// Sentences.
    pub notes: Vec<String>,
}

impl Findings {
    /// Keeps what is wrong with a part; the part is left out.
    pub(super) fn part<T>(&mut self, outcome: Result<T>) -> Option<T> {
        outcome.map_err(|error| self.faults.push(error)).ok()
    }
}

/// What a data set's reader makes.
pub(super) struct Draft {
    /// What names the annotations in messages.
    pub(super) place: String,
    /// Those of the segments.
    pub(super) labels: Labels,
    pub(super) domains: Vec<String>,
    pub(super) segments: Vec<Segment>,
    pub(super) test_set: Option<TestSet>,
}

/// The folder `root`, which must be there.
pub(super) fn root(settings: &DatasetSettings) -> Result<PathBuf> {
    let root = settings.root.clone().ok_or_else(|| Error::input("[data]", "root is not set; expected the data set's folder"))?;
    if root.is_dir() { Ok(root) } else { Err(Error::input(root.display(), "no such folder; expected the data set's root")) }
}

/// The names in use: those asked for, else those that occur.
pub(super) fn names(asked: Option<&Vec<String>>, occurring: impl Iterator<Item = String>) -> Vec<String> {
    asked.cloned().unwrap_or_else(|| in_order(occurring))
}

/// Each name once, in order; numbers as numbers.
pub fn in_order(occurring: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = occurring.collect();
    names.sort_by(|a, b| match (a.parse::<u64>(), b.parse::<u64>()) {
        // "1" and "01" are two names
        (Ok(number), Ok(other)) => number.cmp(&other).then_with(|| a.cmp(b)),
        (Ok(_), Err(_)) => std::cmp::Ordering::Less,
        (Err(_), Ok(_)) => std::cmp::Ordering::Greater,
        _ => a.cmp(b),
    });
    names.dedup();
    names
}

/// Those of `domains` that are asked for, in that order; all by name where nothing is.
pub(super) fn some_of(settings: &DatasetSettings, domains: &[&'static str]) -> Result<Vec<&'static str>> {
    let wanted = names(settings.domains.as_ref(), domains.iter().map(|&name| name.to_owned()));
    let known = |name: &String| {
        let found = domains.iter().find(|domain| **domain == name.as_str()).copied();
        found.ok_or_else(|| Error::input("[data]", format!("domain {name:?}: expected some of {}", domains.join(", "))))
    };
    wanted.iter().map(known).collect()
}

/// The names of a fixed number of classes, or others for them.
pub(super) fn renamed(settings: &DatasetSettings, classes: &[&str]) -> Result<Vec<String>> {
    let named = settings.classes.clone().unwrap_or_else(|| classes.iter().map(|&name| name.to_owned()).collect());
    if named.len() != classes.len() {
        return Err(Error::input("[data]", format!("{} classes; expected names for {}", named.len(), classes.len())));
    }
    Ok(named)
}

/// The split that the name of an annotation file tells: its last word that begins with `train`, `val` or `test`.
pub(super) fn split_of_name(path: &Path) -> Option<Split> {
    let name = path.file_stem()?.to_str()?.to_lowercase();
    let split = |word: &str| {
        let known = [Split::Train, Split::Val, Split::Test];
        known.into_iter().find(|split| word.starts_with(split.name()))
    };
    name.rsplit(|c: char| !c.is_ascii_alphanumeric()).find_map(split)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_splits() {
        let of = |name: &str| split_of_name(Path::new(name));
        assert_eq!(of("a/EPIC_100_validation.csv"), Some(Split::Val));
        assert_eq!(of("EPIC_train_action_labels.csv"), Some(Split::Train));
        assert_eq!(of("EPIC_100_uda_target_val.csv"), Some(Split::Val));
        assert_eq!(of("D1_test.pkl"), Some(Split::Test));
        assert_eq!(of("train/latest.csv"), None);
    }
}
