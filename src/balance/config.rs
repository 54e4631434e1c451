use tch::Tensor;

use super::by_gramian::{BESIDE, ByGramian, DOMAIN_WEIGHT, GRAMIAN, OBJECTIVES, cosines};
use super::eigen::{pseudo_inverse_of_ones, rounding};
use super::simplex::times;
use super::{BalancerEntry, Build};

/// ConFIG (Liu, Chu & Thuerey, ICLR 2025): the direction x that has the same cosine to every gradient, at the length
/// Σ ⟨g_t, x / ‖x‖⟩.
///
/// From the Gramian alone: x = Σ v_t g_t with [`bisector`], update (Σ ⟨g_t, x⟩) x / ‖x‖². Differences from the official code: the
/// pseudo-inverse is that of the gradients' cosines, with eigenvalues that are zero up to rounding dropped; gradients that point
/// against each other exactly give no update; heads learn from the plain gradient of their own loss.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[OBJECTIVES.setting(), DOMAIN_WEIGHT.setting(), GRAMIAN.setting()],
    adds: BESIDE,
    ..BalancerEntry::new("config", "the direction of equal cosines to all gradients (Liu, Chu & Thuerey, ICLR 2025)")
};

pub const BUILD: Build = |runs, kind, device| {
    let epsilon = rounding(kind);
    ByGramian::boxed("config", runs, kind, device, move |gramian, _| combine(gramian, epsilon))
};

/// v_t = (C⁺ 1)_t / ‖g_t‖ of the gradients' cosines C, [.., T]: Σ v_t g_t has the same inner product with every unit gradient. 0 for
/// a gradient of zero.
pub fn bisector(gramian: &Tensor, epsilon: f64) -> Tensor {
    let (cosine, inverse) = cosines(gramian);
    pseudo_inverse_of_ones(&cosine, epsilon) * inverse
}

fn combine(gramian: &Tensor, epsilon: f64) -> Tensor {
    let v = bisector(gramian, epsilon);
    let over = |x: &Tensor| x.sum_dim_intlist(-1, true, None);
    let along = times(gramian, &v);
    let square = over(&(&along * &v));
    let there = square.gt(0.0);
    let factor = over(&along) / square.where_self(&there, &square.ones_like());
    v * factor.where_self(&there, &square.zeros_like())
}
