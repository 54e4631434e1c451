//! The `[train]` table of a pipeline file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tch::Device;

use super::amount::{Bytes, Runs};
use super::compare::{Column, Compare};
use super::features::InMemory;
use super::products::{Products, ProductsWord};
use super::protocol::Protocol;
use super::recipe::{Averaging, Numbers, Optimizer, Precision, Recipe, Schedule};
use super::task::Absent;
use super::widths::{Embedding, Widths};
use crate::method::Batches;
use crate::objective::Fusion;
use crate::task::{TaskKind, ValueLoss};
use crate::{Error, Result};

mod check;
mod design;
mod labels;

/// How heads are trained. Where Peng et al. (AAAI 2026) state a value it is the default; else the code of MMDG-Bench.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TrainSettings {
    /// Folder of the runs.
    pub out: PathBuf,
    /// The feature store; default that of `[extract]`.
    pub features: Option<PathBuf>,
    /// Passes over the training rows, at least 1. Default 20 (paper).
    pub epochs: usize,
    /// Rows of a step, at least 1. Default 16 (MMDG-Bench; the paper gives none). The shorter last batch of an epoch is left
    /// out as there, unless it is the only one.
    pub batch_size: usize,
    /// What batches are drawn from: `pooled` or `by-domain`. Default: what the method says, `by-domain` for those that compare domains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batches: Option<Batches>,
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
    /// Default `mlp` (ours: the papers fine-tune backbones instead).
    pub encoder: Encoder,
    /// Widths of the hidden layers of each `mlp` encoder, input side first: a number or a list; 0 or none: a linear encoder.
    /// Default 512 (ours, as above).
    pub hidden: Option<Widths>,
    /// Whether LayerNorm stands before each ReLU of encoders. Default no.
    pub layer_norm: bool,
    /// Width of the embeddings: a number, or a table of one for each modality, 512 for those that are not in it. Default 512 (ours, as
    /// above).
    pub embedding: Embedding,
    /// Hidden width of the classifier and the discriminator. Default 256 (paper).
    pub head_hidden: usize,
    /// How embeddings come together before the fused classifier. Default `concat` (paper).
    pub fusion: Fusion,
    /// Weight of the uni-modal losses of method `unimodal`, at least 0. Default 1.
    pub unimodal_weight: f64,
    /// What is to be predicted. Default: what the labels of the features are; others are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskKind>,
    /// The loss of values: `mse`, `l1` or `huber`, of labels that are standardised by the run's training rows. Default `mse`; of classes
    /// there is none to choose.
    #[serde(skip_serializing_if = "is_default")]
    pub loss: Option<ValueLoss>,
    /// Whether a row counts in class losses by the rarity of its class: N / (classes · N_c) of the run's N training rows, as a
    /// mean weighted by it. Default no.
    pub class_weights: bool,
    /// Share of the truth spread over all classes in class losses, in [0, 1). Default 0.
    pub label_smoothing: f64,
    /// Share of hidden units dropped, in [0, 1). Default 0.5 (MMDG-Bench).
    pub dropout: f64,
    /// What becomes of rows that lack a modality. Default `drop-rows`.
    pub absent: Absent,
    /// `cpu`, `cuda` or `cuda:1`.
    pub device: String,
    /// Arithmetic of the run. Default `f32`.
    pub precision: Precision,
    /// Whose kernels multiply in encoders, of f32 on the CPU: `auto`, `libtorch` or `matrixmultiply`. Default `auto`: by the CPU, as
    /// [measured](super::products). Part of a run's identity as it was resolved.
    pub products: ProductsWord,
    /// Runs that train side by side: a number, or `"auto"`. Default 16: beyond that a cohort's buffers leave the caches of common
    /// processors. Never changes results.
    pub cohort: Runs,
    /// Memory that the features and all runs that train at one time may take, as estimated before anything is trained, besides
    /// libtorch itself: bytes, or such as `"8GiB"`. Default: no bound.
    pub max_memory: Option<Bytes>,
    /// Whether features are held in memory or read from the store batch by batch: `auto`, `yes`, `no`. Default `auto`: in memory where they
    /// take at most half of what is left. Never changes results.
    pub features_in_memory: InMemory,
    /// Epochs after which each run's state is written again, for the case that the process is killed; 0, the default: only when
    /// a signal asks it to stop.
    pub checkpoint_every: usize,
    /// Steps of each run that are written into the folder `steps` of its folder, as
    /// [`Cohort::dump`](super::cohort::Cohort::dump) says. Default 0. Never changes results; runs that are already finished are not
    /// trained again for it.
    pub dump_steps: usize,
    /// A `model.safetensors` whose weights every run starts from: all that it has must be in a run's model, in the same shape; heads
    /// that a balancer adds may be missing, and start as drawn. Features are standardised by the run's own training rows all the same.
    pub init: Option<PathBuf>,
    /// Whether the balancer's figures are kept for each step too, in `balance-steps.csv`. Default no. Like the next, nothing that
    /// a run which is already finished is trained again for.
    pub trace: bool,
    /// Whether the fused embeddings of validation and target rows (at most 2000) are laid out in the plane, in `embedding.csv`, for
    /// the report to draw. Default no.
    pub tsne: bool,
    /// What is compared; empty: one entry with method `erm` and balance `none`.
    pub compare: Vec<Compare>,
    /// Which domains, modalities and seeds: the `[protocol]` table.
    #[serde(skip)]
    pub protocol: Protocol,
    /// Whether runs of other settings that are finished in `out`, or have a checkpoint there, are made anew. Only a flag, never in a
    /// file. Default: they are refused.
    #[serde(skip)]
    pub overwrite: bool,
    /// Whether tasks that the features cannot fill ([`unfilled`](super::unfilled)) are left out. Default: one ends everything.
    #[serde(skip)]
    pub leave_out: bool,
}

