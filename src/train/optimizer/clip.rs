//! Clipping: which parameters one norm is taken over.

use super::super::parts::Part;
use super::number::Number;

/// As PyTorch's `clip_grad_norm_`: keeps the quotient finite.
pub const NORM_FLOOR: f64 = 1e-6;

/// By group, the factor on its gradient in one run's row.
pub fn scales<T: Number>(parts: &[Part], gradient: &mut [T], clip: f64) -> Vec<f64> {
    let mut squares = vec![0.0; parts.iter().map(|part| part.group + 1).max().unwrap_or(0)];
    for part in parts {
        squares[part.group] += T::square(part.of(gradient));
    }
    squares.into_iter().map(|square: f64| (clip / (square.sqrt() + NORM_FLOOR)).min(1.0)).collect()
}
