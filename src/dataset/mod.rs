//! Annotations as they lie on disk, read into a [`Manifest`].

mod beside;
mod epic_kitchens;
mod hac;
mod settings;
mod table;

use std::path::{Path, PathBuf};

pub use settings::{Annotations, ClassMap, Files, Media, Settings};

pub use beside::sound_beside;
pub use table::labelled;

use crate::manifest::{Manifest, Segment, Split, TestSet};
use crate::{Error, Result};

/// A line of [`DATASETS`].
pub struct Entry {
    /// Name in pipeline files.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// Keys of `[data]` that it knows, beside `dataset`.
    pub settings: &'static [&'static str],
    read: fn(&Settings, &mut Findings) -> Result<Draft>,
}

/// Every data set.
pub static DATASETS: &[Entry] = &[
    Entry {
        name: "epic-kitchens",
        about: "EPIC-Kitchens-55 and -100, with the splits of MM-SADA or their own tables",
        settings: &[
            "root",
            "annotations",
            "classes",
            "domains",
            "test-set",
            "domain",
            "domain-map",
            "label",
            "class-map",
            "class-table",
            "media",
            "audio",
            "audio-rate",
        ],
        read: epic_kitchens::read,
    },
    Entry {
        name: "hac",
        about: "Human-Animal-Cartoon as its authors distribute it",
        settings: &["root", "classes", "domains", "test-set"],
        read: hac::read,
    },
    Entry {
        name: "table",
        about: "any CSV of id,path,start,end,label,domain",
        settings: &["root", "table", "classes", "domains", "split-seed", "test-set"],
        read: table::read,
    },
];

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
    fn part<T>(&mut self, outcome: Result<T>) -> Option<T> {
        outcome.map_err(|error| self.faults.push(error)).ok()
    }
}

/// What a data set's reader makes.
struct Draft {
    /// What names the annotations in messages.
    place: String,
    classes: Vec<String>,
    domains: Vec<String>,
    segments: Vec<Segment>,
    test_set: Option<TestSet>,
}

/// Reads the annotations. No recording is opened.
///
/// # Errors
/// The first of what [`check`] finds, with the number of the others.
pub fn read(settings: &Settings) -> Result<Manifest> {
    let (manifest, findings) = check(settings);
    let more = findings.faults.len().saturating_sub(1);
    match (findings.faults.into_iter().next(), manifest) {
        (None, Some(manifest)) => Ok(manifest),
        (Some(Error::Input { input, problem }), _) if more > 0 => {
            Err(Error::Input { input, problem: format!("{problem} (and {more} more; `mmdg validate` lists them)") })
        }
        (Some(error), _) => Err(error),
        (None, None) => Err(Error::input("[data]", "no annotations; expected some")),
    }
}

/// Reads the annotations, and finds all that is wrong with them: [`Error::Input`] naming file, line and what was expected. The manifest
/// is of the rows that are well; there is none where the settings do not fit.
pub fn check(settings: &Settings) -> (Option<Manifest>, Findings) {
    let mut findings = Findings::default();
    let draft = entry(settings).and_then(|entry| (entry.read)(settings, &mut findings));
    let Some(Draft { place, classes, domains, mut segments, test_set }) = findings.part(draft) else { return (None, findings) };
    beside::fill(&mut segments);
    let manifest = Manifest { test_set: settings.test_set.or(test_set), ..Manifest::sorted(classes, domains, segments) };
    let mut problems = manifest.doubles();
    // what no row has may stand in a row that is not well
    if findings.faults.is_empty() && problems.is_empty() {
        problems = manifest.unused();
    }
    findings.faults.extend(problems.into_iter().map(|problem| Error::input(&place, problem)));
    (Some(manifest), findings)
}

