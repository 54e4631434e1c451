//! What a finished run says of itself: the `results.json` in its folder.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::measure::{Measure, Unit};
use crate::provenance::Provenance;

mod epoch;

pub use epoch::{BalanceResult, EpochResult};

/// The format that is written and read.
pub const FORMAT: u32 = 5;

/// What of a run is as plain as can be: by it a comparison knows which runs others are compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plain {
    /// The method is what other methods are compared with.
    pub method: bool,
    /// Gradients meet as they are.
    pub balance: bool,
    /// The balancer adds no losses to the method's.
    pub losses: bool,
}

/// RunSettings by key.
pub type RunSettings = BTreeMap<String, serde_json::Value>;

/// One run: a method and a balancer, trained on source domains with one seed, tested on a domain never seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// [`FORMAT`].
    pub format: u32,
    /// Column of the comparison, such as `gmp (paper)`; runs of one name differ in task and seed only.
    pub name: String,
    /// Which losses there are (`erm`).
    pub method: String,
    /// How gradients meet (`none`, `adversarial`, `gmp`).
    pub balance: String,
    /// The balancer's words (`variant`, `project`), which say which form of it this is; none in earlier results.
    #[serde(default)]
    pub words: BTreeMap<String, String>,
    /// What of it is as plain as can be.
    #[serde(default)]
    pub plain: Plain,
    /// Heads whose losses encoders learn from (`classifier`, `discriminator`), by the first word of their parameters' names.
    #[serde(default)]
    pub losses: Vec<String>,
    /// The modalities trained on, in order of concatenation.
    pub modalities: Vec<String>,
    /// Domains trained on.
    pub sources: Vec<String>,
    /// The domain never seen in training or selection (but `in-domain`, or by an oracle).
    pub target: String,
    /// Seed of every random number of the run.
    pub seed: u64,
    /// How the epoch was chosen: `source-val`, `last`, `leave-one-domain-out`, or `oracle`: by the target itself.
    pub selection: String,
    /// Epochs trained.
    pub epochs: usize,
    /// The epoch, from 0, whose parameters were tested; none of a run that diverged.
    pub selected_epoch: Option<usize>,
    /// The epoch, from 0, in which a loss was not finite, or whose parameters gave the target's rows such a loss. The run has ended
    /// there: it has no figure on the target, and its accuracies are NaN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diverged: Option<usize>,
    /// What shaped the run beside the fields here, as its `config.toml` has it: the digest of the features and every
    /// setting but those of [the place](super::identity::PLACE). Empty where it is not known.
    #[serde(default)]
    pub settings: RunSettings,
    /// The [digest](crate::store::Header::digest) of the store whose features it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// What it was trained with; runs are not told apart by it.
    #[serde(default, skip_serializing_if = "Provenance::is_empty")]
    pub provenance: Provenance,
    /// By which figures it is judged; a score is the first one's figure.
    pub metrics: Vec<Measure>,
    /// Class names, in the order of the confusion matrix; none where values are predicted.
    pub classes: Vec<String>,
    /// Rows used.
    pub rows: RowCounts,
    /// The protocol that the run is part of.
    #[serde(default)]
    pub protocol: ProtocolResult,
    /// Score on the sources' validation rows at the selected epoch: of classes the accuracy, in [0, 1].
    #[serde(deserialize_with = "null_is_nan")]
    pub source_validation_score: f64,
    /// Score on the target's rows.
    #[serde(deserialize_with = "null_is_nan")]
    pub target_score: f64,
    /// Rows are true classes, columns predicted ones, on the target. Empty of a run that diverged, and of values.
    pub confusion: Vec<Vec<u64>>,
    /// Figures of the tested parameters: the validation rows of every source, then the target's rows.
    #[serde(default)]
    pub domains: Vec<DomainResult>,
    /// One entry an epoch, up to the one that diverged.
    pub curve: Vec<EpochResult>,
    /// Some rows' embeddings in the plane, from `embedding.csv` in the same folder.
    #[serde(skip)]
    pub embedding: Vec<EmbeddedRow>,
}

impl RunResult {
    /// What a score is, and how it is shown.
    pub fn measure(&self) -> &Measure {
        static NONE: Measure = Measure { name: String::new(), title: String::new(), unit: Unit::None, higher_is_better: true };
        self.metrics.first().unwrap_or(&NONE)
    }

