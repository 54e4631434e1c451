//! The `[protocol]` table of a pipeline file: which domains are trained and tested on, with which modalities and seeds.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::selection::Selection;
use super::subset::Subset;
use super::table::FeatureTable;
use super::task::{Absent, DomainTask};
use crate::manifest::TestSet;
use crate::report::RunResult;
use crate::{Error, Result};

/// Which runs there are of each column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Protocol {
    /// Which domains are sources and which one is the target.
    pub kind: ProtocolKind,
    /// Modalities trained on, a column of the results each; empty: all of the features, together.
    pub modalities: Vec<Subset>,
    /// Domains tested on in turn; empty: every domain.
    pub targets: Vec<String>,
    /// Domains that may be trained on; empty: every domain.
    pub sources: Vec<String>,
    /// One run each: numbers, and ranges such as `"0-4"` with both ends included. Default 0, 1, 2.
    #[serde(deserialize_with = "super::seeds::read")]
    pub seeds: Vec<u64>,
    /// Which rows of the target are tested. Default: what the features' recipe says (`test-set` of `[data]`), else `all`. Of no
    /// effect on `in-domain`, which tests the domain's test rows.
    pub target_split: Option<TargetSplit>,
    /// How the tested epoch, and the configuration of a search, are chosen.
    pub selection: Selection,
    /// Which of the task's metrics chooses them, such as `macro_f1` or `rmse`. Default: its first, accuracy or MAE.
    pub metric: Option<String>,
    /// Random configurations that are tried for each column and task besides the given one; 0: no search.
    pub search: usize,
    /// Ranges of the search by key, in place of those that the balancer states: `lambda = [0.1, 0.5]`. Also `learning-rate`
    /// (default a tenth to ten times the given one) and `weight-decay` (default 1e-6 to 1e-2), both drawn evenly in their
    /// logarithm; all others evenly.
    pub ranges: BTreeMap<String, [f64; 2]>,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            kind: ProtocolKind::MultiSource,
            modalities: Vec::new(),
            targets: Vec::new(),
            sources: Vec::new(),
            seeds: vec![0, 1, 2],
            target_split: None,
            selection: Selection::SourceVal,
            metric: None,
            search: 0,
            ranges: BTreeMap::new(),
        }
    }
}

/// A task, and the same without one of its sources each where those choose its epoch.
pub(super) type Filled = (Arc<DomainTask>, Vec<Arc<DomainTask>>);

/// Which domains are sources and which one is the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProtocolKind {
    /// Each domain is the target once, all others are sources: leave one domain out.
    MultiSource,
    /// Every ordered pair of two domains. With one source there are no domains to tell apart: the domain loss and its gradients
    /// are 0, and σ = p = 1.
    SingleSource,
    /// Training and test rows of one domain: what a model reaches without a shift.
    InDomain,
}

impl ProtocolKind {
    /// The word in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::MultiSource => "multi-source",
            Self::SingleSource => "single-source",
            Self::InDomain => "in-domain",
        }
    }
}

/// Rows of the target that are tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetSplit {
    /// Every row.
    All,
    /// Its test rows.
    Test,
}

impl Protocol {
    /// Checks what needs no features, before anything is read or written.
    ///
    /// # Errors
    /// [`Error::Input`] that names the key, the value and what was expected.
    pub fn check(&self) -> Result<()> {
        let wrong = |key: &str, value: String, expected: &str| {
            Err(Error::input(format!("[protocol] {key}"), format!("{value}; expected {expected}")))
        };
        if self.seeds.is_empty() {
            return wrong("seeds", "none".into(), "at least one");
        }
        if let Some(seed) = self.seeds.iter().find(|seed| **seed > i64::MAX as u64) {
            return wrong("seeds", seed.to_string(), "at most 9223372036854775807, the largest whole number of TOML");
        }
        for (i, seed) in self.seeds.iter().enumerate() {
            if self.seeds[..i].contains(seed) {
                return wrong("seeds", format!("{seed} stands twice"), "each seed once");
            }
        }
        if self.search > 10_000 {
            return wrong("search", self.search.to_string(), "at most 10000 configurations");
        }
        for (key, [least, most]) in &self.ranges {
            if !(least.is_finite() && most.is_finite() && least <= most) {
                return wrong("ranges", format!("{key} = [{least}, {most}]"), "[least, most]");
            }
        }
        Ok(())
    }

