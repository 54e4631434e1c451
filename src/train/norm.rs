//! Layer normalisation with a hand-written derivative.

use tch::Tensor;

use crate::objective::{Init, LayerPart, Layout, Params};

/// Added to the variance, as PyTorch's default.
const EPSILON: f64 = 1e-5;

/// y = γ ∘ (x − mean) / √(variance + ε) + β over the features of each row (Ba et al., 2016).
#[derive(Debug, Clone, Copy)]
pub struct Norm {
    weight: usize,
    bias: usize,
}

/// What the backward pass needs of a forward one: the normalised rows [R, B, W] and 1 / √(variance + ε), [R, B, 1].
#[derive(Debug)]
pub struct Normed {
    rows: Tensor,
    scale: Tensor,
}

impl Norm {
    /// Claims `<name>.weight` and `<name>.bias`.
    pub fn declare(name: &str, width: i64, layout: &mut Layout) -> Self {
        let mut one =
            |what, value| layout.tensor(format!("{name}.{what}"), vec![width], Init::Constant(value), LayerPart::Norm, None);
        Self { weight: one("weight", 1.0), bias: one("bias", 0.0) }
    }

    /// Of [R, B, W].
    pub fn forward(self, params: &Params, x: &Tensor) -> (Tensor, Normed) {
        let centred = x - x.mean_dim(-1, true, None);
        let scale = (centred.square().mean_dim(-1, true, None) + EPSILON).rsqrt();
        let rows = centred * &scale;
        let y = &rows * params.get(self.weight).unsqueeze(1) + params.get(self.bias).unsqueeze(1);
        (y, Normed { rows, scale })
    }

    /// From T objectives' gradients at y [R, T, B, W] to those at x, with those of γ and β, [R, T, W], by entry.
    pub fn backward(self, params: &Params, normed: &Normed, delta: &Tensor) -> (Tensor, Vec<(usize, Tensor)>) {
        let (rows, scale) = (normed.rows.unsqueeze(1), normed.scale.unsqueeze(1));
        let affine = vec![
            (self.weight, (delta * &rows).sum_dim_intlist(2, false, None)),
            (self.bias, delta.sum_dim_intlist(2, false, None)),
        ];
        let delta = delta * params.get(self.weight).view([rows.size()[0], 1, 1, -1]);
        let along = &rows * (&delta * &rows).mean_dim(-1, true, None);
        let across = delta.mean_dim(-1, true, None);
        ((delta - across - along) * scale, affine)
    }
}
