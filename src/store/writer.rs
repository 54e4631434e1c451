//! Making a store, shard by shard; whatever is killed when, the same plan goes on with what is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::header::{failure_lines, record};
use super::layout::{
    Header, ModalityHeader, SHARD_BYTES, ShardEntry, ShardRecord, VERSION, read_json, recipe_hash, rows_per_shard, shard_path,
    write_json,
};
use super::manifest_csv;
use super::shard_writer::ShardWriter;
use crate::error::{Action, Code};
use crate::manifest::Manifest;
use crate::provenance::{self, Provenance};
use crate::{Error, Result, fs};

/// What a store is going to be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// `clips` or `features`.
    pub holds: &'static str,
    /// Its rows.
    pub manifest: Manifest,
    /// Its modalities.
    pub modalities: Vec<ModalityHeader>,
    /// Every parameter that shapes the data; a store with another recipe is refused.
    pub recipe: Value,
    /// Limit for a shard's size in bytes; `None` is 256 MiB.
    pub shard_bytes: Option<u64>,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows × modalities.
    pub samples: usize,
    /// Samples that failed, by code.
    pub failed: BTreeMap<Code, usize>,
    /// Samples whose recording lacks the modality.
    pub absent: usize,
    /// Samples that are there but partial.
    pub partial: usize,
    /// Files of the store that were damaged or gone, and are there again.
    pub remade: Vec<PathBuf>,
}

impl Summary {
    /// Samples that failed.
    pub fn failures(&self) -> usize {
        self.failed.values().sum()
    }
}

/// A store being made. Holds its folder until dropped.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    pub(super) header: Header,
    ids: Vec<String>,
    /// Whether it was whole when it was opened.
    pub(super) whole: bool,
    /// What was found damaged or gone.
    remade: Mutex<BTreeSet<PathBuf>>,
    /// Whether a shard was committed.
    pub(super) changed: AtomicBool,
    /// What shards are made with.
    pub(super) provenance: Provenance,
    lock: fs::Lock,
}

impl Writer {
    /// Starts a store, or goes on with one of the same recipe.
    ///
    /// # Errors
    /// [`Error::Input`] for a folder that holds something else, or a store of another recipe (with the difference);
    /// [`Error::Busy`]; [`Error::Io`].
    pub fn open(folder: &Path, plan: &Plan) -> Result<Self> {
        for modality in &plan.modalities {
            let named = |problem| Error::input(folder.display(), format!("modality {:?}: {problem}", modality.name));
            modality.check().map_err(named)?;
        }
        let table = manifest_csv::to_csv(&plan.manifest)?;
        let row_bytes = plan.modalities.iter().map(ModalityHeader::row_bytes).max().unwrap_or(1);
        let rows_per_shard = rows_per_shard(row_bytes, plan.shard_bytes.unwrap_or(SHARD_BYTES));
        let mut recipe = plan.recipe.clone();
        recipe["manifest_blake3"] = json!(blake3::hash(&table).to_hex().as_str());
        recipe["rows_per_shard"] = json!(rows_per_shard);
        let header = Header {
            format: "mmdg-store".into(),
            version: VERSION,
            holds: plan.holds.into(),
            rows: plan.manifest.len() as u64,
            rows_per_shard,
            classes: plan.manifest.classes.clone(),
            domains: plan.manifest.domains.clone(),
            modalities: plan.modalities.clone(),
            recipe_blake3: recipe_hash(&recipe),
            recipe,
            shards: BTreeMap::new(),
        };
        let ids = plan.manifest.segments.iter().map(|segment| segment.id.clone()).collect();
        Self::start(folder, header, &table, ids)
    }

