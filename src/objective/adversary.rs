use tch::Tensor;

use super::{Batch, Dropout, Layout, Linear, Params, Shape};

/// x, against which whatever learns from it works with `by` times its gradient (a gradient reversal layer, Ganin et al., JMLR 2016).
pub fn reversed(x: &Tensor, by: f64) -> Tensor {
    x.detach() * (1.0 + by) - x * by
}

/// One projection a modality, Linear → ReLU → Dropout, twice as wide as a fused head's hidden layer (512 to 256 in official codes), of reversed
/// embeddings.
#[derive(Debug, Clone)]
pub struct Projections {
    layers: Vec<(Linear, Dropout)>,
    reversal: f64,
    shape: Shape,
}

impl Projections {
    /// Claims `<name>.<modality>.*`.
    pub fn declare(name: &str, reversal: f64, shape: &Shape, layout: &mut Layout) -> Self {
        let width = Self::width(shape);
        let layer = |(modality, inputs): (&String, i64)| {
            let layer = Linear::declare(layout, &format!("{name}.{modality}"), inputs, width, true, None);
            (layer, layout.dropout(width))
        };
        Self { layers: shape.each().map(layer).collect(), reversal, shape: shape.clone() }
    }

    /// Width of what comes out.
    pub fn width(shape: &Shape) -> i64 {
        2 * shape.hidden
    }

    /// [R, B, width] of each modality.
    pub fn forward(&self, params: &Params, batch: &Batch) -> Vec<Tensor> {
        let project = |(m, (layer, dropout)): (usize, &(Linear, Dropout))| {
            let embedding = reversed(&batch.embedding(m, &self.shape), self.reversal);
            dropout.forward(layer.forward(params, &embedding).relu(), batch.masks)
        };
        self.layers.iter().enumerate().map(project).collect()
    }
}
