//! What a balancer is, what it sees and what it decides.

use std::fmt::Debug;

use tch::Tensor;

use super::groups::{EACH, Groups};
use super::hooks::{Dropping, LookAhead, Steering};
use crate::hyperparameters::{Choice, Hyperparameters};
use crate::objective::{Layout, Role, Shape, Term};
use crate::task::Reading;

/// What a balancer sees of one step of R runs, M modalities and T groups of losses.
#[derive(Debug)]
pub struct Signals {
    /// In which column the losses of each role are.
    pub groups: Groups,
    /// Mean loss of each group, [R, T], before any scale.
    pub loss: Tensor,
    /// What uni-modal outputs say of the labels, where an objective or probe gives them.
    pub class: Option<Reading>,
    /// What they say of the domains, where an objective or probe gives them.
    pub domain: Option<Reading>,
    /// ⟨g_s(m), g_t(m)⟩, [R, M, T, T], where [`Needs::gramian`].
    pub gramian: Option<Tensor>,
    /// 1 for a run that takes this step, 0 for one that has finished, \[R\].
    pub active: Tensor,
    /// State of each run's random stream of this step, [R, 2], for [`crate::rng`] in tensor arithmetic.
    pub states: Tensor,
    /// The epoch, from 0.
    pub epoch: usize,
    /// Share of each run's steps that is done, \[R\], where [`Needs::progress`].
    pub done: Option<Tensor>,
}

impl Signals {
    /// `new` for the runs that take this step and `old` for the rest, [R, …]: what a balancer's state must go through.
    pub fn keep(&self, old: &Tensor, new: &Tensor) -> Tensor {
        keep(&self.active, old, new)
    }
}

/// As [`Signals::keep`].
pub(super) fn keep(active: &Tensor, old: &Tensor, new: &Tensor) -> Tensor {
    let mut shape = vec![1; new.dim()];
    shape[0] = -1;
    new.where_self(&active.view(&shape[..]).gt(0.0), old)
}

/// One factor a modality, [R, M], on the gradients of all groups, [R, M, T].
pub(super) fn spread(factor: &Tensor, signals: &Signals) -> Tensor {
    factor.unsqueeze(2).expand([-1, -1, signals.loss.size()[1]], false)
}

/// What a balancer decides.
#[derive(Debug)]
pub struct Update {
    /// w[m, t], [R, M, T].
    pub weights: Tensor,
    /// Factors on the gradients of the groups' heads, [R, T], but for those that a modality owns.
    pub heads: Option<Tensor>,
    /// Factors on the gradients of the heads that modality m owns, [R, M, T]; as `weights` where none.
    pub owned: Option<Tensor>,
    /// Gaussian noise on each weight matrix of encoder m, in standard deviations of its gradient with all weights 1, [R, M].
    pub noise: Option<Tensor>,
    /// What it saw and did, for the results.
    pub record: Record,
}

impl Update {
    /// Factors on the gradients of heads that a modality owns, [R, M, T].
    pub fn of_owned(&self) -> &Tensor {
        self.owned.as_ref().unwrap_or(&self.weights)
    }

    /// These weights, heads as they are, nothing to tell.
    pub fn weights(weights: Tensor) -> Self {
        Self { weights, heads: None, owned: None, noise: None, record: Record::default() }
    }
}

/// What a balancer saw and did, by modality: figures under names of its own, [R, M] each.
#[derive(Debug, Default)]
pub struct Record(Vec<(&'static str, Tensor)>);

impl Record {
    /// These figures, in the order of [`Balancer::records`].
    pub fn of(figures: impl IntoIterator<Item = (&'static str, Tensor)>) -> Self {
        Self(figures.into_iter().collect())
    }

    /// Every figure with its name.
    pub fn figures(&self) -> &[(&'static str, Tensor)] {
        &self.0
    }

    /// The figure of that name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, figure)| figure)
    }

    /// All of them, [R, M, figures]; none where there are none.
    pub fn tensor(&self) -> Option<Tensor> {
        let figures: Vec<&Tensor> = self.0.iter().map(|(_, figure)| figure).collect();
        (!figures.is_empty()).then(|| Tensor::stack(&figures, 2))
    }
}

/// What a balancer has to be shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// [`Signals::gramian`].
    pub gramian: bool,
    /// [`Signals::class`] as what each modality adds to the task's scores ([`contributions`](crate::objective::contributions)).
    pub contributions: bool,
    /// [`Signals::done`].
    pub progress: bool,
}

/// Decides each step's weights for R runs of one kind at once. Implementers owe: no exchange between runs, nothing read
/// back to the host, and finite weights for any finite signals.
pub trait Balancer: Debug + Send {
    /// How losses are grouped by their roles, every role in one group: a column of signals and weights each.
    fn groups(&self) -> &'static [&'static [Role]] {
        EACH
    }

    /// The losses that it adds to a method's, whose roles these are; probes may stand among them.
    fn terms(&self, _shape: &Shape, _layout: &mut Layout, _method: &[Role]) -> Vec<Term> {
        Vec::new()
    }

    /// What it has to be shown.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Called once, when all parameters are claimed; `heads` are the parameters of the task's heads.
    fn prepare(&mut self, _shape: &Shape, _layout: &Layout, _heads: std::ops::Range<usize>, _groups: Groups) {}

    /// The names of the figures in its [`Record`] of each step, in their order.
    fn records(&self) -> &'static [&'static str] {
        &[]
    }

    /// The weights of a step; none where every gradient counts as it is.
    fn weigh(&mut self, signals: &Signals) -> Option<Update>;

    /// What it carries from step to step, by name, [R, …] each: a checkpoint holds it and puts it back.
    fn state(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        Vec::new()
    }

    /// Drops embeddings before they are fused, where it does.
    fn dropping(&mut self) -> Option<&mut dyn Dropping> {
        None
    }

    /// Steers the task's heads, where it does.
    fn steering(&mut self) -> Option<&mut dyn Steering> {
        None
    }

    /// Looks ahead, where it does.
    fn look_ahead(&mut self) -> Option<&mut dyn LookAhead> {
        None
    }
}

/// A word that the runs share.
pub(super) fn word<W: Copy>(runs: &[Hyperparameters], choice: &Choice<W>) -> W {
    runs.first().unwrap_or(&Hyperparameters::default()).word(choice)
}
