//! The folder of a run: `config.toml`, `metrics.csv`, `balance.csv`, events for TensorBoard, `model.safetensors` and, last,
//! `results.json` and `record.json`; where asked for, `balance-steps.csv` and `embedding.csv`.

use std::path::Path;

use tch::Tensor;

use super::checkpoint;
use super::cohort::{Epoch, Trained};
use super::evaluate::sign;
use super::events;
use super::model::Model;
use super::run_config::RunConfig;
use super::saved::{self, Card};
use super::selection::{Pick, Selection};
use super::table::FeatureTable;
use super::task::{DomainTask, Standard};
use super::trial::Trial;
use crate::error::Action;
use crate::objective::LayerPart;
use crate::report::record;
use crate::report::results::{
    BalanceResult, EmbeddedRow, EpochResult, FORMAT, Plain, ProtocolResult, Purpose, RowCounts, RunResult,
};
use crate::{Error, Result, fs};

mod tables;

/// Name and width of each modality of a task.
pub(super) fn widths(table: &FeatureTable, task: &DomainTask) -> Vec<(String, usize)> {
    task.modalities.iter().map(|&m| &table.modalities()[m]).map(|m| (m.name.clone(), m.width)).collect()
}

impl RunConfig {
    /// The result of a trained run.
    pub(super) fn result(&self, table: &FeatureTable, trial: &Trial, trained: &Trained, model: &Model) -> RunResult {
        let task = &trial.task;
        let balance = |epoch: &Epoch| {
            let of = |record: &Vec<f64>| model.records().iter().copied().zip(record.iter().copied()).collect::<BalanceResult>();
            let named = self.modalities.iter().cloned().zip(epoch.record.iter().map(of));
            if model.records().is_empty() { Default::default() } else { named.collect() }
        };
        let course = &trained.course;
        let judged_by = model.shape.task.as_ref();
        let chosen = course.selected.and_then(|epoch| course.curve.get(epoch)).map(|epoch| &epoch.validation);
        let whole = course.diverged.is_none();
        let figure = |figure: f64| if whole { figure } else { f64::NAN };
        let curve = course.curve.iter().map(|epoch| EpochResult {
            train_loss: epoch.train_loss,
            train_score: epoch.train_score,
            validation_loss: epoch.validation.loss,
            validation: epoch.validation.metrics.clone(),
            learning_rate: epoch.learning_rate,
            balance: balance(epoch),
        });
        let column = trial.column();
        RunResult {
            format: FORMAT,
            name: self.name.clone(),
            method: self.method.into(),
            balance: self.balance.into(),
            words: self.hyperparameters.words().iter().map(|(&key, &word)| (key.into(), word.into())).collect(),
            plain: Plain {
                method: column.method.plain,
                balance: column.balance.plain,
                losses: column.balance.added(column.method, &self.hyperparameters).next().is_none(),
            },
            losses: model.trained_heads(),
            modalities: self.modalities.clone(),
            sources: self.sources.clone(),
            target: self.target.clone(),
            seed: self.seed,
            // where no inner run came to an epoch, source validation has chosen
            selection: match trial.pick {
                Pick::Validation if self.purpose == Purpose::Result => Selection::SourceVal.name().into(),
                _ => self.selection.into(),
            },
            epochs: self.epochs,
            selected_epoch: course.selected,
            diverged: course.diverged,
            settings: self.settings(),
            store: table.store().map(String::from),
            provenance: Default::default(),
            metrics: judged_by.metrics().iter().map(|metric| metric.measure(&table.labels().space())).collect(),
            classes: table.classes().to_vec(),
            rows: RowCounts {
                train: task.train.len(),
                validation: task.validation.len(),
                target: task.test.len(),
                left_out: task.left_out,
                masked: task.masked,
            },
            protocol: ProtocolResult {
                kind: self.protocol.into(),
                purpose: self.purpose,
                configuration: self.configuration,
                metric: self.metric.clone(),
                selection_score: figure(match trial.pick {
                    Pick::Chosen(choice) => sign(judged_by) * choice.rank,
                    Pick::Oracle => sign(judged_by) * course.score,
                    Pick::Validation | Pick::Last => chosen.map_or(f64::NAN, |chosen| chosen.selected_by(judged_by)),
                }),
            },
            source_validation_score: figure(chosen.map_or(f64::NAN, |chosen| chosen.score(judged_by))),
            target_score: figure(trained.test.score(judged_by)),
            confusion: if whole { trained.test.confusion.clone() } else { Vec::new() },
            domains: if whole { trained.domains.clone() } else { Vec::new() },
            curve: curve.collect(),
            embedding: trained.embedding.clone(),
        }
    }

