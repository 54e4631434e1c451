//! From losses' gradients at the embeddings to those of encoders and heads, by the encoders' tapes.

use tch::Tensor;

use super::super::gradients::{LayerGradients, combined};
use super::super::noise::noise;
use super::super::sets::Sets;
use super::pass::BranchPass;
use super::{Head, Model};
use crate::balance::{Signals, Update};
use crate::objective::{Linear, Params, Streams};

/// Fills places that hold zeros with Σ_t w_t g_t of these layers.
pub(super) fn write(layers: &[(Linear, LayerGradients)], weights: Option<&Tensor>, into: &Params) {
    for (linear, layer) in layers {
        layer.combine(weights, into.get(linear.weight), linear.bias.map(|place| into.get(place)));
        layer.affine(weights).for_each(|(place, value)| into.set(place, &value));
    }
}

impl Model {
    /// One encoder's layers after the backward passes of all branches; `deltas` are what arrives at the embeddings of each,
    /// [R, T, B, Σ E_m], of which `pick` makes what is gone back from.
    pub(super) fn layers(
        &self,
        sets: &Sets,
        passes: &[BranchPass],
        deltas: &[(usize, Tensor)],
        m: usize,
        pick: impl Fn(Tensor) -> Tensor,
    ) -> Vec<(Linear, LayerGradients)> {
        let mut by_layer: Vec<(Linear, Vec<LayerGradients>)> = Vec::new();
        for (branch, delta) in deltas {
            let Some(tape) = passes[*branch].tapes.get(m) else { continue };
            let own = pick(self.shape.part(delta, 3, m).contiguous());
            let of_branch = self.encoders[m].backward(&sets.at(*branch).params, tape, own);
            for (i, (linear, layer)) in of_branch.into_iter().enumerate() {
                match by_layer.get_mut(i) {
                    Some((_, passes)) => passes.push(layer),
                    None => by_layer.push((linear, vec![layer])),
                }
            }
        }
        by_layer.into_iter().filter_map(|(linear, passes)| Some((linear, LayerGradients::joined(passes)?))).collect()
    }

    /// Lets the balancer decide and writes the gradients of encoders and heads.
    pub(super) fn balance(
        &mut self,
        sets: &Sets,
        gradient: &Params,
        passes: &[BranchPass],
        deltas: Vec<Vec<Option<Tensor>>>,
        heads: &[Head],
        mut signals: Signals,
    ) -> Option<Tensor> {
        let mut stacked = Vec::new();
        for (branch, groups) in deltas.iter().enumerate() {
            let Some(like) = groups.iter().flatten().next() else { continue };
            let own = |group: &Option<Tensor>| group.as_ref().map_or_else(|| like.zeros_like(), Tensor::shallow_clone);
            stacked.push((branch, Tensor::stack(&groups.iter().map(own).collect::<Vec<_>>(), 1)));
        }
        let add_noise = |layers: &[(Linear, LayerGradients)], factor: &Tensor, states: &Tensor| {
            for (linear, layer) in layers {
                let streams = Streams::new(states).with(&self.layout.entries()[linear.weight].name);
                let scaled = gradient.get(linear.weight);
                let plain = scaled.zeros_like();
                layer.combine(None, &plain, None);
                gradient.set(linear.weight, &(scaled + noise(&plain, factor, &streams)));
            }
        };
        let encoders = self.encoders.len();
        let by_encoder = |update: Option<&Update>, m: usize| {
            let of = |of: &Tensor| of.select(1, m as i64);
            (update.map(|update| of(&update.weights)), update.and_then(|update| update.noise.as_ref()).map(of))
        };
        // A balancer that sees no Gramian decides first: its groups then are one sum at the embeddings, and the tapes are gone through
        // once whatever their number. Else every group has to arrive at every layer before anything can be decided.
        let update = if self.balancer.needs().gramian {
            let mut layers: Vec<_> = (0..encoders).map(|m| self.layers(sets, passes, &stacked, m, |delta| delta)).collect();
            let mut gramians = Vec::new();
            // an encoder's Gramian is the sum over its layers, and over the heads that are its own
            for (m, of_encoder) in layers.iter_mut().enumerate() {
                let mut gramian: Tensor = of_encoder.iter_mut().map(|(_, layer)| layer.gramian()).sum();
                add_owned(&mut gramian, heads, m);
                gramians.push(gramian);
            }
            signals.gramian = Some(Tensor::stack(&gramians, 1));
            let update = self.balancer.weigh(&signals);
            for (m, of_encoder) in layers.iter().enumerate() {
                let (weights, factor) = by_encoder(update.as_ref(), m);
                write(of_encoder, weights.as_ref(), gradient);
                if let Some(factor) = factor {
                    add_noise(of_encoder, &factor, &signals.states);
                }
            }
            update
        } else {
            let update = self.balancer.weigh(&signals);
            for m in 0..encoders {
                let (weights, factor) = by_encoder(update.as_ref(), m);
                match factor {
                    // noise is as large as the gradient without weights, which the sum at the embeddings no longer tells
                    Some(factor) => {
                        let layers = self.layers(sets, passes, &stacked, m, |delta| delta);
                        write(&layers, weights.as_ref(), gradient);
                        add_noise(&layers, &factor, &signals.states);
                    }
                    None => {
                        let sum = |delta: Tensor| combined(&delta, weights.as_ref()).unsqueeze(1);
                        write(&self.layers(sets, passes, &stacked, m, sum), None, gradient);
                    }
                }
            }
            update
        };
        self.watch.iter_mut().for_each(|watch| watch.decision(&signals, update.as_ref()));
        Self::write_heads(gradient, heads, update.as_ref());
        update.and_then(|Update { record, .. }| record.tensor())
    }

    /// Writes the gradients of heads.
    pub(super) fn write_heads<'a>(gradient: &Params, heads: impl IntoIterator<Item = &'a Head>, update: Option<&Update>) {
        let mut written = Vec::new();
        for Head { place, t, owner, gradient: found } in heads {
            let weight = update.and_then(|update| match owner {
                Some(m) => Some(update.of_owned().select(1, *m as i64).select(1, *t as i64)),
                None => Some(update.heads.as_ref()?.select(1, *t as i64)),
            });
            let found = weight.map_or_else(|| found.shallow_clone(), |weight| found * weight.unsqueeze(1));
            let found = found.view_as(gradient.get(*place));
            // losses may share a head: the first one clears what an earlier step left
            match written.contains(place) {
                true => gradient.add(*place, &found),
                false => gradient.set(*place, &found),
            }
            written.push(*place);
        }
    }
}

/// Adds the inner products over heads that modality `m` owns, [R, T, T].
fn add_owned(gramian: &mut Tensor, heads: &[Head], m: usize) {
    let own: Vec<&Head> = heads.iter().filter(|head| head.owner == Some(m)).collect();
    for a in &own {
        for b in own.iter().filter(|b| b.place == a.place) {
            let product = (&a.gradient * &b.gradient).sum_dim_intlist(1, false, None);
            let mut place = gramian.select(1, a.t as i64).select(1, b.t as i64);
            place += product;
        }
    }
}
