use std::ops::Range;

use tch::Tensor;

use super::length::layer_normed;
use super::{Batch, Dropout, Layout, Linear, Objective, Outcome, Params, Shape, View, task_loss};
use crate::task::Reading;

/// The task's loss of one head a modality, summed over modalities: the cross-entropy of classifiers.
#[derive(Debug, Clone)]
pub struct UnimodalClassification {
    entries: Range<usize>,
    heads: Vec<UnimodalHead>,
    weight: f64,
    shape: Shape,
}

#[derive(Debug, Clone)]
struct UnimodalHead {
    /// Before the last layer, of a head that has such: layer norm without parameters → Linear → ReLU → Dropout.
    hidden: Option<(Linear, Dropout)>,
    last: Linear,
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

    /// Claims `unimodal.*` of heads with a hidden layer of `shape.hidden`, on embeddings that a layer norm goes over. Classifiers learn
    /// from the plain gradient.
    pub fn deep(shape: &Shape, layout: &mut Layout) -> Self {
        let start = layout.entries().len();
        let mut heads = Vec::new();
        for (modality, width) in shape.each() {
            let mut layer =
                |i, inputs, outputs| Linear::declare(layout, &format!("unimodal.{modality}.{i}"), inputs, outputs, true, None);
            let [first, last] = [layer(0, width, shape.hidden), layer(1, shape.hidden, shape.task.outputs())];
            heads.push(UnimodalHead { hidden: Some((first, layout.dropout(shape.hidden))), last });
        }
        Self { entries: start..layout.entries().len(), heads, weight: 1.0, shape: shape.clone() }
    }

    /// Outputs of each modality's head, [R, B, outputs].
    pub fn outputs(&self, params: &Params, batch: &Batch) -> Vec<Tensor> {
        let of = |(m, UnimodalHead { hidden, last }): (usize, &UnimodalHead)| {
            let embedding = batch.embedding(m, &self.shape);
            match hidden {
                None => last.forward(params, &embedding),
                Some((first, dropout)) => {
                    let hidden = first.forward(params, &layer_normed(&embedding)).relu();
                    last.forward(params, &dropout.forward(hidden, batch.masks))
                }
            }
        };
        self.heads.iter().enumerate().map(of).collect()
    }

    /// The loss of each modality's head, \[R\], with outputs [R, B, outputs] and what they say.
    pub fn each(&self, params: &Params, batch: &Batch) -> (Vec<Tensor>, Vec<Tensor>, Reading) {
        let outputs = self.outputs(params, batch);
        let own = |(m, outputs): (usize, &Tensor)| {
            let batch = Batch { share: &batch.share_of(m as i64), ..*batch };
            task_loss(self.shape.task.as_ref(), outputs, &batch)
        };
        let losses = outputs.iter().enumerate().map(own).collect();
        let reading = Reading::of(self.shape.task.as_ref(), &outputs, batch.label, batch.shares());
        (outputs, losses, reading)
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
            let last = Linear::declare(layout, &format!("unimodal.{modality}"), width, shape.task.outputs(), true, owner);
            UnimodalHead { hidden: None, last }
        };
        let heads = shape.each().enumerate().map(head).collect();
        Self { entries: start..layout.entries().len(), heads, weight: 1.0, shape: shape.clone() }
    }
}

impl Objective for UnimodalClassification {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let (_, losses, reading) = self.each(params, batch);
        let mut loss: Tensor = losses.into_iter().sum();
        if self.weight != 1.0 {
            loss *= self.weight;
        }
        Outcome { class: Some(reading), ..Outcome::loss(loss) }
    }
}
