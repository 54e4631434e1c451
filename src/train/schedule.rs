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
    /// [`Descent::ahead`](super::optimizer::Descent::ahead); none on the CPU.
    pub(super) numbers: Option<Tensor>,
    /// [`Average::ahead`](super::average::Average::ahead) of the recipe's average; none on the CPU and where nothing is averaged.
    pub(super) averaged: Option<Tensor>,
    /// The same of a method's averages; none on the CPU.
    pub(super) beside: Vec<Tensor>,
}

/// What one run goes through in an epoch.
pub(super) struct Turn<'a> {
    /// Rows that it learns from.
    pub(super) rows: &'a [usize],
    /// Where its order and its dropout come from.
    pub(super) stream: Stream,
    /// Whether it trains at all.
    pub(super) active: bool,
}

impl EpochPlan {
    /// Rows, shares, random states and resting runs of an epoch's steps.
    pub(super) fn new(runs: &[Turn], batch: usize, epoch: usize, kind: Kind, device: Device) -> Self {
        let steps_of = |run: &Turn| if run.active { (run.rows.len() / batch).max(1) } else { 0 };
        let steps: Vec<usize> = runs.iter().map(steps_of).collect();
        let count = steps.iter().copied().max().unwrap_or(0);
        let size = count * runs.len() * batch;
        let (mut rows, mut share) = (vec![0i64; size], vec![0f64; size]);
        let mut states = vec![[0i32; 2]; count * runs.len()];
        let mut active_runs = vec![vec![false; runs.len()]; count];
        for (r, run) in runs.iter().enumerate() {
            let train = run.rows;
            let order = run.stream.with("shuffle").at(epoch as u32).permutation(train.len());
            let dropout = run.stream.with("dropout").at(epoch as u32);
            for step in 0..steps[r] {
                active_runs[step][r] = true;
                states[step * runs.len() + r] = Streams::premultiplied(dropout.at(step as u32));
                let chunk = &order[step * batch..order.len().min((step + 1) * batch)];
                let start = (step * runs.len() + r) * batch;
                for (i, &row) in chunk.iter().enumerate() {
                    rows[start + i] = train[row] as i64;
                    share[start + i] = 1.0 / chunk.len() as f64;
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
