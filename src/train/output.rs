//! The folder of a run: `config.toml`, `metrics.csv`, `balance.csv`, events for TensorBoard, `model.safetensors` and, last,
//! `results.json`; where asked for, `balance-steps.csv` and `embedding.csv`.

use std::path::Path;

use serde::Serialize;
use tch::Tensor;

use super::checkpoint;
use super::cohort::{Epoch, Trained};
use super::events;
use super::model::Model;
use super::protocol::TargetSplit;
use super::recipe::{Averaging, Schedule};
use super::saved::{self, Card, Saved};
use super::selection::Pick;
use super::settings::{Optimizer, Precision, Settings};
use super::table::Table;
use super::task::{Standard, Task};
use super::trial::Trial;
use super::widths::Widths;
use crate::balance::{Hyperparameters, RECORD};
use crate::objective::Fusion;
use crate::report::results::{BalanceResult, EpochResult, FORMAT, ProtocolResult, Role, RowCounts, RunResult};
use crate::{Error, Result, fs};

mod tables;

/// Name and width of each modality of a task.
pub(super) fn widths(table: &Table, task: &Task) -> Vec<(String, usize)> {
    task.modalities.iter().map(|&m| &table.modalities()[m]).map(|m| (m.name.clone(), m.width)).collect()
}

/// Everything that shapes a run, as its `config.toml` has it: equal files, equal runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunConfig {
    version: &'static str,
    /// [`Table::digest`].
    features: String,
    name: String,
    method: &'static str,
    balance: &'static str,
    modalities: Vec<String>,
    protocol: &'static str,
    role: Role,
    sources: Vec<String>,
    target: String,
    target_split: TargetSplit,
    selection: &'static str,
    /// The epoch that inner runs chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    chosen_epoch: Option<usize>,
    /// Its number in a search.
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration: Option<usize>,
    seed: u64,
    epochs: usize,
    batch_size: usize,
    optimizer: Optimizer,
    learning_rate: f64,
    weight_decay: f64,
    momentum: f64,
    schedule: Schedule,
    step_epochs: usize,
    step_factor: f64,
    clip: f64,
    average: Averaging,
    average_decay: f64,
    average_from: usize,
    hidden: Widths,
    layer_norm: bool,
    embedding: usize,
    head_hidden: usize,
    fusion: Fusion,
    unimodal_weight: f64,
    class_weights: bool,
    label_smoothing: f64,
    dropout: f64,
    device: String,
    precision: Precision,
    /// Blake3 of the weights that it starts from.
    #[serde(skip_serializing_if = "Option::is_none")]
    init: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    trace: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tsne: bool,
    hyperparameters: Hyperparameters,
}

