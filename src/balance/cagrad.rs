use tch::{Kind, Tensor};

use super::by_gramian::{BESIDE, ByGramian, DOMAIN_WEIGHT, GRAMIAN, OBJECTIVES};
use super::{BalancerEntry, Build, Choice, Number, column, simplex, word};

/// Conflict-averse gradient descent (Liu et al., NeurIPS 2021): of all updates within c ‖g_0‖ of the mean gradient g_0 the
/// one that helps the worst objective most, d = g_0 + c ‖g_0‖ g_w / ‖g_w‖ with g_w = Σ w_t g_t of the least
/// ⟨g_w, g_0⟩ + c ‖g_0‖ ‖g_w‖, times the number of objectives to go with a sum of losses.
///
/// Differences from the official code: the minimum is exact instead of SciPy's SLSQP, without the 1e-8 under its roots;
/// heads learn from the plain gradient of their own loss.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[OBJECTIVES.setting(), DOMAIN_WEIGHT.setting(), GRAMIAN.setting(), C.setting(), RESCALE.setting()],
    adds: BESIDE,
    ..BalancerEntry::new("cagrad", "conflict-averse gradient descent (Liu et al., NeurIPS 2021)")
};

pub const BUILD: Build = |runs, kind, device| {
    let c = column(runs, &C, Kind::Double, device).view([-1, 1, 1]);
    let rescale = word(runs, &RESCALE);
    ByGramian::boxed("cagrad", runs, kind, device, move |gramian, _| combine(gramian, &c, rescale))
};

const C: Number =
    Number::new("c", 0.5, [0.1, 0.9], "how far from the mean gradient, as a share of its length; the official code")
        .within(0.0, 1.0);

const RESCALE: Choice<bool> =
    Choice::new("rescale", &["square", "none"], &[true, false], "d over 1 + c², as in the official code, or as it is");

/// ‖g_w‖ below this share of the largest gradient is rounding.
const SHORT: f64 = 1e-6;

fn combine(gramian: &Tensor, c: &Tensor, rescale: bool) -> Tensor {
    let objectives = gramian.size()[gramian.dim() - 1] as f64;
    let to_mean = gramian.mean_dim(-1, false, None);
    let kappa = to_mean.mean_dim(-1, true, None).clamp_min(0.0).sqrt() * c;
    let w = simplex::leaning(gramian, &to_mean, &kappa);
    let length = simplex::length(gramian, &w).clamp_min(SHORT);
    let d = (w * (kappa / length) * objectives) + 1.0;
    if rescale { d / (c.square() + 1.0) } else { d }
}