    /// Writes the folder, its record last. Runs that only serve a choice keep no parameters.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Environment`].
    pub fn write(
        &self,
        folder: &Path,
        card: &Card,
        task: &DomainTask,
        model: &Model,
        trained: &Trained,
        result: &RunResult,
    ) -> Result<()> {
        fs::write(&folder.join("config.toml"), self.text()?.as_bytes())?;
        fs::write(&folder.join("metrics.csv"), tables::metrics(result).as_bytes())?;
        fs::write(&folder.join("balance.csv"), tables::balance(result, model.records()).as_bytes())?;
        fs::write(&folder.join(events::NAME), &events::file(result))?;
        // a run that goes on from a checkpoint without them would have some of its steps
        let kept = |epoch: &Epoch| !epoch.steps.is_empty();
        let trace = self.trace && (trained.course.curve.iter().all(kept) || !trained.course.curve.iter().any(kept));
        if trace {
            let steps = tables::balance_steps(&self.modalities, model.records(), &trained.course.curve);
            fs::write(&folder.join(BALANCE_STEPS), steps.as_bytes())?;
        }
        if self.tsne {
            tables::embedding(&folder.join(EMBEDDING), &trained.embedding)?;
        }
        if self.purpose == Purpose::Result {
            let mut card = card.clone();
            card.diverged = trained.course.diverged;
            write_model(&folder.join(MODEL), &card, task, model, trained)?;
        }
        let mut files = vec!["config.toml", "metrics.csv", "balance.csv", events::NAME];
        files.extend(trace.then_some(BALANCE_STEPS));
        files.extend(self.tsne.then_some(EMBEDDING));
        files.extend((self.purpose == Purpose::Result).then_some(MODEL));
        files.push(RESULT);
        let json = serde_json::to_string_pretty(result).map_err(|error| Error::input(folder.display(), error.to_string()))?;
        fs::write(&folder.join(RESULT), (json + "\n").as_bytes())?;
        record::write(folder, &files)?;
        checkpoint::remove(folder)
    }
}

/// The parameters of a reported run.
pub const MODEL: &str = "model.safetensors";
/// The balancer's figures of each step.
pub const BALANCE_STEPS: &str = "balance-steps.csv";
/// Rows in the plane.
pub const EMBEDDING: &str = "embedding.csv";
/// The result of a run, once all else is there.
const RESULT: &str = "results.json";
/// The same while it is not known whether the run is still the chosen one.
const ASIDE: &str = "earlier.json";

/// Puts rows in the plane beside a finished run.
///
/// # Errors
/// [`Error::Io`]; [`Error::Integrity`] where its record cannot be read.
pub fn add_embedding(folder: &Path, rows: &[EmbeddedRow]) -> Result<()> {
    tables::embedding(&folder.join(EMBEDDING), rows)?;
    record::add(folder, EMBEDDING)
}

/// Whether a folder holds the result of a run, set aside or not.
pub fn is_finished(folder: &Path) -> bool {
    [RESULT, ASIDE].iter().any(|name| folder.join(name).exists())
}

/// Whether the result in it is [set aside](set_aside).
pub fn is_set_aside(folder: &Path) -> bool {
    folder.join(ASIDE).exists() && !folder.join(RESULT).exists()
}

/// Hides the result in `folder`, which other runs may turn out to have chosen otherwise.
pub fn set_aside(folder: &Path) -> Result<()> {
    moved(folder, RESULT, ASIDE)
}

/// Undoes [`set_aside`].
pub fn put_back(folder: &Path) -> Result<()> {
    moved(folder, ASIDE, RESULT)
}

fn moved(folder: &Path, from: &str, to: &str) -> Result<()> {
    let from = folder.join(from);
    if !from.exists() {
        return Ok(());
    }
    std::fs::rename(&from, folder.join(to)).map_err(Error::io(Action::Rename, &from))
}

/// The selected epoch's parameters under their names, weights as [out, in] like those of PyTorch's linear layers, and what
/// the features are standardised with: (x − `input.<modality>.mean`) · `input.<modality>.scale`.
fn write_model(path: &Path, card: &Card, task: &DomainTask, model: &Model, trained: &Trained) -> Result<()> {
    let mut tensors = Vec::new();
    for (entry, tensor) in model.layout.entries().iter().zip(&trained.parameters) {
        let tensor = tensor.to_device(tch::Device::Cpu);
        let tensor = if entry.part == LayerPart::Weight { tensor.transpose(0, 1).contiguous() } else { tensor };
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
