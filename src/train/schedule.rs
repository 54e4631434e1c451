//! Which rows each run of a cohort sees at each step of an epoch.

use tch::{Device, Kind, Tensor};

use super::features::BatchRows;
use crate::objective::Streams;
use crate::rng::Stream;

/// An epoch's rows and random states, uploaded at once.
pub(super) struct EpochPlan {
    /// [S, R, B]
    rows: Tensor,
    /// The same on the host.
    host: Vec<i64>,
    /// [S, R, B]
    pub(super) share: Tensor,
    /// [S, R, 2]
    pub(super) states: Tensor,
    /// [S, R], 1 where the run takes the step
    pub(super) active: Tensor,
    /// The same on the host.
    pub(super) active_runs: Vec<Vec<bool>>,
    /// Steps of each run.
    pub(super) steps: Vec<usize>,
    /// [`Signals::done`](crate::balance::Signals::done) of each step, [S, R], where the balancer needs it.
    pub(super) done: Option<Tensor>,
    /// [`BranchInput::late`](crate::method::BranchInput::late) of each step, [S, R], where the method has a switch.
    pub(super) late: Option<Tensor>,
    /// How many steps each run has taken since its method's switch, negative before it; empty where it has none.
    pub(super) since: Vec<Vec<f64>>,
    /// Whether a run's optimizer starts anew before a step; empty where none does.
    pub(super) anew: Vec<Vec<bool>>,
    /// [`Descent::ahead`](super::optimizer::Descent::ahead); none on the CPU.
    pub(super) numbers: Option<Tensor>,
    /// [`Average::ahead`](super::average::Average::ahead) of the recipe's average; none on the CPU and where nothing is averaged.
    pub(super) averaged: Option<Tensor>,
    /// The same of a method's averages; none on the CPU.
    pub(super) beside: Vec<Tensor>,
}

/// What one run goes through in an epoch.
pub(super) struct Turn {
    /// Rows that it learns from, in groups of which each has its part of every batch.
    pub(super) groups: Vec<Vec<usize>>,
    /// Where its order and its dropout come from.
    pub(super) stream: Stream,
    /// Whether it trains at all.
    pub(super) active: bool,
}

impl Turn {
    fn smallest(&self) -> usize {
        self.groups.iter().map(|group| group.len()).min().unwrap_or(0)
    }

    /// Rows of each group in a batch of so many: as many as the smallest group has, at least one.
    fn part(&self, batch: usize) -> usize {
        (batch / self.groups.len().max(1)).min(self.smallest()).max(1)
    }
}

impl EpochPlan {
    /// Rows, shares, random states and resting runs of an epoch's steps.
    pub(super) fn new(runs: &[Turn], batch: usize, epoch: usize, kind: Kind, device: Device) -> Self {
        let steps_of = |run: &Turn| if run.active { (run.smallest() / run.part(batch)).max(1) } else { 0 };
        let steps: Vec<usize> = runs.iter().map(steps_of).collect();
        let count = steps.iter().copied().max().unwrap_or(0);
        let size = count * runs.len() * batch;
        let (mut rows, mut share) = (vec![0i64; size], vec![0f64; size]);
        let mut states = vec![[0i32; 2]; count * runs.len()];
        let mut active_runs = vec![vec![false; runs.len()]; count];
        for (r, run) in runs.iter().enumerate() {
            let shuffle = run.stream.with("shuffle").at(epoch as u32);
            let dropout = run.stream.with("dropout").at(epoch as u32);
            for step in 0..steps[r] {
                active_runs[step][r] = true;
                states[step * runs.len() + r] = Streams::premultiplied(dropout.at(step as u32));
            }
            let (part, place) = (run.part(batch), batch / run.groups.len().max(1));
            for (g, group) in run.groups.iter().enumerate() {
                let order = if run.groups.len() == 1 { shuffle } else { shuffle.at(g as u32) }.permutation(group.len());
                for step in 0..steps[r] {
                    let chunk = &order[step * part..order.len().min((step + 1) * part)];
                    let start = (step * runs.len() + r) * batch + g * place;
                    for (i, &row) in chunk.iter().enumerate() {
                        rows[start + i] = group[row] as i64;
                        share[start + i] = 1.0 / (chunk.len() * run.groups.len()) as f64;
                    }
                }
            }
        }
        let shape = [count as i64, runs.len() as i64, batch as i64];
        let active: Vec<f64> = active_runs.iter().flatten().map(|&active| f64::from(u8::from(active))).collect();
        Self {
            rows: Tensor::from_slice(&rows).view(shape).to_device(device),
            host: rows,
            share: Tensor::from_slice(&share).to_kind(kind).view(shape).to_device(device),
            states: Tensor::from_slice(states.as_flattened()).view([shape[0], shape[1], 2]).to_device(device),
            active: Tensor::from_slice(&active).to_kind(kind).view(&shape[..2]).to_device(device),
            active_runs,
            steps,
            done: None,
            late: None,
            since: Vec::new(),
            anew: Vec::new(),
            numbers: None,
            averaged: None,
            beside: Vec::new(),
        }
    }

    /// The rows of a step.
    pub(super) fn rows(&self, step: usize) -> BatchRows<'_> {
        let index = self.rows.get(step as i64);
        let size = index.numel();
        BatchRows { host: &self.host[step * size..][..size], index }
    }
}
