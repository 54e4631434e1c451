//! What is missing of a store, and the shards that it goes into.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::again::{Again, alone};
use super::{Pass, passes};
use crate::manifest::Manifest;
use crate::preset::maker::Maker;
use crate::store::layout::ShardRecord;
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
    /// Rows of a shard that is there, where only these are made, and its record.
    again: HashMap<(usize, u64), (BTreeSet<u64>, ShardRecord)>,
}

impl Tasks {
    /// Of shards that are not there all rows; of those that are what is made `again`.
    pub(super) fn plan(writer: &Writer, makers: &[Maker], manifest: &Manifest, again: Again<'_>) -> Result<Self> {
        let mut tasks = Self { list: Vec::new(), passes: HashMap::new(), again: HashMap::new() };
        for shard in 0..writer.shards() {
            let begin = tasks.list.len();
            for (place, maker) in makers.iter().enumerate() {
                let key = (place, shard);
                let there = writer.there(place, shard)?;
                if there.as_ref().is_some_and(|record| again.leaves(record)) {
                    continue;
                }
                let mut passes = passes(place, makers, &manifest.segments, writer.rows(shard))?;
                if let Some(record) = there {
                    let rows = again.rows(&record, &passes, writer.may_change(place))?;
                    if rows.is_empty() {
                        continue;
                    }
                    // what is not what its record says is made anew, all of it
                    if writer.is_sound(place, shard, &record)? {
                        if maker.header.jpeg.is_none() {
                            passes = alone(passes, &rows);
                            passes.retain(|pass| rows.contains(&pass.rows[0]));
                        } else if !again.all_together(&record, &passes)? {
                            continue;
                        }
                        tasks.again.insert(key, (rows, record));
                    }
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

    /// Whether a shard that was made again lacks a row that is there.
    fn is_worse(&self, key: (usize, u64), shard: &ShardWriter<'_>) -> bool {
        self.tasks.again.get(&key).is_some_and(|(rows, record)| shard.is_worse_than(record, rows))
    }

    pub(super) fn of(&self, task: &Task) -> Result<Arc<ShardWriter<'a>>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let key = task.key();
        if let Some(found) = open.get(&key) {
            return Ok(found.shard.clone());
        }
        let shard = Arc::new(match self.tasks.again.get(&key) {
            Some((rows, record)) => self.writer.again(key.0, key.1, record, rows)?,
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
            // nothing that is there is given for another attempt
            Some(Some(shard)) if self.is_worse(key, &shard) => Ok(()),
            Some(Some(shard)) => shard.commit(),
            Some(None) => Err(Error::environment("a shard is still being written to", "this is a defect; please report it")),
        }
    }
}
