use std::ops::Range;
use std::sync::Arc;

use tch::Tensor;

use super::{FusedClassification, Objective, Outcome, Shape, View};
use crate::task::Task;

/// How far a fused head is from the best one of each source domain: the mean over domains of g_1 g_2, g the derivative of the domain's mean
/// loss by a factor on the outputs, at 1, over every other row (IRMv1 of Arjovsky et al., 2019, without bias).
///
/// g = E Σ_c slope_c output_c in closed form, so that one backward pass does.
#[derive(Debug)]
pub struct Invariance {
    classifier: FusedClassification,
    weight: Tensor,
    task: Arc<dyn Task>,
    domains: i64,
}

impl Invariance {
    /// Of a head that is declared already; `weight` \[R\] is on the loss, and may be changed in place.
    pub fn of(classifier: &FusedClassification, weight: Tensor, shape: &Shape) -> Self {
        Self { classifier: classifier.clone(), weight, task: shape.task.clone(), domains: shape.domains }
    }
}

impl Objective for Invariance {
    fn entries(&self) -> Range<usize> {
        self.classifier.entries()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let (_, outputs) = self.classifier.scores(params, batch);
        let slope = (self.task.slope(&outputs, batch.label) * outputs).sum_dim_intlist(2, false, None);
        let share = batch.by_domain(self.domains);
        let own = share.gt(0.0).to_kind(share.kind());
        // 1 for a domain's first, third, … row
        let odd = own.cumsum(2, None).remainder(2.0);
        let half = |of: Tensor| {
            let share = &share * of;
            let whole = share.sum_dim_intlist(2, true, None);
            ((&share / whole.clamp_min(1e-30)) * slope.unsqueeze(1)).sum_dim_intlist(2, false, None)
        };
        let both = half(odd.shallow_clone()) * half(1.0 - odd);
        let there = own.sum_dim_intlist(2, false, None).ge(2.0).to_kind(share.kind());
        let count = there.sum_dim_intlist(1, false, None).clamp_min(1.0);
        Outcome::loss((both * there).sum_dim_intlist(1, false, None) / count * &self.weight)
    }
}
