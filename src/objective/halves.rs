use std::ops::Range;

use tch::Tensor;

use super::{Objective, Outcome, Shape, View, mean};

/// Keeps what modalities share, the first half of each embedding, apart from what is a modality's own, the last half: minus the mean
/// over modalities of the mean squared difference of the two. Without bound, as in SimMMDG (Dong et al., NeurIPS 2023).
#[derive(Debug)]
pub struct Halves {
    weight: Tensor,
    shape: Shape,
}

impl Halves {
    /// `weight` \[R\] is on the loss.
    pub fn new(weight: Tensor, shape: &Shape) -> Self {
        Self { weight, shape: shape.clone() }
    }
}

impl Objective for Halves {
    fn entries(&self) -> Range<usize> {
        0..0
    }

    fn outcome(&self, &View { batch, .. }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let apart = |(m, &width): (usize, &i64)| {
            let (z, half) = (batch.embedding(m, &self.shape), width / 2);
            // of a width of 1 there is no half
            let square = (z.narrow(2, 0, half) - z.narrow(2, width - half, half)).square();
            mean(&(square.sum_dim_intlist(2, false, None) / half.max(1) as f64), &batch.share_of(m as i64))
        };
        let sum: Tensor = self.shape.widths.iter().enumerate().map(apart).sum();
        Outcome::loss(sum / -(self.shape.widths.len() as f64) * &self.weight)
    }
}
