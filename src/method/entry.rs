//! What can be said of a method without libtorch, and what builds one.

use serde::{Deserialize, Serialize};
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
    /// Its losses: what each is for, the first word of its heads' names (none of a loss without heads), and the branch that it reads.
    pub terms: &'static [(Role, &'static str, &'static str)],
    /// Whether an average of its weights is judged, beside which `[train] average` has no place.
    pub averages: bool,
    /// Whether it is what other methods are compared with.
    pub plain: bool,
    /// What its batches are drawn from, unless `[train] batches` says otherwise.
    pub batches: Batches,
    /// Why it trains on classes alone, where it does.
    pub classes_only: Option<&'static str>,
}

/// What a batch is drawn from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Batches {
    /// All training rows alike.
    #[default]
    Pooled,
    /// Each source domain by itself, so many rows of every one: a batch has `batch-size` over the number of sources, rounded down, or as
    /// many as the smallest source has, and an epoch as many batches as that source fills.
    ByDomain,
}

impl MethodEntry {
    /// One with these losses that takes no settings and trains on whatever there is.
    pub const fn new(name: &'static str, about: &'static str, terms: &'static [(Role, &'static str, &'static str)]) -> Self {
        Self { name, about, takes: &[], terms, averages: false, plain: false, batches: Batches::Pooled, classes_only: None }
    }

    /// Whether it compares source domains, and so says nothing where there is one.
    pub fn compares_domains(&self) -> bool {
        self.batches == Batches::ByDomain
    }
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
