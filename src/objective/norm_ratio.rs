use std::ops::Range;

use tch::Tensor;

use super::length::{length, nothing};
use super::{Objective, Outcome, Shape, View, mean};

/// How far the modalities' mean norms are from each other: the mean over pairs i < j of (E‖z_i‖ / E‖z_j‖ − 1)², of rows that have the
/// modality.
#[derive(Debug)]
pub struct NormRatio {
    weight: Tensor,
    shape: Shape,
}

impl NormRatio {
    /// `weight` \[R\] is on the loss.
    pub fn new(weight: Tensor, shape: &Shape) -> Self {
        Self { weight, shape: shape.clone() }
    }
}

impl Objective for NormRatio {
    fn entries(&self) -> Range<usize> {
        0..0
    }

    fn outcome(&self, &View { batch, .. }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let norm = |m: usize| mean(&length(&batch.embedding(m, &self.shape)).squeeze_dim(2), &batch.share_of(m as i64));
        let norms: Vec<Tensor> = (0..self.shape.modalities.len()).map(norm).collect();
        let pairs: Vec<Tensor> = self.shape.pairs().map(|(i, j)| apart(&norms[i], &norms[j])).collect();
        let loss: Tensor = match pairs.len() {
            0 => nothing(batch.embeddings),
            count => pairs.into_iter().sum::<Tensor>() / count as f64,
        };
        Outcome::loss(loss * &self.weight)
    }
}

/// (a / b − 1)²; 0 where one of them is of no row.
fn apart(a: &Tensor, b: &Tensor) -> Tensor {
    let there = a.gt(0.0).logical_and(&b.gt(0.0));
    let ratio = a / b.where_self(&there, &b.ones_like());
    (ratio - 1.0).square() * there.to_kind(a.kind())
}
