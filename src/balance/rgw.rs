use tch::Tensor;

use super::by_gramian::{BESIDE, ByGramian, DOMAIN_WEIGHT, OBJECTIVES};
use super::{BalancerEntry, Build, Signals};
use crate::objective::Streams;

/// Random gradient weighting (Lin et al., TMLR 2022): softmax of standard normal numbers, drawn anew each step; the control of
/// whatever weighs gradients. One draw for all encoders.
///
/// Differences from the official code: heads learn from the plain gradient of their own loss; numbers are the run's own.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[OBJECTIVES.setting(), DOMAIN_WEIGHT.setting()],
    adds: BESIDE,
    ..BalancerEntry::new("rgw", "random weights of sum 1, a control (Lin et al., TMLR 2022)")
};

pub const BUILD: Build = |runs, kind, device| ByGramian::boxed("rgw", runs, kind, device, draw);

fn draw(gramian: &Tensor, signals: &Signals) -> Tensor {
    let objectives = gramian.size()[3];
    let numbers = Streams::new(&signals.states).with("rgw").normal(objectives, gramian.kind());
    let shifted = &numbers - numbers.amax([-1i64].as_slice(), true);
    let weights = shifted.exp();
    (&weights / weights.sum_dim_intlist(-1, true, None)).unsqueeze(1)
}
