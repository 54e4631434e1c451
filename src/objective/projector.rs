use tch::Tensor;

use super::length::layer_normed;
use super::{Init, LayerPart, Layout, Linear, Params, Shape};

/// Added to variances by norms over rows, as by layer norms.
const EPSILON: f64 = 1e-5;

/// Over what a projector normalises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormOver {
    /// The rows of the batch, as a batch norm in training. Projectors are of use in training alone, so that nothing is kept for later.
    Rows,
    /// The elements of a row, as a layer norm.
    Elements,
}

/// A head that makes of one modality's embedding what a contrast is taken of: Linear → norm → ReLU, twice, → Linear. Hidden layers are four times as
/// wide as a fused head's, what comes out a quarter: 2048 and 128 where that is 512, as in official codes.
#[derive(Debug, Clone)]
pub struct Projector {
    layers: [Linear; 3],
    norms: [[usize; 2]; 2],
    over: NormOver,
}

impl Projector {
    /// Claims `<name>.*` for embeddings of this width. Before a norm over rows a layer has no bias, which it would take out again.
    pub fn declare(name: &str, width: i64, over: NormOver, shape: &Shape, layout: &mut Layout) -> Self {
        let (hidden, out) = (4 * shape.hidden, (shape.hidden / 4).max(1));
        let bias = over == NormOver::Elements;
        let norm = |i: usize, layout: &mut Layout| {
            [("weight", 1.0), ("bias", 0.0)].map(|(what, value)| {
                let name = format!("{name}.norm{i}.{what}");
                layout.tensor(name, vec![hidden], Init::Constant(value), LayerPart::Norm, None)
            })
        };
        let first = Linear::declare(layout, &format!("{name}.0"), width, hidden, bias, None);
        let first_norm = norm(0, layout);
        let second = Linear::declare(layout, &format!("{name}.1"), hidden, hidden, bias, None);
        let second_norm = norm(1, layout);
        let third = Linear::declare(layout, &format!("{name}.2"), hidden, out, true, None);
        Self { layers: [first, second, third], norms: [first_norm, second_norm], over }
    }

    /// [`Objective::kept`](super::Objective::kept) of one.
    pub fn kept(shape: &Shape) -> i64 {
        32 * shape.hidden
    }

    /// [R, B, width] to [R, B, out]; `share` [R, B] sums to 1 over the rows that a norm goes over.
    pub fn forward(&self, params: &Params, x: &Tensor, share: &Tensor) -> Tensor {
        let mut x = x.shallow_clone();
        for (layer, norm) in self.layers.iter().zip(&self.norms) {
            let [weight, bias] = norm.map(|place| params.get(place).unsqueeze(1));
            x = (self.normalised(&layer.forward(params, &x), share) * weight + bias).relu();
        }
        self.layers[2].forward(params, &x)
    }

    fn normalised(&self, x: &Tensor, share: &Tensor) -> Tensor {
        match self.over {
            NormOver::Elements => layer_normed(x),
            NormOver::Rows => {
                let share = share.unsqueeze(2);
                let centred = x - (x * &share).sum_dim_intlist(1, true, None);
                let variance = (centred.square() * share).sum_dim_intlist(1, true, None);
                centred * (variance + EPSILON).rsqrt()
            }
        }
    }
}
