//! What a published method trains: its forward passes and losses, one file a method. How their gradients meet is
//! [`crate::balance`]'s.

use crate::{Error, Result};

mod branch;
mod erm;
mod inner_step;
mod mean_teacher;
mod sam;
mod unimodal;

pub use branch::{Branch, BranchInput, Declared, Method, MethodEntry, Move, Scope, Weights};

/// Every method there is.
pub static METHODS: &[MethodEntry] = &[erm::ENTRY, unimodal::ENTRY, mean_teacher::ENTRY, inner_step::ENTRY, sam::ENTRY];

/// The method of that name.
///
/// # Errors
/// [`Error::Input`] that lists the names there are.
pub fn find(name: &str) -> Result<&'static MethodEntry> {
    METHODS.iter().find(|method| method.name == name).ok_or_else(|| {
        let names: Vec<_> = METHODS.iter().map(|method| method.name).collect();
        Error::input(format!("method {name:?}"), format!("not known; expected one of {}", names.join(", ")))
    })
}
