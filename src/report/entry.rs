//! Rows and columns of a comparison: what runs are of, and what they answer.

use std::collections::{BTreeMap, BTreeSet};

use super::identity::{self, differing, value};
use super::results::{Plain, RunResult, RunSettings};

/// Runs that differ in task and seed only.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The runs' name.
    pub name: String,
    /// The name, with modalities, selection and settings in brackets where not all runs have the same.
    pub label: String,
    /// Which losses there are.
    pub method: String,
    /// How gradients meet.
    pub balance: String,
    /// [`RunResult::words`] of the first run.
    pub words: BTreeMap<String, String>,
    /// [`RunResult::plain`].
    pub plain: Plain,
    /// [`RunResult::losses`].
    pub losses: Vec<String>,
    /// The modalities, in order of concatenation.
    pub modalities: Vec<String>,
    /// How epochs were chosen.
    pub selection: String,
    /// RunSettings that entries must share to be compared.
    pub shared: RunSettings,
    /// RunSettings of the balancer, where no search chose them.
    pub own: RunSettings,
}

impl Entry {
    /// That of one run.
    pub(super) fn new(run: &RunResult) -> Self {
        Self {
            name: run.name.clone(),
            label: run.name.clone(),
            method: run.method.clone(),
            balance: run.balance.clone(),
            words: run.words.clone(),
            plain: run.plain,
            losses: run.losses.clone(),
            modalities: run.modalities.clone(),
            selection: run.selection.clone(),
            shared: identity::shared(run),
            own: identity::own(run),
        }
    }

    /// Whether its method is trained as it is, with nothing balanced and nothing added.
    pub(super) fn is_joint(&self) -> bool {
        self.plain.balance && self.plain.losses
    }

    pub(super) fn is_of(&self, run: &RunResult) -> bool {
        (&self.name, &self.modalities, &self.selection) == (&run.name, &run.modalities, &run.selection)
            && self.shared == identity::shared(run)
            && self.own == identity::own(run)
    }

    /// Whether a difference between the two says something of method and balancer.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        (&self.modalities, &self.selection, &self.shared) == (&other.modalities, &other.selection, &other.shared)
    }
}

/// Labels entries by what sets them apart.
pub(super) fn name(entries: &mut [Entry]) {
    let varies = |of: fn(&Entry, &Entry) -> bool| entries.iter().any(|e| of(e, &entries[0]));
    let (modalities, selection) = (varies(|a, b| a.modalities != b.modalities), varies(|a, b| a.selection != b.selection));
    let shared = differing(entries.iter().map(|entry| &entry.shared));
    let own: Vec<_> = entries
        .iter()
        .map(|entry| differing(entries.iter().filter(|other| other.name == entry.name).map(|other| &other.own)))
        .collect();
    for (entry, own) in entries.iter_mut().zip(own) {
        let mut parts = Vec::new();
        parts.extend(modalities.then(|| entry.modalities.join("+")));
        parts.extend(selection.then(|| entry.selection.clone()));
        for (settings, keys) in [(&entry.shared, &shared), (&entry.own, &own)] {
            parts.extend(keys.keys().filter(|key| known(settings, key)).map(|key| format!("{key} {}", value(settings, key))));
        }
        if !parts.is_empty() {
            entry.label = format!("{} [{}]", entry.name, parts.join(", "));
        }
    }
}

/// Whether something is known of a key, that it is not set among it.
fn known(settings: &RunSettings, key: &str) -> bool {
    key == "settings" || settings.contains_key(key) || !settings.contains_key("settings")
}

/// Runs that answer the same question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedTask {
    /// [`RunResult::task`]; `sources → target` where several have that name.
    pub label: String,
    /// [`ProtocolResult::kind`](super::results::ProtocolResult).
    pub kind: String,
    /// Domains trained on, sorted.
    pub sources: Vec<String>,
    /// Domain tested on.
    pub target: String,
    /// Which of its rows; none where that is not known.
    pub split: Option<String>,
}

impl ComparedTask {
    /// That of one run.
    pub(super) fn new(run: &RunResult) -> Self {
        let split = run.settings.get("target-split").and_then(|split| split.as_str());
        Self {
            label: run.task(),
            kind: run.protocol.kind.clone(),
            sources: sorted(&run.sources),
            target: run.target.clone(),
            split: split.map(String::from),
        }
    }

    pub(super) fn is_of(&self, run: &RunResult) -> bool {
        let other = Self::new(run);
        (&self.kind, &self.sources, &self.target, &self.split) == (&other.kind, &other.sources, &other.target, &other.split)
    }
}

/// Labels tasks by their sources, and by the target's rows, where names alone do not tell them apart.
pub(super) fn tell_apart(tasks: &mut [ComparedTask]) {
    let twice = |tasks: &[ComparedTask], label: &str| tasks.iter().filter(|task| task.label == label).count() > 1;
    let alike: Vec<bool> = tasks.iter().map(|task| twice(tasks, &task.label)).collect();
    for (task, _) in tasks.iter_mut().zip(&alike).filter(|(_, alike)| **alike) {
        task.label = format!("{} → {}", task.sources.join(", "), task.target);
    }
    let alike: Vec<bool> = tasks.iter().map(|task| twice(tasks, &task.label)).collect();
    for (task, _) in tasks.iter_mut().zip(&alike).filter(|(_, alike)| **alike) {
        task.label = format!("{} ({} rows)", task.label, task.split.as_deref().unwrap_or("unknown"));
    }
}

fn sorted(names: &[String]) -> Vec<String> {
    names.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect()
}
