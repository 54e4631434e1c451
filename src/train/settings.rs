//! The `[train]` table of a pipeline file.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::recipe::{Averaging, Numbers, Recipe, Schedule};
use crate::balance::{self, Hyperparameters};
use crate::{Error, Result, method};

/// How heads are trained. Where Peng et al. (AAAI 2026) state a value it is the default; else the code of MMDG-Bench.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Settings {
    /// Folder of the runs.
    pub out: PathBuf,
    /// The feature store; default that of `[extract]`.
    pub features: Option<PathBuf>,
    /// Modalities trained on, in order of concatenation; empty: all of the features.
    pub modalities: Vec<String>,
    /// Domains left out in turn; empty: every domain.
    pub targets: Vec<String>,
    /// One run each. Default 0, 1, 2.
    pub seeds: Vec<u64>,
    /// Passes over the training rows, at least 1. Default 20 (paper).
    pub epochs: usize,
    /// Rows of a step, at least 1. Default 16 (MMDG-Bench; the paper gives none). The shorter last batch of an epoch is left
    /// out as there, unless it is the only one.
    pub batch_size: usize,
    /// Default `adam` (paper).
    pub optimizer: Optimizer,
    /// Above 0. Default 1e-4 (paper).
    pub learning_rate: f64,
    /// At least 0; added to the gradient by `adam` and `sgd`, taken off the parameters by `adamw`. Default 0 (MMDG-Bench's GMP).
    pub weight_decay: f64,
    /// [`Numbers::momentum`]. Default 0.9.
    pub momentum: f64,
    /// How the learning rate goes. Default `constant` (paper).
    pub schedule: Schedule,
    /// [`Numbers::step_epochs`]. Default 10.
    pub step_epochs: usize,
    /// [`Numbers::step_factor`], above 0. Default 0.1.
    pub step_factor: f64,
    /// [`Numbers::clip`], at least 0. Default 0.
    pub clip: f64,
    /// Which weights are evaluated and written. Default `none`.
    pub average: Averaging,
    /// [`Numbers::average_decay`]. Default 0.999.
    pub average_decay: f64,
    /// [`Numbers::average_from`], below `epochs`. Default 0.
    pub average_from: usize,
    /// Hidden width of each encoder; 0: a linear encoder. Default 512 (ours: the papers fine-tune backbones instead).
    pub hidden: usize,
    /// Width of each embedding. Default 512 (ours, as above).
    pub embedding: usize,
    /// Hidden width of the classifier and the discriminator. Default 256 (paper).
    pub head_hidden: usize,
    /// Share of hidden units dropped, in [0, 1). Default 0.5 (MMDG-Bench).
    pub dropout: f64,
    /// Which rows of the target are tested. Default: what the features' recipe says (`test-set` of `[data]`), else `all`.
    pub target_split: Option<TargetSplit>,
    /// How the tested epoch is chosen.
    pub selection: Selection,
    /// `cpu`, `cuda` or `cuda:1`.
    pub device: String,
    /// Arithmetic of the run. Default `f32`.
    pub precision: Precision,
    /// What is compared; empty: one entry with method `erm` and balance `none`.
    pub compare: Vec<Compare>,
}

impl Default for Settings {
    fn default() -> Self {
        let numbers = Numbers::default();
        Self {
            out: "runs".into(),
            features: None,
            modalities: Vec::new(),
            targets: Vec::new(),
            seeds: vec![0, 1, 2],
            epochs: 20,
            batch_size: 16,
            optimizer: Optimizer::Adam,
            learning_rate: 1e-4,
            weight_decay: 0.0,
            momentum: numbers.momentum,
            schedule: Schedule::Constant,
            step_epochs: numbers.step_epochs,
            step_factor: numbers.step_factor,
            clip: numbers.clip,
            average: Averaging::None,
            average_decay: numbers.average_decay,
            average_from: numbers.average_from,
            hidden: 512,
            embedding: 512,
            head_hidden: 256,
            dropout: 0.5,
            target_split: None,
            selection: Selection::SourceVal,
            device: "cpu".into(),
            precision: Precision::F32,
            compare: Vec::new(),
        }
    }
}

/// The optimizer's kind; β = (0.9, 0.999) and ε = 1e-8 where it has them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimizer {
    /// Kingma & Ba, ICLR 2015.
    #[default]
    Adam,
    /// Loshchilov & Hutter, ICLR 2019.
    Adamw,
    /// Stochastic gradient descent: v ← `momentum` v + g, θ ← θ − `learning-rate` v.
    Sgd,
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

/// How the tested epoch is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// The best accuracy on the sources' validation rows (their test rows where they have none), of equals the later epoch.
    SourceVal,
}

impl Selection {
    /// The word in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::SourceVal => "source-val",
        }
    }
}

/// Arithmetic of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// Single.
    F32,
    /// Double, for checks against references.
    F64,
}

/// One column of the comparison.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Compare {
    /// Name of the column and of its folder.
    pub name: String,
    /// One of [`method::METHODS`]. Default `erm`.
    pub method: Option<String>,
    /// One of [`balance::BALANCERS`]. Default `none`.
    pub balance: Option<String>,
    /// What the balancer [takes](balance::Entry::takes).
    #[serde(flatten)]
    pub hyperparameters: BTreeMap<String, toml::Value>,
}