    /// The metric that its epoch was chosen by.
    pub fn selected_by(&self) -> &Measure {
        let asked = self.metrics.iter().find(|measure| self.protocol.metric.as_ref() == Some(&measure.name));
        asked.unwrap_or_else(|| self.measure())
    }

    /// Figures on the target's rows.
    pub fn on_target(&self) -> Option<&DomainResult> {
        self.domains.iter().find(|domain| domain.part == TEST && domain.domain == self.target)
    }
}

/// [`DomainResult::part`] of rows that the epoch was chosen by.
pub const VALIDATION: &str = "validation";
/// [`DomainResult::part`] of rows that were only tested on.
pub const TEST: &str = "test";

/// Figures on some rows of one domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DomainResult {
    /// Name of the domain.
    pub domain: String,
    /// `validation` or `test`.
    pub part: String,
    /// How many rows.
    pub rows: u64,
    /// Mean of the fused head's loss; of values, of labels as they are standardised.
    #[serde(deserialize_with = "null_is_nan")]
    pub loss: f64,
    /// [`RunResult::metrics`] by name; NaN where outputs are not finite, or one has no value.
    #[serde(deserialize_with = "nulls_are_nan")]
    pub metrics: BTreeMap<String, f64>,
    /// None where a probability is not finite, and of values.
    pub calibration: Option<Calibration>,
    /// Score of each modality's own head, where the run has such heads or probes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nulls_are_nan")]
    pub heads: BTreeMap<String, f64>,
}

/// How well the largest probability of a row tells whether it is right (Guo et al., ICML 2017, Eq. 3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Expected calibration error, in [0, 1]: Σ share of rows · |accuracy − mean probability| over the bins.
    pub ece: f64,
    /// 15 of equal width; bin i holds the rows whose largest probability is in (i / 15, (i + 1) / 15].
    pub bins: Vec<Bin>,
}

/// One bin of a [`Calibration`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// How many rows.
    pub rows: u64,
    /// Mean of their largest probabilities; 0 where there is no row.
    pub confidence: f64,
    /// Share of them that is right; 0 where there is no row.
    pub accuracy: f64,
}

/// One row's fused embedding in the plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbeddedRow {
    /// Row of the features.
    pub row: usize,
    /// Name of its domain.
    pub domain: String,
    /// `validation` or `test`.
    pub part: String,
    /// Name of its class, or its value.
    pub class: String,
    /// Across.
    pub x: f64,
    /// Up.
    pub y: f64,
}

/// A run's place in a protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProtocolResult {
    /// `multi-source` (leave one domain out), `single-source` or `in-domain`.
    pub kind: String,
    /// What the run was made for.
    pub purpose: Purpose,
    /// The configuration of the random search that it has, 0 the given one; none where nothing was searched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<usize>,
    /// The metric that chose its epoch, where that is not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// The figure that its epoch was chosen by: on source validation, of inner runs, or of the oracle. NaN of a run that
    /// diverged.
    #[serde(deserialize_with = "null_is_nan")]
    pub selection_score: f64,
}

impl Default for ProtocolResult {
    fn default() -> Self {
        Self { kind: "multi-source".into(), purpose: Purpose::Result, configuration: None, metric: None, selection_score: 0.0 }
    }
}

/// What a run was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// To be reported.
    Result,
    /// To choose a configuration by; stands in no table but `search.csv`.
    Search,
    /// To choose an epoch by, with a source left out; stands in no table.
    Inner,
}

impl RunResult {
    /// The row of a table that it belongs to: the target, with the source where each has its own.
    pub fn task(&self) -> String {
        match self.protocol.kind.as_str() {
            "single-source" => format!("{} → {}", self.sources.join("+"), self.target),
            "in-domain" => format!("{} (in-domain)", self.target),
            _ => self.target.clone(),
        }
    }
}

/// How many rows a run used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// Training rows of the sources, those that a balancer holds out among them.
    pub train: usize,
    /// Validation rows of the sources.
    pub validation: usize,
    /// Rows of the target.
    pub target: usize,
    /// Rows left out because a modality failed or is absent there.
    pub left_out: usize,
    /// Rows that were used though they lack a modality.
    #[serde(default)]
    pub masked: usize,
}

/// JSON has neither NaN nor infinities: they are written as `null`, and `null` is read as NaN.
fn null_is_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

fn nulls_are_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let figures = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
    Ok(figures.into_iter().map(|(name, figure)| (name, figure.unwrap_or(f64::NAN))).collect())
}
