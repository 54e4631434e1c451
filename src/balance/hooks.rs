//! What balancers may do beside choosing weights.

use tch::Tensor;

use crate::objective::{Batch, Last, Reading};

/// What [`Balancer::steer`](super::Balancer::steer) sees of a step.
#[derive(Debug)]
pub struct Steering<'a> {
    /// Last layer of the first objective's head.
    pub fused: &'a Last,
    /// Last layers of the probes' heads, by modality.
    pub probes: &'a [&'a Last],
    /// Uni-modal class scores.
    pub class: &'a Reading,
    /// All tensors of the first objective's heads, leaves of the graph that `fused` is on, [R, …] each.
    pub heads: &'a [Tensor],
    /// Labels and shares.
    pub batch: &'a Batch<'a>,
    /// [`Signals::active`](super::Signals::active).
    pub active: &'a Tensor,
}

/// Mean losses of R runs, the M uni-modal ones first, then the fused one, without dropout.
#[derive(Debug)]
pub struct Losses {
    /// On the rows that are trained on, [R, M + 1].
    pub train: Tensor,
    /// On those held out, [R, M + 1].
    pub held_out: Tensor,
}

/// How often copies of one run train ahead of it, and on what they are judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rehearsal {
    /// Epochs from one to the next, at least 1; the first is before epoch 0.
    pub every: usize,
    /// Epochs that copies train; as many as the run has left where those are fewer.
    pub epochs: usize,
    /// Share of the training rows that is held out, from the run itself too.
    pub held_out: f64,
}

/// Which losses a copy trains on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// Each modality's own; they share no parameter, so this is one copy for each.
    Unimodal,
    /// The fused one.
    Fused,
}
