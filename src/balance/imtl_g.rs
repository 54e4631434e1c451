use tch::Tensor;

use super::by_gramian::{BESIDE, ByGramian, DOMAIN_WEIGHT, GRAMIAN, OBJECTIVES};
use super::config::bisector;
use super::eigen::rounding;
use super::{BalancerEntry, Build};

/// IMTL-G (Liu et al., ICLR 2021): weights of sum 1 with which the update has the same projection on every unit gradient; the
/// direction is ConFIG's ([`bisector`]). Only the gradients' part of IMTL: its loss scales are not learned.
///
/// Differences from TorchJD: the pseudo-inverse is that of the gradients' cosines instead of their Gramian, the same but where
/// gradients depend on each other; weights are 0 where their sum is below [`SMALL`] of their size, as where gradients point against
/// each other exactly. Heads learn from the plain gradient of their own loss.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[OBJECTIVES.setting(), DOMAIN_WEIGHT.setting(), GRAMIAN.setting()],
    adds: BESIDE,
    ..BalancerEntry::new("imtl-g", "equal projections on all gradients, weights of sum 1 (Liu et al., ICLR 2021)")
};

pub const BUILD: Build = |runs, kind, device| {
    let epsilon = rounding(kind);
    ByGramian::boxed("imtl-g", runs, kind, device, move |gramian, _| combine(gramian, epsilon))
};

/// A sum of weights below this share of their sizes is rounding.
const SMALL: f64 = 1e-6;

fn combine(gramian: &Tensor, epsilon: f64) -> Tensor {
    let v = bisector(gramian, epsilon);
    let over = |x: &Tensor| x.sum_dim_intlist(-1, true, None);
    let sum = over(&v);
    let there = sum.abs().gt_tensor(&(over(&v.abs()) * SMALL));
    (&v / sum.where_self(&there, &sum.ones_like())).where_self(&there, &v.zeros_like())
}
