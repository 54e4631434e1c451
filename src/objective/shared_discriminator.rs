use std::ops::Range;

use tch::Tensor;

use super::length::layer_normed;
use super::{Dropout, Init, LayerPart, Layout, Linear, Objective, Outcome, Shape, View};
use crate::task::{Classification, Reading};

/// Cross-entropy of one domain discriminator shared by all modalities, each through a projection of its own, summed over
/// modalities: Proj_m = Linear → ReLU → Dropout, D = Linear → LayerNorm → ReLU → Linear.
///
/// As in MMDG-Bench's GMP (hidden 256 there, projections 512: twice as wide), with two deliberate differences: that code
/// never trains D and the projections, here they learn; it normalises over the batch, here over the features of a row, so
/// that a row's score depends on no other row.
#[derive(Debug)]
pub struct SharedDiscriminator {
    entries: Range<usize>,
    projections: Vec<(Linear, Dropout)>,
    layers: [Linear; 2],
    norm: [usize; 2],
    shape: Shape,
}

impl SharedDiscriminator {
    /// Claims `projection.*` and `discriminator.*`.
    pub fn declare(shape: &Shape, layout: &mut Layout) -> Self {
        let start = layout.entries().len();
        let width = 2 * shape.hidden;
        let mut projections = Vec::new();
        for (modality, embedding) in shape.each() {
            let layer = Linear::declare(layout, &format!("projection.{modality}"), embedding, width, true, None);
            projections.push((layer, layout.dropout(width)));
        }
        let first = Linear::declare(layout, "discriminator.0", width, shape.hidden, true, None);
        let norm = [("weight", 1.0), ("bias", 0.0)].map(|(what, value)| {
            layout.tensor(format!("discriminator.norm.{what}"), vec![shape.hidden], Init::Constant(value), LayerPart::Norm, None)
        });
        let second = Linear::declare(layout, "discriminator.1", shape.hidden, shape.domains, true, None);
        let entries = start..layout.entries().len();
        Self { entries, projections, layers: [first, second], norm, shape: shape.clone() }
    }
}

impl Objective for SharedDiscriminator {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let project = |(m, (layer, dropout)): (usize, &(Linear, Dropout))| {
            dropout.forward(layer.forward(params, &batch.embedding(m, &self.shape)).relu(), batch.masks)
        };
        let projected: Vec<Tensor> = self.projections.iter().enumerate().map(project).collect();
        let rows = batch.label.size()[1];
        let hidden = self.layers[0].forward(params, &Tensor::cat(&projected, 1));
        let hidden = layer_normed(&hidden);
        let [weight, bias] = self.norm.map(|entry| params.get(entry).unsqueeze(1));
        let logits = self.layers[1].forward(params, &(hidden * weight + bias).relu());
        let scores: Vec<Tensor> = (0..self.shape.len()).map(|m| logits.narrow(1, m * rows, rows)).collect();
        let domains = Classification::of(self.shape.domains);
        let (loss, reading) = Reading::learned(&domains, &scores, batch.domain, batch.shares());
        Outcome { domain: Some(reading), ..Outcome::loss(loss) }
    }
}
