//! What a method declares, and what it hears of a step.

use std::fmt::Debug;

use tch::Tensor;

use crate::objective::{Layout, Mixed, Shape, Term};
use crate::task::Reading;

/// At which weights a branch runs, for each run.
#[derive(Debug)]
pub enum Weights {
    /// Those that are trained, θ.
    Live,
    /// θ moved along the gradient of some losses of earlier branches. The branch's gradients, taken there, are applied to θ: first
    /// order.
    Ahead {
        /// Places of the terms, whose gradients are summed as they are, unweighted by any balancer.
        along: Vec<usize>,
        /// What is moved.
        scope: Scope,
        /// How far.
        by: Move,
    },
    /// An average of θ over the steps, from which nothing learns: E ← d E + (1 − d) θ after each step, E = θ before the first;
    /// d by run.
    Average(Vec<f64>),
    /// The mean of θ over the steps since the method's [switch](Method::switch), the last one before it counting too; until then θ. Nothing
    /// learns from it.
    MeanSinceSwitch,
}

impl Weights {
    /// Whether something learns from a branch at these.
    pub fn learn(&self) -> bool {
        matches!(self, Self::Live | Self::Ahead { .. })
    }
}

/// Where a method begins to train on something else.
#[derive(Debug)]
pub struct Switch {
    /// By run, the step, from 0; half of a run's steps where that is sooner.
    pub from: Vec<f64>,
    /// Whether the optimizer starts anew there.
    pub anew: bool,
}

/// Which parameters are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Encoders.
    Encoders,
    /// Encoders and heads.
    All,
}

/// How far weights are moved, by run \[R\].
#[derive(Debug)]
pub enum Move {
    /// θ − rate · g.
    Descend(Tensor),
    /// θ + ρ g / ‖g‖, the norm that of all that is moved.
    Ascend(Tensor),
}

/// One forward pass of the encoders in a step.
#[derive(Debug)]
pub struct Branch {
    /// Where it runs.
    pub weights: Weights,
    /// Whether it has dropout: the first branch's factors are those that a step without further branches has, every other branch
    /// draws its own.
    pub dropout: bool,
}

impl Branch {
    /// At the weights that are trained, with dropout.
    pub fn live() -> Self {
        Self { weights: Weights::Live, dropout: true }
    }
}

/// What a method consists of.
#[derive(Debug)]
pub struct Declared {
    /// Its forward passes; one that is ahead stands after those whose losses it is moved along.
    pub branches: Vec<Branch>,
    /// Its losses. The first one of [`Role::Task`](crate::objective::Role::Task) that counts has the outputs that the run is judged by.
    pub terms: Vec<Term>,
    /// The branch whose weights are judged and kept: a live one or an average.
    pub judged: usize,
}

impl Declared {
    /// Losses of one pass at the weights that are trained.
    pub fn live(terms: Vec<Term>) -> Self {
        Self { branches: vec![Branch::live()], terms, judged: 0 }
    }
}

/// What goes into a branch, and what a method may change of it.
#[derive(Debug)]
pub struct BranchInput<'a> {
    /// Standardised features by modality, [R, B, D]; whoever changes them puts other tensors here.
    pub features: Vec<Tensor>,
    /// Factors on each row's embeddings for losses that fuse them, [R, B, M]; all 1 where none.
    pub mask: Option<Tensor>,
    /// Each row's share of its run's batch, [R, B]; 0 for padding, whose features are those of some other row.
    pub share: &'a Tensor,
    /// What uni-modal outputs of earlier branches say of the labels.
    pub class: Option<&'a Reading>,
    /// 1 for a run that takes this step, 0 for one that has finished, \[R\].
    pub active: &'a Tensor,
    /// State of each run's random stream of this step, [R, 2], for [`crate::rng`] in tensor arithmetic.
    pub states: &'a Tensor,
    /// The epoch, from 0.
    pub epoch: usize,
    /// 1 for a run that is at its [switch](Method::switch) or past it, else 0, \[R\]; none where the method has none.
    pub late: Option<&'a Tensor>,
    /// Rows that a method has mixed, for losses to know; none where each is itself.
    pub mixed: Option<Mixed>,
}

/// What a method trains, for R runs at once. Implementers owe: no exchange between runs, and nothing read back to the host.
pub trait Method: Debug + Send {
    /// Its branches and losses; heads claim their parameters.
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared;

    /// Before each branch of each step.
    fn before(&mut self, _branch: usize, _input: &mut BranchInput<'_>) {}

    /// Where it begins to train on something else, if it does.
    fn switch(&self) -> Option<Switch> {
        None
    }

    /// What one of its losses [told](crate::objective::Outcome::told) in a step.
    fn hear(&mut self, _told: &Tensor, _active: &Tensor) {}

    /// What it carries from step to step, by name, [R, …] each: a checkpoint holds it and puts it back.
    fn state(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        Vec::new()
    }
}
