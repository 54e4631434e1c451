//! Clipping: which parameters one norm is taken over.

use tch::{Device, Kind, Tensor};

use super::super::plain::slice;
use super::super::stretch::Stretch;
use super::number::Number;

/// As PyTorch's `clip_grad_norm_`: keeps the quotient finite.
pub const NORM_FLOOR: f64 = 1e-6;

/// By group, the factor on its gradient in one run's row.
pub fn scales<T: Number>(parts: &[Stretch], gradient: &mut [T], clip: f64) -> Vec<f64> {
    let mut squares = vec![0.0; parts.iter().map(|part| part.group + 1).max().unwrap_or(0)];
    for part in parts {
        squares[part.group] += T::square(part.of(gradient));
    }
    squares.into_iter().map(|square: f64| (clip / (square.sqrt() + NORM_FLOOR)).min(1.0)).collect()
}

/// Square of each row's Euclidean norm: [R, P] to \[R\], the same bits whatever stands in the other rows.
pub fn squares(flat: &Tensor) -> Tensor {
    let width = flat.size()[1].max(1) as usize;
    let host: Vec<f64> = match (flat.device(), flat.kind()) {
        (Device::Cpu, Kind::Float) => slice::<f32>(flat).chunks(width).map(f32::square).collect(),
        (Device::Cpu, Kind::Double) => slice::<f64>(flat).chunks(width).map(f64::square).collect(),
        _ => return flat.square().sum_dim_intlist(1, false, None),
    };
    Tensor::from_slice(&host).to_kind(flat.kind())
}
