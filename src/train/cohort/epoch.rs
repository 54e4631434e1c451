//! What one epoch of one run came to.

use serde::{Deserialize, Serialize};

use super::super::evaluate::Evaluation;
use crate::balance::RECORD;

/// One epoch of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Mean fused classification loss over the steps' rows.
    pub train_loss: f64,
    /// Share of them that was right as seen.
    pub train_accuracy: f64,
    /// On the sources' validation rows, after the epoch.
    pub validation: Evaluation,
    /// Means of the balancer's record over the epoch's steps, by modality; NaN for figures that it does not have.
    pub record: Vec<[f64; RECORD.len()]>,
    /// The same of each step, where the cohort [keeps them](super::Cohort::keep_steps).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Vec<[f64; RECORD.len()]>>,
    /// Learning rate.
    pub learning_rate: f64,
}

impl Epoch {
    /// Whether the losses are numbers: if not, the run has diverged.
    pub fn is_finite(&self) -> bool {
        self.train_loss.is_finite() && self.validation.loss.is_finite()
    }
}
