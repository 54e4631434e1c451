//! The `[train]` table of a pipeline file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::amount::{Bytes, Runs};
use super::compare::{Compare, Resolved};
use super::protocol::Protocol;
use crate::{Error, Result};

/// How heads are trained. Where Peng et al. (AAAI 2026) state a value it is the default; else the code of MMDG-Bench.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Settings {
    /// Folder of the runs.
    pub out: PathBuf,
    /// The feature store; default that of `[extract]`.
    pub features: Option<PathBuf>,
    /// Passes over the training rows, at least 1. Default 20 (paper).
    pub epochs: usize,
    /// Rows of a step, at least 1. Default 16 (MMDG-Bench; the paper gives none). The shorter last batch of an epoch is left
    /// out as there, unless it is the only one.
    pub batch_size: usize,
    /// Default `adam` (paper).
    pub optimizer: Optimizer,
    /// Above 0. Default 1e-4 (paper).
    pub learning_rate: f64,
    /// At least 0; added to the gradient by `adam`, taken off the parameters by `adamw`. Default 0 (MMDG-Bench's GMP).
    pub weight_decay: f64,
    /// Hidden width of each encoder; 0: a linear encoder. Default 512 (ours: the papers fine-tune backbones instead).
    pub hidden: usize,
    /// Width of each embedding. Default 512 (ours, as above).
    pub embedding: usize,
    /// Hidden width of the classifier and the discriminator. Default 256 (paper).
    pub head_hidden: usize,
    /// Share of hidden units dropped, in [0, 1). Default 0.5 (MMDG-Bench).
    pub dropout: f64,
    /// `cpu`, `cuda` or `cuda:1`.
    pub device: String,
    /// Arithmetic of the run. Default `f32`.
    pub precision: Precision,
    /// Runs that train side by side: a number, or `"auto"`. Default 16: beyond that a cohort's buffers leave the caches of common
    /// processors. Never changes results.
    pub cohort: Runs,
    /// Memory that the features and all runs that train at one time may take, as estimated before anything is trained, besides
    /// libtorch itself: bytes, or such as `"8GiB"`. Default: no bound.
    pub max_memory: Option<Bytes>,
    /// Epochs after which each run's state is written again, for the case that the process is killed; 0, the default: only when
    /// a signal asks it to stop.
    pub checkpoint_every: usize,
    /// A `model.safetensors` whose weights every run starts from: all that it has must be in a run's model, in the same shape; heads
    /// that a balancer adds may be missing, and start as drawn. Features are standardised by the run's own training rows all the same.
    pub init: Option<PathBuf>,
    /// Whether the balancer's figures are kept for each step too, in `balance-steps.csv`. Default no.
    pub trace: bool,
    /// Whether the fused embeddings of validation and target rows (at most 2000) are laid out in the plane, in `embedding.csv`, for
    /// the report to draw. Default no.
    pub tsne: bool,
    /// What is compared; empty: one entry with method `erm` and balance `none`.
    pub compare: Vec<Compare>,
    /// Which domains, modalities and seeds: the `[protocol]` table.
    #[serde(skip)]
    pub protocol: Protocol,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            out: "runs".into(),
            features: None,
            epochs: 20,
            batch_size: 16,
            optimizer: Optimizer::Adam,
            learning_rate: 1e-4,
            weight_decay: 0.0,
            hidden: 512,
            embedding: 512,
            head_hidden: 256,
            dropout: 0.5,
            device: "cpu".into(),
            precision: Precision::F32,
            cohort: Runs::AtMost(16),
            max_memory: None,
            checkpoint_every: 0,
            init: None,
            trace: false,
            tsne: false,
            compare: Vec::new(),
            protocol: Protocol::default(),
        }
    }
}

/// The optimizer's kind, both with β = (0.9, 0.999) and ε = 1e-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimizer {
    /// Kingma & Ba, ICLR 2015.
    Adam,
    /// Loshchilov & Hutter, ICLR 2019.
    Adamw,
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
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return wrong("learning-rate", self.learning_rate.to_string(), "a number above 0");
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return wrong("weight-decay", self.weight_decay.to_string(), "a number of at least 0");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return wrong("dropout", self.dropout.to_string(), "a share of at least 0 and below 1");
        }
        self.protocol.check()
    }
}
