use std::ops::Range;

use tch::{Kind, Tensor};

use super::contrast::contrast;
use super::length::{length, nothing, unit};
use super::projector::{NormOver, Projector};
use super::{Batch, Layout, Objective, Outcome, Params, Shape, Streams, View, beta, mean};

/// α of the Beta distribution that views are mixed by; the official code's.
const ALPHA: f64 = 0.1;

/// One projection a modality, of length 1 (CMRF, Fan et al., NeurIPS 2024).
#[derive(Debug, Clone)]
struct Views {
    entries: Range<usize>,
    projectors: Vec<Projector>,
    shape: Shape,
}

impl Views {
    fn forward(&self, params: &Params, batch: &Batch) -> Vec<Tensor> {
        let project = |(m, projector): (usize, &Projector)| {
            unit(&projector.forward(params, &batch.embedding(m, &self.shape), &batch.share_of(m as i64)))
        };
        self.projectors.iter().enumerate().map(project).collect()
    }
}

/// Supervised [contrast](super::Contrast) of projections of whole embeddings.
#[derive(Debug)]
pub struct ViewContrast {
    views: Views,
    weight: Tensor,
}

/// Distillation of mixed projections of the second branch, a teacher's, into each modality's own: for every pair of modalities and row the teacher's two
/// projections are mixed twice, once with more of the one and once with more of the other, and each modality's is drawn to the mix that
/// is mostly it, Σ over pairs of weight_m E ‖ ũ_m / ‖ũ_m‖ − u_m ‖.
#[derive(Debug)]
pub struct MixedViews {
    views: Views,
    /// Of each modality, \[R\].
    shares: Vec<Tensor>,
    weight: Tensor,
}

impl MixedViews {
    /// Claims `view.<modality>.*`; the contrast, and the distillation with a weight for each modality. Weights \[R\] are on the losses, and that of
    /// the distillation may be changed in place.
    pub fn declare(
        contrast: Tensor,
        distillation: Tensor,
        shares: Vec<Tensor>,
        shape: &Shape,
        layout: &mut Layout,
    ) -> (ViewContrast, Self) {
        let start = layout.entries().len();
        let projector = |(modality, width): (&String, i64)| {
            Projector::declare(&format!("view.{modality}"), width, NormOver::Rows, shape, layout)
        };
        let projectors = shape.each().map(projector).collect();
        let views = Views { entries: start..layout.entries().len(), projectors, shape: shape.clone() };
        (ViewContrast { views: views.clone(), weight: contrast }, Self { views, shares, weight: distillation })
    }
}

impl Objective for ViewContrast {
    fn entries(&self) -> Range<usize> {
        self.views.entries.clone()
    }

    fn kept(&self) -> i64 {
        self.views.projectors.len() as i64 * Projector::kept(&self.views.shape)
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        Outcome::loss(contrast(&self.views.forward(params, batch), batch) * &self.weight)
    }
}

impl Objective for MixedViews {
    fn entries(&self) -> Range<usize> {
        self.views.entries.clone()
    }

    fn kept(&self) -> i64 {
        2 * self.views.projectors.len() as i64 * Projector::kept(&self.views.shape)
    }

    fn outcome(&self, here: &View<'_>, others: &[View<'_>]) -> Outcome {
        let pairs: Vec<(usize, usize)> = self.views.shape.pairs().collect();
        let (Some(teacher), Some(states), [_, ..]) = (others.first(), here.batch.states, &pairs[..]) else {
            return Outcome::loss(nothing(here.batch.embeddings));
        };
        let own = self.views.forward(here.params, here.batch);
        let taught: Vec<Tensor> = self.views.forward(teacher.params, teacher.batch).iter().map(Tensor::detach).collect();
        let streams = Streams::new(states).with("mixed views");
        let rows = here.batch.label.size()[1];
        let alpha = Tensor::full_like(&self.weight, ALPHA).to_kind(Kind::Double);
        let drawn = beta(&streams, &alpha, 2 * rows * pairs.len() as i64).to_kind(self.weight.kind());
        // [R, pairs, 2, B], each the larger part
        let drawn = drawn.view([-1, pairs.len() as i64, 2, rows]);
        let drawn = drawn.maximum(&drawn.neg().g_add_scalar(1.0));
        let apart = |(p, &(i, j)): (usize, &(usize, usize))| {
            let share = here.batch.share_of_all(&[i as i64, j as i64]);
            let far = |k: usize, m: usize, other: usize| {
                let most = drawn.select(1, p as i64).select(1, k as i64).unsqueeze(2);
                let rest: Tensor = 1.0 - &most;
                let mixed = unit(&(&taught[m] * most + &taught[other] * rest));
                mean(&length(&(mixed - &own[m])).squeeze_dim(2), &share) * &self.shares[m]
            };
            far(0, i, j) + far(1, j, i)
        };
        let loss: Tensor = pairs.iter().enumerate().map(apart).sum();
        Outcome::loss(loss * &self.weight)
    }
}
