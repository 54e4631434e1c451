//! The shards of a store, made by several processes: each takes those that nobody else has, and at the end waits for the others'.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use super::layout::shard_path;
use super::lease::{Held, Pause};
use super::shard_writer::ShardWriter;
use super::writer::Writer;
use crate::Result;
use crate::stop::Stop;

/// A shard: place of its modality in the header, and number.
pub type Unit = (usize, u64);

/// A shard that this process makes, and no other one as long as this is kept.
#[derive(Debug)]
pub struct Lease {
    pub(super) unit: Unit,
    held: Option<Held>,
}

impl Lease {
    /// Which shard it is of.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// Whether it was not taken over by another process, which had seen nothing of this one for too long.
    pub(super) fn is_ours(&self) -> Result<bool> {
        self.held.as_ref().map_or(Ok(true), Held::is_ours)
    }

    /// Begins a file. A process that was stopped while it did may find that another one, which took over, has removed it: then it begins another, until it is
    /// [noticed](ShardWriter::is_lost) that all of it is for nothing.
    pub(super) fn in_spite_of_others<T>(&self, begin: impl Fn() -> Result<T>) -> Result<T> {
        match begin() {
            Err(_) if !self.is_ours()? => begin(),
            begun => begun,
        }
    }
}

/// Which record a shard has: another one has another number or time.
type Stamp = Option<(u64, i64, i64)>;

impl Writer {
    /// Takes a shard of a modality (by place in the header) for this process, and ends or removes what one left that had it and is gone. `None` where another one
    /// makes it now.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn lease(&self, modality: usize, shard: u64) -> Result<Option<Lease>> {
        let unit = (modality, shard);
        let Some(leases) = &self.leases else { return Ok(Some(Lease { unit, held: None })) };
        let Some(held) = leases.take(&self.lease_name(unit))? else { return Ok(None) };
        // a network file system looks again what is in it
        let _ = File::open(self.folder().join(&self.header().modalities[modality].name));
        if held.taken_over {
            self.sweep(unit)?;
        }
        Ok(Some(Lease { unit, held: Some(held) }))
    }

    pub(super) fn lease_name(&self, (modality, shard): Unit) -> String {
        format!("{}-{shard:05}", self.header().modalities[modality].name)
    }

    fn stamp(&self, (modality, shard): Unit) -> Stamp {
        let path = shard_path(self.folder(), &self.header().modalities[modality].name, shard, "json");
        // opened, since a network file system asks then, and else may tell what it was told long ago
        let about = File::open(path).and_then(|file| file.metadata()).ok()?;
        Some((about.ino(), about.mtime(), about.mtime_nsec()))
    }

    /// Has every shard made that is not there, on several threads, by this process or by another one that makes the same store; `make` writes its rows, `told`
    /// is called for each that is there in the end.
    ///
    /// # Errors
    /// Those of `make`; [`Error::Interrupted`](crate::Error::Interrupted); [`Error::Io`](crate::Error::Io).
    pub fn make_missing(
        &self,
        stop: &Stop,
        make: impl Fn(Unit, &ShardWriter<'_>) -> Result<()> + Sync,
        told: impl Fn(Unit) + Sync,
    ) -> Result<()> {
        let all = (0..self.header().modalities.len()).flat_map(|modality| (0..self.shards()).map(move |shard| (modality, shard)));
        let mut missing = BTreeSet::new();
        for unit in all {
            if self.has(unit.0, unit.1)? {
                told(unit);
            } else {
                missing.insert(unit);
            }
        }
        let work = |lease: Lease| {
            let unit = lease.unit;
            let to = self.begin(lease)?;
            to.lost_or(make(unit, &to))?;
            to.commit()
        };
        self.settle(missing, stop, work, told)
    }

    /// Has each of these shards dealt with once, on several threads, by this process or by another one that makes the same store; `work` says whether it was not
    /// [lost](ShardWriter::is_lost), `told` is called for each in the end.
    ///
    /// # Errors
    /// Those of `work`; [`Error::Interrupted`](crate::Error::Interrupted); [`Error::Io`](crate::Error::Io).
    pub fn settle(
        &self,
        units: BTreeSet<Unit>,
        stop: &Stop,
        work: impl Fn(Lease) -> Result<bool> + Sync,
        told: impl Fn(Unit) + Sync,
    ) -> Result<()> {
        let round = Round::new(self);
        let mut left = units;
        while !left.is_empty() {
            left.into_par_iter().try_for_each(|unit| {
                stop.check()?;
                if !round.is_done(unit)
                    && let Some(lease) = round.lease(&[unit])?.pop()
                    && !work(lease)?
                {
                    round.lost([unit]);
                }
                if !round.state().left.contains(&unit) {
                    told(unit);
                }
                Ok::<_, crate::Error>(())
            })?;
            left = round.wait(stop)?;
        }
        Ok(())
    }
}

