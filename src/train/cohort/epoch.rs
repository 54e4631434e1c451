//! What a run came to, epoch by epoch.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::super::evaluate::Evaluation;
use crate::report::results::{DomainResult, EmbeddedRow};

/// One epoch of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Mean of the fused head's loss over the steps' rows.
    pub train_loss: f64,
    /// The first metric of them as seen.
    pub train_score: f64,
    /// On the sources' validation rows, after the epoch.
    pub validation: Evaluation,
    /// Means of the balancer's record over the epoch's steps, by modality, in the order of its names.
    pub record: Vec<Vec<f64>>,
    /// The same of each step, where the cohort [keeps them](super::Cohort::keep_steps).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Vec<Vec<f64>>>,
    /// Learning rate.
    pub learning_rate: f64,
}

impl Epoch {
    /// Whether the losses are numbers: if not, the run has diverged.
    pub fn is_finite(&self) -> bool {
        self.train_loss.is_finite() && self.validation.loss.is_finite()
    }
}

/// What came of a run's epochs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// The epoch that was chosen, from 0; none yet, or of a run that diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<usize>,
    /// What it was chosen by: the larger the better.
    pub score: f64,
    /// The epoch whose loss is not finite: with it the run has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diverged: Option<usize>,
    /// Every epoch.
    pub curve: Vec<Epoch>,
}

/// A finished run.
#[derive(Debug)]
pub struct Trained {
    /// Its epochs. It has diverged too where no epoch could be chosen, or where the target's loss is not finite.
    pub course: Course,
    /// The target, with the parameters of the chosen epoch.
    pub test: Evaluation,
    /// The same by domain: the sources' validation rows, then the target's.
    pub domains: Vec<DomainResult>,
    /// Some of those rows in the plane, where that was asked for.
    pub embedding: Vec<EmbeddedRow>,
    /// Those parameters, by entry of the layout; the last ones of a run that has diverged.
    pub parameters: Vec<Tensor>,
}
