//! What is missing of a store, and the shards that it goes into.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Maker, Pass, passes};
use crate::error::Code;
use crate::manifest::Manifest;
use crate::pipeline::Work;
use crate::source::Source;
use crate::store::layout::RowNote;
use crate::store::{ShardWriter, Writer};
use crate::{Error, Result};

/// A pass that goes into a shard.
pub(super) struct Task {
    pub(super) shard: u64,
    pub(super) pass: Pass,
}

impl Task {
    /// Its shard among all: modality and number.
    fn key(&self) -> (usize, u64) {
        (self.pass.maker, self.shard)
    }
}

/// All of them.
pub(super) struct Tasks {
    pub(super) list: Vec<Task>,
    /// Passes that a shard waits for.
    passes: HashMap<(usize, u64), usize>,
    /// Rows of a shard that is there, where only these are made.
    again: HashMap<(usize, u64), Vec<u64>>,
}

impl Tasks {
    /// Of shards that are not there all rows; of those that are the rows that failed and may not fail again.
    pub(super) fn plan(writer: &Writer, makers: &[Maker], manifest: &Manifest, work: Work<'_>) -> Result<Self> {
        let mut tasks = Self { list: Vec::new(), passes: HashMap::new(), again: HashMap::new() };
        for shard in 0..writer.shards() {
            let begin = tasks.list.len();
            for (place, maker) in makers.iter().enumerate() {
                let key = (place, shard);
                let mut passes = passes(place, makers, &manifest.segments, writer.rows(shard))?;
                if writer.has(place, shard)? {
                    let failed = writer.failed(place, shard, work.retry_failed)?;
                    let worth = |note: &RowNote| work.retry_failed || may_pass(maker, manifest, note);
                    let rows: BTreeSet<u64> = failed.iter().filter(|note| worth(note)).map(|note| note.row).collect();
                    if rows.is_empty() {
                        continue;
                    }
                    // JPEGs lie one behind the other
                    if maker.header.jpeg.is_none() {
                        passes.iter_mut().for_each(|pass| pass.rows.retain(|row| rows.contains(row)));
                        passes.retain(|pass| !pass.rows.is_empty());
                    }
                    tasks.again.insert(key, rows.into_iter().collect());
                }
                tasks.passes.insert(key, passes.len());
                tasks.list.extend(passes.into_iter().map(|pass| Task { shard, pass }));
            }
            // all modalities of a row together, while its file is in the page cache
            tasks.list[begin..].sort_by_key(|task| (task.pass.rows[0], task.pass.maker));
        }
        Ok(tasks)
    }

    /// Rows that are to be made.
    pub(super) fn rows(&self) -> usize {
        self.list.iter().map(|task| task.pass.rows.len()).sum()
    }
}

/// Whether another attempt at a row may end otherwise: not while its file is not there, or may not be read, as before.
fn may_pass(maker: &Maker, manifest: &Manifest, note: &RowNote) -> bool {
    let Some(segment) = manifest.segments.get(note.row as usize) else { return false };
    let Ok(source) = Source::of(maker.header.kind, segment, &maker.track) else { return true };
    match note.code {
        Code::Missing | Code::Refused => source.files().into_iter().all(|(path, _)| File::open(path).is_ok()),
        _ => true,
    }
}

/// The shards that are being made.
pub(super) struct Shards<'a> {
    writer: &'a Writer,
    tasks: &'a Tasks,
    open: Mutex<HashMap<(usize, u64), Open<'a>>>,
}

/// A shard being made, with the passes that it still waits for.
struct Open<'a> {
    shard: Arc<ShardWriter<'a>>,
    waits_for: usize,
}

impl<'a> Shards<'a> {
    pub(super) fn new(writer: &'a Writer, tasks: &'a Tasks) -> Self {
        Self { writer, tasks, open: Mutex::default() }
    }

    pub(super) fn of(&self, task: &Task) -> Result<Arc<ShardWriter<'a>>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let key = task.key();
        if let Some(found) = open.get(&key) {
            return Ok(found.shard.clone());
        }
        let shard = Arc::new(match self.tasks.again.get(&key) {
            Some(rows) => self.writer.again(key.0, key.1, rows)?,
            None => self.writer.shard(key.0, key.1)?,
        });
        let waits_for = self.tasks.passes.get(&key).copied().unwrap_or_default();
        open.insert(key, Open { shard: shard.clone(), waits_for });
        Ok(shard)
    }

    /// Commits the shard of a pass that was its last.
    pub(super) fn ended(&self, task: &Task) -> Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let key = task.key();
        let Some(found) = open.get_mut(&key) else { return Ok(()) };
        found.waits_for = found.waits_for.saturating_sub(1);
        if found.waits_for > 0 {
            return Ok(());
        }
        let shard = open.remove(&key).map(|found| Arc::into_inner(found.shard));
        drop(open);
        match shard {
            None => Ok(()),
            Some(Some(shard)) => shard.commit(),
            Some(None) => Err(Error::environment("a shard is still being written to", "this is a defect; please report it")),
        }
    }
}
