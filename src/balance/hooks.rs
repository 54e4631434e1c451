//! What balancers may do beside choosing weights.

use tch::Tensor;

use crate::objective::{Batch, Last};
use crate::task::Reading;

/// Factors on embeddings before they are fused.
pub trait Dropping {
    /// Factors on each row's embeddings, [R, B, M], for every loss but the uni-modal ones; from what probes read of them.
    /// `states` and `epoch` as in [`Signals`](super::Signals).
    fn factors(&mut self, class: &Reading, states: &Tensor, epoch: usize) -> Tensor;
}

/// A gradient for the task's heads beside that of their loss.
pub trait Steering {
    /// What is added to the gradients of the task's heads, all in one row [R, P]; asked once a step, before
    /// [`weigh`](super::Balancer::weigh).
    fn steer(&mut self, heads: &TaskHeads) -> Option<Tensor>;
}

/// Copies of the runs that train ahead of them.
pub trait LookAhead {
    /// By run, how its copies train.
    fn copies(&self) -> &[Copies];

    /// From here on steps are those of copies that train on these losses; of the runs themselves where none. Copies leave the
    /// balancer's state alone.
    fn train_on(&mut self, losses: Option<CopyLoss>);

    /// Losses at the runs' parameters and those of the copies that trained on them, for the runs that are `active` \[R\].
    fn learn(&mut self, before: &Losses, after: &Losses, active: &Tensor);
}

/// What [`Steering::steer`] sees of a step.
#[derive(Debug)]
pub struct TaskHeads<'a> {
    /// Last layer of the task's head.
    pub fused: &'a Last,
    /// Last layers of the probes' heads, by modality.
    pub probes: &'a [&'a Last],
    /// Uni-modal class scores.
    pub class: &'a Reading,
    /// All tensors of the task's heads, leaves of the graph that `fused` is on, [R, …] each.
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
pub struct Copies {
    /// Epochs from one to the next, at least 1; the first is before epoch 0.
    pub every: usize,
    /// Epochs that copies train; as many as the run has left where those are fewer.
    pub epochs: usize,
    /// Share of the training rows that is held out, from the run itself too.
    pub held_out: f64,
}

/// Which losses a copy trains on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyLoss {
    /// Each modality's own; they share no parameter, so this is one copy for each.
    Unimodal,
    /// The fused one.
    Fused,
}
