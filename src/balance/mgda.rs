use super::by_gramian::{BESIDE, ByGramian, DOMAIN_WEIGHT, GRAMIAN, OBJECTIVES};
use super::{BalancerEntry, Build, simplex};

/// Multiple-gradient descent (Désidéri, C. R. Acad. Sci. Paris 2012; Sener & Koltun, NeurIPS 2018): the shortest convex
/// combination of the gradients, along which no objective gets worse.
///
/// Differences from the code of Sener & Koltun: the minimum is exact instead of some steps of Frank–Wolfe; gradients are
/// taken as they are (its `none`), not divided by losses or lengths; heads learn from the plain gradient of their own
/// loss; an objective whose gradient is zero is left out instead of stopping the encoder.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[OBJECTIVES.setting(), DOMAIN_WEIGHT.setting(), GRAMIAN.setting()],
    adds: BESIDE,
    ..BalancerEntry::new("mgda", "shortest convex combination of gradients (Sener & Koltun, NeurIPS 2018)")
};

pub const BUILD: Build =
    |runs, kind, device| ByGramian::boxed("mgda", runs, kind, device, |gramian, _| simplex::shortest(gramian));
