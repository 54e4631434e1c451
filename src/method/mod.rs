//! What a published method trains: its label losses, one file a method. How their gradients meet is [`crate::balance`]'s.

use crate::objective::{Layout, Objective, Shape};
use crate::{Error, Result};

mod erm;
mod unimodal;

/// One line of [`METHODS`].
#[derive(Debug, Clone, Copy)]
pub struct Method {
    /// The word in a pipeline file.
    pub name: &'static str,
    /// What it is, with its source.
    pub about: &'static str,
    /// Its losses. The first one has the class scores that the run is judged by.
    pub objectives: fn(&Shape, &mut Layout) -> Vec<Box<dyn Objective>>,
}

/// Every method there is.
pub static METHODS: &[Method] = &[erm::METHOD, unimodal::METHOD];

/// The method of that name.
///
/// # Errors
/// [`Error::Input`] that lists the names there are.
pub fn find(name: &str) -> Result<&'static Method> {
    METHODS.iter().find(|method| method.name == name).ok_or_else(|| {
        let names: Vec<_> = METHODS.iter().map(|method| method.name).collect();
        Error::input(format!("method {name:?}"), format!("not known; expected one of {}", names.join(", ")))
    })
}
