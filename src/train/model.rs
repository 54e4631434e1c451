//! Encoders and heads of one shape, and one step's gradients for all runs of a cohort.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

use super::encoder::{Encoder, Tape};
use super::watch::Watch;
use crate::balance::{Balancer, Entry, Hyperparameters, Signals, Steering, Term};
use crate::method::Method;
use crate::objective::{Batch, Layout, Objective, Params, Shape, contributions};

mod asked;
mod explicit;
mod step;
mod taped;

use step::Head;
pub use step::{Inputs, Moment, Scores, Seen};

/// What a cohort's runs have in common.
#[derive(Debug, Clone)]
pub struct Design {
    /// Sizes of embeddings and heads.
    pub shape: Shape,
    /// Width D of each modality's features.
    pub inputs: Vec<i64>,
    /// Hidden widths of encoders, input side first; none for linear ones.
    pub hidden: Vec<i64>,
    /// Whether LayerNorm stands before each ReLU of encoders.
    pub layer_norm: bool,
    /// Whether a row counts in class losses by the rarity of its class among the run's training rows.
    pub class_weights: bool,
    /// Share of hidden units dropped.
    pub dropout: f64,
    /// Which losses there are.
    pub method: &'static Method,
    /// How gradients meet.
    pub balance: &'static Entry,
}

/// A model: its parameters live elsewhere, in a flat buffer [R, P].
#[derive(Debug)]
pub struct Model {
    /// Places of the parameters.
    pub layout: Layout,
    /// Sizes of embeddings and heads.
    pub shape: Shape,
    /// Entries of the layout that encoders and the method's own heads have; those of the balancer follow.
    pub needed: usize,
    encoders: Vec<Encoder>,
    /// Entries of each encoder.
    own: Vec<Range<usize>>,
    terms: Vec<(Box<dyn Objective>, Option<Tensor>)>,
    probes: Vec<Box<dyn Objective>>,
    balancer: Box<dyn Balancer>,
    watch: Option<Watch>,
    dropout: f64,
}

impl Model {
    /// A model for R runs with these settings of the balancer.
    pub fn new(design: &Design, hyperparameters: &[Hyperparameters], kind: Kind, device: Device) -> Self {
        let (mut layout, shape) = (Layout::default(), design.shape.clone());
        let (mut encoders, mut own) = (Vec::new(), Vec::new());
        for (modality, &input) in shape.modalities.iter().zip(&design.inputs) {
            let widths = [&[input][..], &design.hidden, &[shape.embedding]].concat();
            let start = layout.entries().len();
            encoders.push(Encoder::declare(modality, &widths, design.layer_norm, &mut layout));
            own.push(start..layout.entries().len());
        }
        let mut balancer = (design.balance.build)(hyperparameters, kind, device);
        let mut terms: Vec<(Box<dyn Objective>, Option<Tensor>)> =
            (design.method.objectives)(&shape, &mut layout).into_iter().map(|objective| (objective, None)).collect();
        let needed = layout.entries().len();
        let mut probes = Vec::new();
        for Term { objective, scale } in balancer.terms(&shape, &mut layout) {
            if objective.trains_encoders() {
                terms.push((objective, Some(scale.view([-1, 1, 1]))));
            } else {
                probes.push(objective);
            }
        }
        let heads = terms.first().map_or(0..0, |(objective, _)| objective.entries());
        balancer.prepare(&shape, &layout, heads);
        balancer.count(terms.len());
        Self { layout, shape, needed, encoders, own, terms, probes, balancer, watch: None, dropout: design.dropout }
    }

    /// Concatenated embeddings [R, B, M·E] with the encoders' tapes.
    fn encode(&self, params: &Params, inputs: &mut Inputs, record: bool) -> (Tensor, Vec<Tape>) {
        let (mut embeddings, mut tapes) = (Vec::new(), Vec::new());
        for (encoder, features) in self.encoders.iter().zip(inputs.features.drain(..)) {
            let (embedding, tape) = encoder.forward(params, features, inputs.masks.as_ref(), self.dropout, record);
            embeddings.push(embedding);
            tapes.push(tape);
        }
        (Tensor::cat(&embeddings, 2), tapes)
    }

    /// Fills `gradient` (views of a flat buffer) with what the optimizer is to follow. `heads` are the leaves of `params`.
    pub fn gradients(&mut self, params: &Params, heads: &Params, gradient: &Params, mut inputs: Inputs, moment: Moment) -> Seen {
        let (embeddings, tapes) = tch::no_grad(|| self.encode(params, &mut inputs, true));
        let embeddings = embeddings.set_requires_grad(true);
        self.descend(params, heads, gradient, (embeddings, Some(tapes)), &inputs, moment)
    }

