//! What is missing of a store, and the shards that it goes into.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::again::{Again, alone};
use super::{Pass, passes};
use crate::manifest::Manifest;
use crate::preset::maker::Maker;
use crate::store::layout::ShardRecord;
use crate::store::units::{Round, Unit};
use crate::store::{ShardWriter, Writer};
use crate::{Error, Result};

/// A pass that goes into a shard.
pub(super) struct PassTask {
    pub(super) shard: u64,
    pub(super) pass: Pass,
}

impl PassTask {
    /// Its shard among all: modality and number.
    fn key(&self) -> Unit {
        (self.pass.maker, self.shard)
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Tasks {
    pub(super) list: Vec<PassTask>,
    /// Passes that a shard waits for.
    passes: HashMap<Unit, usize>,
    /// Rows of a shard that is there, where only these are made, and its record.
    again: HashMap<Unit, (BTreeSet<u64>, ShardRecord)>,
    /// Shards whose bytes are not what their records say.
    damaged: BTreeSet<Unit>,
}

impl Tasks {
    /// Of shards that are not there all rows; of those that are what is made `again`.
    /// Where it is said which are `wanted`, of those alone; what was made or tried in this round already is left as it is.
    pub(super) fn plan(
        writer: &Writer,
        makers: &[Maker],
        manifest: &Manifest,
        again: Again<'_>,
        round: &Round<'_>,
        wanted: Option<&BTreeSet<Unit>>,
    ) -> Result<Self> {
        let mut tasks = Self::default();
        for shard in 0..writer.shards() {
            let begin = tasks.list.len();
            for (place, maker) in makers.iter().enumerate() {
                let key = (place, shard);
                if wanted.is_some_and(|wanted| !wanted.contains(&key)) {
                    continue;
                }
                let done = round.is_done(key);
                let there = writer.there(place, shard)?;
                if there.as_ref().is_some_and(|record| done || again.leaves(record)) {
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
                    } else {
                        tasks.damaged.insert(key);
                    }
                }
                tasks.passes.insert(key, passes.len());
                tasks.list.extend(passes.into_iter().map(|pass| PassTask { shard, pass }));
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
    round: &'a Round<'a>,
    begun: Mutex<HashMap<Unit, Begun<'a>>>,
}

/// What became of a shard when its first pass came.
enum Begun<'a> {
    /// It is being made, and waits for so many passes.
    Open(Arc<ShardWriter<'a>>, usize),
    /// Another process makes it, or has made it.
    Elsewhere,
}

impl<'a> Shards<'a> {
    pub(super) fn new(writer: &'a Writer, tasks: &'a Tasks, round: &'a Round<'a>) -> Self {
        Self { writer, tasks, round, begun: Mutex::default() }
    }

    /// Whether a shard that was made again lacks a row that is there.
    fn is_worse(&self, key: Unit, shard: &ShardWriter<'_>) -> bool {
        self.tasks.again.get(&key).is_some_and(|(rows, record)| shard.is_worse_than(record, rows))
    }

    /// The shard that a pass goes into; none where it is made elsewhere.
    pub(super) fn of(&self, task: &PassTask) -> Result<Option<Arc<ShardWriter<'a>>>> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let key = task.key();
        match begun.get(&key) {
            Some(Begun::Open(shard, _)) => return Ok(Some(shard.clone())),
            Some(Begun::Elsewhere) => return Ok(None),
            None => {}
        }
        let Some(lease) = self.round.lease(&[key])?.pop() else {
            begun.insert(key, Begun::Elsewhere);
            return Ok(None);
        };
        let shard = Arc::new(match self.tasks.again.get(&key) {
            Some((rows, record)) => self.writer.again(lease, record, rows)?,
            None if self.tasks.damaged.contains(&key) => self.writer.begin_damaged(lease)?,
            None => self.writer.begin(lease)?,
        });
        let waits_for = self.tasks.passes.get(&key).copied().unwrap_or_default();
        begun.insert(key, Begun::Open(shard.clone(), waits_for));
        Ok(Some(shard))
    }

    /// Commits the shard of a pass that was its last.
    pub(super) fn ended(&self, task: &PassTask) -> Result<()> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let key = task.key();
        let Some(Begun::Open(_, waits_for)) = begun.get_mut(&key) else { return Ok(()) };
        *waits_for = waits_for.saturating_sub(1);
        if *waits_for > 0 {
            return Ok(());
        }
        let Some(Begun::Open(shard, _)) = begun.remove(&key) else { return Ok(()) };
        drop(begun);
        let defect = || Error::environment("a shard is still being written to", "this is a defect; please report it");
        let shard = Arc::into_inner(shard).ok_or_else(defect)?;
        // nothing that is there is given for another attempt
        if !self.is_worse(key, &shard) && !shard.commit()? {
            self.round.lost([key]);
        }
        Ok(())
    }
}
