//! What there is of a store already, and what of it is made again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::layout::{ShardRecord, read_json, shard_path, write_json};
use super::lease::Held;
use super::sealed::prepare_json;
use super::shard_writer::ShardWriter;
use super::units::{Lease, Unit};
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

    /// Ends what those were about that are gone, and removes what they left half-written: of the store's own files, which belong to whoever
    /// [holds](Self::hold) the store, and of each shard that nobody makes.
    pub(super) fn sweep_all(&self) -> Result<()> {
        let Some(leases) = &self.leases else { return Ok(()) };
        for part in parts(self.folder())? {
            fs::remove(&part)?;
        }
        let left: BTreeSet<String> = leases.sweep()?.into_iter().collect();
        for (place, modality) in self.header.modalities.iter().enumerate() {
            let parts = parts(&self.folder().join(&modality.name))?;
            let mut units: BTreeSet<Unit> = parts.iter().filter_map(|part| Some((place, shard_of(part)?))).collect();
            let of_lease = |name: &String| name.strip_prefix(&modality.name)?.strip_prefix('-')?.parse().ok();
            units.extend(left.iter().filter_map(of_lease).filter(|&shard| shard < self.shards()).map(|shard| (place, shard)));
            for unit in units {
                // whoever has it has these parts too
                if let Some(lease) = self.lease(unit.0, unit.1)? {
                    self.sweep(unit)?;
                    drop(lease);
                }
            }
        }
        Ok(())
    }

    /// The same of one shard, which this process has.
    pub(super) fn sweep(&self, (modality, shard): Unit) -> Result<()> {
        let name = &self.header.modalities[modality].name;
        let record = shard_path(self.folder(), name, shard, "json");
        for place in parts(&self.folder().join(name))? {
            if shard_of(&place) != Some(shard) {
                continue;
            }
            let part = fs::Part::left(&place, &record);
            if self.is_next(&place, &record) {
                part.publish()?;
            } // else it is gone with this
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
        let is_record = part.file_name().is_some_and(|name| name.to_string_lossy().contains(".json."));
        is_record && read().unwrap_or(false)
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
        match self.record(&self.header.modalities[modality].name, shard) {
            Err(Error::Integrity { .. }) => Ok(None),
            found => found,
        }
    }

    /// Remembers what of a shard is damaged or gone, before it is made again: by the one who has it, since others may be about to publish theirs.
    pub(super) fn note_damage(&self, (modality, shard): Unit) -> Result<()> {
        let name = &self.header.modalities[modality].name;
        match self.record(name, shard) {
            Err(Error::Integrity { path, .. }) => self.note(&path),
            Ok(None) if self.whole => {
                let [record, data] = ["json", "h5"].map(|end| shard_path(self.folder(), name, shard, end));
                self.note(if fs::is_file(&record)? { &data } else { &record });
            }
            found => drop(found?),
        }
        Ok(())
    }

    /// Whether the bytes of a shard are what its record says.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn is_sound(&self, modality: usize, shard: u64, record: &ShardRecord) -> Result<bool> {
        Ok(fs::hash(&self.data(modality, shard))? == record.blake3)
    }

    /// Starts the shard that was taken by a lease, all of it, since its bytes are [not](Self::is_sound) what its record says: that is remembered.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn begin_damaged(&self, lease: Lease) -> Result<ShardWriter<'_>> {
        self.note(&self.data(lease.unit.0, lease.unit.1));
        self.begin(lease)
    }

    fn data(&self, modality: usize, shard: u64) -> PathBuf {
        shard_path(self.folder(), &self.header.modalities[modality].name, shard, "h5")
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
    /// As [`begin`](Self::begin).
    pub fn again(&self, lease: Lease, record: &ShardRecord, rows: &BTreeSet<u64>) -> Result<ShardWriter<'_>> {
        ShardWriter::again(self, lease, record.clone(), rows)
    }

    /// Gives a shard its name, and then its record. The record is on the disk before, so that whatever ends this between the two, the next run ends it.
    pub(super) fn publish_shard(&self, unit: Unit, data: fs::Part, record: &ShardRecord) -> Result<()> {
        let path = shard_path(self.folder(), &self.header.modalities[unit.0].name, unit.1, "json");
        let mut next = prepare_json(&path, record)?;
        let held = self.begin_change(unit)?;
        let place = data.place().to_owned();
        let published = data.publish();
        if published.is_err() && place.exists() {
            return published;
        }
        // the shard has its name: it is for the next run to give the record its own, if this one cannot
        next.keep();
        published?;
        next.publish()?;
        drop(held);
        Ok(())
    }

    /// Before a shard gets its name: has a store that is whole be one that is being made, so that a kill leaves what the same command goes on with. Where the
    /// shard is there already, in another form, nobody reads its record for the store's own files until the outcome is dropped.
    fn begin_change(&self, (modality, shard): Unit) -> Result<Option<Held>> {
        self.changed.store(true, Ordering::Relaxed);
        let path = self.folder().join("store.json");
        let record = shard_path(self.folder(), &self.header.modalities[modality].name, shard, "json");
        if !fs::is_file(&record)? && !fs::is_file(&path)? {
            return Ok(None);
        }
        let held = self.hold()?;
        if fs::is_file(&path)? {
            write_json(&self.folder().join("plan.json"), &self.header)?;
            fs::remove(&path)?;
        }
        Ok(held)
    }
}

/// Files in a folder that have not their names yet.
fn parts(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut parts = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io(Action::List, folder))? {
        let path = entry.map_err(Error::io(Action::List, folder))?.path();
        if path.extension().is_some_and(|end| end == "part") {
            parts.push(path);
        }
    }
    Ok(parts)
}

/// The shard that a file is of.
fn shard_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.split_once('.')?.0.parse().ok()
}