    /// From embeddings to what the optimizer is to follow; without tapes, by automatic differentiation alone.
    fn descend(
        &mut self,
        params: &Params,
        heads: &Params,
        gradient: &Params,
        (embeddings, tapes): (Tensor, Option<Vec<Tape>>),
        inputs: &Inputs,
        moment: Moment,
    ) -> Seen {
        let beneath = if tapes.is_some() { 0..0 } else { 0..self.own.last().map_or(0, |own| own.end) };
        let whole = Batch {
            embeddings: &embeddings,
            label: &inputs.label,
            domain: &inputs.domain,
            share: &inputs.share,
            present: inputs.present.as_ref(),
            weight: inputs.weight.as_ref(),
            masks: inputs.masks.as_ref(),
        };
        if let Some(done) = &moment.done {
            self.balancer.progress(done);
        }
        let (mut class, mut domain) = (None, None);
        let mut read = Vec::new();
        for probe in &self.probes {
            let outcome = probe.forward(heads, &whole);
            class = class.or(outcome.class);
            domain = domain.or(outcome.domain);
            for (place, own) in probe.entries().zip(&outcome.own) {
                gradient.set(place, own);
            }
            let learned = outcome.own.is_empty().then(|| outcome.loss.sum(None));
            read.push((probe, learned, outcome.last));
        }
        let mask = class.as_ref().and_then(|class| self.balancer.before_fusion(class, &moment.states, moment.epoch));
        if let (Some(watch), Some(mask)) = (&mut self.watch, &mask) {
            watch.keep("fusion", mask);
        }
        let wide = |of: &Tensor| of.unsqueeze(3).expand([-1, -1, -1, self.shape.embedding], false).flatten(2, 3);
        let mask = mask.as_ref().map(wide);
        // what stands in for a modality that a row lacks moves no encoder
        let present = inputs.present.as_ref().map(wide);
        let mut steered = None;
        let (mut deltas, mut losses) = (Vec::new(), Vec::new());
        let mut parts = Vec::new();
        let mut logits = None;
        for (t, (objective, scale)) in self.terms.iter().enumerate() {
            // for each anew: a backward pass frees the graph that it went through
            let masked = mask.as_ref().map(|mask| &embeddings * mask);
            let batch = Batch { embeddings: masked.as_ref().unwrap_or(&embeddings), ..whole };
            let outcome = objective.forward(heads, &batch);
            let mut total = outcome.loss.sum(None);
            let mut places: Vec<usize> = objective.entries().chain(beneath.clone()).collect();
            let mut leaves: Vec<&Tensor> =
                std::iter::once(&embeddings).chain(places.iter().map(|&place| heads.get(place))).collect();
            class = class.or(outcome.class);
            domain = domain.or(outcome.domain);
            losses.push(outcome.loss.detach());
            if t == 0 {
                let probes: Vec<_> = read.iter().flat_map(|(_, _, last)| last).collect();
                if let (Some(class), Some(fused)) = (&class, outcome.last.first()) {
                    let (heads, active) = (heads.range(objective.entries()), &moment.active);
                    let steering = Steering { fused, probes: &probes, class, heads, batch: &batch, active };
                    steered = self.balancer.steer(&steering);
                }
                // probes share no path with the objectives: one backward pass does for all
                for (probe, loss, _) in &read {
                    let Some(loss) = loss else { continue };
                    total += loss;
                    leaves.extend(heads.range(probe.entries()));
                    places.extend(probe.entries());
                }
                if self.balancer.needs_contributions() {
                    class = class.or_else(|| contributions(objective.as_ref(), params, &batch, &self.shape));
                }
                logits = outcome.logits.map(|logits| logits.detach());
            }
            let mut found = Tensor::run_backward(&[total], &leaves, tapes.is_none(), false).into_iter();
            let delta = found.next().unwrap_or_else(|| embeddings.zeros_like());
            let delta = present.as_ref().map_or_else(|| delta.shallow_clone(), |present| &delta * present);
            deltas.push(scale.as_ref().map_or_else(|| delta.shallow_clone(), |scale| &delta * scale));
            for (place, found) in places.into_iter().zip(found) {
                let encoder = self.own.iter().position(|own| own.contains(&place));
                match (encoder.or(self.layout.entries()[place].owner), scale) {
                    (Some(m), Some(scale)) => {
                        parts.push(Head { place, t, owner: Some(m), gradient: found.flatten(1, -1) * scale.squeeze_dim(2) });
                    }
                    (Some(_), None) if encoder.is_some() => {
                        parts.push(Head { place, t, owner: encoder, gradient: found.flatten(1, -1) });
                    }
                    _ if objective.entries().contains(&place) => {
                        let gradient = match steered.as_ref().filter(|_| t == 0) {
                            Some(more) => found.flatten(1, -1) + self.part(more, objective.as_ref(), place),
                            None => found.flatten(1, -1),
                        };
                        parts.push(Head { place, t, owner: None, gradient });
                    }
                    _ => gradient.set(place, &found),
                }
            }
        }
        let loss = Tensor::stack(&losses, 1);
        let Moment { active, states, epoch, .. } = moment;
        let signals = Signals { loss, class, domain, gramian: None, active, states, epoch };
        let loss = signals.loss.select(1, 0);
        let record = match tapes {
            Some(tapes) => self.balance(params, gradient, tapes, deltas, &parts, signals),
            None => self.balance_explicitly(gradient, deltas.len(), &parts, signals),
        };
        if let Some(watch) = &mut self.watch {
            watch.gradient(&self.layout, gradient);
        }
        let accuracy = match logits {
            Some(logits) => (logits.argmax(-1, false).eq_tensor(&inputs.label).to_kind(loss.kind()) * &inputs.share)
                .sum_dim_intlist(1, false, None),
            None => loss.zeros_like(),
        };
        Seen { loss, accuracy, record }
    }

    /// The part of an objective's row [R, P] that one of its entries has.
    fn part(&self, row: &Tensor, objective: &dyn Objective, place: usize) -> Tensor {
        let entries = self.layout.entries();
        let (first, entry) = (&entries[objective.entries().start], &entries[place]);
        row.narrow(1, entry.offset - first.offset, entry.len())
    }
}
