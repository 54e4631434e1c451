//! One backward pass for each objective, and gradients as plain vectors.

use tch::Tensor;

use super::super::noise::noise;
use super::{Head, Model};
use crate::balance::{Signals, Update};
use crate::objective::{LayerPart, Params, Streams};

impl Model {
    /// Lets the balancer decide by all objectives' gradients and writes those of encoders and heads.
    pub(super) fn balance_explicitly(
        &mut self,
        gradient: &Params,
        objectives: usize,
        parts: &[Head],
        mut signals: Signals,
    ) -> Option<Tensor> {
        // every tensor that modality m owns, with its gradient by objective, [R, T, …]
        let mut owned: Vec<Vec<(usize, Tensor)>> = self.own.iter().map(|_| Vec::new()).collect();
        for (place, _) in self.layout.entries().iter().enumerate() {
            let of_place = || parts.iter().filter(|part| part.place == place);
            let Some((m, like)) = of_place().find_map(|part| Some((part.owner?, &part.gradient))) else { continue };
            let of =
                |t| of_place().find(|part| part.t == t).map_or_else(|| like.zeros_like(), |part| part.gradient.shallow_clone());
            owned[m].push((place, Tensor::stack(&(0..objectives).map(of).collect::<Vec<_>>(), 1)));
        }
        let product = |gradients: &Tensor| gradients.matmul(&gradients.transpose(1, 2));
        let gramian = |own: &Vec<(usize, Tensor)>| own.iter().map(|(_, gradients)| product(gradients)).sum();
        let gramians: Vec<Tensor> = owned.iter().map(gramian).collect();
        signals.gramian = self.balancer.needs().gramian.then(|| Tensor::stack(&gramians, 1));
        let update = self.balancer.weigh(&signals);
        for (m, (own, encoder)) in owned.iter().zip(&self.own).enumerate() {
            for (place, gradients) in own {
                let weights = update.as_ref().map(|update| match encoder.contains(place) {
                    true => &update.weights,
                    false => update.of_owned(),
                });
                let weights = weights.map(|weights| weights.select(1, m as i64).unsqueeze(2));
                let mut sum = weights
                    .map_or_else(|| gradients.shallow_clone(), |weights| gradients * weights)
                    .sum_dim_intlist(1, false, None);
                let entry = &self.layout.entries()[*place];
                let factor = update.as_ref().and_then(|update| update.noise.as_ref());
                if let Some(factor) = factor.filter(|_| encoder.contains(place) && entry.part == LayerPart::Weight) {
                    let plain = gradients.sum_dim_intlist(1, false, None).view_as(gradient.get(*place));
                    let streams = Streams::new(&signals.states).with(&entry.name);
                    sum += noise(&plain, &factor.select(1, m as i64), &streams).flatten(1, -1);
                }
                gradient.set(*place, &sum.view_as(gradient.get(*place)));
            }
        }
        self.watch.iter_mut().for_each(|watch| watch.decision(&signals, update.as_ref()));
        Self::write_heads(gradient, parts.iter().filter(|part| part.owner.is_none()), update.as_ref());
        update.and_then(|Update { record, .. }| record.tensor())
    }
}
