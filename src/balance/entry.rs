//! What can be said of a balancer without libtorch, and what builds one.

use tch::{Device, Kind};

use super::Balancer;
use crate::hyperparameters::{Hyperparameters, Setting};
use crate::method::MethodEntry;
use crate::objective::Role;

/// One line of [`BALANCERS`](super::BALANCERS).
#[derive(Debug, Clone, Copy)]
pub struct BalancerEntry {
    /// The word in a pipeline file.
    pub name: &'static str,
    /// What it is, with its source.
    pub about: &'static str,
    /// What may be set of it.
    pub takes: &'static [Setting],
    /// The losses that it adds to a method's; probes are none.
    pub adds: &'static [Added],
    /// Why it trains on classes alone, where it does.
    pub classes_only: Option<&'static str>,
    /// Why it goes with no method that has domain losses, where it does not.
    pub no_domain: Option<&'static str>,
    /// Whether gradients meet as they are: what others with the same losses are compared with.
    pub plain: bool,
}

/// A loss that a balancer adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// What it is for.
    pub role: Role,
    /// The first word of its heads' names.
    pub heads: &'static str,
    /// Whether beside a method's own losses of that role too; else only where the method has none.
    pub always: bool,
    /// The words of settings that it goes with, all of them; with any where none.
    pub only: &'static [(&'static str, &'static str)],
}

impl Added {
    /// Where a method has no loss of that role, whatever the settings.
    pub const fn unless_there(role: Role, heads: &'static str) -> Self {
        Self { role, heads, always: false, only: &[] }
    }

    /// Beside whatever a method has.
    pub const fn always(role: Role, heads: &'static str) -> Self {
        Self { always: true, ..Self::unless_there(role, heads) }
    }

    /// The same where settings have these words.
    #[must_use]
    pub const fn only(self, only: &'static [(&'static str, &'static str)]) -> Self {
        Self { only, ..self }
    }
}

impl BalancerEntry {
    /// One that takes no settings, adds no losses, and trains on whatever labels there are.
    pub const fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about, takes: &[], adds: &[], classes_only: None, no_domain: None, plain: false }
    }

    /// What it adds to a method's losses, with these settings.
    pub fn added(&self, method: &MethodEntry, own: &Hyperparameters) -> impl Iterator<Item = &'static Added> {
        let has = |role: Role| method.terms.iter().any(|term| term.0 == role);
        let goes = |added: &Added| added.only.iter().all(|(key, word)| own.words().get(key) == Some(word));
        self.adds.iter().filter(move |added| goes(added) && (added.always || !has(added.role)))
    }

    /// Why it and a method are no pair: both bring heads of one name, or the method has losses that it cannot weigh.
    pub fn conflict(&self, method: &MethodEntry, own: &Hyperparameters) -> Option<String> {
        if let Some(reason) = self.no_domain.filter(|_| method.terms.iter().any(|term| term.0 == Role::Domain)) {
            return Some(reason.to_owned());
        }
        let twice = self.added(method, own).find(|added| method.terms.iter().any(|term| term.1 == added.heads))?;
        Some(format!("both have heads named {}: their losses are the same", twice.heads))
    }
}

/// Makes a balancer for R runs, which share their words.
pub type Build = fn(&[Hyperparameters], Kind, Device) -> Box<dyn Balancer>;

/// One line of [`BUILDERS`](super::BUILDERS): what a program that trains has beside the entry.
#[derive(Debug, Clone, Copy)]
pub struct BalancerBuilder {
    /// What it builds.
    pub entry: &'static BalancerEntry,
    /// How.
    pub build: Build,
}