    /// Starts a store of the rows in `table`, the bytes of its `manifest.csv`, or goes on with it: what of it is damaged or gone is made anew.
    pub(super) fn start(folder: &Path, header: Header, table: &[u8], ids: Vec<String>) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let lock = fs::Lock::take(folder)?;
        let whole = fs::is_file(&folder.join("store.json"))?;
        let writer = Self {
            folder: folder.into(),
            header,
            ids,
            whole,
            remade: Mutex::default(),
            changed: AtomicBool::new(false),
            provenance: provenance::here(),
            lock,
        };
        let path = folder.join("manifest.csv");
        let listed = fs::is_file(&path)?.then(|| fs::read(&path)).transpose()?;
        match writer.existing() {
            Ok(Some(found)) => {
                writer.compare(&found)?;
                if listed.as_deref() != Some(table) {
                    writer.note(&path);
                    fs::write(&path, table)?;
                }
            }
            damaged => {
                // a store that lost its header is told by its records, one without any by its rows
                let ours = match writer.recipe_of_records() {
                    Some(recipe) if recipe == writer.header.recipe_blake3 => true,
                    Some(_) => {
                        let problem = "its header is gone or damaged, and its shards were made with other parameters; expected the command that made it, or another folder";
                        return Err(Error::input(folder.display(), problem));
                    }
                    None => listed.as_deref() == Some(table),
                };
                match damaged {
                    Err(error) if !ours => return Err(error),
                    Err(Error::Integrity { path, .. }) => writer.note(&path),
                    Err(error) => return Err(error),
                    Ok(_) if ours => writer.note(&folder.join("store.json")),
                    Ok(_) => writer.refuse_strangers()?,
                }
                fs::write(&path, table)?;
                write_json(&folder.join("plan.json"), &writer.header)?;
                fs::remove(&folder.join("store.json"))?;
            }
        }
        for modality in &writer.header.modalities {
            fs::create_dir_all(&folder.join(&modality.name))?;
            writer.sweep(&modality.name)?;
        }
        Ok(writer)
    }

    /// Remembers that a file was damaged or gone.
    pub(super) fn note(&self, path: &Path) {
        self.remade.lock().unwrap_or_else(PoisonError::into_inner).insert(path.into());
    }

    fn existing(&self) -> Result<Option<Header>> {
        for name in ["store.json", "plan.json"] {
            let path = self.folder.join(name);
            if fs::is_file(&path)? {
                return read_json(&path).map(Some);
            }
        }
        Ok(None)
    }

    fn compare(&self, found: &Header) -> Result<()> {
        if found.recipe_blake3 == self.header.recipe_blake3 {
            return Ok(());
        }
        if found.holds != self.header.holds {
            let problem = format!("it is a store of {}; expected one of {}, or another folder", found.holds, self.header.holds);
            return Err(Error::input(self.folder.display(), problem));
        }
        let list = differences(&found.recipe, &self.header.recipe, "in the store", "was asked for");
        Err(Error::input(
            self.folder.display(),
            format!("this store was made with other parameters: {list}; expected the same, or another folder"),
        ))
    }

    /// A folder without a plan may hold what an earlier start left, nothing else.
    fn refuse_strangers(&self) -> Result<()> {
        for entry in std::fs::read_dir(&self.folder).map_err(Error::io(Action::List, &self.folder))? {
            let name = entry.map_err(Error::io(Action::List, &self.folder))?.file_name();
            let name = name.to_string_lossy();
            if name != "manifest.csv" && !name.ends_with(".part") {
                return Err(Error::input(
                    self.folder.display(),
                    format!("the folder holds {name:?}; expected a store or an empty folder"),
                ));
            }
        }
        Ok(())
    }

    /// The same, with more to say of what its shards are made with than this program's version and the processor.
    #[must_use]
    pub fn made_with(mut self, more: &Provenance) -> Self {
        provenance::add(&mut self.provenance, more);
        self
    }

    /// What the store is going to be.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The id of a row.
    pub(super) fn id(&self, row: u64) -> &str {
        &self.ids[row as usize]
    }

    /// Number of shards of each modality.
    pub fn shards(&self) -> u64 {
        self.header.shard_count()
    }

    /// Rows of a shard: first, and one past the last.
    pub fn rows(&self, shard: u64) -> [u64; 2] {
        self.header.shard_rows(shard)
    }

    pub(super) fn record(&self, modality: &str, shard: u64) -> Result<Option<ShardRecord>> {
        record(&self.folder, &self.header, modality, shard)
    }

    /// Starts a shard; until it is [committed](ShardWriter::commit) it does not exist.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Environment`].
    pub fn shard(&self, modality: usize, shard: u64) -> Result<ShardWriter<'_>> {
        ShardWriter::new(self, &self.header.modalities[modality], shard)
    }

    /// Publishes the store once every shard is there: `failures.jsonl`, then `store.json`.
    ///
    /// # Errors
    /// [`Error::Integrity`] for a shard that is missing; [`Error::Io`].
    pub fn finish(self) -> Result<Summary> {
        self.finish_held().map(|(summary, _)| summary)
    }

    /// The same; the folder stays held.
    pub(super) fn finish_held(self) -> Result<(Summary, fs::Lock)> {
        let mut header = self.header.clone();
        let mut summary = Summary { samples: self.ids.len() * header.modalities.len(), ..Summary::default() };
        let mut records: Vec<(usize, &str, ShardRecord)> = Vec::new();
        for (place, modality) in self.header.modalities.iter().enumerate() {
            let mut entries = Vec::new();
            for shard in 0..self.shards() {
                let path = shard_path(&self.folder, &modality.name, shard, "h5");
                let record =
                    self.record(&modality.name, shard)?.ok_or_else(|| Error::integrity(&path, "the shard is missing"))?;
                for note in &record.failed {
                    *summary.failed.entry(note.code).or_default() += 1;
                }
                summary.absent += record.absent.len();
                summary.partial += record.notes.len();
                let file = format!("{}/{shard:05}.h5", modality.name);
                entries.push(ShardEntry { file, rows: record.rows, bytes: record.bytes, blake3: record.blake3.clone() });
                records.push((place, &modality.name, record));
            }
            header.shards.insert(modality.name.clone(), entries);
        }
        let text = failure_lines(records.iter().map(|(place, name, record)| (*place, *name, record)));
        let list = self.folder.join("failures.jsonl");
        if self.whole && !self.changed.load(Ordering::Relaxed) && !fs::holds(&list, text.as_bytes()) {
            self.note(&list);
        }
        fs::write(&list, text.as_bytes())?;
        summary.remade = self.remade.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        write_json(&self.folder.join("store.json"), &header)?;
        fs::remove(&self.folder.join("plan.json"))?;
        Ok((summary, self.lock))
    }
}

