use tch::Tensor;

use super::by_gramian::{BESIDE, ByGramian, DOMAIN_WEIGHT, GRAMIAN, OBJECTIVES};
use super::eigen::{eigen, kept, ones, rounding};
use super::{BalancerEntry, Build};

/// Aligned-MTL (Senushkin et al., CVPR 2023): weights B 1 with B = √λ_min V Λ^(−1/2) Vᵀ of the Gramian V Λ Vᵀ, so that the
/// gradients B J are orthogonal and of equal length √λ_min. Eigenvalues that are zero up to rounding are dropped, and
/// λ_min is the least one kept.
///
/// Differences from the official code: heads learn from the plain gradient of their own loss.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[OBJECTIVES.setting(), DOMAIN_WEIGHT.setting(), GRAMIAN.setting()],
    adds: BESIDE,
    ..BalancerEntry::new("aligned-mtl", "gradients made orthogonal and equally long (Senushkin et al., CVPR 2023)")
};

pub const BUILD: Build = |runs, kind, device| {
    let epsilon = rounding(kind);
    ByGramian::boxed("aligned-mtl", runs, kind, device, move |gramian, _| align(gramian, epsilon))
};

/// `epsilon` is the relative rounding of the gradients.
fn align(gramian: &Tensor, epsilon: f64) -> Tensor {
    let (values, vectors) = eigen(gramian);
    let kept = kept(&values, epsilon);
    let smallest = values.where_self(&kept, &values.full_like(f64::INFINITY)).amin([-1i64].as_slice(), true);
    let root = (smallest / &values).sqrt().where_self(&kept, &values.zeros_like());
    ones(&vectors, &root)
}
