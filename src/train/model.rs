//! Encoders and heads of one shape, and one step's gradients for all runs of a cohort.

use tch::{Device, Kind, Tensor};

use super::encoder::{Encoder, Tape};
use super::gradients::{LayerGradients, combined};
use crate::balance::{Balancer, Entry, Hyperparameters, Signals, Term, Update};
use crate::method::Method;
use crate::objective::{Batch, Layout, Linear, Objective, Params, Shape};

/// What a cohort's runs have in common.
#[derive(Debug, Clone)]
pub struct Design {
    /// Sizes of embeddings and heads.
    pub shape: Shape,
    /// Width D of each modality's features.
    pub inputs: Vec<i64>,
    /// Hidden width of encoders; 0 for linear ones.
    pub hidden: i64,
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
    encoders: Vec<Encoder>,
    terms: Vec<(Box<dyn Objective>, Option<Tensor>)>,
    probes: Vec<Box<dyn Objective>>,
    balancer: Box<dyn Balancer>,
    dropout: f64,
}

/// One batch of each run, before the encoders.
#[derive(Debug)]
pub struct Inputs {
    /// Standardised features by modality, [R, B, D].
    pub features: Vec<Tensor>,
    /// Classes [R, B].
    pub label: Tensor,
    /// Source domains [R, B], counted within the run's sources.
    pub domain: Tensor,
    /// [`Batch::share`].
    pub share: Tensor,
    /// [`Batch::masks`].
    pub masks: Option<Tensor>,
}

/// When a step is, and for whom.
#[derive(Debug)]
pub struct Moment {
    /// [`Signals::active`].
    pub active: Tensor,
    /// [`Signals::states`].
    pub states: Tensor,
    /// [`Signals::epoch`].
    pub epoch: usize,
}

/// One objective's gradient of one tensor of its heads.
#[derive(Debug)]
struct Head {
    /// Entry of the layout.
    place: usize,
    /// The objective.
    t: usize,
    /// The modality it is balanced with.
    owner: Option<usize>,
    /// [R, …] flattened; scaled as the objective is where a modality owns it.
    gradient: Tensor,
}

/// What a step tells of itself.
#[derive(Debug)]
pub struct Seen {
    /// Fused classification loss, \[R\].
    pub loss: Tensor,
    /// Share of the batch that the fused head got right, \[R\].
    pub accuracy: Tensor,
    /// [`crate::balance::Record::tensor`].
    pub record: Option<Tensor>,
}

impl Model {
    /// A model for R runs with these settings of the balancer.
    pub fn new(design: &Design, hyperparameters: &[Hyperparameters], kind: Kind, device: Device) -> Self {
        let (mut layout, shape) = (Layout::default(), design.shape.clone());
        let mut encoders = Vec::new();
        for (modality, &input) in shape.modalities.iter().zip(&design.inputs) {
            let widths = [input, design.hidden, shape.embedding].into_iter().filter(|&width| width > 0);
            encoders.push(Encoder::declare(modality, &widths.collect::<Vec<_>>(), &mut layout));
        }
        let balancer = (design.balance.build)(hyperparameters, kind, device);
        let mut terms: Vec<(Box<dyn Objective>, Option<Tensor>)> =
            (design.method.objectives)(&shape, &mut layout).into_iter().map(|objective| (objective, None)).collect();
        let mut probes = Vec::new();
        for Term { objective, scale } in balancer.terms(&shape, &mut layout) {
            if objective.trains_encoders() {
                terms.push((objective, Some(scale.view([-1, 1, 1]))));
            } else {
                probes.push(objective);
            }
        }
        Self { layout, shape, encoders, terms, probes, balancer, dropout: design.dropout }
    }

