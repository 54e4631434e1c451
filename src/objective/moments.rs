use std::ops::Range;

use tch::Tensor;

use super::domain_pairs::distances;
use super::{Objective, Outcome, Shape, View};

/// Distance of the first two moments of source domains' concatenated embeddings: the mean over pairs of domains of
/// ‖μ_i − μ_j‖² / D + ‖C_i − C_j‖² / D², C the unbiased covariance.
///
/// Covariances are never formed: ⟨C_i, C_j⟩ is a sum of squared products of rows.
#[derive(Debug)]
pub struct Moments {
    weight: Tensor,
    domains: i64,
}

impl Moments {
    /// `weight` \[R\] is on the loss.
    pub fn new(weight: Tensor, shape: &Shape) -> Self {
        Self { weight, domains: shape.domains }
    }
}

impl Objective for Moments {
    fn entries(&self) -> Range<usize> {
        0..0
    }

    fn outcome(&self, &View { batch, .. }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let z = batch.embeddings;
        let width = z.size()[2] as f64;
        let share = batch.by_domain(self.domains);
        let square = share.square().sum_dim_intlist(2, false, None);
        // a domain of n rows leaves 1 − 1/n; one of a single row has no covariance
        let left: Tensor = 1.0 - square;
        let there = share.sum_dim_intlist(2, false, None).gt(0.5).logical_and(&left.gt(1e-6));
        let left = left.where_self(&there, &left.ones_like());
        let there = there.to_kind(z.kind());
        let own = share.gt(0.0).to_kind(z.kind()) * there.unsqueeze(2);
        let means = share.bmm(z) * there.unsqueeze(2);
        let root = (&share / left.unsqueeze(2) * there.unsqueeze(2)).sum_dim_intlist(1, false, None).sqrt();
        let rows = (z - own.transpose(1, 2).bmm(&means)) * root.unsqueeze(2);
        let products = rows.bmm(&rows.transpose(1, 2)).square();
        let covariances = own.bmm(&products).bmm(&own.transpose(1, 2));
        // about their middle, where differences keep their digits
        let middle = means.sum_dim_intlist(1, true, None) / there.sum_dim_intlist(1, true, None).clamp_min(1.0).unsqueeze(2);
        let means = (means - middle) * there.unsqueeze(2);
        let means = means.bmm(&means.transpose(1, 2));
        let loss = distances(&means, &there) / width + distances(&covariances, &there) / (width * width);
        Outcome::loss(loss * &self.weight)
    }
}