/// Leaves that one message names, at most, and characters of a value.
const NAMED: usize = 5;
const SHOWN: usize = 60;

/// In which leaves two recipes differ, and whose each is: the first of them, cut where they are long.
pub fn differences(one: &Value, other: &Value, of_one: &str, of_other: &str) -> String {
    let mut found: Vec<String> = Vec::new();
    let shown = |value: &Value| {
        let text = value.to_string();
        let cut = text.chars().take(SHOWN).collect::<String>();
        match value {
            Value::Null => "not there".into(),
            _ if cut.len() < text.len() => cut + " …",
            _ => text,
        }
    };
    compare("", one, other, &mut |place, a, b| {
        found.push(match place {
            "manifest_blake3" => "the segments (annotations, labels, paths or split) differ".into(),
            _ => format!("{place} is {} {of_one}, {} {of_other}", shown(a), shown(b)),
        });
    });
    let more = found.len().saturating_sub(NAMED);
    found.truncate(NAMED);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    found.join("; ")
}

fn compare(place: &str, one: &Value, other: &Value, differs: &mut dyn FnMut(&str, &Value, &Value)) {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                let inner = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                compare(&inner, &one[key], &other[key], differs);
            }
        }
        (a, b) if a == b => {}
        (a, b) => differs(place, a, b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named_by_their_place() {
        let (one, other) = (json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": 3, "c": 2}, "d": true}));
        let found = differences(&one, &other, "in the store", "was asked for");
        assert_eq!(found, "a.b is 1 in the store, 3 was asked for; d is not there in the store, true was asked for");
    }
}
