use std::ops::Range;

use tch::Tensor;

use super::domain_pairs::distances;
use super::{Objective, Outcome, Shape, View};

/// 1 / (2 σ²) of the kernels that are summed; DomainBed's.
const GAMMAS: [f64; 7] = [0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0];

/// Maximum mean discrepancy of source domains' concatenated embeddings z: the mean over pairs of domains of
/// E k(x, x′) + E k(y, y′) − 2 E k(x, y), k(x, y) = Σ_γ exp(−γ ‖x − y‖²); a row's product with itself counts.
#[derive(Debug)]
pub struct KernelDistance {
    weight: Tensor,
    domains: i64,
}

impl KernelDistance {
    /// `weight` \[R\] is on the loss.
    pub fn new(weight: Tensor, shape: &Shape) -> Self {
        Self { weight, domains: shape.domains }
    }
}

impl Objective for KernelDistance {
    fn entries(&self) -> Range<usize> {
        0..0
    }

    fn outcome(&self, &View { batch, .. }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let share = batch.by_domain(self.domains);
        let there = share.sum_dim_intlist(2, false, None).gt(0.5).to_kind(share.kind());
        // about their middle, where differences keep their digits
        let z = batch.embeddings - batch.embeddings.mean_dim([1i64].as_slice(), true, None).detach();
        let square = z.square().sum_dim_intlist(2, true, None);
        let apart = (&square + square.transpose(1, 2) - z.bmm(&z.transpose(1, 2)) * 2.0).clamp_min(0.0);
        let kernel: Tensor = GAMMAS.iter().map(|gamma| (&apart * -gamma).exp()).sum();
        let products = share.bmm(&kernel).bmm(&share.transpose(1, 2));
        Outcome::loss(distances(&products, &there) * &self.weight)
    }
}