impl RunConfig {
    /// The configuration of one run.
    pub(super) fn new(table: &Table, digest: &str, settings: &Settings, trial: &Trial, init: Option<&Saved>) -> Self {
        let Trial { column, task, configuration, .. } = trial;
        let domain = |d: usize| table.domains()[d].clone();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            features: digest.into(),
            name: column.name.clone(),
            method: column.method.name,
            balance: column.balance.name,
            modalities: task.modalities.iter().map(|&m| table.modalities()[m].name.clone()).collect(),
            protocol: trial.kind.name(),
            role: trial.role,
            sources: task.sources.iter().copied().map(domain).collect(),
            target: domain(task.target),
            target_split: task.target_split,
            selection: settings.protocol.selection.name(),
            chosen_epoch: match trial.pick {
                Pick::Chosen(choice) => Some(choice.epoch),
                _ => None,
            },
            configuration: configuration.index,
            seed: trial.seed,
            epochs: settings.epochs,
            batch_size: settings.batch_size,
            optimizer: settings.optimizer,
            learning_rate: configuration.learning_rate,
            weight_decay: configuration.weight_decay,
            momentum: settings.momentum,
            schedule: settings.schedule,
            step_epochs: settings.step_epochs,
            step_factor: settings.step_factor,
            clip: settings.clip,
            average: settings.average,
            average_decay: settings.average_decay,
            average_from: settings.average_from,
            hidden: settings.widths(),
            layer_norm: settings.layer_norm,
            embedding: settings.embedding,
            head_hidden: settings.head_hidden,
            fusion: settings.fusion,
            unimodal_weight: settings.unimodal_weight,
            class_weights: settings.class_weights,
            label_smoothing: settings.label_smoothing,
            dropout: settings.dropout,
            device: settings.device.clone(),
            precision: settings.precision,
            init: init.map(|init| init.digest.clone()),
            trace: settings.trace,
            tsne: settings.tsne && trial.role == Role::Result,
            hyperparameters: configuration.hyperparameters.clone(),
        }
    }

    /// The file's text.
    ///
    /// # Errors
    /// [`Error::Input`] where a value has no place in TOML.
    pub fn text(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::input("[train]", error.to_string()))
    }

    /// The result of an earlier run of exactly this configuration, where `folder` holds one.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub fn finished(&self, folder: &Path) -> Result<Option<RunResult>> {
        let text = self.text()?;
        if fs::read(&folder.join("config.toml")).ok().as_deref() != Some(text.as_bytes()) {
            return Ok(None);
        }
        let result =
            fs::read(&folder.join("results.json")).ok().and_then(|bytes| serde_json::from_slice::<RunResult>(&bytes).ok());
        Ok(result.filter(|result| result.format == FORMAT))
    }

    /// The result of a trained run.
    pub(super) fn result(&self, table: &Table, trial: &Trial, trained: &Trained, model: &Model) -> RunResult {
        let task = &trial.task;
        let balance = |epoch: &Epoch| {
            let named = self.modalities.iter().cloned().zip(epoch.record.iter().map(balance_result));
            if model.balances() { named.collect() } else { Default::default() }
        };
        let course = &trained.course;
        let chosen = course.curve.get(course.selected).map_or(0.0, |epoch| epoch.validation.accuracy);
        let curve = course.curve.iter().map(|epoch| EpochResult {
            train_loss: epoch.train_loss,
            train_accuracy: epoch.train_accuracy,
            validation_loss: epoch.validation.loss,
            validation_accuracy: epoch.validation.accuracy,
            validation_macro_f1: epoch.validation.macro_f1,
            learning_rate: epoch.learning_rate,
            balance: balance(epoch),
        });
        RunResult {
            format: FORMAT,
            name: self.name.clone(),
            method: self.method.into(),
            balance: self.balance.into(),
            words: self.hyperparameters.words().iter().map(|(&key, &word)| (key.into(), word.into())).collect(),
            losses: model.trained_heads(),
            modalities: self.modalities.clone(),
            sources: self.sources.clone(),
            target: self.target.clone(),
            seed: self.seed,
            selection: self.selection.into(),
            epochs: self.epochs,
            selected_epoch: course.selected,
            classes: table.classes().to_vec(),
            rows: RowCounts {
                train: task.train.len(),
                validation: task.validation.len(),
                target: task.test.len(),
                left_out: task.left_out,
            },
            protocol: ProtocolResult {
                kind: self.protocol.into(),
                role: self.role,
                configuration: self.configuration,
                selection_accuracy: match trial.pick {
                    Pick::Chosen(choice) => choice.accuracy,
                    Pick::Oracle => course.score,
                    Pick::Validation | Pick::Last => chosen,
                },
            },
            source_validation_accuracy: chosen,
            target_accuracy: trained.test.accuracy,
            confusion: trained.test.confusion.clone(),
            domains: trained.domains.clone(),
            curve: curve.collect(),
            embedding: trained.embedding.clone(),
        }
    }

    /// Writes the folder, `results.json` last. Runs that only serve a choice keep no parameters.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Environment`].
    pub fn write(
        &self,
        folder: &Path,
        card: &Card,
        task: &Task,
        model: &Model,
        trained: &Trained,
        result: &RunResult,
    ) -> Result<()> {
        fs::write(&folder.join("config.toml"), self.text()?.as_bytes())?;
        fs::write(&folder.join("metrics.csv"), tables::metrics(result).as_bytes())?;
        fs::write(&folder.join("balance.csv"), tables::balance(result).as_bytes())?;
        fs::write(&folder.join(events::NAME), &events::file(result))?;
        if self.trace {
            let steps = tables::balance_steps(&self.modalities, &trained.course.curve);
            fs::write(&folder.join("balance-steps.csv"), steps.as_bytes())?;
        }
        if self.tsne {
            tables::embedding(&folder.join("embedding.csv"), &trained.embedding)?;
        }
        if self.role == Role::Result {
            write_model(&folder.join("model.safetensors"), card, task, model, trained)?;
        }
        let json = serde_json::to_string_pretty(result).map_err(|error| Error::input(folder.display(), error.to_string()))?;
        fs::write(&folder.join("results.json"), (json + "\n").as_bytes())?;
        checkpoint::remove(folder)
    }
}

fn balance_result(record: &[f64; RECORD.len()]) -> BalanceResult {
    let [rho, sigma, gamma, k, p, cosine, conflict, projected] = *record;
    BalanceResult { rho, sigma, gamma, k, p, cosine, conflict, projected }
}

/// The selected epoch's parameters under their names, weights as [out, in] like those of PyTorch's linear layers, and what
/// the features are standardised with: (x − `input.<modality>.mean`) · `input.<modality>.scale`.
fn write_model(path: &Path, card: &Card, task: &Task, model: &Model, trained: &Trained) -> Result<()> {
    let mut tensors = Vec::new();
    for (entry, tensor) in model.layout.entries().iter().zip(&trained.parameters) {
        let tensor = tensor.to_device(tch::Device::Cpu);
        let tensor = if tensor.dim() == 2 { tensor.transpose(0, 1).contiguous() } else { tensor };
        tensors.push((entry.name.clone(), tensor));
    }
    let kind = tensors.first().map_or(tch::Kind::Float, |(_, tensor)| tensor.kind());
    for ((modality, _), Standard { mean, scale }) in card.modalities.iter().zip(&task.standard) {
        for (what, values) in [("mean", mean), ("scale", scale)] {
            tensors.push((format!("input.{modality}.{what}"), Tensor::from_slice(values).to_kind(kind)));
        }
    }
    saved::write(path, card, &tensors)
}
