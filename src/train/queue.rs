//! Which runs train side by side, and on how many threads.

use std::collections::BTreeMap;

use tch::Device;

use super::amount::Runs;
use super::cohort::Cohort;
use super::compare::Column;
use super::memory::Need;
use super::run::{PlannedRun, Works};
use super::workers::on_threads;
use crate::Result;

/// Cohorts in the order that they are trained in, several at one time.
pub struct Queue {
    /// Cohorts at one time.
    pub threads: usize,
    /// Runs of one shape and epoch each.
    pub cohorts: Vec<Vec<PlannedRun>>,
}

/// Most runs that `auto` tries side by side on a CPU and on a GPU.
const TRIED: [usize; 2] = [64, 1024];

impl Works<'_> {
    /// Runs of one shape and epoch go together, in parts that keep every thread busy, that memory has room for and, where that
    /// is asked for, that are fastest.
    ///
    /// # Errors
    /// [`Error::Input`](crate::Error::Input) where `max-memory` is too little for one run.
    pub fn queue(&self, runs: Vec<PlannedRun>) -> Result<Queue> {
        let mut threads = match self.placed.device {
            Device::Cpu => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                // in a pool, whose other threads train too
                let sharing = rayon::current_thread_index().map_or(1, |_| rayon::current_num_threads());
                (cores / sharing).max(1)
            }
            _ => 1,
        };
        let mut shapes: BTreeMap<_, Vec<PlannedRun>> = BTreeMap::new();
        for run in runs {
            let (task, Column { method, balance, hyperparameters, .. }) = (&run.trial.task, run.trial.column());
            let method = (method.name, balance.name, hyperparameters.words().clone());
            shapes.entry((method, task.modalities.clone(), task.sources.len(), run.epochs)).or_default().push(run);
        }
        let shapes: Vec<Vec<PlannedRun>> = shapes.into_values().collect();
        let mut fitting = usize::MAX;
        for runs in &shapes {
            fitting = fitting.min(self.fitting(runs)?);
        }
        threads = threads.min(fitting);
        let parts = threads.div_ceil(shapes.len().max(1));
        let mut cohorts = Vec::new();
        for mut runs in shapes {
            let most = (fitting / threads).max(1);
            let most = match self.settings.cohort {
                Runs::AtMost(runs) => most.min(runs),
                Runs::Auto => self.fastest(&runs, most.min(runs.len().div_ceil(parts)), threads)?,
            };
            let size = runs.len().div_ceil(parts).clamp(1, most);
            while !runs.is_empty() {
                let rest = runs.split_off(size.min(runs.len()));
                cohorts.push(std::mem::replace(&mut runs, rest));
            }
        }
        Ok(Queue { threads, cohorts })
    }

    /// How many runs of a shape memory has room for.
    fn fitting(&self, runs: &[PlannedRun]) -> Result<usize> {
        let (Some(most), Some(PlannedRun { trial, .. })) = (self.settings.max_memory, runs.first()) else {
            return Ok(usize::MAX);
        };
        let (design, own) = (self.design(trial)?, &trial.column().hyperparameters);
        Need::of(self.table, &design, &trial.task.modalities, own, self.settings.batch_size, self.placed.kind).fitting(most)
    }

    /// The number of runs side by side, up to `most`, with the most run-steps a second while every thread has as many: doubled
    /// until that pays no more.
    fn fastest(&self, runs: &[PlannedRun], most: usize, threads: usize) -> Result<usize> {
        let cap = TRIED[usize::from(self.placed.device != Device::Cpu)].min(most).min(runs.len());
        let (mut best, mut fastest, mut size) = (1, 0.0, 1);
        while size <= cap {
            let one = || {
                tch::set_num_threads(1);
                self.cohort(&runs[..size], self.init.as_ref()).map(Cohort::rate)
            };
            let rates = on_threads(threads, one)?.into_iter().filter_map(|rate| rate.ok()).collect::<Result<Vec<f64>>>()?;
            let rate: f64 = rates.into_iter().sum();
            if rate < 0.9 * fastest {
                break;
            }
            if rate > fastest {
                (best, fastest) = (size, rate);
            }
            size *= 2;
        }
        Ok(best)
    }
}
