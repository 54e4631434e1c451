use tch::Tensor;

use super::by_gramian::{BESIDE, ByGramian, DOMAIN_WEIGHT, GRAMIAN, OBJECTIVES};
use super::{BalancerEntry, Build, simplex};

/// UPGrad (Quinton & Rey, arXiv 2406.16232): each gradient is projected onto the cone of updates that work against no
/// objective, and the update is the sum of the projections.
///
/// Differences from the authors' library TorchJD: that takes the mean of the projections, here it is their sum, which goes with
/// a sum of losses; the quadratic programs are solved exactly instead of with 1e-4 of the trace on the Gramian's diagonal, and
/// short gradients are not taken for none.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[OBJECTIVES.setting(), DOMAIN_WEIGHT.setting(), GRAMIAN.setting()],
    adds: BESIDE,
    ..BalancerEntry::new("upgrad", "sum of gradients that are each projected off all conflicts (Quinton & Rey, 2024)")
};

pub const BUILD: Build = |runs, kind, device| ByGramian::boxed("upgrad", runs, kind, device, |gramian, _| project(gramian));

fn project(gramian: &Tensor) -> Tensor {
    // a problem for each gradient: its own weight is at least 1
    let own = Tensor::eye(gramian.size()[3], (gramian.kind(), gramian.device())).expand_as(gramian);
    let each = gramian.unsqueeze(2).expand([-1, -1, gramian.size()[3], -1, -1], false);
    simplex::from_below(&each, &own).sum_dim_intlist(2, false, None)
}
