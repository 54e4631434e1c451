use tch::{Kind, Tensor};

use super::by_gramian::{BESIDE, ByGramian, DOMAIN_WEIGHT, GRAMIAN, OBJECTIVES, squares};
use super::{BalancerEntry, Build, Signals};
use crate::objective::Streams;

/// Gradient surgery (Yu et al., NeurIPS 2020): from each objective's gradient what points against another's is taken off,
/// one after the other in random order, always along the other's own gradient; the update is the sum. For two objectives
/// it is the double projection of Peng et al.'s ablation.
///
/// Differences from the official code: conflicts are sought in each modality's encoder by default, not over all shared
/// parameters at once (`gramian = "shared"`); the order is drawn from the run's counter, one for all encoders.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[OBJECTIVES.setting(), DOMAIN_WEIGHT.setting(), GRAMIAN.setting()],
    adds: BESIDE,
    ..BalancerEntry::new("pcgrad", "gradient surgery (Yu et al., NeurIPS 2020)")
};

pub const BUILD: Build = |runs, kind, device| ByGramian::boxed("pcgrad", runs, kind, device, project);

fn project(gramian: &Tensor, signals: &Signals) -> Tensor {
    let shape = gramian.size();
    let objectives = shape[3];
    let order = order(&signals.states, objectives, "pcgrad");
    // row i: what has become of g_i, as weights of all gradients and by its inner products with them
    let mut weights = Tensor::eye(objectives, (gramian.kind(), gramian.device())).expand_as(gramian).contiguous();
    let mut products = gramian.copy();
    let square = squares(gramian);
    let square = square.where_self(&square.gt(0.0), &square.ones_like());
    for turn in 0..objectives - 1 {
        let other = order.select(2, turn).unsqueeze(1).expand(&shape[..3], false);
        let against =
            products.gather(3, &other.unsqueeze(3), false).clamp_max(0.0) / square.gather(2, &other, false).unsqueeze(3);
        weights = weights.scatter_add(3, &other.unsqueeze(3), &-&against);
        products -= against * gramian.gather(2, &other.unsqueeze(3).expand_as(gramian), false);
    }
    weights.sum_dim_intlist(2, false, None)
}

/// For each run and objective the others in random order, itself last: [R, T, T].
pub fn order(states: &Tensor, objectives: i64, purpose: &str) -> Tensor {
    let elements = Tensor::arange(objectives * objectives, (Kind::Int, states.device())).view([1, objectives, objectives]);
    let keys = Streams::new(states).with(purpose).uniform(&elements);
    let own = Tensor::eye(objectives, (keys.kind(), keys.device()));
    (keys + own * f64::from(1 << 24)).argsort_stable(true, -1, false)
}
