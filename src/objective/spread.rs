use std::ops::Range;

use tch::Tensor;

use super::contrast::contrast;
use super::projector::{NormOver, Projector};
use super::{Layout, Objective, Outcome, Shape, View};

/// Added to variances and on the diagonal of correlations, and to deviations.
const EPSILON: f64 = 1e-4;

/// Weights of what [`Spread`] is of, \[R\] each.
#[derive(Debug)]
pub struct SpreadWeights {
    /// On the contrast.
    pub contrast: Tensor,
    /// On the variance.
    pub variance: Tensor,
    /// On the entropy.
    pub entropy: Tensor,
}

/// What keeps each modality's projections u from collapsing (MER-DG, ICML 2026), summed over modalities: the
/// variance E_d relu(1 − √(var u_d + ε)) and the entropy −(1/D) log det (C + ε I), C the correlations of u; and a [contrast](super::Contrast) of the same projections at length 1.
///
/// Where a batch has fewer rows than a projection has elements the determinant is that of ε but for so many factors.
#[derive(Debug)]
pub struct Spread {
    entries: Range<usize>,
    projectors: Vec<Projector>,
    weights: SpreadWeights,
    shape: Shape,
}

impl Spread {
    /// Claims `mer.<modality>.*`.
    pub fn declare(weights: SpreadWeights, shape: &Shape, layout: &mut Layout) -> Self {
        let start = layout.entries().len();
        let projector = |(modality, width): (&String, i64)| {
            Projector::declare(&format!("mer.{modality}"), width, NormOver::Elements, shape, layout)
        };
        let projectors = shape.each().map(projector).collect();
        Self { entries: start..layout.entries().len(), projectors, weights, shape: shape.clone() }
    }
}

impl Objective for Spread {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn kept(&self) -> i64 {
        self.projectors.len() as i64 * Projector::kept(&self.shape)
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let project = |(m, projector): (usize, &Projector)| {
            let share = batch.share_of(m as i64);
            (projector.forward(params, &batch.embedding(m, &self.shape), &share), share)
        };
        let projected: Vec<(Tensor, Tensor)> = self.projectors.iter().enumerate().map(project).collect();
        let SpreadWeights { contrast: of_contrast, variance, entropy } = &self.weights;
        let spread = |(u, share): &(Tensor, Tensor)| {
            let [v, s] = collapse(u, share);
            v * variance + s * entropy
        };
        let sum: Tensor = projected.iter().map(spread).sum();
        let views: Vec<Tensor> = projected.into_iter().map(|(u, _)| u).collect();
        Outcome::loss(sum + contrast(&views, batch) * of_contrast)
    }
}

/// The two figures of projections [R, B, D] and shares [R, B], \[R\] each; 0 of fewer than two rows.
fn collapse(u: &Tensor, share: &Tensor) -> [Tensor; 2] {
    let width = u.size()[2];
    let left: Tensor = 1.0 - share.square().sum_dim_intlist(1, false, None);
    let there = left.gt(1e-6).logical_and(&share.sum_dim_intlist(1, false, None).gt(0.5));
    let left = left.where_self(&there, &left.ones_like());
    let there = there.to_kind(u.kind());
    let share = share.unsqueeze(2);
    let centred = u - (u * &share).sum_dim_intlist(1, true, None);
    let biased = (centred.square() * &share).sum_dim_intlist(1, true, None);
    let variance = (&biased / left.view([-1, 1, 1]) + EPSILON).sqrt();
    let variance = (variance.neg() + 1.0).relu().mean_dim([1i64, 2].as_slice(), false, None);
    let rows = centred / (biased.clamp_min(1e-24).sqrt() + EPSILON) * share.sqrt();
    let correlations = rows.transpose(1, 2).bmm(&rows) / left.view([-1, 1, 1]);
    let ridge = Tensor::eye(width, (u.kind(), u.device())) * EPSILON;
    let (root, _) = (correlations + ridge).linalg_cholesky_ex(false, false);
    let entropy = root.diagonal(0, 1, 2).log().sum_dim_intlist(1, false, None) * (-2.0 / width as f64);
    [variance * &there, entropy * there]
}
