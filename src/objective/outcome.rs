//! What an objective is, and what it gives back.

use std::fmt::Debug;
use std::ops::Range;

use tch::Tensor;

use super::batch::Batch;
use super::last::Last;
use super::params::Params;
use crate::task::Reading;

/// What an objective gives back.
#[derive(Debug)]
pub struct Outcome {
    /// Mean loss of each run's batch, \[R\].
    pub loss: Tensor,
    /// Outputs [R, B, outputs] of the fused head, where it has one.
    pub logits: Option<Tensor>,
    /// What uni-modal heads or probes say of the labels.
    pub class: Option<Reading>,
    /// What they say of the domains.
    pub domain: Option<Reading>,
    /// Gradients of the loss by its heads, [R, …] in the order of their entries, where it gives them itself: the loss then has
    /// no graph.
    pub own: Vec<Tensor>,
    /// Last layers of the task's heads, where it shows them: the fused one, or one a modality.
    pub last: Vec<Last>,
    /// What its method is to hear, [R, …], without graph.
    pub told: Option<Tensor>,
}

impl Outcome {
    /// A loss and nothing else.
    pub fn loss(loss: Tensor) -> Self {
        Self { loss, logits: None, class: None, domain: None, own: Vec::new(), last: Vec::new(), told: None }
    }
}

/// What an objective sees of one branch.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The weights that the branch runs at.
    pub params: &'a Params,
    /// Its embeddings, and what all branches share.
    pub batch: &'a Batch<'a>,
}

/// A loss with its heads. Implementers owe: no exchange between runs, no read-back to the host in `outcome`, and
/// gradients that automatic differentiation can take from the loss to the embeddings and the heads.
pub trait Objective: Debug + Send {
    /// The parameters of the layout that its heads have; other objectives may have the same.
    fn entries(&self) -> Range<usize>;

    /// The loss at the first branch that its term reads, and of the others.
    fn outcome(&self, here: &View<'_>, others: &[View<'_>]) -> Outcome;

    /// The loss of one branch alone.
    fn forward(&self, params: &Params, batch: &Batch) -> Outcome {
        self.outcome(&View { params, batch }, &[])
    }

    /// Numbers that it keeps of each row of a batch until its gradient is taken, where these are more than what every head has: an
    /// estimate.
    fn kept(&self) -> i64 {
        0
    }

    /// Whether it can make [embeddings](Self::translated) of others.
    fn translates(&self) -> bool {
        false
    }

    /// Embeddings [R, B, Σ E_m] in which those of modalities that a row lacks are made of those that it has; none where it makes none.
    fn translated(&self, _: &View<'_>) -> Option<Tensor> {
        None
    }

    /// Whether encoders learn from it; probes only read.
    fn trains_encoders(&self) -> bool {
        true
    }
}
