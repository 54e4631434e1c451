use std::ops::Range;

use tch::Tensor;

use super::{FusedClassification, Objective, Outcome, View, mean};

/// Mean squared difference of the fused head's probabilities, or values, between the branch that learns and a second one, which is a
/// constant: Σ_c (p_c − q_c)² / classes, as in the code of mean teachers (Tarvainen & Valpola, NeurIPS 2017).
#[derive(Debug)]
pub struct Consistency {
    classifier: FusedClassification,
    weight: Tensor,
}

impl Consistency {
    /// Of a classifier that is declared already; `weight` \[R\] is on the loss.
    pub fn of(classifier: &FusedClassification, weight: Tensor) -> Self {
        Self { classifier: classifier.clone(), weight }
    }
}

impl Objective for Consistency {
    fn entries(&self) -> Range<usize> {
        self.classifier.entries()
    }

    fn outcome(&self, here: &View<'_>, others: &[View<'_>]) -> Outcome {
        let probabilities = |view: &View<'_>| self.classifier.compared(view.params, view.batch);
        let own = probabilities(here);
        let other = others.first().map_or_else(|| own.detach(), |teacher| probabilities(teacher).detach());
        let square = (own - other).square().mean_dim(-1, false, None);
        Outcome::loss(mean(&square, here.batch.share) * &self.weight)
    }
}
