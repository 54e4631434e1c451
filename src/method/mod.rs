//! What a published method trains: its forward passes and losses, one file a method. How their gradients meet is
//! [`crate::balance`]'s.

use crate::{Error, Result};

mod branch;
mod cmrf;
mod coral;
mod dann;
mod entry;
mod erm;
mod group_dro;
mod inner_step;
mod irm;
mod jat;
mod lfm;
mod mbcd;
mod mean_teacher;
mod mer_dg;
mod mixup;
mod mmcosine;
mod mmd;
mod moosa;
mod rna_net;
mod sam;
mod sim_mmdg;
mod switched;
mod unimodal;
mod vrex;

pub use branch::{Branch, BranchInput, Declared, Method, Move, Scope, Switch, Weights};
pub use entry::{Batches, Build, MethodBuilder, MethodEntry};

/// The table, a word a method: its file. As in [`crate::balance`], what is said of methods and what builds them are apart.
macro_rules! table {
    ($($file:ident),* $(,)?) => {
        /// Every method there is.
        pub static METHODS: &[MethodEntry] = &[$($file::ENTRY),*];

        /// What builds each of them.
        pub static BUILDERS: &[MethodBuilder] = &[$(MethodBuilder { entry: &$file::ENTRY, build: $file::BUILD }),*];
    };
}

table![
    erm,
    unimodal,
    rna_net,
    sim_mmdg,
    moosa,
    cmrf,
    mbcd,
    jat,
    mer_dg,
    lfm,
    mmcosine,
    dann,
    coral,
    mmd,
    irm,
    vrex,
    group_dro,
    mixup,
    mean_teacher,
    inner_step,
    sam
];

/// The method of that name.
///
/// # Errors
/// [`Error::Input`] that lists the names there are.
pub fn find(name: &str) -> Result<&'static MethodEntry> {
    METHODS.iter().find(|method| method.name == name).ok_or_else(|| unknown(name))
}

/// What builds the method of that name.
///
/// # Errors
/// As [`find`].
pub fn builder(name: &str) -> Result<&'static MethodBuilder> {
    BUILDERS.iter().find(|builder| builder.entry.name == name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Error {
    Error::not_known(format_args!("method {name:?}"), METHODS.iter().map(|method| method.name))
}