    /// Whether the balancer chooses by gradients, and so leaves a record of each step.
    pub fn balances(&self) -> bool {
        self.balancer.needs_gramian()
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

    /// Class scores [R, B, classes], without dropout.
    pub fn logits(&self, params: &Params, mut inputs: Inputs) -> Option<Tensor> {
        let (embeddings, _) = self.encode(params, &mut inputs, false);
        let batch =
            Batch { embeddings: &embeddings, label: &inputs.label, domain: &inputs.domain, share: &inputs.share, masks: None };
        self.terms.first().and_then(|(objective, _)| objective.forward(params, &batch).logits)
    }

    /// Fills `gradient` (views of a flat buffer) with what the optimizer is to follow. `heads` are the leaves of `params`.
    pub fn gradients(&mut self, params: &Params, heads: &Params, gradient: &Params, mut inputs: Inputs, moment: Moment) -> Seen {
        let (embeddings, tapes) = tch::no_grad(|| self.encode(params, &mut inputs, true));
        let embeddings = embeddings.set_requires_grad(true);
        let batch = Batch {
            embeddings: &embeddings,
            label: &inputs.label,
            domain: &inputs.domain,
            share: &inputs.share,
            masks: inputs.masks.as_ref(),
        };
        let (mut class, mut domain) = (None, None);
        let (mut deltas, mut losses) = (Vec::new(), Vec::new());
        let mut parts = Vec::new();
        let mut logits = None;
        for (t, (objective, scale)) in self.terms.iter().enumerate() {
            let outcome = objective.forward(heads, &batch);
            let mut total = outcome.loss.sum(None);
            let mut leaves: Vec<&Tensor> = std::iter::once(&embeddings).chain(heads.range(objective.entries())).collect();
            let mut places: Vec<usize> = objective.entries().collect();
            class = class.or(outcome.class);
            domain = domain.or(outcome.domain);
            losses.push(outcome.loss.detach());
            if t == 0 {
                // probes share no path with the objectives: one backward pass does for all
                for probe in &self.probes {
                    let read = probe.forward(heads, &batch);
                    total += read.loss.sum(None);
                    class = class.or(read.class);
                    domain = domain.or(read.domain);
                    leaves.extend(heads.range(probe.entries()));
                    places.extend(probe.entries());
                }
                logits = outcome.logits.map(|logits| logits.detach());
            }
            let mut found = Tensor::run_backward(&[total], &leaves, false, false).into_iter();
            let delta = found.next().unwrap_or_else(|| embeddings.zeros_like());
            deltas.push(scale.as_ref().map_or_else(|| delta.shallow_clone(), |scale| &delta * scale));
            for (place, found) in places.into_iter().zip(found) {
                match (self.layout.entries()[place].owner, scale) {
                    (Some(m), Some(scale)) => {
                        parts.push(Head { place, t, owner: Some(m), gradient: found.flatten(1, -1) * scale.squeeze_dim(2) });
                    }
                    _ if objective.entries().contains(&place) => {
                        parts.push(Head { place, t, owner: None, gradient: found.flatten(1, -1) });
                    }
                    _ => gradient.set(place, &found),
                }
            }
        }
        let loss = Tensor::stack(&losses, 1);
        let Moment { active, states, epoch } = moment;
        let signals = Signals { loss, class, domain, gramian: None, active, states, epoch };
        let loss = signals.loss.select(1, 0);
        let record = self.balance(params, gradient, tapes, deltas, &parts, signals);
        let accuracy = match logits {
            Some(logits) => (logits.argmax(-1, false).eq_tensor(&inputs.label).to_kind(loss.kind()) * &inputs.share)
                .sum_dim_intlist(1, false, None),
            None => loss.zeros_like(),
        };
        Seen { loss, accuracy, record }
    }

    /// Lets the balancer decide and writes the gradients of encoders and heads.
    fn balance(
        &mut self,
        params: &Params,
        gradient: &Params,
        tapes: Vec<Tape>,
        deltas: Vec<Tensor>,
        parts: &[Head],
        mut signals: Signals,
    ) -> Option<Tensor> {
        let objectives = deltas.len() as i64;
        let delta = Tensor::stack(&deltas, 1);
        let by_modality = |m: usize| delta.narrow(3, m as i64 * self.shape.embedding, self.shape.embedding);
        let write_layers = |layers: &[(Linear, LayerGradients)], weights: Option<&Tensor>| {
            for (linear, layer) in layers {
                layer.combine(weights, gradient.get(linear.weight), linear.bias.map(|place| gradient.get(place)));
            }
        };
        let update = if self.balancer.needs_gramian() {
            let mut layers = Vec::new();
            let mut gramians = Vec::new();
            for (m, (encoder, tape)) in self.encoders.iter().zip(tapes).enumerate() {
                let mut of_encoder = encoder.backward(params, tape, by_modality(m));
                let mut gramian: Tensor = of_encoder.iter_mut().map(|(_, layer)| layer.gramian()).sum();
                for Head { t, gradient, .. } in parts.iter().filter(|head| head.owner == Some(m)) {
                    let square = gradient.square().sum_dim_intlist(1, false, None);
                    let mut place = gramian.select(1, *t as i64).select(1, *t as i64);
                    place += square;
                }
                gramian = gramian.view([-1, objectives, objectives]);
                gramians.push(gramian);
                layers.push(of_encoder);
            }
            signals.gramian = Some(Tensor::stack(&gramians, 1));
            let update = self.balancer.balance(&signals);
            for (m, of_encoder) in layers.iter().enumerate() {
                let weights = update.as_ref().map(|update| update.weights.select(1, m as i64));
                write_layers(of_encoder, weights.as_ref());
            }
            update
        } else {
            let update = self.balancer.balance(&signals);
            for (m, (encoder, tape)) in self.encoders.iter().zip(tapes).enumerate() {
                let weights = update.as_ref().map(|update| update.weights.select(1, m as i64));
                let delta = combined(&by_modality(m), weights.as_ref()).unsqueeze(1);
                write_layers(&encoder.backward(params, tape, delta), None);
            }
            update
        };
        for Head { place, t, owner, gradient: found } in parts {
            let weight = update.as_ref().and_then(|update| match owner {
                Some(m) => Some(update.weights.select(1, *m as i64).select(1, *t as i64)),
                None => Some(update.heads.as_ref()?.select(1, *t as i64)),
            });
            let found = weight.map_or_else(|| found.shallow_clone(), |weight| found * weight.unsqueeze(1));
            gradient.set(*place, &found.view_as(gradient.get(*place)));
        }
        update.and_then(|Update { record, .. }| record.tensor())
    }
}
