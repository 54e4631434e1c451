use std::ops::Range;
use std::sync::Arc;

use tch::Tensor;

use super::{FusedClassification, Objective, Outcome, Shape, View, risks};
use crate::task::Task;

/// The task's loss with source domains weighted by how large theirs is: Σ_e q_e L_e with q_e ← q_e exp(η L_e) / Σ (group DRO of Sagawa et al.,
/// ICLR 2020). It tells its method the q that it came to.
#[derive(Debug)]
pub struct WorstRisk {
    classifier: FusedClassification,
    rate: Tensor,
    weights: Tensor,
    task: Arc<dyn Task>,
    domains: i64,
}

impl WorstRisk {
    /// Of a head that is declared already, with η \[R\] and the method's own q [R, C], which may be changed in place.
    pub fn of(classifier: &FusedClassification, rate: Tensor, weights: Tensor, shape: &Shape) -> Self {
        Self { classifier: classifier.clone(), rate, weights, task: shape.task.clone(), domains: shape.domains }
    }
}

impl Objective for WorstRisk {
    fn entries(&self) -> Range<usize> {
        self.classifier.entries()
    }

    fn outcome(&self, here: &View<'_>, others: &[View<'_>]) -> Outcome {
        let outcome = self.classifier.outcome(here, others);
        let Some(outputs) = &outcome.logits else { return outcome };
        let (risks, there) = risks(self.task.as_ref(), outputs, here.batch, self.domains);
        let grown = &self.weights * (risks.detach() * self.rate.unsqueeze(1)).exp();
        let weights = &grown / grown.sum_dim_intlist(1, true, None);
        let loss = (&weights * there * risks).sum_dim_intlist(1, false, None);
        Outcome { loss, told: Some(weights), ..outcome }
    }
}
