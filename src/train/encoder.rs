//! Encoders with a hand-written tape, so that one backward pass serves all objectives.

use tch::{Device, Kind, Tensor};

use super::gradients::LayerGradients;
use super::norm::{Norm, Normed};
use super::plain::{slice, slice_mut, wide};
use super::products::Products;
use crate::objective::{Dropout, Layout, Linear, Params};

/// Linear layers with ReLU and dropout between them, LayerNorm before each ReLU where asked for: features [R, B, D] to an
/// embedding [R, B, E].
#[derive(Debug)]
pub struct Encoder {
    layers: Vec<Linear>,
    /// After each layer but the last; empty where nothing is normalised.
    norms: Vec<Norm>,
    dropout: Vec<Dropout>,
    products: Products,
}

/// What the backward pass needs of a forward one.
#[derive(Debug)]
pub struct Tape {
    /// Input of each layer.
    inputs: Vec<Tensor>,
    /// Of each norm.
    norms: Vec<Normed>,
    /// Derivative, where it is not 0, of what lies before each layer but the first.
    slope: f64,
}

impl Encoder {
    /// Claims `encoder.<modality>.*` for layers of these widths, input first.
    pub fn declare(modality: &str, widths: &[i64], layer_norm: bool, products: Products, layout: &mut Layout) -> Self {
        let layer = |(i, pair): (usize, &[i64])| {
            Linear::declare(layout, &format!("encoder.{modality}.{i}"), pair[0], pair[1], true, None)
        };
        let layers: Vec<Linear> = widths.windows(2).enumerate().map(layer).collect();
        let between = widths.get(1..widths.len().saturating_sub(1)).unwrap_or_default();
        let norm = |(i, &width): (usize, &i64)| Norm::declare(&format!("encoder.{modality}.{i}.norm"), width, layout);
        let norms = if layer_norm { between.iter().enumerate().map(norm).collect() } else { Vec::new() };
        Self { layers, norms, dropout: between.iter().map(|&width| layout.dropout(width)).collect(), products }
    }

    /// The embedding, and the tape where there are dropout factors or `record` asks for it.
    pub fn forward(&self, params: &Params, features: Tensor, masks: Option<&Tensor>, rate: f64, record: bool) -> (Tensor, Tape) {
        let mut tape =
            Tape { inputs: Vec::new(), norms: Vec::new(), slope: if masks.is_some() { 1.0 / (1.0 - rate) } else { 1.0 } };
        let mut x = features;
        for (i, layer) in self.layers.iter().enumerate() {
            if i > 0 {
                if let Some(norm) = self.norms.get(i - 1) {
                    let (y, normed) = norm.forward(params, &x);
                    if record {
                        tape.norms.push(normed);
                    }
                    x = y;
                }
                x = self.dropout[i - 1].forward(x.relu_(), masks);
            }
            let weight = params.get(layer.weight);
            let next = match layer.bias {
                Some(bias) => self.products.affine(&x, weight, params.get(bias)),
                None => self.products.product(&x, weight),
            };
            if record {
                tape.inputs.push(x);
            }
            x = next;
        }
        (x, tape)
    }

    /// From T objectives' gradients at the embedding [R, T, B, E] to each layer's, last layer first.
    pub fn backward(&self, params: &Params, tape: &Tape, mut delta: Tensor) -> Vec<(Linear, LayerGradients)> {
        let (shape, slope) = (delta.size(), tape.slope);
        let (objectives, rows) = (shape[1], shape[2]);
        let mut gradients = Vec::with_capacity(self.layers.len());
        let mut affine = Vec::new();
        for (i, (layer, input)) in self.layers.iter().zip(&tape.inputs).enumerate().rev() {
            let below = (i > 0).then(|| {
                let weight = params.get(layer.weight).transpose(1, 2);
                let below = self.products.product(&delta.flatten(1, 2), &weight);
                gate(below.view([shape[0], objectives, rows, -1]), input, slope)
            });
            gradients.push((
                *layer,
                LayerGradients::new(input.shallow_clone(), delta, self.products).with(std::mem::take(&mut affine)),
            ));
            let Some(below) = below else { break };
            delta = match self.norms.get(i - 1).zip(tape.norms.get(i - 1)) {
                Some((norm, normed)) => {
                    let (through, own) = norm.backward(params, normed, &below);
                    affine = own;
                    through
                }
                None => below,
            };
        }
        gradients
    }
}

/// Gradients [R, T, B, W] after ReLU and dropout to those before: times `slope` where `x` [R, B, W], what came out, is
/// positive, and 0 elsewhere.
fn gate(mut delta: Tensor, x: &Tensor, slope: f64) -> Tensor {
    if (delta.device(), delta.kind()) != (Device::Cpu, Kind::Float) {
        return delta * (x.gt(0.0).to_kind(x.kind()) * slope).unsqueeze(1);
    }
    let (size, objectives, slope) = (x.numel() / x.size()[0].max(1) as usize, delta.size()[1] as usize, slope as f32);
    let deltas = slice_mut::<f32>(&mut delta).chunks_mut(size.max(1));
    for (i, delta) in deltas.enumerate() {
        let x = &slice::<f32>(x)[i / objectives * size..][..size];
        wide(|| delta.iter_mut().zip(x).for_each(|(delta, &x)| *delta *= if x > 0.0 { slope } else { 0.0 }));
    }
    delta
}
