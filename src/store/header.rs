//! What a store is, or is going to be, by its header and its records.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::json;

use super::layout::{Header, ShardRecord, VERSION, read_json, recipe_hash, shard_path};
use super::manifest_csv;
use crate::manifest::Manifest;
use crate::{Error, Result, fs};

impl Header {
    /// What is wrong with the header by itself, where something is.
    pub fn fault(&self) -> Option<String> {
        if self.format != "mmdg-store" || self.version != VERSION {
            return Some(format!("format {:?} version {}; expected \"mmdg-store\" version {VERSION}", self.format, self.version));
        }
        if recipe_hash(&self.recipe) != self.recipe_blake3 {
            return Some("recipe_blake3 is not the recipe's hash".into());
        }
        if self.rows_per_shard == 0 {
            return Some("rows_per_shard is 0; expected at least 1".into());
        }
        let mut names = BTreeSet::new();
        for modality in &self.modalities {
            if let Err(problem) = modality.check() {
                return Some(format!("modality {:?}: {problem}", modality.name));
            }
            if !names.insert(&modality.name) {
                return Some(format!("modality {:?} stands twice; expected it once", modality.name));
            }
            // so that sums over the rows of a shard stay far from overflow
            let lists = [&modality.shape, modality.views.as_ref().unwrap_or(&modality.shape)];
            let sizes = lists.map(|shape| shape.iter().try_fold(modality.times.max(1), |product, &n| product.checked_mul(n)));
            let per_shard = self.rows_per_shard.min(self.rows.max(1));
            if sizes.iter().any(|size| size.and_then(|size| size.checked_mul(per_shard)).is_none_or(|size| size > 1 << 48)) {
                return Some(format!("modality {:?}: the shape {:?} is beyond any file", modality.name, modality.shape));
            }
        }
        None
    }

    /// Shards of each modality.
    pub fn shard_count(&self) -> u64 {
        self.rows.div_ceil(self.rows_per_shard)
    }

    /// Rows of a shard: first, and one past the last.
    pub fn shard_rows(&self, shard: u64) -> [u64; 2] {
        let first = shard * self.rows_per_shard;
        [first, (first + self.rows_per_shard).min(self.rows)]
    }
}

/// The file of a store that tells what it is, once it is whole and while it is made.
const HEADERS: [(&str, bool); 2] = [("store.json", true), ("plan.json", false)];

/// Whether a folder is that of a store, whole or not.
///
/// # Errors
/// [`Error::Io`] where that cannot be told.
pub fn is_store(folder: &Path) -> Result<bool> {
    Ok(fs::is_file(&folder.join(HEADERS[0].0))? || fs::is_file(&folder.join(HEADERS[1].0))?)
}

/// Whether these are names of the files of a store, whole or not.
pub fn is_among(names: &BTreeSet<String>) -> bool {
    HEADERS.iter().any(|(name, _)| names.contains(*name))
}

/// The header of a store, and whether the store is whole: else it is what the store is going to be.
///
/// # Errors
/// [`Error::Input`] where there is no store; [`Error::Integrity`] naming the file.
pub fn read_header(folder: &Path) -> Result<(Header, bool)> {
    // the one that takes the other's place is written before the other is removed
    for (name, whole) in [HEADERS[0], HEADERS[1], HEADERS[0]] {
        let path = folder.join(name);
        if !fs::is_file(&path)? {
            continue;
        }
        let header: Header = match read_json(&path) {
            Err(_) if !fs::is_file(&path)? => continue,
            read => read?,
        };
        return match header.fault() {
            Some(problem) => Err(Error::integrity(&path, problem)),
            None => Ok((header, whole)),
        };
    }
    Err(Error::input(folder.display(), "no store.json; expected the folder of a store"))
}

/// The segments of a store, whose file is what the recipe says.
///
/// # Errors
/// [`Error::Integrity`] naming it; [`Error::Io`].
pub fn manifest(folder: &Path, header: &Header) -> Result<Manifest> {
    let path = folder.join("manifest.csv");
    if !fs::is_file(&path)? {
        return Err(Error::integrity(&path, "it is missing; the command that makes the store makes it anew"));
    }
    let bytes = fs::read(&path)?;
    if header.recipe["manifest_blake3"] != blake3::hash(&bytes).to_hex().as_str() {
        return Err(Error::integrity(&path, "its hash is not what the recipe says"));
    }
    let manifest = manifest_csv::read(&path, &bytes, &header.labels, &header.domains)?;
    if manifest.len() as u64 != header.rows {
        return Err(Error::integrity(&path, format!("{} rows; expected {}", manifest.len(), header.rows)));
    }
    Ok(manifest)
}

/// What stands in `failures.jsonl`, from all records with their modality's place in the header and name.
pub fn failure_lines<'a>(records: impl Iterator<Item = (usize, &'a str, &'a ShardRecord)>) -> String {
    let mut lines: BTreeMap<(u64, usize), String> = BTreeMap::new();
    for (place, modality, record) in records {
        for note in record.failed.iter().chain(&record.absent) {
            let line = json!({"id": note.id, "modality": modality, "row": note.row, "code": note.code, "message": note.message});
            lines.insert((note.row, place), line.to_string());
        }
    }
    lines.into_values().map(|line| line + "\n").collect()
}

/// The record of a shard, where the shard is there and its record speaks of it.
///
/// # Errors
/// [`Error::Integrity`] for a record that cannot be read.
pub fn record(folder: &Path, header: &Header, modality: &str, shard: u64) -> Result<Option<ShardRecord>> {
    let path = shard_path(folder, modality, shard, "json");
    if !fs::is_file(&path)? {
        return Ok(None);
    }
    let record: ShardRecord = read_json(&path)?;
    let data = shard_path(folder, modality, shard, "h5");
    let whole = record.recipe_blake3 == header.recipe_blake3
        && record.rows == header.shard_rows(shard)
        && std::fs::metadata(&data).is_ok_and(|metadata| metadata.is_file() && metadata.len() == record.bytes);
    Ok(whole.then_some(record))
}
