//! Annotations as they lie on disk, read into a [`Manifest`].

mod beside;
mod draft;
mod epic_kitchens;
mod hac;
mod records;
mod settings;
mod table;

pub use settings::{Annotations, ClassMap, DatasetSettings, Files, MediaForm};

pub use table::labelled;

use draft::{Draft, names, renamed, root, some_of, split_of_name};
pub use draft::{Findings, in_order};
use records::{Records, records};

use crate::manifest::Manifest;
use crate::{Error, Result};

/// A line of [`DATASETS`].
pub struct DatasetEntry {
    /// Name in pipeline files.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// Keys of `[data]` that it knows, beside `dataset`.
    pub settings: &'static [&'static str],
    read: fn(&DatasetSettings, &mut Findings) -> Result<Draft>,
}

/// Every data set.
pub static DATASETS: &[DatasetEntry] = &[
    DatasetEntry {
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
    DatasetEntry {
        name: "hac",
        about: "Human-Animal-Cartoon as its authors distribute it",
        settings: &["root", "classes", "domains", "test-set"],
        read: hac::read,
    },
    DatasetEntry {
        name: "table",
        about: "any CSV of id,path,start,end,label,domain",
        settings: &["root", "table", "classes", "values", "domains", "split-seed", "test-set"],
        read: table::read,
    },
];

/// Reads the annotations. No recording is opened.
///
/// # Errors
/// The first of what [`check`] finds, with the number of the others.
pub fn read(settings: &DatasetSettings) -> Result<Manifest> {
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
pub fn check(settings: &DatasetSettings) -> (Option<Manifest>, Findings) {
    let mut findings = Findings::default();
    let draft = entry(settings).and_then(|entry| (entry.read)(settings, &mut findings));
    let Some(Draft { place, labels, domains, segments, test_set }) = findings.part(draft) else { return (None, findings) };
    let mut manifest = Manifest { test_set: settings.test_set.or(test_set), ..Manifest::sorted(labels, domains, segments) };
    beside::fill(&mut manifest.segments);
    let mut problems = manifest.doubles();
    // what no row has may stand in a row that is not well
    if findings.faults.is_empty() && problems.is_empty() {
        problems = manifest.unused();
    }
    findings.faults.extend(problems.into_iter().map(|problem| Error::input(&place, problem)));
    (Some(manifest), findings)
}

/// The data set asked for, which knows all keys that are set.
fn entry(settings: &DatasetSettings) -> Result<&'static DatasetEntry> {
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
