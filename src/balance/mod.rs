//! How gradients of losses meet in each modality's encoder, one file a balancer.
//!
//! For modality m and groups t of losses every method here is a choice of weights: update(θ_m) = Σ_t w\[m, t\] · g_t(m). What it
//! may choose by are the [`Signals`] of a step; nothing is read back to the host.

mod adversarial;
mod agm;
mod aligned_mtl;
mod balancer;
mod by_gramian;
mod by_losses;
mod cagrad;
mod cggm;
mod config;
mod dual_proj;
mod dwa;
mod eigen;
mod entry;
mod fair_grad;
#[cfg(test)]
mod fixture;
mod gmp;
mod grad_norm;
mod grad_vac;
mod gradient_blending;
mod groups;
mod hooks;
mod imtl_g;
mod mgda;
mod mmpareto;
mod nash_mtl;
mod none;
mod ogm;
mod ogm_ge;
mod opm;
mod pcgrad;
mod ratio;
mod rgw;
mod simplex;
mod stch;
mod upgrad;

pub use balancer::{Balancer, Needs, Record, Signals, Update};
use balancer::{keep, spread, word};
pub use entry::{Added, BalancerBuilder, BalancerEntry, Build};
pub use groups::{EACH, Groups};
pub use hooks::{Copies, CopyLoss, Dropping, LookAhead, Losses, Steering, TaskHeads};

use crate::hyperparameters::{Choice, Hyperparameters, Number, Setting};
use crate::objective::column;
use crate::{Error, Result};

/// The table, a word a balancer: its file. What is said of balancers and what builds them are apart, so that a program which only
/// tells of them is not linked to libtorch.
macro_rules! table {
    ($($file:ident),* $(,)?) => {
        /// Every balancer there is.
        pub static BALANCERS: &[BalancerEntry] = &[$($file::ENTRY),*];

        /// What builds each of them.
        pub static BUILDERS: &[BalancerBuilder] = &[$(BalancerBuilder { entry: &$file::ENTRY, build: $file::BUILD }),*];
    };
}

table![
    none,
    adversarial,
    gmp,
    ogm,
    ogm_ge,
    opm,
    agm,
    cggm,
    gradient_blending,
    pcgrad,
    mgda,
    cagrad,
    mmpareto,
    aligned_mtl,
    nash_mtl,
    upgrad,
    dual_proj,
    imtl_g,
    config,
    fair_grad,
    grad_vac,
    rgw,
    grad_norm,
    dwa,
    stch,
];

/// The balancer of that name.
///
/// # Errors
/// [`Error::Input`] that lists the names there are.
pub fn find(name: &str) -> Result<&'static BalancerEntry> {
    BALANCERS.iter().find(|entry| entry.name == name).ok_or_else(|| unknown(name))
}

/// What builds the balancer of that name.
///
/// # Errors
/// As [`find`].
pub fn builder(name: &str) -> Result<&'static BalancerBuilder> {
    BUILDERS.iter().find(|builder| builder.entry.name == name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Error {
    Error::not_known(format_args!("balance {name:?}"), BALANCERS.iter().map(|entry| entry.name))
}
