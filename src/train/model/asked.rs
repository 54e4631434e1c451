//! What a model and its balancer are asked for outside of steps.

use tch::Tensor;

use super::{Inputs, Model, Scores};
use crate::balance::{Losses, Rehearsal, Trial};
use crate::objective::{Batch, Params};
use crate::train::parts::Part;
use crate::train::watch::Watch;

impl Model {
    /// [`Balancer::hears_progress`](crate::balance::Balancer::hears_progress).
    pub fn hears_progress(&self) -> bool {
        self.balancer.hears_progress()
    }

    /// [`Balancer::records`](crate::balance::Balancer::records).
    pub fn records(&self) -> &'static [&'static str] {
        self.balancer.records()
    }

    /// [`Balancer::rehearsals`](crate::balance::Balancer::rehearsals).
    pub fn rehearsals(&self) -> &[Rehearsal] {
        self.balancer.rehearsals()
    }

    /// [`Balancer::trial`](crate::balance::Balancer::trial).
    pub fn trial(&mut self, trial: Option<Trial>) {
        self.balancer.trial(trial);
    }

    /// [`Balancer::on_epoch`](crate::balance::Balancer::on_epoch).
    pub fn on_epoch(&mut self, before: &Losses, after: &Losses, active: &Tensor) {
        self.balancer.on_epoch(before, after, active);
    }

    /// The parts of a run's row of parameters, in order, that are clipped by a norm of their own each: encoders and task heads
    /// together, then every probe, guide and discriminator by itself.
    pub fn parts(&self) -> Vec<Part> {
        let objectives = self.terms.iter().map(|(objective, _)| objective).chain(&self.probes);
        let apart: Vec<_> = objectives.filter(|objective| !objective.trains_encoders() || objective.opposes()).collect();
        let group = |place: usize| apart.iter().position(|objective| objective.entries().contains(&place)).map_or(0, |i| i + 1);
        let mut parts: Vec<Part> = Vec::new();
        for (place, entry) in self.layout.entries().iter().enumerate() {
            let (group, len) = (group(place), entry.len() as usize);
            match parts.last_mut().filter(|part| part.group == group) {
                Some(part) => part.len += len,
                None => parts.push(Part { start: entry.offset as usize, len, group }),
            }
        }
        parts
    }

    /// Objectives that encoders learn from, T.
    pub fn objectives(&self) -> usize {
        self.terms.len()
    }

    /// [`Balancer::state`](crate::balance::Balancer::state).
    pub fn state(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        self.balancer.state()
    }

    /// Keeps what the balancer sees and decides in the next step.
    pub(in crate::train) fn watch(&mut self) {
        self.watch = Some(Watch::default());
    }

    /// What was kept since, [R, …] by name; from here on nothing is.
    pub(in crate::train) fn watched(&mut self) -> Vec<(String, Tensor)> {
        self.watch.take().unwrap_or_default().0
    }

    /// What the model says of rows, without dropout; of `heads`, if asked for, the first that there are. None for a method
    /// without a fused head.
    pub fn scores(&self, params: &Params, mut inputs: Inputs, heads: bool) -> Option<Scores> {
        let (embeddings, _) = self.encode(params, &mut inputs, false);
        let batch = as_they_are(&embeddings, &inputs);
        let logits = self.terms.first().and_then(|(objective, _)| objective.forward(params, &batch).logits)?;
        let mut readers = self.terms.iter().map(|(objective, _)| objective).chain(&self.probes).filter(|_| heads);
        let heads = readers.find_map(|reader| reader.forward(params, &batch).class).map(|class| class.log().shallow_clone());
        Some(Scores { embeddings, logits, heads })
    }

    /// Heads whose losses encoders learn from, by the first word of their parameters' names, each once.
    pub fn trained_heads(&self) -> Vec<String> {
        let mut losses = Vec::new();
        for entry in self.terms.iter().flat_map(|(objective, _)| &self.layout.entries()[objective.entries()]) {
            let head = entry.name.split('.').next().unwrap_or_default().to_owned();
            if !losses.contains(&head) {
                losses.push(head);
            }
        }
        losses
    }

    /// Losses of uni-modal heads and of the first objective, [R, M + 1], without dropout: sums over rows by share; and where rows lack
    /// modalities, the shares that each went over. None without uni-modal heads.
    pub fn losses(&self, params: &Params, mut inputs: Inputs) -> Option<(Tensor, Option<Tensor>)> {
        let (embeddings, _) = self.encode(params, &mut inputs, false);
        let batch = as_they_are(&embeddings, &inputs);
        let outcomes: Vec<_> = self.terms.iter().map(|(objective, _)| objective.forward(params, &batch)).collect();
        let fused = outcomes.first()?.loss.unsqueeze(1);
        let class = outcomes.into_iter().find_map(|outcome| outcome.class)?;
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
        masks: None,
    }
}
