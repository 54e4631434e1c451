//! What is missing of a store, and the shards that it goes into.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Maker, Pass, passes};
use crate::error::Code;
use crate::manifest::Manifest;
use crate::media::identity::identity;
use crate::source::Source;
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
    again: HashMap<(usize, u64), (Vec<u64>, ShardRecord)>,
}

/// Which rows of shards that are there are made again.
#[derive(Clone, Copy)]
pub(super) struct Again<'a> {
    /// All that failed, not only those whose cause may have passed.
    pub(super) failed: bool,
    /// Those that took too long, too.
    pub(super) timeouts: bool,
    /// Those of these files, in order, whatever came of them.
    pub(super) changed: &'a [PathBuf],
}

impl Again<'_> {
    fn has_changed(&self, pass: &Pass) -> bool {
        let files = pass.source.iter().flat_map(Source::files);
        files.into_iter().any(|(path, _)| self.changed.binary_search_by(|other| other.as_path().cmp(path)).is_ok())
    }

    /// Rows of a shard, by its record.
    fn rows(&self, record: &ShardRecord, passes: &[Pass]) -> BTreeSet<u64> {
        let mut rows: BTreeSet<u64> =
            passes.iter().filter(|pass| self.has_changed(pass)).flat_map(|pass| pass.rows.clone()).collect();
        for note in &record.failed {
            let pass = passes.iter().find(|pass| pass.rows.contains(&note.row));
            let worth = || match note.code {
                Code::Timeout => self.timeouts,
                // another outcome is not to be had of the very file that gave this one
                Code::Missing | Code::Refused => pass.is_some_and(|pass| {
                    let files = pass.source.iter().flat_map(Source::files);
                    files.into_iter().all(|(path, _)| {
                        let was = record.sources.get(&path.display().to_string());
                        let is = identity(path);
                        is.is_some() && (note.code == Code::Refused || is.as_ref() != was) && may_be_read(path)
                    })
                }),
                _ => true,
            };
            if self.failed || (note.retry && worth()) {
                rows.insert(note.row);
            }
        }
        rows
    }
}

/// What was asked for and cannot be done.
fn unmade(maker: &Maker, shard: u64, why: &str, remedy: &str) -> Error {
    let problem = format!("{}/{shard:05}.h5 has rows of recordings that have changed, {why}", maker.header.name);
    Error::environment(problem, remedy)
}

fn may_be_read(path: &Path) -> bool {
    path.is_dir() || path.is_file() && File::open(path).is_ok()
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
                // most shards are as they should be, and passes are long to plan
                if there.as_ref().is_some_and(|record| record.failed.is_empty() && again.changed.is_empty()) {
                    continue;
                }
                let mut passes = passes(place, makers, &manifest.segments, writer.rows(shard))?;
                if let Some(record) = there {
                    let rows = again.rows(&record, &passes);
                    if rows.is_empty() {
                        continue;
                    }
                    let asked = passes.iter().any(|pass| again.has_changed(pass));
                    if !writer.may_change(place) {
                        if asked {
                            return Err(unmade(
                                maker,
                                shard,
                                "and the store cannot be written",
                                "make it writable, or --changed ignore",
                            ));
                        }
                        continue;
                    }
                    // what is not what its record says is made anew, all of it
                    if writer.is_sound(place, shard, &record)? {
                        // JPEGs lie one behind the other, so all are made; not where some could not be
                        if maker.header.jpeg.is_some() {
                            let files = passes.iter().flat_map(|pass| pass.source.iter().flat_map(Source::files));
                            if !files.into_iter().all(|(path, _)| may_be_read(path)) {
                                if asked {
                                    let why = "and not all recordings of that shard, whose JPEGs are made together, can be read";
                                    return Err(unmade(maker, shard, why, "bring them back, or --changed ignore"));
                                }
                                continue;
                            }
                        } else {
                            // each alone, so that nothing beside a row is the cause once more
                            passes = passes.into_iter().flat_map(|pass| alone(pass, &rows)).collect();
                        }
                        tasks.again.insert(key, (rows.into_iter().collect(), record));
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

/// The passes of single rows.
fn alone(pass: Pass, rows: &BTreeSet<u64>) -> Vec<Pass> {
    let Pass { maker, source, rows: all } = pass;
    let single = |row: u64| Pass { maker, source: source.clone(), rows: vec![row] };
    all.into_iter().filter(|row| rows.contains(row)).map(single).collect()
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
        let Some((rows, record)) = self.tasks.again.get(&key) else { return false };
        shard.to_retry().iter().any(|row| !rows.contains(row) && record.has(*row))
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
            Some(Some(shard)) if self.is_worse(key, &shard) => shard.discard(),
            Some(Some(shard)) => shard.commit(),
            Some(None) => Err(Error::environment("a shard is still being written to", "this is a defect; please report it")),
        }
    }
}
