//! What there is of a store already, and what of it is made again.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::layout::{ShardRecord, read_json, shard_path, write_json};
use super::shard_writer::ShardWriter;
use super::writer::Writer;
use crate::error::Action;
use crate::{Error, Result, fs};

impl Writer {
    /// The recipe that shards in the folder were made by, as the first record that can be read has it.
    pub(super) fn recipe_of_records(&self) -> Option<String> {
        let folders = std::fs::read_dir(self.folder()).into_iter().flatten().flatten().map(|entry| entry.path());
        let files =
            folders.flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()));
        let mut records: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
        records.sort();
        records.iter().find_map(|path| read_json::<ShardRecord>(path).ok()).map(|record| record.recipe_blake3)
    }

    /// Ends what an interrupted run was about, and removes what it left half-written.
    pub(super) fn sweep(&self, modality: &str) -> Result<()> {
        let folder = self.folder().join(modality);
        for entry in std::fs::read_dir(&folder).map_err(Error::io(Action::List, &folder))? {
            let part = entry.map_err(Error::io(Action::List, &folder))?.path();
            let Some(path) = part.extension().filter(|end| *end == "part").map(|_| part.with_extension("")) else { continue };
            if self.is_next(&part, &path) {
                fs::publish(&path)?;
                continue;
            }
            match fs::remove(&part) {
                // where nothing can be written, it lies there for good
                Err(Error::Io { source, .. })
                    if matches!(source.kind(), std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied) => {
                }
                removed => removed?,
            }
        }
        Ok(())
    }

    /// Whether `part` is the record that was to follow on the shard beside it, which has its name already.
    fn is_next(&self, part: &Path, record: &Path) -> bool {
        let data = record.with_extension("h5");
        let read = || -> Result<bool> {
            let record: ShardRecord = read_json(part)?;
            Ok(record.recipe_blake3 == self.header.recipe_blake3 && fs::hash(&data)? == record.blake3)
        };
        record.extension().is_some_and(|end| end == "json") && read().unwrap_or(false)
    }

    /// Whether the shard of the modality (by place in the header) is there. One whose record is damaged is not.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn has(&self, modality: usize, shard: u64) -> Result<bool> {
        Ok(self.there(modality, shard)?.is_some())
    }

    /// The record of a shard that [is there](Self::has).
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn there(&self, modality: usize, shard: u64) -> Result<Option<ShardRecord>> {
        let name = &self.header.modalities[modality].name;
        match self.record(name, shard) {
            Err(Error::Integrity { path, .. }) => {
                self.note(&path);
                Ok(None)
            }
            found => {
                let found = found?;
                if self.whole && found.is_none() {
                    let [record, data] = ["json", "h5"].map(|end| shard_path(self.folder(), name, shard, end));
                    self.note(if fs::is_file(&record)? { &data } else { &record });
                }
                Ok(found)
            }
        }
    }

    /// Whether the bytes of a shard are what its record says; where not, it is remembered as damaged.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn is_sound(&self, modality: usize, shard: u64, record: &ShardRecord) -> Result<bool> {
        let path = shard_path(self.folder(), &self.header.modalities[modality].name, shard, "h5");
        let sound = fs::hash(&path)? == record.blake3;
        if !sound {
            self.note(&path);
        }
        Ok(sound)
    }

    /// Whether shards of a modality can be changed, as on a read-only file system they cannot.
    pub fn may_change(&self, modality: usize) -> bool {
        let folder = self.folder().join(&self.header.modalities[modality].name);
        let writable = |path: &Path| {
            let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).unwrap_or_default();
            // SAFETY: the path is ended by zero
            unsafe { libc::access(path.as_ptr(), libc::W_OK) == 0 }
        };
        writable(&folder) && writable(self.folder())
    }

    /// Starts a shard that is there, with this record, again, to make `rows` of it anew.
    ///
    /// # Errors
    /// As [`shard`](Self::shard).
    pub fn again(&self, modality: usize, shard: u64, record: &ShardRecord, rows: &BTreeSet<u64>) -> Result<ShardWriter<'_>> {
        ShardWriter::again(self, &self.header.modalities[modality], shard, record.clone(), rows)
    }

    /// Has a store that is whole be one that is being made: from here on a kill leaves what the same command goes on with.
    pub(super) fn begin_change(&self) -> Result<()> {
        self.changed.store(true, Ordering::Relaxed);
        let path = self.folder().join("store.json");
        if self.whole && fs::is_file(&path)? {
            write_json(&self.folder().join("plan.json"), &self.header)?;
            fs::remove(&path)?;
        }
        Ok(())
    }
}
