use tch::{Kind, Tensor};

use super::by_gramian::{BESIDE, Beside, ByGramian, DOMAIN_WEIGHT, GRAMIAN, squares};
use super::{BalancerEntry, Build, Choice, Number, column, simplex};

/// MMPareto (Wei & Hu, ICML 2024): the plain sum of the gradients where all cosines are above 0, else T times their shortest convex
/// combination, no shorter than the plain sum, and all of it times γ against the loss of gradient noise. Heads learn from
/// the plain gradient of their own loss.
///
/// Differences from the official code: for T > 2 the shortest combination is exact (for two, its bounds of 0.001 and 0.999 on weights
/// are met only where gradients do not conflict); the length is that of a whole encoder's gradient, where the code has each tensor's;
/// where the combination vanishes beside the gradients it is not scaled up; a gradient of zero conflicts with none.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[UNIMODAL_FIRST.setting(), DOMAIN_WEIGHT.setting(), GRAMIAN.setting(), GAMMA.setting()],
    adds: BESIDE,
    ..BalancerEntry::new("mmpareto", "Pareto weights where gradients conflict, at the length of their sum (Wei & Hu, ICML 2024)")
};

pub const BUILD: Build = |runs, kind, device| {
    let gamma = column(runs, &GAMMA, Kind::Double, device).view([-1, 1, 1]);
    ByGramian::boxed("mmpareto", runs, kind, device, move |gramian, _| combine(gramian) * &gamma)
};

/// [`OBJECTIVES`](super::by_gramian::OBJECTIVES) with another default.
const UNIMODAL_FIRST: Choice<Beside> = Choice::new(
    "objectives",
    &["unimodal", "domain"],
    &[Beside::Unimodal, Beside::Domain],
    "beside the fused class loss: the uni-modal ones, as published, or the reversed domain loss",
);

const GAMMA: Number = Number::new("gamma", 1.5, [1.0, 2.0], "γ, factor on the encoders' gradients; the official code");

/// A length below this share of the largest gradient's is rounding.
const SHORT: f64 = 1e-6;

fn combine(gramian: &Tensor) -> Tensor {
    let square = squares(gramian);
    let sum = square.ones_like();
    let there = square.gt(0.0);
    let pair = there.unsqueeze(-1).logical_and(&there.unsqueeze(-2));
    let conflict = gramian.le(0.0).logical_and(&pair).flatten(-2, -1).any_dim(-1, true);
    let balanced = simplex::shortest(gramian) * square.size()[square.dim() - 1] as f64;
    let length = simplex::length(gramian, &balanced);
    let factor = (simplex::length(gramian, &sum) / length.clamp_min(SHORT)).clamp_min(1.0);
    let factor = factor.where_self(&length.gt(SHORT), &factor.ones_like());
    (balanced * factor).where_self(&conflict, &sum)
}
