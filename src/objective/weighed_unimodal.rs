use std::ops::Range;

use tch::Tensor;

use super::{Objective, Outcome, UnimodalClassification, View};

/// Uni-modal losses with a weight for each modality.
#[derive(Debug)]
pub struct WeighedUnimodal {
    heads: UnimodalClassification,
    /// \[R\] each.
    weights: Vec<Tensor>,
}

impl WeighedUnimodal {
    /// Of these heads, with the weight \[R\] of each modality.
    pub fn new(heads: UnimodalClassification, weights: Vec<Tensor>) -> Self {
        Self { heads, weights }
    }
}

impl Objective for WeighedUnimodal {
    fn entries(&self) -> Range<usize> {
        self.heads.entries()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let (_, losses, class) = self.heads.each(params, batch);
        let loss = losses.iter().zip(&self.weights).map(|(loss, weight)| loss * weight).sum();
        Outcome { class: Some(class), ..Outcome::loss(loss) }
    }
}
