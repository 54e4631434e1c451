//! What can be said of a method without libtorch, and what builds one.

use tch::{Device, Kind};

use super::Method;
use crate::hyperparameters::{Hyperparameters, Setting};
use crate::objective::Role;

/// One line of [`METHODS`](super::METHODS).
#[derive(Debug, Clone, Copy)]
pub struct MethodEntry {
    /// The word in a pipeline file.
    pub name: &'static str,
    /// What it is, with its source.
    pub about: &'static str,
    /// What may be set of it. No balancer has a setting of the same name.
    pub takes: &'static [Setting],
    /// Its losses: what each is for, the first word of its heads' names, and the branch that it reads.
    pub terms: &'static [(Role, &'static str, &'static str)],
    /// Whether an average of its weights is judged, beside which `[train] average` has no place.
    pub averages: bool,
    /// Whether it is what other methods are compared with.
    pub plain: bool,
}

/// Makes a method for R runs, which share their words.
pub type Build = fn(&[Hyperparameters], Kind, Device) -> Box<dyn Method>;

/// One line of [`BUILDERS`](super::BUILDERS): what a program that trains has beside the entry.
#[derive(Debug, Clone, Copy)]
pub struct MethodBuilder {
    /// What it builds.
    pub entry: &'static MethodEntry,
    /// How.
    pub build: Build,
}
