//! What a model and its balancer are asked for outside of steps.

use tch::Tensor;

use super::{Inputs, Model, Scores};
use crate::balance::{Copies, CopyLoss, Losses};
use crate::method::{Branch, Switch};
use crate::objective::{Batch, Objective, Params, Role, View, mean};
use crate::train::stretch::Stretch;
use crate::train::watch::Watch;

/// Tensors that stay from step to step.
type Named<'a> = Vec<(&'static str, &'a mut Tensor)>;

impl Model {
    /// [`Needs::progress`](crate::balance::Needs::progress).
    pub fn needs_progress(&self) -> bool {
        self.balancer.needs().progress
    }

    /// [`Method::switch`](crate::method::Method::switch).
    pub fn switch(&self) -> Option<Switch> {
        self.method.switch()
    }

    /// [`Balancer::records`](crate::balance::Balancer::records).
    pub fn records(&self) -> &'static [&'static str] {
        self.balancer.records()
    }

    /// [`LookAhead::copies`](crate::balance::LookAhead::copies); empty where none look ahead.
    pub fn copies(&mut self) -> Vec<Copies> {
        self.balancer.look_ahead().map_or_else(Vec::new, |ahead| ahead.copies().to_vec())
    }

    /// [`LookAhead::train_on`](crate::balance::LookAhead::train_on).
    pub fn train_on(&mut self, losses: Option<CopyLoss>) {
        if let Some(ahead) = self.balancer.look_ahead() {
            ahead.train_on(losses);
        }
    }

    /// [`LookAhead::learn`](crate::balance::LookAhead::learn).
    pub fn learn(&mut self, before: &Losses, after: &Losses, active: &Tensor) {
        if let Some(ahead) = self.balancer.look_ahead() {
            ahead.learn(before, after, active);
        }
    }

    /// Its branches.
    pub fn branches(&self) -> &[Branch] {
        &self.branches
    }

    /// The branch whose weights are judged and kept.
    pub fn judged(&self) -> usize {
        self.judged
    }

    /// The parts of a run's row of parameters, in order, that are clipped by a norm of their own each: encoders and task heads
    /// together, then every probe, guide and discriminator by itself.
    pub fn parts(&self) -> Vec<Stretch> {
        let opposed = self.terms.iter().filter(|loss| loss.role == Role::Domain).map(|loss| &loss.objective);
        let apart: Vec<_> = opposed.chain(&self.probes).collect();
        let task = self.terms.get(self.task).map_or(0..0, |task| task.objective.entries());
        let group = |place: usize| {
            let mut others = apart.iter().filter(|_| !task.contains(&place));
            others.position(|objective| objective.entries().contains(&place)).map_or(0, |i| i + 1)
        };
        let mut parts: Vec<Stretch> = Vec::new();
        for (place, entry) in self.layout.entries().iter().enumerate() {
            let (group, len) = (group(place), entry.len() as usize);
            match parts.last_mut().filter(|part| part.group == group) {
                Some(part) => part.len += len,
                None => parts.push(Stretch { start: entry.offset as usize, len, group }),
            }
        }
        parts
    }

    /// [`Objective::kept`] of all losses.
    pub fn kept(&self) -> i64 {
        self.terms.iter().map(|loss| loss.objective.kept()).sum()
    }

    /// Groups of losses that encoders learn from, T.
    pub fn objectives(&self) -> usize {
        self.groups.len() as usize
    }

    /// [`Balancer::state`](crate::balance::Balancer::state) and [`Method::state`](crate::method::Method::state).
    pub fn state(&mut self) -> (Named<'_>, Named<'_>) {
        (self.balancer.state(), self.method.state())
    }

    /// Keeps what the balancer sees and decides in the next step.
    pub(in crate::train) fn watch(&mut self) {
        self.watch = Some(Watch::default());
    }

    /// What was kept since, [R, …] by name; from here on nothing is.
    pub(in crate::train) fn watched(&mut self) -> Vec<(String, Tensor)> {
        self.watch.take().unwrap_or_default().0
    }

    /// Whether some loss of it translates between modalities.
    pub fn translates(&self) -> bool {
        self.terms.iter().any(|loss| loss.objective.translates())
    }

    /// The embeddings of rows, in which those of modalities that one lacks are made of those that it has. None for a method that
    /// translates none.
    pub fn translated(&self, params: &Params, inputs: &Inputs) -> Option<Tensor> {
        let features = inputs.features.iter().map(Tensor::shallow_clone).collect();
        let (embeddings, _) = self.encode(params, features, None, false);
        let batch = &as_they_are(&embeddings, inputs);
        self.terms.iter().find_map(|loss| loss.objective.translated(&View { params, batch }))
    }

    /// What the model says of rows, without dropout; of `heads`, if asked for, the first that there are. None for a method
    /// without a fused head.
    pub fn scores(&self, params: &Params, mut inputs: Inputs, heads: bool) -> Option<Scores> {
        let (embeddings, _) = self.encode(params, std::mem::take(&mut inputs.features), None, false);
        self.scores_of(params, embeddings, &inputs, heads)
    }

    /// The same of embeddings [R, B, Σ E_m].
    pub fn scores_of(&self, params: &Params, embeddings: Tensor, inputs: &Inputs, heads: bool) -> Option<Scores> {
        let batch = as_they_are(&embeddings, inputs);
        let logits = self.terms.get(self.task).and_then(|loss| loss.objective.forward(params, &batch).logits)?;
        let mut readers = self.readers().filter(|_| heads);
        let heads = readers.find_map(|reader| reader.forward(params, &batch).class).map(|class| class.outputs().shallow_clone());
        Some(Scores { embeddings, logits, heads })
    }

    /// What can be asked of one branch alone.
    fn readers(&self) -> impl Iterator<Item = &Box<dyn Objective>> {
        self.terms.iter().filter(|loss| loss.reads.len() == 1).map(|loss| &loss.objective).chain(&self.probes)
    }

    /// Heads whose losses encoders learn from, by the first word of their parameters' names, each once.
    pub fn trained_heads(&self) -> Vec<String> {
        let mut losses = Vec::new();
        for entry in self.terms.iter().flat_map(|loss| &self.layout.entries()[loss.objective.entries()]) {
            let head = entry.name.split('.').next().unwrap_or_default().to_owned();
            if !losses.contains(&head) {
                losses.push(head);
            }
        }
        losses
    }

    /// Losses of uni-modal heads and of the task's, [R, M + 1], without dropout: sums over rows by share; and where rows lack
    /// modalities, the shares that each went over. None without uni-modal heads.
    pub fn losses(&self, params: &Params, mut inputs: Inputs) -> Option<(Tensor, Option<Tensor>)> {
        let (embeddings, _) = self.encode(params, std::mem::take(&mut inputs.features), None, false);
        let batch = as_they_are(&embeddings, &inputs);
        // of outputs, row by row: what a method makes of its loss beside that need not be a sum over rows
        let outputs = self.terms.get(self.task)?.objective.forward(params, &batch).logits?;
        let fused = mean(&self.shape.task.loss(&outputs, &inputs.label), &inputs.share).unsqueeze(1);
        let class = self.readers().find_map(|reader| reader.forward(params, &batch).class)?;
        let Some(present) = &inputs.present else { return Some((Tensor::cat(&[class.loss(), fused], 1), None)) };
        let share = inputs.share.unsqueeze(1) * present.transpose(1, 2);
        let whole = [share.sum_dim_intlist(2, false, None), inputs.share.sum_dim_intlist(1, true, None)];
        Some((Tensor::cat(&[class.loss_by(&share), fused], 1), Some(Tensor::cat(&whole, 1))))
    }
}

/// A batch without dropout and class weights.
fn as_they_are<'a>(embeddings: &'a Tensor, inputs: &'a Inputs) -> Batch<'a> {
    Batch {
        embeddings,
        label: &inputs.label,
        domain: &inputs.domain,
        share: &inputs.share,
        present: inputs.present.as_ref(),
        weight: None,
        mixed: None,
        states: None,
        masks: None,
    }
}
