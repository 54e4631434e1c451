//! Losses at the embeddings: each forward and backward, and what they leave for encoders, heads and the balancer.

use std::ops::Range;

use tch::Tensor;

use super::super::sets::Sets;
use super::pass::BranchPass;
use super::{Given, Head, Inputs, Loss, Model, Moment};
use crate::balance::TaskHeads;
use crate::method::Weights;
use crate::objective::{Batch, Last, Params, View, contributions};
use crate::task::Reading;

/// What a step's losses have come to so far.
#[derive(Debug)]
pub(super) struct Found {
    /// Mean loss of each group, \[R\].
    pub losses: Vec<Option<Tensor>>,
    /// By branch and group, what arrives at the embeddings, [R, B, Σ E_m].
    pub deltas: Vec<Vec<Option<Tensor>>>,
    /// What arrives at the heads, and by automatic differentiation at the encoders: one for each parameter and group.
    pub heads: Vec<Head>,
    /// Of losses that a branch is moved along.
    pub slopes: Vec<Slope>,
    /// Of the loss that the runs are judged by, \[R\].
    pub task_loss: Option<Tensor>,
    /// Its outputs.
    pub logits: Option<Tensor>,
    /// What losses have told.
    pub told: Vec<Tensor>,
    probes: Vec<Probed>,
    /// Of classes and of domains, by probes, which come first, and by losses.
    by_probes: [Option<Reading>; 2],
    by_losses: [Option<Reading>; 2],
}

/// The gradient of one loss, whatever a balancer makes of it.
#[derive(Debug)]
pub(super) struct Slope {
    /// Its place.
    pub term: usize,
    /// By branch, at the embeddings, [R, B, Σ E_m].
    pub deltas: Vec<(usize, Tensor)>,
    /// By parameters.
    pub parameters: Vec<(usize, Tensor)>,
}

/// A probe that has read the embeddings.
#[derive(Debug)]
struct Probed {
    entries: Range<usize>,
    /// What it learns from, where it does not say its gradient itself.
    loss: Option<Tensor>,
    last: Vec<Last>,
}

/// What a loss is differentiated by.
#[derive(Clone, Copy)]
enum By {
    /// The embeddings of a branch.
    Embeddings(usize),
    /// A parameter, by its place.
    Parameter(usize),
}

impl Found {
    pub(super) fn new(branches: usize, groups: usize) -> Self {
        Self {
            losses: (0..groups).map(|_| None).collect(),
            deltas: (0..branches).map(|_| (0..groups).map(|_| None).collect()).collect(),
            heads: Vec::new(),
            slopes: Vec::new(),
            task_loss: None,
            logits: None,
            told: Vec::new(),
            probes: Vec::new(),
            by_probes: [None, None],
            by_losses: [None, None],
        }
    }

    /// What uni-modal class scores say so far.
    pub fn class(&self) -> Option<&Reading> {
        self.by_probes[0].as_ref().or(self.by_losses[0].as_ref())
    }

    /// What uni-modal scores say of classes and of domains.
    pub fn readings(&mut self) -> (Option<Reading>, Option<Reading>) {
        let [class, domain] = std::mem::take(&mut self.by_probes);
        let [more_class, more_domain] = std::mem::take(&mut self.by_losses);
        (class.or(more_class), domain.or(more_domain))
    }

    fn head(&mut self, new: Head) {
        let same = |head: &&mut Head| (head.place, head.t, head.owner) == (new.place, new.t, new.owner);
        match self.heads.iter_mut().find(same) {
            Some(head) => head.gradient = &head.gradient + new.gradient,
            None => self.heads.push(new),
        }
    }
}

/// Adds to what is there.
fn add(place: &mut Option<Tensor>, more: Tensor) {
    *place = Some(match place.take() {
        Some(sum) => sum + more,
        None => more,
    });
}

impl Inputs {
    /// What heads see of a branch, whose embeddings these are.
    fn batch<'a>(&'a self, embeddings: &'a Tensor, pass: &'a BranchPass, moment: &'a Moment) -> Batch<'a> {
        let Self { label, domain, share, present, weight, .. } = self;
        let (masks, mixed, states) = (pass.masks.as_ref(), pass.mixed.as_ref(), Some(&moment.states));
        Batch { embeddings, label, domain, share, present: present.as_ref(), weight: weight.as_ref(), mixed, states, masks }
    }
}

impl Model {
    /// Has the probes read a branch's embeddings, and the balancer drop some of them.
    pub(super) fn read(
        &mut self,
        sets: &Sets,
        gradient: &Params,
        Given { inputs, moment, .. }: &Given<'_>,
        (branch, pass): (usize, &mut BranchPass),
        found: &mut Found,
    ) {
        let batch = inputs.batch(&pass.embeddings, pass, moment);
        for probe in &self.probes {
            let outcome = probe.forward(&sets.at(branch).leaves, &batch);
            for (place, own) in probe.entries().zip(&outcome.own) {
                gradient.set(place, own);
            }
            let loss = outcome.own.is_empty().then(|| outcome.loss.sum(None));
            found.probes.push(Probed { entries: probe.entries(), loss, last: outcome.last });
            for (place, reading) in found.by_probes.iter_mut().zip([outcome.class, outcome.domain]) {
                *place = place.take().or(reading);
            }
        }
        if let (Some(class), Some(dropping)) = (found.class(), self.balancer.dropping()) {
            let factors = dropping.factors(class, &moment.states, moment.epoch);
            if let Some(watch) = &mut self.watch {
                watch.keep("fusion", &factors);
            }
            pass.dropped = Some(self.shape.widened(&factors));
        }
    }

