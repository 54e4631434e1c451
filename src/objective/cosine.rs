use std::ops::Range;

use tch::Tensor;

use super::length::unit;
use super::{Layout, Linear, Objective, Outcome, Shape, View, task_loss};

/// The task's loss of a fused head without bias in which every modality's part is a cosine: outputs s Σ_m cos(z_m, W_m) (MMCosine, ICASSP 2023). A
/// modality that a row lacks adds 0.
#[derive(Debug)]
pub struct CosineClassification {
    entries: Range<usize>,
    layers: Vec<Linear>,
    scale: Tensor,
    shape: Shape,
}

impl CosineClassification {
    /// Claims `cosine.<modality>.weight`; `scale` \[R\] is s.
    pub fn declare(scale: Tensor, shape: &Shape, layout: &mut Layout) -> Self {
        let start = layout.entries().len();
        let head = |(modality, width): (&String, i64)| {
            Linear::declare(layout, &format!("cosine.{modality}"), width, shape.task.outputs(), false, None)
        };
        let layers = shape.each().map(head).collect();
        Self { entries: start..layout.entries().len(), layers, scale, shape: shape.clone() }
    }
}

impl Objective for CosineClassification {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let cosine = |(m, layer): (usize, &Linear)| {
            let slices = unit(&params.get(layer.weight).transpose(1, 2));
            let cosine = unit(&batch.embedding(m, &self.shape)).bmm(&slices.transpose(1, 2));
            batch.present.map_or_else(|| cosine.shallow_clone(), |present| &cosine * present.narrow(2, m as i64, 1))
        };
        let sum: Tensor = self.layers.iter().enumerate().map(cosine).sum();
        let logits = sum * self.scale.view([-1, 1, 1]);
        let loss = task_loss(self.shape.task.as_ref(), &logits, batch);
        Outcome { logits: Some(logits), ..Outcome::loss(loss) }
    }
}
