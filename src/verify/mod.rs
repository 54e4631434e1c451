//! The verb `verify`: whether every byte of a store is what its records say, and every row what a row may be.

mod rows;
mod shard;

use std::fmt::Display;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::manifest::Manifest;
use crate::stop::Stop;
use crate::store::header::{failure_lines, read_header};
use crate::store::layout::{Header, ModalityHeader, ShardRecord, open_regular, recipe_hash, shard_path};
use crate::store::{Store, manifest_csv};
use crate::{Error, Result, fs};

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// Whether the store is whole; if not, the shards that are there were looked at.
    pub whole: bool,
    /// Shards that are there.
    pub shards: u64,
    /// Shards of the whole store.
    pub shards_planned: u64,
    /// Bytes of the shards that are there.
    pub bytes: u64,
    /// All that is wrong, by file.
    pub faults: Vec<Fault>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Path in the store.
    pub file: String,
    /// Rows of the store that it is about, first and one past the last; `None` is the whole file.
    pub rows: Option<[u64; 2]>,
    /// What is wrong, and what was expected.
    pub problem: String,
}

impl Fault {
    fn new(file: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { file: file.into(), rows: None, problem: problem.into() }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.rows {
            Some([row, end]) if end == row + 1 => write!(f, "{}: row {row}: {}", self.file, self.problem),
            Some([first, end]) => write!(f, "{}: rows {first} to {}: {}", self.file, end.saturating_sub(1), self.problem),
            None => write!(f, "{}: {}", self.file, self.problem),
        }
    }
}

/// What all shards are held against.
struct Expected<'a> {
    folder: &'a Path,
    header: &'a Header,
    whole: bool,
    manifest: Option<&'a Manifest>,
    stop: &'a Stop,
    /// Told how many more bytes were looked at.
    tell: &'a (dyn Fn(u64) + Sync),
}