    /// Every task, subset of modalities by subset, targets in turn, with those that choose its epoch; an error in place of one that
    /// the features cannot fill.
    ///
    /// # Errors
    /// [`Error::Input`] for names that the features do not have, and where there is no task at all.
    pub(super) fn tasks(&self, table: &FeatureTable, absent: Absent) -> Result<Vec<Result<Filled>>> {
        let subsets = self.subsets(table)?;
        let targets = places("targets", &self.targets, table.domains())?;
        let sources = places("sources", &self.sources, table.domains())?;
        let of_recipe = table.test_set().map(|set| match set {
            TestSet::TargetTest => TargetSplit::Test,
            TestSet::TargetAll => TargetSplit::All,
        });
        let split = self.target_split.or(of_recipe).unwrap_or(TargetSplit::All);
        let mut tasks = Vec::new();
        for modalities in &subsets {
            for &target in &targets {
                let others: Vec<usize> = sources.iter().copied().filter(|&d| d != target).collect();
                if others.is_empty()
                    && self.targets.is_empty()
                    && table.domains().len() > 1
                    && self.kind != ProtocolKind::InDomain
                {
                    continue; // the only source is no target
                }
                match self.kind {
                    ProtocolKind::MultiSource => tasks.push(DomainTask::new(table, modalities, &others, target, split, absent)),
                    ProtocolKind::SingleSource => {
                        let from = |&source: &usize| DomainTask::new(table, modalities, &[source], target, split, absent);
                        tasks.extend(others.iter().map(from));
                    }
                    ProtocolKind::InDomain if sources.contains(&target) => {
                        tasks.push(DomainTask::in_domain(table, modalities, target, absent))
                    }
                    ProtocolKind::InDomain => {}
                }
            }
        }
        if tasks.is_empty() {
            let problem = format!("no {} task with these targets and sources; expected at least one", self.kind.name());
            return Err(Error::input("[protocol]", problem));
        }
        let with_inner = |task: DomainTask| {
            let sources = if self.selection == Selection::LeaveOneDomainOut { &task.sources[..] } else { &[] };
            let inner = sources.iter().map(|&source| task.inner(table, source).map(Arc::new)).collect::<Result<_>>()?;
            Ok((Arc::new(task), inner))
        };
        Ok(tasks.into_iter().map(|task| task.and_then(with_inner)).collect())
    }

    /// Whether a run is one of this protocol's, by its kind, target, seed, modalities and selection.
    pub fn asks_for(&self, run: &RunResult) -> bool {
        let whole = |subset: &Subset| subset.places(&run.modalities).is_ok_and(|places| places.len() == run.modalities.len());
        let fits = [
            self.kind.name() == run.protocol.kind,
            self.selection.name() == run.selection,
            self.seeds.contains(&run.seed),
            self.targets.is_empty() || self.targets.contains(&run.target),
            self.modalities.is_empty() || self.modalities.iter().any(whole),
        ];
        fits.into_iter().all(|fits| fits)
    }

    /// Places of the modalities of each subset.
    fn subsets(&self, table: &FeatureTable) -> Result<Vec<Vec<usize>>> {
        let names: Vec<String> = table.modalities().iter().map(|m| m.name.clone()).collect();
        if self.modalities.is_empty() {
            return Ok(vec![(0..names.len()).collect()]);
        }
        let mut subsets = Vec::new();
        for subset in &self.modalities {
            let places = subset.places(&names)?;
            let sorted = |places: &Vec<usize>| {
                let mut sorted = places.clone();
                sorted.sort_unstable();
                sorted
            };
            if subsets.iter().any(|other| sorted(other) == sorted(&places)) {
                return Err(Error::input("[protocol] modalities", format!("{subset}: the same modalities stand twice")));
            }
            subsets.push(places);
        }
        Ok(subsets)
    }
}

/// Places of the wanted domains; of all where none is asked for.
fn places(key: &str, wanted: &[String], names: &[String]) -> Result<Vec<usize>> {
    let input = format!("[protocol] {key}");
    if let Some((_, name)) = wanted.iter().enumerate().find(|(i, name)| wanted[..*i].contains(name)) {
        return Err(Error::input(input, format!("{name:?} stands twice; expected each name once")));
    }
    if wanted.is_empty() {
        return Ok((0..names.len()).collect());
    }
    let place = |name: &String| {
        names.iter().position(|other| other == name).ok_or_else(|| {
            Error::input(&input, format!("{name:?} is not among the features; expected some of {}", names.join(", ")))
        })
    };
    wanted.iter().map(place).collect()
}
