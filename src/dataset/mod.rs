//! Annotations as they lie on disk, read into a [`Manifest`].

mod epic_kitchens;
mod hac;
mod table;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::manifest::{Manifest, Segment, Split};
use crate::{Error, Result};

/// The `[data]` table of a pipeline file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// A name in [`DATASETS`].
    pub dataset: String,
    /// Folder that the data set's own layout, or the table's relative paths, start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
    /// Folder of the split tables, for `epic-kitchens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<PathBuf>,
    /// The table, for `table`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<PathBuf>,
    /// Class names in the order of their labels; default: those that occur.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// Domains to use, in this order; default: those that occur.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domains: Option<Vec<String>>,
    /// Seed of the 20 % of files held out for validation, for tables without a `split`.
    #[serde(default)]
    pub split_seed: u64,
}

/// A line of [`DATASETS`].
pub struct Entry {
    /// Name in pipeline files.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    read: fn(&Settings) -> Result<Manifest>,
}

/// Every data set.
pub static DATASETS: &[Entry] = &[
    Entry { name: "epic-kitchens", about: "EPIC-Kitchens with MM-SADA's splits as CSV", read: epic_kitchens::read },
    Entry { name: "hac", about: "Human-Animal-Cartoon as its authors distribute it", read: hac::read },
    Entry { name: "table", about: "any CSV of id,path,start,end,label,domain", read: table::read },
];

/// Reads the annotations. No recording is opened.
///
/// # Errors
/// [`Error::Input`] naming file, line and what was expected.
pub fn read(settings: &Settings) -> Result<Manifest> {
    let entry = DATASETS.iter().find(|entry| entry.name == settings.dataset).ok_or_else(|| {
        let names: Vec<&str> = DATASETS.iter().map(|entry| entry.name).collect();
        Error::input("[data]", format!("dataset {:?}: expected one of {}", settings.dataset, names.join(", ")))
    })?;
    (entry.read)(settings)
}

/// The folder `root`, which must be there.
fn root(settings: &Settings) -> Result<PathBuf> {
    let root = settings.root.clone().ok_or_else(|| Error::input("[data]", "root is not set; expected the data set's folder"))?;
    if root.is_dir() { Ok(root) } else { Err(Error::input(root.display(), "no such folder; expected the data set's root")) }
}

/// The names in use: those asked for, else those that occur, in order (numbers as numbers).
fn names(asked: Option<&Vec<String>>, occurring: impl Iterator<Item = String>) -> Vec<String> {
    if let Some(asked) = asked {
        return asked.clone();
    }
    let mut names: Vec<String> = occurring.collect();
    names.sort_by(|a, b| match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (Ok(_), Err(_)) => std::cmp::Ordering::Less,
        (Err(_), Ok(_)) => std::cmp::Ordering::Greater,
        _ => a.cmp(b),
    });
    names.dedup();
    names
}

/// A data set of fixed domains and classes that has one table for each domain and split. `rows` reads the table of a domain
/// (by name and place) and split. `place` names the annotations in messages.
fn of_split_tables(
    settings: &Settings,
    place: &Path,
    [domains, classes]: [&[&str]; 2],
    mut rows: impl FnMut(&str, usize, Split, &mut Vec<Segment>) -> Result<()>,
) -> Result<Manifest> {
    let wanted = names(settings.domains.as_ref(), domains.iter().map(|&name| name.to_owned()));
    let mut segments = Vec::new();
    for (domain, name) in wanted.iter().enumerate() {
        if !domains.contains(&name.as_str()) {
            return Err(Error::input("[data]", format!("domain {name:?}: expected some of {}", domains.join(", "))));
        }
        for split in [Split::Train, Split::Test] {
            rows(name, domain, split, &mut segments)?;
        }
    }
    let named = settings.classes.clone().unwrap_or_else(|| classes.iter().map(|&name| name.to_owned()).collect());
    if named.len() != classes.len() {
        return Err(Error::input("[data]", format!("{} classes; expected names for {}", named.len(), classes.len())));
    }
    Manifest::new(&place.display().to_string(), named, wanted, segments)
}
