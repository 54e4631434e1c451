use super::by_gramian::{BESIDE, ByGramian, DOMAIN_WEIGHT, GRAMIAN, OBJECTIVES, squares};
use super::{BalancerEntry, Build, simplex};

/// The plain sum of the gradients, projected onto the cone of updates that work against no objective: equation 11 of gradient
/// episodic memory (Lopez-Paz & Ranzato, NeurIPS 2017), TorchJD's `DualProj`.
///
/// Differences from TorchJD: the sum is projected, not the mean; the quadratic program is solved exactly instead of with 1e-4 of the
/// trace on the Gramian's diagonal.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[OBJECTIVES.setting(), DOMAIN_WEIGHT.setting(), GRAMIAN.setting()],
    adds: BESIDE,
    ..BalancerEntry::new("dual-proj", "the gradients' sum projected off all conflicts (Lopez-Paz & Ranzato, NeurIPS 2017)")
};

pub const BUILD: Build = |runs, kind, device| {
    ByGramian::boxed("dual-proj", runs, kind, device, |gramian, _| simplex::from_below(gramian, &squares(gramian).ones_like()))
};
