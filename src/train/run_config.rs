//! What shapes a run, and whether what an earlier one left in a folder is of the same.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use toml::{Table as Toml, Value};

use super::compare::Column;
use super::products::{ProductsWord, UNSAID};
use super::protocol::TargetSplit;
use super::saved::Saved;
use super::selection::Pick;
use super::settings::TrainSettings;
use super::table::FeatureTable;
use super::trial::Trial;
use super::{checkpoint, output};
use crate::hyperparameters::Hyperparameters;
use crate::report::identity::{self, OWN, PLACE};
use crate::report::record;
use crate::report::results::{FORMAT, Purpose, RunResult, RunSettings};
use crate::report::sound;
use crate::{Error, Result, fs};

/// Number of the way in which runs are trained; raised whenever equal features and settings give other runs for another reason than libtorch's own.
const ALGORITHM: u32 = 1;

/// Everything that shapes a run, as its `config.toml` has it: equal files, equal runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunConfig {
    /// [`ALGORITHM`].
    pub(super) algorithm: u32,
    /// [`FeatureTable::digest`].
    pub(super) features: String,
    pub(super) name: String,
    pub(super) method: &'static str,
    pub(super) balance: &'static str,
    pub(super) modalities: Vec<String>,
    pub(super) protocol: &'static str,
    pub(super) purpose: Purpose,
    pub(super) sources: Vec<String>,
    pub(super) target: String,
    pub(super) target_split: TargetSplit,
    pub(super) selection: &'static str,
    /// The metric that chooses, where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metric: Option<String>,
    /// The epoch that inner runs chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) chosen_epoch: Option<usize>,
    /// Its number in a search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) configuration: Option<usize>,
    pub(super) seed: u64,
    #[serde(skip)]
    pub(super) epochs: usize,
    /// Whether the settings leave open whose kernels multiply: a finished run then is one, whosever did.
    #[serde(skip)]
    pub(super) any_products: bool,
    /// What of `[train]` [shapes](TrainSettings::shaping) a run, with the run's own learning rate and weight decay.
    #[serde(flatten)]
    pub(super) shaping: Toml,
    pub(super) device: String,
    /// Blake3 of the weights that it starts from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) init: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) trace: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) tsne: bool,
    pub(super) hyperparameters: Hyperparameters,
}

impl RunConfig {
    /// The configuration of one run.
    pub(super) fn new(
        table: &FeatureTable,
        digest: &str,
        settings: &TrainSettings,
        mut shaping: Toml,
        trial: &Trial,
        init: Option<&Saved>,
    ) -> Self {
        let (Trial { configuration, task, .. }, column) = (trial, trial.column());
        shaping.insert("learning-rate".into(), configuration.learning_rate.into());
        shaping.insert("weight-decay".into(), configuration.weight_decay.into());
        let domain = |d: usize| table.domains()[d].clone();
        Self {
            algorithm: ALGORITHM,
            features: digest.into(),
            name: column.name.clone(),
            method: column.method.name,
            balance: column.balance.name,
            modalities: task.modalities.iter().map(|&m| table.modalities()[m].name.clone()).collect(),
            protocol: trial.kind.name(),
            purpose: trial.purpose,
            sources: task.sources.iter().copied().map(domain).collect(),
            target: domain(task.target),
            target_split: task.target_split,
            selection: settings.protocol.selection.name(),
            metric: settings.protocol.metric.clone(),
            chosen_epoch: match trial.pick {
                Pick::Chosen(choice) => Some(choice.epoch),
                _ => None,
            },
            configuration: configuration.index,
            seed: trial.seed,
            epochs: settings.epochs,
            any_products: settings.products == ProductsWord::Auto,
            shaping,
            device: settings.device.clone(),
            init: init.map(|init| init.digest.clone()),
            trace: settings.trace,
            tsne: settings.tsne && trial.purpose == Purpose::Result,
            hyperparameters: column.hyperparameters.clone(),
        }
    }

