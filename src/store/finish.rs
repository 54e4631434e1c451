//! The end of making a store: what is derived from the records of all shards.

use std::sync::atomic::Ordering;

use super::header::failure_lines;
use super::layout::{ShardEntry, ShardRecord, shard_path, write_json};
use super::lease::Pause;
use super::writer::{Summary, Writer};
use crate::stop::Stop;
use crate::{Error, Result, fs};

impl Writer {
    /// Publishes the store once every shard is there and all who make it have no more to make: `failures.jsonl`, then `store.json`. Whoever of them comes
    /// here does it, with the same bytes, and tells of the whole store.
    ///
    /// # Errors
    /// [`Error::Integrity`] for a shard that is missing; [`Error::Interrupted`], while it waits for others; [`Error::Io`].
    pub fn finish(self, stop: &Stop) -> Result<Summary> {
        self.finish_held(stop).map(|(summary, _)| summary)
    }

    /// The same; the folder stays held as it was.
    pub(super) fn finish_held(self, stop: &Stop) -> Result<(Summary, fs::Lock)> {
        let mut pause = Pause::default();
        if let Some(leases) = &self.leases {
            leases.at_end()?;
        }
        loop {
            if self.others_rest()? {
                // somebody may have come in the meantime
                let summary = self.held(|| if self.others_rest()? { self.derive().map(Some) } else { Ok(None) })?;
                if let Some(summary) = summary {
                    return Ok((summary, self.lock));
                }
            }
            stop.check()?;
            pause.pass();
        }
    }

    /// Whether nobody else has shards to make any more.
    fn others_rest(&self) -> Result<bool> {
        self.leases.as_ref().map_or(Ok(true), |leases| leases.others_work().map(|work| !work))
    }

    fn derive(&self) -> Result<Summary> {
        self.sweep_all()?;
        let mut header = self.header.clone();
        let mut summary = Summary { samples: self.row_count() * header.modalities.len(), ..Summary::default() };
        let mut records: Vec<(usize, &str, ShardRecord)> = Vec::new();
        for (place, modality) in self.header.modalities.iter().enumerate() {
            let mut entries = Vec::new();
            for shard in 0..self.shards() {
                let path = shard_path(self.folder(), &modality.name, shard, "h5");
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
        let list = self.folder().join("failures.jsonl");
        let path = self.folder().join("store.json");
        // the list of a store in which others have changed something since is theirs to write
        if self.whole && !self.changed.load(Ordering::Relaxed) && fs::is_file(&path)? && !fs::holds(&list, text.as_bytes()) {
            self.note(&list);
        }
        fs::write_among_others(&list, text.as_bytes())?;
        summary.remade = self.remade();
        write_json(&path, &header)?;
        fs::remove(&self.folder().join("plan.json"))?;
        Ok(summary)
    }
}
