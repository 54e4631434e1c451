//! Making of what is missing.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::tasks::{PassTask, Shards, Tasks};
use crate::Result;
use crate::manifest::Manifest;
use crate::media::identity::Identities;
use crate::pipeline::{Progress, Work, in_order};
use crate::store::units::Round;
use crate::store::{ShardWriter, Writer};
use crate::worker::{Job, WorkerPool};

/// The work of one run, or of its attempts at rows that failed.
pub(super) struct Making<'a, 'w> {
    writer: &'a Writer,
    pool: &'a WorkerPool<'w>,
    manifest: &'a Manifest,
    tasks: &'a Tasks,
    shards: Shards<'a>,
    work: Work<'a>,
    /// Samples that are there.
    done: AtomicUsize,
    identities: &'a Identities,
}

impl<'a, 'w> Making<'a, 'w> {
    pub(super) fn new(
        writer: &'a Writer,
        pool: &'a WorkerPool<'w>,
        manifest: &'a Manifest,
        tasks: &'a Tasks,
        identities: &'a Identities,
        round: &'a Round<'a>,
        work: Work<'a>,
    ) -> Self {
        let there = (manifest.len() * pool.makers().len()).saturating_sub(tasks.rows());
        let shards = Shards::new(writer, tasks, round);
        Self { writer, pool, manifest, tasks, shards, work, done: AtomicUsize::new(there), identities }
    }

    fn tell(&self, more: usize) {
        let done = self.done.fetch_add(more, Ordering::Relaxed) + more;
        (self.work.progress)(Progress { done, total: self.manifest.len() * self.pool.makers().len() });
    }

    pub(super) fn run(&self) -> Result<()> {
        self.tell(0);
        let Work { workers, stop, .. } = self.work;
        let name = |task: usize| {
            let pass = &self.tasks.list[task].pass;
            let row = &self.manifest.segments[pass.rows[0] as usize];
            format!("{}, {} of row {:?}", row.path.display(), self.pool.makers()[pass.maker].header.name, row.id)
        };
        let make = |task| self.make(task);
        in_order(self.tasks.list.len(), workers, 4 * workers, stop, name, make, |task, made: Result<()>| {
            made?;
            self.shards.ended(&self.tasks.list[task])
        })
    }

    fn make(&self, task: usize) -> Result<()> {
        let task = &self.tasks.list[task];
        match self.shards.of(task)? {
            Some(shard) => shard.lost_or(self.pass(task, &shard)),
            None => Ok(()),
        }
    }

    fn pass(&self, task: &PassTask, shard: &ShardWriter<'_>) -> Result<()> {
        let rows = &task.pass.rows;
        let source = match &task.pass.source {
            Err(failure) => return rows.iter().try_for_each(|&row| shard.note(row, Err(failure))),
            Ok(source) => source.clone(),
        };
        let first = self.writer.rows(task.shard)[0];
        let job = Job {
            maker: task.pass.maker,
            source,
            segments: rows.iter().map(|&row| self.manifest.segments[row as usize].clone()).collect(),
            rows: rows.iter().map(|row| row - first).collect(),
            target: shard.target(),
        };
        self.identify(&job, shard);
        self.pool.make(&job, &mut |place, outcome| {
            shard.note(rows[place], outcome.as_ref())?;
            self.tell(1);
            self.work.stop.check()
        })
    }

    /// Has the shard remember what the files of a job are, before anything is read of them.
    fn identify(&self, job: &Job, shard: &ShardWriter<'_>) {
        for (path, _) in job.source.files() {
            shard.source(path, self.identities.of(path));
        }
    }
}
