//! One shard of a store that is read.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use memmap2::{Mmap, MmapOptions};

use super::jpeg::Jpegs;
use super::layout::{Header, ModalityHeader, ShardRecord, open_regular, read_json, shard_path};
use crate::error::Action;
use crate::{Error, Result};

/// One shard, mapped.
#[derive(Debug)]
pub(super) struct Shard {
    path: PathBuf,
    pub(super) map: Mmap,
    /// What is wrong with its bytes, once they were looked at.
    checked: OnceLock<Option<String>>,
    pub(super) record: ShardRecord,
    pub(super) data: Stretch,
    pub(super) span: Stretch,
    pub(super) time: Stretch,
    pub(super) valid: Stretch,
    pub(super) views: Stretch,
    /// Of JPEGs, in place of `data`.
    bytes: Stretch,
    offset: Stretch,
}

/// The way out of bytes that are not those that were written.
const MENDED: &str = "remove it, and the verb that made the store makes it again";

/// Where an array lies in its file.
#[derive(Debug, Default)]
pub(super) struct Stretch {
    pub(super) bytes: Range<usize>,
    pub(super) row_bytes: usize,
}

impl Shard {
    /// Opens it, and holds it against its record and the store's header.
    pub(super) fn open(folder: &Path, header: &Header, modality: &ModalityHeader, shard: u64) -> Result<Self> {
        let record_path = shard_path(folder, &modality.name, shard, "json");
        let record: ShardRecord = read_json(&record_path)?;
        let rows = header.shard_rows(shard);
        if record.rows != rows {
            return Err(Error::integrity(&record_path, format!("rows {:?}; expected {rows:?}", record.rows)));
        }
        if record.recipe_blake3 != header.recipe_blake3 {
            return Err(Error::integrity(&record_path, "recipe_blake3 is not the store's; it is the record of another store"));
        }
        let entry = header.shards.get(&modality.name).and_then(|entries| entries.get(shard as usize));
        if entry.is_none_or(|entry| (entry.rows, entry.bytes, &entry.blake3) != (record.rows, record.bytes, &record.blake3)) {
            return Err(Error::integrity(&record_path, "rows, bytes or blake3 are not what store.json says"));
        }
        if !record.rows_fit() {
            let problem = format!("failed, absent, notes or made_by name rows other than {rows:?}; expected these");
            return Err(Error::integrity(&record_path, problem));
        }
        let path = shard_path(folder, &modality.name, shard, "h5");
        let file = open_regular(&path)?;
        let length = file.metadata().map_err(Error::io(Action::Read, &path))?.len();
        if length != record.bytes {
            return Err(Error::integrity(&path, format!("{length} bytes; its record says {}", record.bytes)));
        }
        let mut stretches = BTreeMap::new();
        let jpegs = record.arrays.get("bytes").and_then(|place| place.shape.first()).copied().unwrap_or_default();
        for (name, dtype, shape) in modality.arrays(rows[1] - rows[0], jpegs) {
            let bytes = record.arrays.get(name).and_then(|place| {
                let bytes = shape.iter().try_fold(dtype.size(), |product, &n| product.checked_mul(n))?;
                let end = place.offset.checked_add(bytes)?;
                let fits = place.dtype == dtype && place.shape == shape && place.offset % 64 == 0 && end <= length;
                fits.then_some(place.offset as usize..end as usize)
            });
            let Some(bytes) = bytes else {
                return Err(Error::integrity(
                    &record_path,
                    format!("array {name:?} is missing, has another shape or lies outside the file"),
                ));
            };
            let row_bytes = bytes.len() / shape[0].max(1) as usize;
            stretches.insert(name, Stretch { bytes, row_bytes });
        }
        let mut stretch = |name| stretches.remove(name).unwrap_or_default();
        let [data, span, time, valid, views] = ["data", "span", "time", "valid", "views"].map(&mut stretch);
        let [bytes, offset] = ["bytes", "offset"].map(&mut stretch);
        // SAFETY: a published shard is never written again; one that is cut short by others while mapped would end the
        // process with SIGBUS, which the store's promise of immutability excludes.
        let map = unsafe { MmapOptions::new().len(length as usize).map(&file) }.map_err(Error::io(Action::Map, &path))?;
        let checked = OnceLock::new();
        let shard = Self { path: path.clone(), map, checked, record, data, span, time, valid, views, bytes, offset };
        if modality.jpeg.is_some() {
            shard.jpegs().check().map_err(|problem| Error::integrity(&path, problem))?;
        }
        Ok(shard)
    }

    /// Hashes all of its bytes, at the first call.
    pub(super) fn check(&self) -> Result<()> {
        let look = || {
            let found = blake3::Hasher::new().update_rayon(&self.map).finalize().to_hex();
            let same = found.as_str() == self.record.blake3;
            (!same).then(|| format!("its hash is {found}; its record says {}; {MENDED}", self.record.blake3))
        };
        match self.checked.get_or_init(look) {
            None => Ok(()),
            Some(problem) => Err(Error::integrity(&self.path, problem.clone())),
        }
    }

    /// The JPEGs of all frames, where frames are such.
    pub(super) fn jpegs(&self) -> Jpegs<'_> {
        Jpegs { bytes: &self.map[self.bytes.bytes.clone()], offsets: &self.map[self.offset.bytes.clone()] }
    }
}
