use super::ogm::{Ogm, TAKES};
use super::{BalancerEntry, Build};

/// [OGM](super::ogm::ENTRY) with generalisation enhancement (Peng et al., CVPR 2022): every weight matrix of every
/// encoder gets Gaussian noise on top, of the standard deviation of that matrix's gradient before k, in the epochs in which
/// k acts. As in the official code the noise goes to all modalities, scaled or not; there to convolution weights, here to
/// the matrices of linear layers, in both cases not to biases.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: TAKES,
    ..BalancerEntry::new("ogm-ge", "on-the-fly gradient modulation with noise (Peng et al., CVPR 2022)")
};

pub const BUILD: Build = |runs, kind, device| Box::new(Ogm::new(runs, kind, device, true));