/// Reads every byte of the store at `folder`, on as many threads as rayon has. `progress` is told bytes read and bytes in all.
///
/// A shard is held against its record and against `store.json`: length, hash, places of the arrays. A row that is there has finite values;
/// one that is not is zeros and stands in the record as failed or absent. `manifest.csv`, `failures.jsonl` and the recipe agree with each
/// other and with the records. Of a store that is not whole yet, the shards that are there are looked at.
///
/// # Errors
/// [`Error::Input`] where there is no store; [`Error::Interrupted`]. What is wrong with a store is in the [`Verification`].
pub fn verify(folder: &Path, stop: &Stop, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<Verification> {
    let mut found = Verification::default();
    let (header, whole) = match read_header(folder) {
        Ok(read) => read,
        Err(Error::Integrity { path, problem }) => {
            let file = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            found.faults.push(Fault::new(file, problem));
            return Ok(found);
        }
        Err(error) => return Err(error),
    };
    found.whole = whole;
    let told_by = if whole { "store.json" } else { "plan.json" };
    if recipe_hash(&header.recipe) != header.recipe_blake3 {
        found.faults.push(Fault::new(told_by, "recipe_blake3 is not the recipe's hash"));
    }
    if header.recipe["rows_per_shard"] != header.rows_per_shard {
        found.faults.push(Fault::new(told_by, "rows_per_shard is not what the recipe says"));
    }
    let manifest = manifest(folder, &header, &mut found.faults);
    // a number of rows that nothing bears out is not counted up to
    if header.rows > manifest.as_ref().map_or(1 << 24, |manifest| manifest.len() as u64) {
        found.faults.push(Fault::new(told_by, format!("{} rows are more than manifest.csv has", header.rows)));
        return Ok(found);
    }
    let count = header.shard_count();
    found.shards_planned = count * header.modalities.len() as u64;
    if whole {
        entries(&header, &mut found.faults);
    }
    let all: Vec<(usize, &ModalityHeader, u64)> = header
        .modalities
        .iter()
        .enumerate()
        .flat_map(|(place, modality)| (0..count).map(move |k| (place, modality, k)))
        .collect();
    let size = |(_, modality, shard): &(usize, &ModalityHeader, u64)| {
        std::fs::metadata(shard_path(folder, &modality.name, *shard, "h5")).map_or(0, |about| about.len())
    };
    found.bytes = all.iter().map(size).sum();
    let (done, total) = (AtomicU64::new(0), found.bytes);
    let tell = |bytes: u64| progress(done.fetch_add(bytes, Ordering::Relaxed) + bytes, total);
    let world = Expected { folder, header: &header, whole, manifest: manifest.as_ref(), stop, tell: &tell };
    let looked = all.par_iter().map(|(_, modality, shard)| shard::look(&world, modality, *shard)).collect::<Result<Vec<_>>>()?;
    let mut records: Vec<(usize, &str, ShardRecord)> = Vec::new();
    for ((place, modality, _), (record, faults)) in all.iter().zip(looked) {
        found.faults.extend(faults);
        if let Some(record) = record {
            found.shards += 1;
            records.push((*place, &modality.name, record));
        }
    }
    if whole && header.modalities.iter().any(|modality| modality.jpeg.is_some()) {
        match pictures(folder, stop)? {
            Ok(faults) => found.faults.extend(faults),
            Err(_) if !found.faults.is_empty() => {}
            Err(fault) => found.faults.push(fault),
        }
    }
    if whole && records.len() == all.len() {
        let expected = failure_lines(records.iter().map(|(place, name, record)| (*place, *name, record)));
        found.faults.extend(failures(&folder.join("failures.jsonl"), &expected));
    }
    Ok(found)
}

/// Decodes every row that is kept as JPEGs; the inner error is why the store does not open.
fn pictures(folder: &Path, stop: &Stop) -> Result<Result<Vec<Fault>, Fault>> {
    let file = |path: &Path| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    let store = match Store::open(folder) {
        Ok(store) => store,
        Err(Error::Integrity { path, problem }) => return Ok(Err(Fault::new(file(&path), problem))),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for modality in store.header().modalities.iter().filter(|modality| modality.jpeg.is_some()) {
        let rows = store.modality(&modality.name)?;
        let look = |row: usize| {
            stop.check()?;
            let empty = rows.bytes(row).is_empty();
            let fault = |problem: String| {
                let shard = row as u64 / store.header().rows_per_shard;
                let shard = format!("{}/{shard:05}.h5", modality.name);
                Some(Fault { rows: Some([row as u64, row as u64 + 1]), ..Fault::new(shard, problem) })
            };
            match rows.data(row) {
                Ok(_) if !empty && !rows.valid(row) => Ok(fault("it holds JPEGs, but valid is 0".into())),
                Ok(_) => Ok(None),
                Err(error) => {
                    let problem = said(error);
                    Ok(fault(problem.strip_prefix(&format!("row {row}, ")).unwrap_or(&problem).to_owned()))
                }
            }
        };
        found.extend((0..store.len()).into_par_iter().filter_map(|row| look(row).transpose()).collect::<Result<Vec<_>>>()?);
    }
    Ok(Ok(found))
}

/// The segments, where they can be read.
fn manifest(folder: &Path, header: &Header, faults: &mut Vec<Fault>) -> Option<Manifest> {
    const NAME: &str = "manifest.csv";
    let path = folder.join(NAME);
    let bytes = match open_regular(&path).and_then(|_| fs::read(&path)) {
        Ok(bytes) => bytes,
        Err(error) => {
            faults.push(Fault::new(NAME, said(error)));
            return None;
        }
    };
    if header.recipe["manifest_blake3"] != blake3::hash(&bytes).to_hex().as_str() {
        faults.push(Fault::new(NAME, "its hash is not what the recipe says"));
    }
    match manifest_csv::read(&path, &bytes, &header.labels, &header.domains) {
        Ok(manifest) => {
            if manifest.len() as u64 != header.rows {
                faults.push(Fault::new(NAME, format!("{} rows; expected {}", manifest.len(), header.rows)));
            }
            faults.extend(manifest.doubles().into_iter().map(|problem| Fault::new(NAME, problem)));
            Some(manifest)
        }
        Err(error) => {
            faults.push(Fault::new(NAME, said(error)));
            None
        }
    }
}

/// Whether `store.json` lists just the shards that its rows make.
fn entries(header: &Header, faults: &mut Vec<Fault>) {
    let mut fault = |problem: String| faults.push(Fault::new("store.json", problem));
    for modality in &header.modalities {
        let listed = header.shards.get(&modality.name).map_or(0, Vec::len) as u64;
        if listed != header.shard_count() {
            fault(format!("{listed} shards of {:?}; expected {}", modality.name, header.shard_count()));
        }
    }
    for name in header.shards.keys().filter(|name| header.modalities.iter().all(|modality| modality.name != **name)) {
        fault(format!("shards of {name:?}, which is none of the modalities"));
    }
}

/// The first line of `failures.jsonl` that is not what the records say.
fn failures(path: &Path, expected: &str) -> Option<Fault> {
    let fault = |problem: String| Some(Fault::new("failures.jsonl", problem));
    let bytes = match open_regular(path).and_then(|_| fs::read(path)) {
        Ok(bytes) => bytes,
        Err(error) => return fault(said(error)),
    };
    if bytes == expected.as_bytes() {
        return None;
    }
    let text = String::from_utf8_lossy(&bytes);
    let same = text.lines().zip(expected.lines()).take_while(|(found, expected)| found == expected).count();
    match expected.lines().nth(same) {
        Some(line) => fault(format!("line {} is not what the records say; expected {line}", same + 1)),
        None => fault(format!("line {}: the records name no more rows", same + 1)),
    }
}

/// What an error says beside the file's name.
fn said(error: Error) -> String {
    match error {
        Error::Input { problem, .. } | Error::Integrity { problem, .. } => problem,
        Error::Io { action, source, .. } => format!("cannot {action}: {source}"),
        error => error.to_string(),
    }
}
