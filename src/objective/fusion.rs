use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Batch, Layout, Linear, Params, Shape};

/// How embeddings z_1 … z_M come together before the fused classifier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fusion {
    /// Side by side.
    #[default]
    Concat,
    /// Σ z_m, of one width.
    Sum,
    /// (1 + γ) ∘ z_1 + β with (γ, β) linear in the other embeddings (Perez et al., AAAI 2018; there γ without the 1, which
    /// keeps z_1 as it is where γ is small). The first modality is the one that is modulated; alone it stays as it is.
    Film,
    /// Σ σ(V_m [z_1 … z_M]) ∘ tanh(W_m z_m): gated multimodal units (Arevalo et al., ICLR workshop 2017), with biases.
    Gated,
}

/// A fusion with its parameters, which are objectives' own: automatic differentiation goes through it.
#[derive(Debug, Clone)]
pub(super) struct Fuse {
    kind: Fusion,
    layers: Vec<Linear>,
    /// Of the first modality's embedding, and of what comes out but for embeddings side by side.
    width: i64,
    shape: Shape,
}

impl Fuse {
    /// Claims `fusion.*`.
    pub(super) fn declare(shape: &Shape, layout: &mut Layout) -> Self {
        let (kind, all) = (shape.heads.fusion, shape.fused());
        let width = shape.widths.first().copied().unwrap_or_default();
        let mut linear =
            |name: &str, inputs, outputs| Linear::declare(layout, &format!("fusion.{name}"), inputs, outputs, true, None);
        let layers = match kind {
            Fusion::Concat | Fusion::Sum => Vec::new(),
            Fusion::Film if shape.len() < 2 => Vec::new(),
            Fusion::Film => vec![linear("film", all - width, 2 * width)],
            Fusion::Gated => {
                let of = |(name, own): (&String, i64)| {
                    [linear(&format!("value.{name}"), own, width), linear(&format!("gate.{name}"), all, width)]
                };
                shape.each().flat_map(of).collect()
            }
        };
        Self { kind, layers, width, shape: shape.clone() }
    }

    /// Width of what comes out.
    pub(super) fn width(&self) -> i64 {
        if self.kind == Fusion::Concat { self.shape.fused() } else { self.width }
    }

    /// [R, B, width].
    pub(super) fn forward(&self, params: &Params, batch: &Batch) -> Tensor {
        let (all, width) = (batch.embeddings, self.width);
        let part = |m: usize| batch.embedding(m, &self.shape);
        match (self.kind, &self.layers[..]) {
            (Fusion::Concat, _) => all.shallow_clone(),
            (Fusion::Sum, _) => (0..self.shape.modalities.len()).map(part).sum(),
            (Fusion::Film, [film]) => {
                let made = film.forward(params, &all.narrow(2, width, all.size()[2] - width));
                part(0) * (made.narrow(2, 0, width) + 1.0) + made.narrow(2, width, width)
            }
            (Fusion::Film, _) => part(0),
            (Fusion::Gated, layers) => {
                let of = |(m, pair): (usize, &[Linear])| {
                    pair[0].forward(params, &part(m)).tanh() * logistic(&pair[1].forward(params, all))
                };
                layers.chunks_exact(2).enumerate().map(of).sum()
            }
        }
    }
}

/// 1 / (1 + exp(−x)); libtorch's own depends on where in the tensor a number stands, and so on a run's neighbours.
fn logistic(x: &Tensor) -> Tensor {
    (x * 0.5).tanh() * 0.5 + 0.5
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::Heads;
    use tch::{Device, Kind};

    /// Two modalities of width 1, z = (2, 3), all weights and biases ½.
    fn fused(fusion: Fusion) -> Vec<f64> {
        let modalities = vec!["a".into(), "v".into()];
        let heads = Heads { fusion, ..Heads::default() };
        let shape =
            Shape { modalities, widths: vec![1; 2], task: crate::task::Classification::task(2), domains: 1, hidden: 1, heads };
        let mut layout = Layout::default();
        let fuse = Fuse::declare(&shape, &mut layout);
        let flat = Tensor::full([1, layout.len().max(1)], 0.5, (Kind::Double, Device::Cpu));
        let (z, zero) = (Tensor::from_slice(&[2.0, 3.0]).view([1, 1, 2]), Tensor::from_slice(&[0i64]).view([1, 1]));
        let share = Tensor::from_slice(&[1.0]).view([1, 1]);
        let batch = Batch {
            embeddings: &z,
            label: &zero,
            domain: &zero,
            share: &share,
            present: None,
            weight: None,
            mixed: None,
            states: None,
            masks: None,
        };
        let fused = fuse.forward(&Params::views(&layout, &flat), &batch);
        assert_eq!(fused.size(), [1, 1, fuse.width()]);
        Vec::try_from(fused.view([-1])).unwrap()
    }

    #[test]
    fn fusions_are_their_formulas() {
        assert_eq!(fused(Fusion::Concat), [2.0, 3.0]);
        assert_eq!(fused(Fusion::Sum), [5.0]);
        assert_eq!(fused(Fusion::Film), [2.0 * (1.0 + 2.0) + 2.0]);
        let gate = 1.0 / (1.0 + (-3.0f64).exp());
        let wanted = 1.5f64.tanh() * gate + 2.0f64.tanh() * gate;
        assert!((fused(Fusion::Gated)[0] - wanted).abs() < 1e-15);
    }
}
