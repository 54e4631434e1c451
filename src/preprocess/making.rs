//! Making of what is missing, and of what failed for a cause that may have passed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::tasks::{Shards, Tasks};
use crate::Result;
use crate::error::{Cause, Code, Failure};
use crate::manifest::Manifest;
use crate::pipeline::{Progress, Work, in_order};
use crate::sample::Made;
use crate::store::{ShardWriter, Writer};
use crate::worker::{Crew, Job};

/// The work of one run.
pub(super) struct Making<'a> {
    writer: &'a Writer,
    crew: &'a Crew<'a>,
    manifest: &'a Manifest,
    tasks: &'a Tasks,
    shards: Shards<'a>,
    work: Work<'a>,
    /// Samples that are there.
    done: AtomicUsize,
    later: Mutex<Vec<Later>>,
}

/// A row that is tried again when all others have been made.
struct Later {
    task: usize,
    row: u64,
    failure: Failure,
}

impl<'a> Making<'a> {
    pub(super) fn new(writer: &'a Writer, crew: &'a Crew<'a>, manifest: &'a Manifest, tasks: &'a Tasks, work: Work<'a>) -> Self {
        let there = (manifest.len() * crew.makers().len()).saturating_sub(tasks.rows());
        let shards = Shards::new(writer, tasks);
        Self { writer, crew, manifest, tasks, shards, work, done: AtomicUsize::new(there), later: Mutex::default() }
    }

    fn tell(&self, more: usize) {
        let done = self.done.fetch_add(more, Ordering::Relaxed) + more;
        (self.work.progress)(Progress { done, total: self.manifest.len() * self.crew.makers().len() });
    }

    pub(super) fn run(&self) -> Result<()> {
        self.tell(0);
        let mut waiting = BTreeSet::new();
        let Work { workers, stop, .. } = self.work;
        in_order(
            self.tasks.list.len(),
            workers,
            4 * workers,
            stop,
            |task| self.make(task),
            |task, made: Result<()>| {
                made?;
                if self.later.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|later| later.task == task) {
                    waiting.insert(task);
                    return Ok(());
                }
                self.shards.ended(&self.tasks.list[task])
            },
        )?;
        let mut later = std::mem::take(&mut *self.later.lock().unwrap_or_else(PoisonError::into_inner));
        for _ in 0..self.work.retries {
            later = later.into_iter().filter_map(|later| self.again(later).transpose()).collect::<Result<_>>()?;
        }
        for Later { task, row, failure } in later {
            self.settle(task, row, Err(failure))?;
        }
        waiting.into_iter().try_for_each(|task| self.shards.ended(&self.tasks.list[task]))
    }

    /// The rows of a task, all of them or those in `only`.
    fn job(&self, task: usize, shard: &ShardWriter<'_>, only: Option<u64>) -> Result<Job, Failure> {
        let task = &self.tasks.list[task];
        let first = self.writer.rows(task.shard)[0];
        let rows: Vec<u64> = task.pass.rows.iter().copied().filter(|row| only.is_none_or(|only| *row == only)).collect();
        Ok(Job {
            maker: task.pass.maker,
            source: task.pass.source.clone()?,
            segments: rows.iter().map(|&row| self.manifest.segments[row as usize].clone()).collect(),
            rows: rows.iter().map(|row| row - first).collect(),
            target: shard.target(),
        })
    }

    fn make(&self, task: usize) -> Result<()> {
        let shard = self.shards.of(&self.tasks.list[task])?;
        let rows = &self.tasks.list[task].pass.rows;
        match self.job(task, &shard, None) {
            Err(failure) => rows.iter().try_for_each(|&row| shard.note(row, Err(&failure))),
            Ok(job) => self.crew.make(&job, &mut |place, outcome| {
                match outcome {
                    Err(failure) if self.work.retries > 0 && failure.code.cause() == Cause::Outside => {
                        let later = Later { task, row: rows[place], failure };
                        self.later.lock().unwrap_or_else(PoisonError::into_inner).push(later);
                    }
                    outcome => {
                        shard.note(rows[place], outcome.as_ref())?;
                        self.tell(1);
                    }
                }
                self.work.stop.check()
            }),
        }
    }

    /// Tries a row again, with nothing beside it; gives it back if it is to be tried once more.
    fn again(&self, later: Later) -> Result<Option<Later>> {
        self.work.stop.check()?;
        let Later { task, row, failure: before } = later;
        let shard = self.shards.of(&self.tasks.list[task])?;
        let mut found: Result<Made, Failure> = Err(before.clone());
        match self.job(task, &shard, Some(row)) {
            Err(failure) => found = Err(failure),
            Ok(job) => self.crew.make(&job, &mut |_, outcome| {
                found = outcome;
                self.work.stop.check()
            })?,
        }
        drop(shard);
        match found {
            // what took too long twice will do so a third time
            Err(failure) if failure.code.cause() == Cause::Outside && [failure.code, before.code] != [Code::Timeout; 2] => {
                Ok(Some(Later { task, row, failure }))
            }
            found => self.settle(task, row, found).map(|()| None),
        }
    }

    fn settle(&self, task: usize, row: u64, outcome: Result<Made, Failure>) -> Result<()> {
        self.shards.of(&self.tasks.list[task])?.note(row, outcome.as_ref())?;
        self.tell(1);
        Ok(())
    }
}
