use std::ops::Range;

use tch::Tensor;

use super::{Batch, Layout, Linear, Objective, Outcome, Shape, View, task_loss};
use crate::task::Reading;

/// The task's loss of one linear head a modality, summed over modalities: the cross-entropy of classifiers.
#[derive(Debug)]
pub struct UnimodalClassification {
    entries: Range<usize>,
    layers: Vec<Linear>,
    weight: f64,
    shape: Shape,
}

impl UnimodalClassification {
    /// Claims `unimodal.*`. A classifier belongs to its modality: it is balanced together with the encoder, as in the code
    /// of MMDG-Bench's GMP.
    pub fn declare(shape: &Shape, layout: &mut Layout) -> Self {
        Self::owned(true, shape, layout)
    }

    /// Claims `unimodal.*`. Classifiers learn from the plain gradient.
    pub fn apart(shape: &Shape, layout: &mut Layout) -> Self {
        Self::owned(false, shape, layout)
    }

    /// The same with its loss times `weight`.
    #[must_use]
    pub fn weighted(self, weight: f64) -> Self {
        Self { weight, ..self }
    }

    fn owned(owned: bool, shape: &Shape, layout: &mut Layout) -> Self {
        let start = layout.entries().len();
        let head = |(m, (modality, width)): (usize, (&String, i64))| {
            let owner = owned.then_some(m);
            Linear::declare(layout, &format!("unimodal.{modality}"), width, shape.task.outputs(), true, owner)
        };
        let layers = shape.each().enumerate().map(head).collect();
        Self { entries: start..layout.entries().len(), layers, weight: 1.0, shape: shape.clone() }
    }
}

impl Objective for UnimodalClassification {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let score = |(m, layer): (usize, &Linear)| layer.forward(params, &batch.embedding(m, &self.shape));
        let scores: Vec<Tensor> = self.layers.iter().enumerate().map(score).collect();
        let own = |(m, scores): (usize, &Tensor)| {
            let batch = Batch { share: &batch.share_of(m as i64), ..*batch };
            task_loss(self.shape.task.as_ref(), scores, &batch)
        };
        let mut loss: Tensor = scores.iter().enumerate().map(own).sum();
        if self.weight != 1.0 {
            loss *= self.weight;
        }
        let reading = Reading::of(self.shape.task.as_ref(), &scores, batch.label, batch.shares());
        Outcome { class: Some(reading), ..Outcome::loss(loss) }
    }
}