impl Default for TrainSettings {
    fn default() -> Self {
        let numbers = Numbers::default();
        Self {
            out: "runs".into(),
            features: None,
            epochs: 20,
            batch_size: 16,
            batches: None,
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
            encoder: Encoder::Mlp,
            hidden: None,
            layer_norm: false,
            embedding: Embedding::default(),
            head_hidden: 256,
            fusion: Fusion::Concat,
            unimodal_weight: 1.0,
            task: None,
            loss: None,
            class_weights: false,
            label_smoothing: 0.0,
            dropout: 0.5,
            absent: Absent::DropRows,
            device: "cpu".into(),
            precision: Precision::F32,
            products: ProductsWord::Auto,
            cohort: Runs::AtMost(16),
            max_memory: None,
            features_in_memory: InMemory::Auto,
            checkpoint_every: 0,
            dump_steps: 0,
            init: None,
            trace: false,
            tsne: false,
            compare: Vec::new(),
            protocol: Protocol::default(),
            overwrite: false,
            leave_out: false,
        }
    }
}

/// Whether it is left out of files, so that runs of classes do not tell of it.
fn is_default(loss: &Option<ValueLoss>) -> bool {
    loss.unwrap_or_default() == ValueLoss::default()
}

/// What an encoder is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoder {
    /// One linear layer.
    Linear,
    /// Linear layers with ReLU and dropout between them.
    #[default]
    Mlp,
}

impl TrainSettings {
    /// Everything to compare, looked up.
    ///
    /// # Errors
    /// [`Error::Input`] as [`Compare::resolve`], and for a name that stands twice.
    pub fn columns(&self) -> Result<Vec<Column>> {
        let single = [Compare { name: "erm".into(), ..Compare::default() }];
        let entries = if self.compare.is_empty() { &single[..] } else { &self.compare };
        for (i, entry) in entries.iter().enumerate() {
            if entries[..i].iter().any(|other| other.name == entry.name) {
                return Err(Error::input(format!("[[train.compare]] {:?}", entry.name), "stands twice; expected unique names"));
            }
        }
        let columns: Vec<Column> = entries.iter().map(Compare::resolve).collect::<Result<_>>()?;
        let averages = columns.iter().find(|column| column.method.averages && self.average != Averaging::None);
        if let Some(column) = averages {
            let problem = format!("method {:?} judges an average of its own; expected average = \"none\"", column.method.name);
            return Err(Error::input(format!("[[train.compare]] {:?}", column.name), problem));
        }
        Ok(columns)
    }

    /// What of these shapes a run, by its key: all but what says where things lie, where and in which order they are done, what else is
    /// written down, and what is compared. The kind of an encoder is told by its widths.
    ///
    /// # Errors
    /// [`Error::Input`] where a value has no place in TOML.
    pub(super) fn shaping(&self) -> Result<toml::Table> {
        const OTHERS: [&str; 15] = [
            "out",
            "task",
            "features",
            "init",
            "device",
            "products",
            "cohort",
            "max-memory",
            "features-in-memory",
            "checkpoint-every",
            "dump-steps",
            "trace",
            "tsne",
            "compare",
            "encoder",
        ];
        let own = Self { hidden: Some(self.widths()), ..self.clone() };
        let mut shaping = toml::Table::try_from(own).map_err(|error| Error::input("[train]", error.to_string()))?;
        shaping.retain(|key, _| !OTHERS.contains(&key));
        let device = if self.device == "cpu" { Device::Cpu } else { Device::Cuda(0) };
        let products = Products::of(self.products, self.precision.kind(), device).name();
        shaping.extend(products.map(|name| ("products".to_owned(), name.into())));
        Ok(shaping)
    }

    /// Hidden widths of encoders.
    pub fn widths(&self) -> Widths {
        let default = if self.encoder == Encoder::Linear { 0 } else { 512 };
        self.hidden.clone().unwrap_or_else(|| default.into())
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
}
