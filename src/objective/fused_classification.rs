use std::ops::Range;
use std::sync::Arc;

use tch::Tensor;

use super::fusion::Fuse;
use super::length::layer_normed;
use super::{Batch, Dropout, Last, Layout, Linear, Objective, Outcome, Params, Shape, View, task_loss};
use crate::task::Task;

/// The task's loss of a head on the [fused](super::Fusion) embeddings, Linear → ReLU → Dropout → Linear: the cross-entropy of a
/// classifier.
///
/// Its hidden layer has 256 units in Peng et al. (AAAI 2026) and 512 in the SimMMDG code base.
#[derive(Debug, Clone)]
pub struct FusedClassification {
    entries: Range<usize>,
    fuse: Fuse,
    layers: [Linear; 2],
    dropout: Dropout,
    task: Arc<dyn Task>,
    /// Of which embeddings a layer norm goes over each modality's; none where they are taken as they are.
    normed: Option<Shape>,
}

impl FusedClassification {
    /// Claims `fusion.*` and `classifier.*`, or `regressor.*`.
    pub fn declare(shape: &Shape, layout: &mut Layout) -> Self {
        let start = layout.entries().len();
        let (fuse, head) = (Fuse::declare(shape, layout), shape.task.head());
        let layers = [
            Linear::declare(layout, &format!("{head}.0"), fuse.width(), shape.hidden, true, None),
            Linear::declare(layout, &format!("{head}.1"), shape.hidden, shape.task.outputs(), true, None),
        ];
        let (entries, dropout) = (start..layout.entries().len(), layout.dropout(shape.hidden));
        Self { entries, fuse, layers, dropout, task: shape.task.clone(), normed: None }
    }

    /// The same on embeddings of which a layer norm without parameters goes over each modality's.
    #[must_use]
    pub fn normed(self, shape: &Shape) -> Self {
        Self { normed: Some(shape.clone()), ..self }
    }

    /// What goes into the last layer, [R, B, hidden], and the outputs, [R, B, outputs].
    pub fn scores(&self, params: &Params, batch: &Batch) -> (Tensor, Tensor) {
        let normed = self.normed.as_ref().map(|shape| {
            let parts: Vec<Tensor> = (0..shape.modalities.len()).map(|m| layer_normed(&batch.embedding(m, shape))).collect();
            Tensor::cat(&parts, 2)
        });
        let given = &Batch { embeddings: normed.as_ref().unwrap_or(batch.embeddings), ..*batch };
        let hidden = self.dropout.forward(self.layers[0].forward(params, &self.fuse.forward(params, given)).relu(), batch.masks);
        let logits = self.layers[1].forward(params, &hidden);
        (hidden, logits)
    }

    /// What models are [compared](Task::compared) by, [R, B, outputs].
    pub fn compared(&self, params: &Params, batch: &Batch) -> Tensor {
        self.task.compared(&self.scores(params, batch).1)
    }
}

impl Objective for FusedClassification {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let (hidden, logits) = self.scores(params, batch);
        let loss = task_loss(self.task.as_ref(), &logits, batch);
        let weight = params.get(self.layers[1].weight).shallow_clone();
        let last = vec![Last {
            input: hidden,
            weight,
            scores: logits.shallow_clone(),
            share: batch.share.shallow_clone(),
            task: self.task.clone(),
        }];
        Outcome { logits: Some(logits), last, ..Outcome::loss(loss) }
    }
}
