//! What a cohort's steps of an epoch are.

use tch::{Device, Tensor};

use super::super::optimizer::Rates;
use super::super::schedule::{EpochPlan, Turn};
use super::{Cohort, Run};
use crate::method::{Batches, Switch};
use crate::rng::Stream;

impl Cohort {
    pub(super) fn plan(&self, epoch: usize) -> EpochPlan {
        let mut turns = Vec::new();
        for (r, (run, rows)) in self.runs.iter().zip(&self.rows).enumerate() {
            let groups = self.groups(r, &rows.0);
            turns.push(Turn { groups, stream: Stream::new(run.seed), active: self.trains(r, epoch) });
        }
        self.planned(&turns, epoch, epoch)
    }

    /// Some of a run's rows in the groups that its batches are drawn from.
    pub(in crate::train) fn groups(&self, run: usize, rows: &[usize]) -> Vec<Vec<usize>> {
        let of = |source: &usize| rows.iter().copied().filter(|&row| self.domains[row] == *source).collect();
        match self.batches {
            Batches::Pooled => vec![rows.to_vec()],
            Batches::ByDomain => {
                self.runs[run].task.sources.iter().map(of).filter(|group: &Vec<usize>| !group.is_empty()).collect()
            }
        }
    }

    /// An epoch's steps, numbered for the runs' random numbers and, as `at`, for their schedules.
    pub(in crate::train) fn planned(&self, turns: &[Turn], epoch: usize, at: usize) -> EpochPlan {
        let (kind, device) = self.options();
        let mut plan = EpochPlan::new(turns, self.batch, epoch, kind, device);
        plan.done = self.model.needs_progress().then(|| self.done(&plan, at));
        self.switch(&mut plan, at);
        if device != Device::Cpu {
            plan.numbers = Some(self.optimizer.ahead(&self.rates(at), &plan.active_runs, &plan.anew));
            plan.averaged = self.average.as_ref().map(|average| average.ahead(&plan.active_runs, at));
            plan.beside = self.sets.shares(&plan.active_runs, &plan.since);
        }
        plan
    }

    /// Where each run is past the step at which its method trains on something else, and where that step is.
    fn switch(&self, plan: &mut EpochPlan, epoch: usize) {
        let Some(Switch { from, anew }) = self.model.switch() else { return };
        let since = |step: usize, r: usize| {
            let (steps, epochs) = (plan.steps[r], self.runs[r].epochs);
            (epoch * steps + step) as f64 - from[r].ceil().min((steps * epochs / 2) as f64)
        };
        let count = plan.active_runs.len();
        plan.since = (0..count).map(|step| (0..from.len()).map(|r| since(step, r)).collect()).collect();
        if anew {
            let begins = |(since, active): (&Vec<f64>, &Vec<bool>)| {
                since.iter().zip(active).map(|(since, active)| *active && *since == 0.0).collect()
            };
            plan.anew = plan.since.iter().zip(&plan.active_runs).map(begins).collect();
        }
        let late: Vec<f64> = plan.since.iter().flatten().map(|since| f64::from(u8::from(*since >= 0.0))).collect();
        let (kind, device) = self.options();
        plan.late = Some(Tensor::from_slice(&late).view([count as i64, -1]).to_kind(kind).to_device(device));
    }

    /// Share of each run's steps that is done before each of an epoch's, [S, R].
    fn done(&self, plan: &EpochPlan, epoch: usize) -> Tensor {
        let share = |step: usize, run: &Run, steps: usize| {
            let done = epoch as f64 + step as f64 / steps.max(1) as f64;
            (done / run.epochs.max(1) as f64).min(1.0)
        };
        let of_step = |step| self.runs.iter().zip(&plan.steps).map(move |(run, &steps)| share(step, run, steps));
        let done: Vec<f64> = (0..plan.active_runs.len()).flat_map(of_step).collect();
        let done = Tensor::from_slice(&done).view([-1, self.runs.len() as i64]);
        let (kind, device) = self.options();
        done.to_kind(kind).to_device(device)
    }

    pub(super) fn rates(&self, epoch: usize) -> Vec<Rates> {
        self.runs.iter().map(|run| run.rates(self.recipe, epoch)).collect()
    }
}
