use std::ops::Range;
use std::sync::Arc;

use tch::Tensor;

use super::{FusedClassification, Objective, Outcome, Shape, View, risks};
use crate::task::Task;

/// Variance of the task's loss over source domains, (1/C) Σ_e (L_e − mean L)² (V-REx of Krueger et al., ICML 2021).
#[derive(Debug)]
pub struct RiskVariance {
    classifier: FusedClassification,
    weight: Tensor,
    task: Arc<dyn Task>,
    domains: i64,
}

impl RiskVariance {
    /// Of a head that is declared already; `weight` \[R\] is on the loss, and may be changed in place.
    pub fn of(classifier: &FusedClassification, weight: Tensor, shape: &Shape) -> Self {
        Self { classifier: classifier.clone(), weight, task: shape.task.clone(), domains: shape.domains }
    }
}

impl Objective for RiskVariance {
    fn entries(&self) -> Range<usize> {
        self.classifier.entries()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let (_, outputs) = self.classifier.scores(params, batch);
        let (risks, there) = risks(self.task.as_ref(), &outputs, batch, self.domains);
        let count = there.sum_dim_intlist(1, true, None).clamp_min(1.0);
        let middle = (&risks * &there).sum_dim_intlist(1, true, None) / &count;
        let variance = ((risks - middle).square() * there / count).sum_dim_intlist(1, false, None);
        Outcome::loss(variance * &self.weight)
    }
}
