//! A file a row, in a folder and those in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Found;
use super::array::{dtype, npy};
use crate::error::Action;
use crate::import::settings::ModalitySource;
use crate::npy::{Archive, Array, Element};
use crate::{Error, Result};

/// Folders in folders that are looked into.
const DEEPEST: usize = 32;

/// Files of one array each, by what their rows are called.
pub(in crate::import) struct Folder {
    /// Paths below the folder without ending and key, in order.
    pub names: Vec<String>,
    files: Vec<PathBuf>,
    /// The array of a `.npz`.
    array: String,
    element: Option<Element>,
}

impl Folder {
    /// Files `<id>_<key>.npy`; where there are none, `<id>.npy` and `<id>.npz`, if `known` are among these.
    pub fn open(modality: &ModalitySource, element: Option<Element>, known: impl Fn(&[String]) -> bool) -> Result<Self> {
        let (path, key) = (&modality.path, modality.key.as_deref().unwrap_or(&modality.name));
        let mut found = BTreeSet::new();
        walk(path, path, DEEPEST, &mut found)?;
        let (mut keyed, mut plain, mut keys) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::<String, usize>::new());
        for file in found {
            let below = file.strip_prefix(path).unwrap_or(&file).to_string_lossy().into_owned();
            let Some((stem, ending)) = below.rsplit_once('.') else { continue };
            if ending == "npy"
                && let Some(id) = stem.strip_suffix(key).and_then(|stem| stem.strip_suffix('_'))
            {
                keyed.insert(id.to_owned(), file);
                continue;
            }
            if ending == "npy" {
                *keys.entry(stem.rsplit('_').next().unwrap_or_default().to_owned()).or_default() += 1;
            }
            // a key that was asked for is the end of a .npy's name
            if ending == "npz" || modality.key.is_none() {
                plain.insert(stem.to_owned(), file);
            }
        }
        let usable = |plain: &BTreeMap<String, PathBuf>| known(&plain.keys().cloned().collect::<Vec<_>>());
        let files = match keyed.is_empty() {
            true if usable(&plain) => plain,
            true => {
                let mut keys: Vec<(usize, String)> = keys.into_iter().map(|(key, count)| (count, key)).collect();
                keys.sort_unstable_by(|a, b| b.cmp(a));
                let found = keys.into_iter().take(8).map(|(_, key)| key).collect::<Vec<_>>().join(", ");
                let found = if found.is_empty() { "there are none" } else { &found };
                let problem = format!(
                    "no files <id>_{key}.npy, <id>.npy or <id>.npz of these rows; expected some, or another key ({found})"
                );
                return Err(Error::input(path.display(), problem));
            }
            false => keyed,
        };
        let (names, files) = files.into_iter().unzip();
        Ok(Self { names, files, array: key.to_owned(), element })
    }

    /// The file of an entry.
    pub fn file(&self, entry: u64) -> &Path {
        &self.files[entry as usize]
    }

    pub fn row(&self, entry: u64) -> Result<Option<Found>> {
        let array = self.array(self.file(entry))?;
        let shape = array.header().shape.clone();
        // what is too short for a backbone has no step
        if shape.contains(&0) {
            return Ok(None);
        }
        let dtype = dtype(&array)?;
        let mut values = Vec::new();
        for row in 0..array.rows() {
            values.extend(array.numbers(row)?);
        }
        Ok(Some(Found { shape, dtype, values, span: None, place: array.place().to_owned() }))
    }

    /// The array of a `.npy`; of a `.npz` the one that is named by the key, else the only one.
    fn array(&self, path: &Path) -> Result<Array> {
        if path.extension().is_none_or(|ending| ending != "npz") {
            return npy(path, self.element);
        }
        let mut archive = Archive::open(path)?;
        let names = archive.names();
        let name = match names.as_slice() {
            [only] => only,
            _ => &self.array,
        };
        let array = archive.array(name)?.ok_or_else(|| {
            let problem = format!("no array {name:?}; expected one of {}", super::listed(names.clone()));
            Error::input(path.display(), problem)
        })?;
        Ok(match self.element {
            Some(element) => array.read_as(element),
            None => array,
        })
    }
}

/// Files below a folder that end in `.npy` or `.npz`.
fn walk(root: &Path, folder: &Path, deeper: usize, found: &mut BTreeSet<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(Error::io(Action::Read, folder))? {
        let path = entry.map_err(Error::io(Action::Read, folder))?.path();
        if path.is_dir() {
            if deeper == 0 {
                let problem = format!("folders are more than {DEEPEST} deep at {}; expected files before that", path.display());
                return Err(Error::input(root.display(), problem));
            }
            walk(root, &path, deeper - 1, found)?;
        } else if path.extension().is_some_and(|ending| ending == "npy" || ending == "npz") {
            found.insert(path);
        }
    }
    Ok(())
}
