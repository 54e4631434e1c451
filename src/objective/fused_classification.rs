use std::ops::Range;

use tch::Tensor;

use super::fusion::Fuse;
use super::{Batch, Dropout, Last, Layout, Linear, Objective, Outcome, Params, Shape, View, class_loss};

/// Cross-entropy of a classifier on the [fused](super::Fusion) embeddings: Linear → ReLU → Dropout → Linear.
///
/// Its hidden layer has 256 units in Peng et al. (AAAI 2026) and 512 in the SimMMDG code base.
#[derive(Debug, Clone)]
pub struct FusedClassification {
    entries: Range<usize>,
    fuse: Fuse,
    layers: [Linear; 2],
    dropout: Dropout,
    smoothing: f64,
}

impl FusedClassification {
    /// Claims `fusion.*` and `classifier.*`.
    pub fn declare(shape: &Shape, layout: &mut Layout) -> Self {
        let start = layout.entries().len();
        let fuse = Fuse::declare(shape, layout);
        let layers = [
            Linear::declare(layout, "classifier.0", fuse.width(), shape.hidden, true, None),
            Linear::declare(layout, "classifier.1", shape.hidden, shape.classes, true, None),
        ];
        let (entries, dropout) = (start..layout.entries().len(), layout.dropout(shape.hidden));
        Self { entries, fuse, layers, dropout, smoothing: shape.heads.smoothing }
    }

    /// What goes into the last layer, [R, B, hidden], and the class scores, [R, B, classes].
    pub fn scores(&self, params: &Params, batch: &Batch) -> (Tensor, Tensor) {
        let hidden = self.dropout.forward(self.layers[0].forward(params, &self.fuse.forward(params, batch)).relu(), batch.masks);
        let logits = self.layers[1].forward(params, &hidden);
        (hidden, logits)
    }
}

impl Objective for FusedClassification {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let (hidden, logits) = self.scores(params, batch);
        let loss = class_loss(&logits, batch, self.smoothing);
        let weight = params.get(self.layers[1].weight).shallow_clone();
        let last = vec![Last { input: hidden, weight, scores: logits.shallow_clone(), share: batch.share.shallow_clone() }];
        Outcome { logits: Some(logits), last, ..Outcome::loss(loss) }
    }
}
