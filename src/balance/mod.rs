//! How gradients of losses meet in each modality's encoder, one file a method.
//!
//! For modality m and groups t of losses every method here is a choice of weights: update(θ_m) = Σ_t w\[m, t\] · g_t(m). What it
//! may choose by are the [`Signals`] of a step; nothing is read back to the host.

mod adversarial;
mod agm;
mod aligned_mtl;
mod balancer;
mod by_gramian;
mod cagrad;
mod cggm;
#[cfg(test)]
mod fixture;
mod gmp;
mod grad_norm;
mod gradient_blending;
mod groups;
mod hooks;
mod mgda;
mod mmpareto;
mod nash_mtl;
mod none;
mod ogm;
mod ogm_ge;
mod opm;
mod pcgrad;
mod ratio;
mod simplex;

pub use balancer::{Balancer, BalancerEntry, Needs, Record, Signals, Update};
use balancer::{keep, spread, word};
pub use groups::{EACH, Groups};
pub use hooks::{Copies, CopyLoss, Dropping, LookAhead, Losses, Steering, TaskHeads};

use crate::hyperparameters::{Choice, Hyperparameters, Number, Setting};
use crate::objective::column;
use crate::{Error, Result};

/// Every balancer there is.
pub static BALANCERS: &[BalancerEntry] = &[
    none::ENTRY,
    adversarial::ENTRY,
    gmp::ENTRY,
    ogm::ENTRY,
    ogm_ge::ENTRY,
    opm::ENTRY,
    agm::ENTRY,
    cggm::ENTRY,
    gradient_blending::ENTRY,
    pcgrad::ENTRY,
    mgda::ENTRY,
    cagrad::ENTRY,
    mmpareto::ENTRY,
    aligned_mtl::ENTRY,
    nash_mtl::ENTRY,
    grad_norm::ENTRY,
];

/// The balancer of that name.
///
/// # Errors
/// [`Error::Input`] that lists the names there are.
pub fn find(name: &str) -> Result<&'static BalancerEntry> {
    BALANCERS.iter().find(|entry| entry.name == name).ok_or_else(|| {
        let names: Vec<_> = BALANCERS.iter().map(|entry| entry.name).collect();
        Error::input(format!("balance {name:?}"), format!("not known; expected one of {}", names.join(", ")))
    })
}