    /// The file's text.
    ///
    /// # Errors
    /// [`Error::Input`] where a value has no place in TOML.
    pub fn text(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::input("[train]", error.to_string()))
    }

    /// As results carry it.
    pub(super) fn settings(&self) -> RunSettings {
        self.text().ok().and_then(|text| text.parse().ok()).map(identity::settings).unwrap_or_default()
    }

    /// Whether a `config.toml` is this one, but for keys of the place.
    pub(super) fn is(&self, config: &str) -> bool {
        let own = self.text().ok().and_then(|text| placeless(&text));
        own.is_some() && own == placeless(config)
    }

    /// Both without what may differ between this and a finished run of it.
    fn finished_pair(&self, config: &str) -> Option<[Toml; 2]> {
        let mut both = [placeless(config)?, placeless(&self.text().ok()?)?];
        both.iter_mut().filter(|_| self.any_products).for_each(|config| drop(config.remove("products")));
        Some(both)
    }

    /// The result of an earlier run of exactly this configuration, where `folder` holds one that a run can have left.
    pub fn finished(&self, folder: &Path) -> Option<RunResult> {
        let config = fs::read(&folder.join("config.toml")).ok().and_then(|bytes| String::from_utf8(bytes).ok())?;
        let [found, own] = self.finished_pair(&config)?;
        if found != own || !record::is_whole(folder) {
            return None;
        }
        let bytes = fs::read(&folder.join("results.json")).ok()?;
        let result = serde_json::from_slice::<RunResult>(&bytes).ok()?;
        (result.format == FORMAT && sound::check(&result).is_ok()).then_some(result)
    }

    /// Whether an embedding is asked for that the finished run in `folder` is without.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn lacks_embedding(&self, folder: &Path, result: &RunResult) -> Result<bool> {
        Ok(self.tsne && result.diverged.is_none() && !fs::is_file(&folder.join(output::EMBEDDING))?)
    }

    /// In what a run that is finished in `folder`, or that has a checkpoint there, is another than this one; nothing where there is
    /// none. What a search or inner runs choose for a reported run is no difference.
    pub(super) fn differences(&self, folder: &Path) -> Vec<String> {
        let found = self.said_differences(folder);
        // what is damaged says nothing, and is made anew
        let damaged = || record::faults(folder).is_ok_and(|faults| faults.is_some_and(|faults| !faults.is_empty()));
        if found.is_empty() || !output::is_set_aside(folder) && damaged() { Vec::new() } else { found }
    }

    /// By what the run's `config.toml`, or its checkpoint, says, damaged or not.
    fn said_differences(&self, folder: &Path) -> Vec<String> {
        let both = match output::is_finished(folder) {
            true => fs::read_text(&folder.join("config.toml")).ok().and_then(|text| self.finished_pair(&text)),
            false => match checkpoint::config(folder) {
                None => return Vec::new(),
                Some(config) => placeless(&config).zip(self.text().ok().and_then(|text| placeless(&text))).map(Into::into),
            },
        };
        let Some([earlier, own]) = both else {
            return vec!["its config.toml cannot be read".into()];
        };
        differences(&given(earlier), &given(own))
    }
}

/// A `config.toml` without keys of the place.
fn placeless(text: &str) -> Option<Toml> {
    let mut config: Toml = text.parse().ok()?;
    config.retain(|key, _| !PLACE.contains(&key));
    Some(config)
}

/// Without what other runs chose, the balancer's settings among the others.
fn given(mut config: Toml) -> Toml {
    let chosen = config.get("purpose").and_then(Value::as_str) == Some("result");
    let searched = chosen && config.contains_key("configuration");
    if let Some(Value::Table(own)) = config.remove(OWN) {
        config.extend(own.into_iter().filter(|(_, value)| !searched || value.is_str()));
    }
    if chosen {
        config.remove("chosen-epoch");
    }
    if searched {
        config.insert("configuration".into(), "searched".into());
        config.retain(|key, _| !["learning-rate", "weight-decay"].contains(&key));
    }
    config
}

fn differences(earlier: &Toml, now: &Toml) -> Vec<String> {
    let keys: BTreeSet<&String> = earlier.keys().chain(now.keys()).collect();
    let text = |config: &Toml, key: &str| match config.get(key) {
        None if key == "products" => UNSAID.to_owned(),
        None => "not set".to_owned(),
        Some(Value::String(text)) if ["features", "init"].contains(&key) => text.chars().take(8).collect(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let differ = keys.into_iter().filter(|key| earlier.get(*key) != now.get(*key));
    differ.map(|key| format!("{key} was {}, is {}", text(earlier, key), text(now, key))).collect()
}

impl TrainSettings {
    /// In what a run is another than these settings would make it; nothing of what it does not know itself, nor of the features.
    pub fn differences(&self, run: &RunResult) -> Vec<String> {
        if run.settings.is_empty() {
            return Vec::new();
        }
        let searched = run.protocol.configuration.is_some();
        let mut own = self.shaping().unwrap_or_default();
        own.insert("search".into(), (self.protocol.search > 0).into());
        own.retain(|key, _| key != "products" || self.products != ProductsWord::Auto);
        own.retain(|key, _| !searched || !["learning-rate", "weight-decay"].contains(&key));
        let split = self.protocol.target_split.filter(|_| run.protocol.kind != "in-domain");
        own.extend(split.and_then(|split| Some(("target-split".into(), Value::try_from(split).ok()?))));
        let mut found: Toml =
            run.settings.iter().filter_map(|(key, value)| Some((key.clone(), Value::try_from(value).ok()?))).collect();
        found.insert("search".into(), searched.into());
        let asked = self.columns().ok().and_then(|all| all.into_iter().find(|column| column.name == run.name));
        if let Some(Column { method, balance, hyperparameters, .. }) = asked {
            own.insert("method".into(), method.name.into());
            own.insert("balance".into(), balance.name.into());
            found.insert("method".into(), run.method.clone().into());
            found.insert("balance".into(), run.balance.clone().into());
            if let Some(Value::Table(given)) = Value::try_from(&hyperparameters).ok().filter(|_| balance.name == run.balance) {
                own.extend(given.into_iter().filter(|(_, value)| !searched || value.is_str()));
            }
        }
        if let Some(Value::Table(made)) = found.remove(OWN) {
            found.extend(made);
        }
        found.retain(|key, _| own.contains_key(key));
        differences(&found, &own)
    }
}