    /// Takes one loss, and goes back from it to embeddings and heads.
    pub(super) fn take(
        &mut self,
        t: usize,
        (sets, passes): (&Sets, &[BranchPass]),
        gradient: &Params,
        Given { inputs, moment, present, explicit }: &Given<'_>,
        found: &mut Found,
    ) {
        let Loss { objective, role, reads, scale, group } = &self.terms[t];
        let given: Vec<Option<Tensor>> = reads.iter().map(|&branch| passes[branch].given(*role)).collect();
        let mut batches = Vec::new();
        for (&branch, given) in reads.iter().zip(&given) {
            let pass = &passes[branch];
            batches.push(inputs.batch(given.as_ref().unwrap_or(&pass.embeddings), pass, moment));
        }
        let view = |(&branch, batch)| View { params: &sets.at(branch).leaves, batch };
        let views: Vec<View<'_>> = reads.iter().zip(&batches).map(view).collect();
        let Some((here, others)) = views.split_first() else { return };
        let outcome = objective.outcome(here, others);
        let mut total = outcome.loss.sum(None);

        // encoders too where there is no tape
        let beneath = if *explicit { 0..self.own.last().map_or(0, |own| own.end) } else { 0..0 };
        let (mut by, mut leaves): (Vec<By>, Vec<&Tensor>) = (Vec::new(), Vec::new());
        for &branch in reads.iter().filter(|&&branch| passes[branch].learns) {
            by.push(By::Embeddings(branch));
            leaves.push(&passes[branch].embeddings);
            for place in objective.entries().chain(beneath.clone()) {
                by.push(By::Parameter(place));
                leaves.push(sets.at(branch).leaves.get(place));
            }
        }
        for (place, reading) in found.by_losses.iter_mut().zip([outcome.class, outcome.domain]) {
            *place = place.take().or(reading);
        }
        if let Some(group) = group {
            add(&mut found.losses[*group], outcome.loss.detach());
        }
        found.told.extend(outcome.told);
        let mut steered = None;
        if t == self.task {
            let last: Vec<&Last> = found.probes.iter().flat_map(|probe| &probe.last).collect();
            if let (Some(class), Some(fused), Some(steering)) = (found.class(), outcome.last.first(), self.balancer.steering()) {
                let heads = here.params.range(objective.entries());
                let heads = TaskHeads { fused, probes: &last, class, heads, batch: here.batch, active: &moment.active };
                steered = steering.steer(&heads);
            }
            // probes share no path with the losses: one backward pass does for all
            for Probed { entries, loss, .. } in &found.probes {
                let Some(loss) = loss else { continue };
                total += loss;
                leaves.extend(here.params.range(entries.clone()));
                by.extend(entries.clone().map(By::Parameter));
            }
            if self.balancer.needs().contributions && found.class().is_none() {
                let params = &sets.at(reads[0]).params;
                found.by_losses[0] = contributions(objective.as_ref(), params, here.batch, &self.shape);
            }
            found.task_loss = Some(outcome.loss.detach());
            found.logits = outcome.logits.map(|logits| logits.detach());
        }
        if leaves.is_empty() {
            return;
        }
        let gradients = Tensor::run_backward(&[total], &leaves, *explicit, false);
        let along =
            self.branches.iter().any(|branch| matches!(&branch.weights, Weights::Ahead { along, .. } if along.contains(&t)));
        let mut slope = Slope { term: t, deltas: Vec::new(), parameters: Vec::new() };
        for (by, own) in by.into_iter().zip(gradients).filter(|(_, own)| own.defined()) {
            match by {
                By::Embeddings(branch) => {
                    // what stands in for a modality that a row lacks moves no encoder
                    let delta = present.as_ref().map_or_else(|| own.shallow_clone(), |present| &own * present);
                    let delta = scale.as_ref().map_or_else(|| delta.shallow_clone(), |scale| &delta * scale);
                    if along {
                        slope.deltas.push((branch, delta.shallow_clone()));
                    }
                    if let Some(group) = group {
                        add(&mut found.deltas[branch][*group], delta);
                    }
                }
                By::Parameter(place) => {
                    let encoder = self.own.iter().position(|own| own.contains(&place));
                    let owner = encoder.or(self.layout.entries()[place].owner.filter(|_| scale.is_some()));
                    if owner.is_none() && !objective.entries().contains(&place) {
                        gradient.set(place, &own);
                        continue;
                    }
                    let own = own.flatten(1, -1);
                    let own = match (owner, scale) {
                        (Some(_), Some(scale)) => own * scale.squeeze_dim(2),
                        _ => own,
                    };
                    if along {
                        slope.parameters.push((place, own.shallow_clone()));
                    }
                    let Some(group) = group else { continue };
                    let gradient = match steered.as_ref().filter(|_| owner.is_none()) {
                        Some(more) => own + self.part(more, objective.entries(), place),
                        None => own,
                    };
                    found.head(Head { place, t: *group, owner, gradient });
                }
            }
        }
        if along {
            found.slopes.push(slope);
        }
    }

    /// The part of a row [R, P] of these parameters that one of them has.
    fn part(&self, row: &Tensor, of: Range<usize>, place: usize) -> Tensor {
        let entries = self.layout.entries();
        let (first, entry) = (&entries[of.start], &entries[place]);
        row.narrow(1, entry.offset - first.offset, entry.len())
    }
}