/// A [`Compare`] with everything looked up.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Name of the column.
    pub name: String,
    /// Which losses there are.
    pub method: &'static method::Method,
    /// How gradients meet.
    pub balance: &'static balance::Entry,
    /// The balancer's settings.
    pub hyperparameters: Hyperparameters,
}

impl Compare {
    /// Looks names up and fills in defaults.
    ///
    /// # Errors
    /// [`Error::Input`] for an unknown method or balancer, a setting that the balancer does not take, a number out of range.
    pub fn resolve(&self) -> Result<Resolved> {
        let input = format!("[[train.compare]] {:?}", self.name);
        if !is_folder_name(&self.name) {
            return Err(Error::input(input, "expected a `name` that can be a folder's"));
        }
        let at = |error: Error| Error::input(&input, error.to_string());
        let method = method::find(self.method.as_deref().unwrap_or("erm")).map_err(at)?;
        let balance = balance::find(self.balance.as_deref().unwrap_or("none")).map_err(at)?;
        let hyperparameters = Hyperparameters::new(balance.takes, &self.hyperparameters)
            .map_err(|problem| Error::input(&input, format!("balance {:?}: {problem}", balance.name)))?;
        Ok(Resolved { name: self.name.clone(), method, balance, hyperparameters })
    }
}

impl Settings {
    /// Everything to compare, looked up.
    ///
    /// # Errors
    /// [`Error::Input`] as [`Compare::resolve`], and for a name that stands twice.
    pub fn resolve_compare(&self) -> Result<Vec<Resolved>> {
        let single = [Compare { name: "erm".into(), ..Compare::default() }];
        let entries = if self.compare.is_empty() { &single[..] } else { &self.compare };
        for (i, entry) in entries.iter().enumerate() {
            if entries[..i].iter().any(|other| other.name == entry.name) {
                return Err(Error::input(format!("[[train.compare]] {:?}", entry.name), "stands twice; expected unique names"));
            }
        }
        entries.iter().map(Compare::resolve).collect()
    }

    /// What all runs share of how they descend.
    pub fn recipe(&self) -> Recipe {
        Recipe { optimizer: self.optimizer, schedule: self.schedule, average: self.average }
    }

    /// Each run's numbers beside learning rate and weight decay.
    pub fn numbers(&self) -> Numbers {
        Numbers {
            momentum: self.momentum,
            clip: self.clip,
            step_epochs: self.step_epochs,
            step_factor: self.step_factor,
            average_decay: self.average_decay,
            average_from: self.average_from,
        }
    }

    /// Checks the numbers, before anything is read or written.
    ///
    /// # Errors
    /// [`Error::Input`] that names the key, the value and what was expected.
    pub fn check(&self) -> Result<()> {
        let wrong = |key: &str, value: String, expected: &str| {
            Err(Error::input(format!("[train] {key}"), format!("{value}; expected {expected}")))
        };
        let widths = [
            ("epochs", self.epochs),
            ("step-epochs", self.step_epochs),
            ("batch-size", self.batch_size),
            ("embedding", self.embedding),
            ("head-hidden", self.head_hidden),
        ];
        for (key, value) in widths {
            if !(1..=1 << 20).contains(&value) {
                return wrong(key, value.to_string(), "a whole number from 1 to 1048576");
            }
        }
        if self.hidden > 1 << 20 {
            return wrong("hidden", self.hidden.to_string(), "a whole number up to 1048576");
        }
        for (key, value) in [("learning-rate", self.learning_rate), ("step-factor", self.step_factor)] {
            if !(value.is_finite() && value > 0.0) {
                return wrong(key, value.to_string(), "a number above 0");
            }
        }
        for (key, value) in [("weight-decay", self.weight_decay), ("clip", self.clip)] {
            if !(value.is_finite() && value >= 0.0) {
                return wrong(key, value.to_string(), "a number of at least 0");
            }
        }
        for (key, value) in [("dropout", self.dropout), ("momentum", self.momentum), ("average-decay", self.average_decay)] {
            if !(0.0..1.0).contains(&value) {
                return wrong(key, value.to_string(), "a share of at least 0 and below 1");
            }
        }
        if self.average != Averaging::None && self.average_from >= self.epochs {
            let expected = format!("an epoch below epochs = {}", self.epochs);
            return wrong("average-from", self.average_from.to_string(), &expected);
        }
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
        Ok(())
    }
}

/// Whether a name can be one folder's.
pub(super) fn is_folder_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name) && !name.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_names_stay_in_their_folder() {
        assert!(["gmp (paper)", "P08", "ä"].into_iter().all(is_folder_name));
        assert!(!["", ".", "..", "a/b", "/a", "a/"].into_iter().any(is_folder_name));
    }

    #[test]
    fn a_setting_that_a_balancer_does_not_take_is_refused() {
        let compare: Compare = toml::from_str("name = 'x'\nbalance = 'adversarial'\nalpha-k = 0.5").unwrap();
        assert_eq!(
            compare.resolve().unwrap_err().to_string(),
            "[[train.compare]] \"x\": balance \"adversarial\": alpha-k = 0.5: not taken here; expected lambda"
        );
        let compare: Compare = toml::from_str("name = 'x'\nalpha_k = 0.5").unwrap();
        assert!(compare.resolve().is_err());
    }
}
