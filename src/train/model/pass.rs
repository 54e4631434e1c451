//! One forward pass of the encoders.

use tch::Tensor;

use super::super::encoder::Tape;
use super::super::sets::Sets;
use super::{Given, Model, Moment};
use crate::method::BranchInput;
use crate::objective::{Mixed, Role};
use crate::task::Reading;

/// What came of a branch's forward pass.
#[derive(Debug)]
pub(super) struct BranchPass {
    /// Embeddings side by side, [R, B, Σ E_m]: leaves of the losses' graphs where the encoders have a tape.
    pub embeddings: Tensor,
    /// By encoder; none where nothing learns from the branch, or automatic differentiation goes through the encoders.
    pub tapes: Vec<Tape>,
    /// Dropout factors.
    pub masks: Option<Tensor>,
    /// The method's factors on embeddings that are fused, [R, B, Σ E_m].
    mask: Option<Tensor>,
    /// The balancer's.
    pub dropped: Option<Tensor>,
    /// Rows that the method has mixed.
    pub mixed: Option<Mixed>,
    /// Whether something learns from it.
    pub learns: bool,
}

impl BranchPass {
    /// The embeddings that a loss of this role is given, where they are others: for each loss anew, since a backward pass frees the
    /// graph that it went through.
    pub fn given(&self, role: Role) -> Option<Tensor> {
        let factors = [&self.mask, &self.dropped].into_iter().flatten().filter(|_| role != Role::Unimodal);
        factors.fold(None, |given: Option<Tensor>, factor| Some(given.as_ref().unwrap_or(&self.embeddings) * factor))
    }
}

impl Model {
    /// A branch's forward pass.
    pub(super) fn pass(
        &mut self,
        sets: &Sets,
        branch: usize,
        Given { inputs, moment, present, explicit }: &Given<'_>,
        class: Option<&Reading>,
    ) -> BranchPass {
        let features = inputs.features.iter().map(Tensor::shallow_clone).collect();
        let Moment { active, states, epoch, late, .. } = moment;
        let late = late.as_ref();
        let share = &inputs.share;
        let mut input = BranchInput { features, mask: None, share, class, active, states, epoch: *epoch, late, mixed: None };
        self.method.before(branch, &mut input);
        let BranchInput { features, mask, mixed, .. } = input;
        let mask = mask.map(|mask| self.shape.widened(&mask));
        if let (Some(watch), Some(mask)) = (&mut self.watch, &mask) {
            watch.keep(format!("mask.{branch}"), mask);
        }
        let masks = inputs.masks.get(branch).and_then(Option::as_ref).map(Tensor::shallow_clone);
        let learns = self.branches[branch].weights.learn();
        let set = sets.at(branch);
        let (embeddings, tapes) = match *explicit && learns {
            true => (self.encode(&set.leaves, features, masks.as_ref(), false).0, Vec::new()),
            false => tch::no_grad(|| self.encode(&set.params, features, masks.as_ref(), learns)),
        };
        let embeddings = match (*explicit, present) {
            (true, Some(wide)) if learns => &embeddings * wide + embeddings.detach() * (1.0 - wide),
            (false, _) if learns => embeddings.set_requires_grad(true),
            _ => embeddings,
        };
        BranchPass { embeddings, tapes, masks, mask, dropped: None, mixed, learns }
    }
}
