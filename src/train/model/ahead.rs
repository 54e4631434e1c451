//! Weights of branches that are ahead of those that are trained.

use tch::Tensor;

use super::super::sets::Sets;
use super::losses::Found;
use super::pass::BranchPass;
use super::{Model, taped};
use crate::method::{Scope, Weights};

impl Model {
    /// Moves a branch's weights along the losses that it names, where it is one that is ahead.
    pub(super) fn move_ahead(&self, sets: &mut Sets, branch: usize, passes: &[BranchPass], found: &Found) {
        let Weights::Ahead { along, scope, by } = &self.branches[branch].weights else { return };
        sets.move_ahead(branch, by, |sets, into| {
            let slopes = || found.slopes.iter().filter(|slope| along.contains(&slope.term));
            let mut deltas: Vec<Option<Tensor>> = passes.iter().map(|_| None).collect();
            for (branch, delta) in slopes().flat_map(|slope| &slope.deltas) {
                let sum = deltas[*branch].take().map_or_else(|| delta.shallow_clone(), |sum| sum + delta);
                deltas[*branch] = Some(sum);
            }
            let deltas: Vec<(usize, Tensor)> =
                deltas.into_iter().enumerate().filter_map(|(branch, delta)| Some((branch, delta?.unsqueeze(1)))).collect();
            for m in 0..self.encoders.len() {
                taped::write(&self.layers(sets, passes, &deltas, m, |delta| delta), None, into);
            }
            for (place, own) in slopes().flat_map(|slope| &slope.parameters) {
                if *scope == Scope::All || self.own.iter().any(|own| own.contains(place)) {
                    into.add(*place, &own.view_as(into.get(*place)));
                }
            }
        });
    }
}