/// One attempt at all that is to be made, by all processes that make the store: what one of them has tried, the others do not try once more.
#[derive(Debug)]
pub struct Round<'a> {
    writer: &'a Writer,
    state: Mutex<RoundState>,
}

#[derive(Debug, Default)]
struct RoundState {
    /// The record of each shard when it was first looked at.
    seen: BTreeMap<Unit, Stamp>,
    /// What this process has tried.
    tried: BTreeSet<Unit>,
    /// What is to be looked at again, since somebody else had it.
    left: BTreeSet<Unit>,
    /// Those of them that somebody had.
    had: BTreeSet<Unit>,
}

impl<'a> Round<'a> {
    /// A new one.
    pub fn new(writer: &'a Writer) -> Self {
        Self { writer, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, RoundState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a shard that is there was made, or tried, since this attempt began; the first look at it begins the attempt.
    pub fn is_done(&self, unit: Unit) -> bool {
        let now = self.writer.stamp(unit);
        let mut state = self.state();
        let first = *state.seen.entry(unit).or_insert(now);
        now.is_some() && (first != now || state.tried.contains(&unit))
    }

    /// Takes shards for this process, all of them or none, so that it may make them; none where another process has one of them, or has made one since it was
    /// looked at.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn lease(&self, units: &[Unit]) -> Result<Vec<Lease>> {
        let mut leases = Vec::new();
        for &unit in units {
            let lease = self.writer.lease(unit.0, unit.1)?;
            let (had, done) = (lease.is_none(), self.is_done(unit));
            if !had && !done {
                leases.extend(lease);
                continue;
            }
            let mut state = self.state();
            state.left.extend(units.iter().filter(|other| !done || **other != unit));
            if had {
                state.had.insert(unit);
            }
            return Ok(Vec::new());
        }
        self.state().tried.extend(units);
        Ok(leases)
    }

    /// Says that shards were not made after all: another process took them over.
    pub fn lost(&self, units: impl IntoIterator<Item = Unit>) {
        let mut state = self.state();
        for unit in units {
            state.tried.remove(&unit);
            state.left.insert(unit);
            state.had.insert(unit);
        }
    }

    /// Waits for others to have done with shards that they had; those that are to be looked at once more, none when all is done.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted); [`Error::Io`](crate::Error::Io).
    pub fn wait(&self, stop: &Stop) -> Result<BTreeSet<Unit>> {
        let (left, had) = {
            let mut state = self.state();
            (std::mem::take(&mut state.left), std::mem::take(&mut state.had))
        };
        let Some(leases) = &self.writer.leases else { return Ok(left) };
        let mut pause = Pause::default();
        while !had.is_empty() {
            for &unit in &had {
                if self.is_done(unit) || leases.is_free(&self.writer.lease_name(unit))? {
                    return Ok(left);
                }
            }
            stop.check()?;
            pause.pass();
        }
        Ok(left)
    }
}
