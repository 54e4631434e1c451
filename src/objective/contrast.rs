use std::ops::Range;

use tch::Tensor;

use super::length::unit;
use super::projector::{NormOver, Projector};
use super::{Batch, Layout, Objective, Outcome, Shape, View};

/// What logarithms of probabilities are multiplied by, T / base; official codes have 0.1 / 0.07.
const TEMPERATURES: [f64; 2] = [0.1, 0.07];

/// Supervised contrastive loss (Khosla et al., NeurIPS 2020) over all modalities' views of all rows, each a
/// projection of length 1 of the embedding's first half: views of one class are drawn together, whatever their modality.
/// The mean over views of −(T / base) × the mean over their positives of log-probabilities among all others.
#[derive(Debug)]
pub struct Contrast {
    entries: Range<usize>,
    projectors: Vec<Projector>,
    weight: Tensor,
    shape: Shape,
}

impl Contrast {
    /// Claims `contrast.<modality>.*`; `weight` \[R\] is on the loss.
    pub fn declare(weight: Tensor, shape: &Shape, layout: &mut Layout) -> Self {
        let start = layout.entries().len();
        let projector = |(modality, width): (&String, i64)| {
            Projector::declare(&format!("contrast.{modality}"), width / 2, NormOver::Rows, shape, layout)
        };
        let projectors = shape.each().map(projector).collect();
        Self { entries: start..layout.entries().len(), projectors, weight, shape: shape.clone() }
    }
}

impl Objective for Contrast {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn kept(&self) -> i64 {
        self.projectors.len() as i64 * Projector::kept(&self.shape)
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let project = |(m, projector): (usize, &Projector)| {
            let embedding = batch.embedding(m, &self.shape);
            let shared = embedding.narrow(2, 0, embedding.size()[2] / 2);
            projector.forward(params, &shared, &batch.share_of(m as i64))
        };
        let views: Vec<Tensor> = self.projectors.iter().enumerate().map(project).collect();
        Outcome::loss(contrast(&views, batch) * &self.weight)
    }
}

/// The loss, \[R\], of each modality's projections, [R, B, D].
pub fn contrast(views: &[Tensor], batch: &Batch) -> Tensor {
    let modalities = views.len() as i64;
    let there: Vec<Tensor> = (0..modalities).map(|m| batch.share_of(m).gt(0.0).to_kind(batch.share.kind())).collect();
    let (there, label) = (Tensor::cat(&there, 1), batch.label.repeat([1, modalities]));
    let units = unit(&Tensor::cat(views, 1));
    let [temperature, base] = TEMPERATURES;
    let scores = units.bmm(&units.transpose(1, 2)) / temperature;
    let count = scores.size()[1];
    let others = there.unsqueeze(1) * (1.0 - Tensor::eye(count, (there.kind(), there.device())));
    // −1e9 counts as nothing beside anything, and where there is nothing else leaves numbers finite
    let without: Tensor = (&others - 1.0) * 1e9;
    let log = &scores - (&scores + without).logsumexp([-1i64].as_slice(), true);
    let positive = label.unsqueeze(1).eq_tensor(&label.unsqueeze(2)).to_kind(there.kind()) * others;
    let own = (&positive * log).sum_dim_intlist(2, false, None) / positive.sum_dim_intlist(2, false, None).clamp_min(1.0);
    let count = there.sum_dim_intlist(1, false, None).clamp_min(1.0);
    (own * there).sum_dim_intlist(1, false, None) / count * (-temperature / base)
}
