use std::ops::Range;

use super::{Layout, Linear, Objective, Outcome, Shape, View, mean};
use crate::task::log_probability;

/// Cross-entropy of one domain discriminator on the concatenated embeddings: Linear → ReLU → Linear, hidden layer of 256
/// units in Peng et al. (AAAI 2026, L_d of Eq. 1). With one source domain the loss and its gradient are 0.
#[derive(Debug)]
pub struct FusedDomain {
    entries: Range<usize>,
    layers: [Linear; 2],
}

impl FusedDomain {
    /// Claims `discriminator.*`.
    pub fn declare(shape: &Shape, layout: &mut Layout) -> Self {
        let start = layout.entries().len();
        let layers = [
            Linear::declare(layout, "discriminator.0", shape.fused(), shape.hidden, true, None),
            Linear::declare(layout, "discriminator.1", shape.hidden, shape.domains, true, None),
        ];
        Self { entries: start..layout.entries().len(), layers }
    }
}

impl Objective for FusedDomain {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let hidden = self.layers[0].forward(params, batch.embeddings).relu();
        let logits = self.layers[1].forward(params, &hidden);
        Outcome::loss(-mean(&log_probability(&logits, batch.domain), batch.share))
    }
}
