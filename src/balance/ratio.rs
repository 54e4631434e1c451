//! How far a modality is ahead of the others.

use tch::Tensor;

/// Keeps ratios finite where a confidence vanishes; the authors' code of GMP adds 1e-6.
const CONFIDENCE_FLOOR: f64 = 1e-12;

/// x^m over the mean of the other modalities' x, or the mean of x^m over each of them, [R, M]; 1 for a single modality.
pub(super) fn to_others(x: &Tensor, pairwise: bool) -> Tensor {
    match pairwise {
        // the mean of x / y over y is x over the harmonic mean of y
        true => to_mean_of_others(&x.clamp_min(CONFIDENCE_FLOOR).reciprocal()).reciprocal(),
        false => to_mean_of_others(x),
    }
}

/// x^m over the mean of the other modalities' x, [R, M]; 1 for a single modality.
pub(super) fn to_mean_of_others(x: &Tensor) -> Tensor {
    let (x, modalities) = (x.clamp_min(CONFIDENCE_FLOOR), x.size()[1]);
    let others = (1..modalities).map(|by| x.roll(by, 1)).reduce(|a, b| a + b);
    others.map_or_else(|| x.ones_like(), |others| &x * (modalities - 1) as f64 / others)
}

/// 1 where a modality is ahead of the others, a ratio above 1, else 0.
pub(super) fn is_ahead(ratio: &Tensor) -> Tensor {
    ratio.gt(1.0).to_kind(ratio.kind())
}