/// The data set asked for, which knows all keys that are set.
fn entry(settings: &Settings) -> Result<&'static Entry> {
    let entry = DATASETS.iter().find(|entry| entry.name == settings.dataset).ok_or_else(|| {
        let names: Vec<&str> = DATASETS.iter().map(|entry| entry.name).collect();
        Error::input("[data]", format!("dataset {:?}: expected one of {}", settings.dataset, names.join(", ")))
    })?;
    let set = serde_json::to_value(settings).map_err(|error| Error::input("[data]", error.to_string()))?;
    let keys = set.as_object().into_iter().flat_map(|set| set.keys());
    match keys.into_iter().find(|key| *key != "dataset" && !entry.settings.contains(&key.as_str())) {
        Some(key) => {
            Err(Error::input("[data]", format!("{key}: {} does not know it; expected {}", entry.name, entry.settings.join(", "))))
        }
        None => Ok(entry),
    }
}

/// The folder `root`, which must be there.
fn root(settings: &Settings) -> Result<PathBuf> {
    let root = settings.root.clone().ok_or_else(|| Error::input("[data]", "root is not set; expected the data set's folder"))?;
    if root.is_dir() { Ok(root) } else { Err(Error::input(root.display(), "no such folder; expected the data set's root")) }
}

/// The names in use: those asked for, else those that occur.
fn names(asked: Option<&Vec<String>>, occurring: impl Iterator<Item = String>) -> Vec<String> {
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
fn some_of(settings: &Settings, domains: &[&'static str]) -> Result<Vec<&'static str>> {
    let wanted = names(settings.domains.as_ref(), domains.iter().map(|&name| name.to_owned()));
    let known = |name: &String| {
        let found = domains.iter().find(|domain| **domain == name.as_str()).copied();
        found.ok_or_else(|| Error::input("[data]", format!("domain {name:?}: expected some of {}", domains.join(", "))))
    };
    wanted.iter().map(known).collect()
}

/// The names of a fixed number of classes, or others for them.
fn renamed(settings: &Settings, classes: &[&str]) -> Result<Vec<String>> {
    let named = settings.classes.clone().unwrap_or_else(|| classes.iter().map(|&name| name.to_owned()).collect());
    if named.len() != classes.len() {
        return Err(Error::input("[data]", format!("{} classes; expected names for {}", named.len(), classes.len())));
    }
    Ok(named)
}

/// A CSV's records with their lines; faults of single records are kept, a file that cannot be read is an error.
fn records(
    path: &Path,
    has_header: bool,
    findings: &mut Findings,
) -> Result<(csv::StringRecord, Vec<(usize, csv::StringRecord)>)> {
    let text = crate::fs::read_text(path)?;
    let mut reader = csv::ReaderBuilder::new().has_headers(has_header).flexible(true).from_reader(text.as_bytes());
    let fail = |error: csv::Error| Error::input(path.display(), error.to_string());
    let header = if has_header { reader.headers().map_err(fail)?.clone() } else { csv::StringRecord::new() };
    let twice = header.iter().enumerate().find(|(place, name)| header.iter().take(*place).any(|other| other == *name));
    if let Some((_, name)) = twice {
        return Err(Error::input(path.display(), format!("line 1: column {name:?} stands twice; expected it once")));
    }
    let (mut records, mut counted, mut line) = (Vec::new(), 0, 1);
    for record in reader.records() {
        let record = record.map_err(fail)?;
        // the reader's own count is of where it stood before ends of lines and empty lines
        let begins = record.position().map_or(counted, |position| position.byte() as usize).min(text.len());
        let begins = begins + text.as_bytes()[begins..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        line += text.as_bytes()[counted..begins].iter().filter(|byte| **byte == b'\n').count();
        counted = begins;
        if has_header && record.len() != header.len() {
            let problem = format!("line {line}: {} fields; expected {} as in the header", record.len(), header.len());
            findings.faults.push(Error::input(path.display(), problem));
        } else {
            records.push((line, record));
        }
    }
    Ok((header, records))
}

/// The split that the name of an annotation file tells: its last word that begins with `train`, `val` or `test`.
fn split_of_name(path: &Path) -> Option<Split> {
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
