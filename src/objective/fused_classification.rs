use std::ops::Range;

use super::{Batch, Dropout, Last, Layout, Linear, Objective, Outcome, Params, Shape, log_probability, mean};

/// Cross-entropy of a classifier on the concatenated embeddings: Linear → ReLU → Dropout → Linear.
///
/// Its hidden layer has 256 units in Peng et al. (AAAI 2026) and 512 in the SimMMDG code base.
#[derive(Debug)]
pub struct FusedClassification {
    entries: Range<usize>,
    layers: [Linear; 2],
    dropout: Dropout,
}

impl FusedClassification {
    /// Claims `classifier.*`.
    pub fn declare(shape: &Shape, layout: &mut Layout) -> Self {
        let start = layout.entries().len();
        let layers = [
            Linear::declare(layout, "classifier.0", shape.fused(), shape.hidden, true, None),
            Linear::declare(layout, "classifier.1", shape.hidden, shape.classes, true, None),
        ];
        Self { entries: start..layout.entries().len(), layers, dropout: layout.dropout(shape.hidden) }
    }
}

impl Objective for FusedClassification {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn forward(&self, params: &Params, batch: &Batch) -> Outcome {
        let hidden = self.dropout.forward(self.layers[0].forward(params, batch.embeddings).relu(), batch.masks);
        let logits = self.layers[1].forward(params, &hidden);
        let loss = -mean(&log_probability(&logits, batch.label), batch.share);
        let weight = params.get(self.layers[1].weight).shallow_clone();
        let last = vec![Last { input: hidden, weight, scores: logits.shallow_clone() }];
        Outcome { logits: Some(logits), last, ..Outcome::loss(loss) }
    }
}
