//! From objectives' gradients at the embeddings to those of encoders and heads, by the encoders' tapes.

use tch::Tensor;

use super::super::encoder::Tape;
use super::super::gradients::{LayerGradients, combined};
use super::super::noise::noise;
use super::super::watch::Watch;
use super::{Head, Model};
use crate::balance::{Signals, Update};
use crate::objective::{Linear, Params, Streams};

impl Model {
    /// Lets the balancer decide and writes the gradients of encoders and heads.
    pub(super) fn balance(
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
        let by_modality = |m: usize| delta.narrow(3, m as i64 * self.shape.embedding, self.shape.embedding).contiguous();
        let write_layers = |layers: &[(Linear, LayerGradients)], weights: Option<&Tensor>| {
            for (linear, layer) in layers {
                layer.combine(weights, gradient.get(linear.weight), linear.bias.map(|place| gradient.get(place)));
                layer.affine(weights).for_each(|(place, value)| gradient.set(place, &value));
            }
        };
        let add_noise = |layers: &[(Linear, LayerGradients)], factor: &Tensor, states: &Tensor| {
            for (linear, layer) in layers {
                let streams = Streams::new(states).with(&self.layout.entries()[linear.weight].name);
                let scaled = gradient.get(linear.weight);
                let plain = scaled.zeros_like();
                layer.combine(None, &plain, None);
                gradient.set(linear.weight, &(scaled + noise(&plain, factor, &streams)));
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
            let update = Watch::balance(&mut self.watch, self.balancer.as_mut(), &signals);
            for (m, of_encoder) in layers.iter().enumerate() {
                let weights = update.as_ref().map(|update| update.weights.select(1, m as i64));
                write_layers(of_encoder, weights.as_ref());
                if let Some(factor) = update.as_ref().and_then(|update| update.noise.as_ref()) {
                    add_noise(of_encoder, &factor.select(1, m as i64), &signals.states);
                }
            }
            update
        } else {
            let update = Watch::balance(&mut self.watch, self.balancer.as_mut(), &signals);
            for (m, (encoder, tape)) in self.encoders.iter().zip(tapes).enumerate() {
                let weights = update.as_ref().map(|update| update.weights.select(1, m as i64));
                match update.as_ref().and_then(|update| update.noise.as_ref()) {
                    Some(factor) => {
                        let layers = encoder.backward(params, tape, by_modality(m));
                        write_layers(&layers, weights.as_ref());
                        add_noise(&layers, &factor.select(1, m as i64), &signals.states);
                    }
                    None => {
                        let delta = combined(&by_modality(m), weights.as_ref()).unsqueeze(1);
                        write_layers(&encoder.backward(params, tape, delta), None);
                    }
                }
            }
            update
        };
        Self::write_heads(gradient, parts, update.as_ref());
        update.and_then(|Update { record, .. }| record.tensor())
    }

    /// Writes the gradients of heads.
    pub(super) fn write_heads<'a>(gradient: &Params, parts: impl IntoIterator<Item = &'a Head>, update: Option<&Update>) {
        for Head { place, t, owner, gradient: found } in parts {
            let weight = update.and_then(|update| match owner {
                Some(m) => Some(update.of_owned().select(1, *m as i64).select(1, *t as i64)),
                None => Some(update.heads.as_ref()?.select(1, *t as i64)),
            });
            let found = weight.map_or_else(|| found.shallow_clone(), |weight| found * weight.unsqueeze(1));
            gradient.set(*place, &found.view_as(gradient.get(*place)));
        }
    }
}
