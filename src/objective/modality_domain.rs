use std::ops::Range;

use super::{Layout, Linear, Objective, Outcome, Shape, View, mean};
use crate::task::log_probability;

/// Cross-entropy of one domain discriminator a modality on its embedding, Linear → ReLU → Linear with the hidden width of
/// heads, summed over modalities. With one source domain the loss and its gradient are 0.
#[derive(Debug)]
pub struct ModalityDomain {
    entries: Range<usize>,
    layers: Vec<[Linear; 2]>,
    shape: Shape,
}

impl ModalityDomain {
    /// Claims `discriminator.<modality>.*`.
    pub fn declare(shape: &Shape, layout: &mut Layout) -> Self {
        let start = layout.entries().len();
        let mut layers = Vec::new();
        for (modality, width) in shape.each() {
            let mut layer = |i, inputs, outputs| {
                Linear::declare(layout, &format!("discriminator.{modality}.{i}"), inputs, outputs, true, None)
            };
            layers.push([layer(0, width, shape.hidden), layer(1, shape.hidden, shape.domains)]);
        }
        Self { entries: start..layout.entries().len(), layers, shape: shape.clone() }
    }
}

impl Objective for ModalityDomain {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let loss = |(m, [first, second]): (usize, &[Linear; 2])| {
            let hidden = first.forward(params, &batch.embedding(m, &self.shape)).relu();
            -mean(&log_probability(&second.forward(params, &hidden), batch.domain), &batch.share_of(m as i64))
        };
        Outcome::loss(self.layers.iter().enumerate().map(loss).sum())
    }
}
