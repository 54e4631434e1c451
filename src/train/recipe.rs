//! How a cohort's runs descend: words that they share, numbers of each run.

use serde::{Deserialize, Serialize};
use tch::Kind;

/// What a cohort's runs share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recipe {
    /// How gradients become steps.
    pub optimizer: Optimizer,
    /// How the learning rate goes.
    pub schedule: Schedule,
    /// Which weights are evaluated and kept.
    pub average: Averaging,
}

impl From<Optimizer> for Recipe {
    fn from(optimizer: Optimizer) -> Self {
        Self { optimizer, ..Self::default() }
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

/// How the learning rate goes over the epochs e = 0 … E − 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// As it is.
    #[default]
    Constant,
    /// Times (1 + cos(π e / E)) / 2 (Loshchilov & Hutter, ICLR 2017, without restarts).
    Cosine,
    /// Times `step-factor` after every `step-epochs`.
    Step,
}

impl Schedule {
    /// The factor on the learning rate in `epoch` of `epochs`.
    pub fn factor(self, epoch: usize, epochs: usize, numbers: &Numbers) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Cosine => (1.0 + (std::f64::consts::PI * epoch as f64 / epochs.max(1) as f64).cos()) / 2.0,
            Self::Step => numbers.step_factor.powi((epoch / numbers.step_epochs.max(1)) as i32),
        }
    }
}

/// Which weights are evaluated, selected and written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Averaging {
    /// The last ones.
    #[default]
    None,
    /// w ← d w + (1 − d) θ after each step, with d = `average-decay`.
    Ema,
    /// The mean over the steps.
    Mean,
}

/// Numbers of one run; each counts where the words of its recipe call for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Numbers {
    /// Momentum of SGD, in [0, 1).
    pub momentum: f64,
    /// Euclidean norm that the gradient of encoders and task heads is scaled down to where it is longer, and so, each by itself, that
    /// of every probe, guide and discriminator; 0: it stays as it is.
    pub clip: f64,
    /// Epochs from one factor of a step schedule to the next, at least 1.
    pub step_epochs: usize,
    /// That factor.
    pub step_factor: f64,
    /// d of an exponential average, in [0, 1).
    pub average_decay: f64,
    /// Epoch (from 0) that an average starts in; until then it is the last weights.
    pub average_from: usize,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { momentum: 0.9, clip: 0.0, step_epochs: 10, step_factor: 0.1, average_decay: 0.999, average_from: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_start_at_one_and_fall_as_they_say() {
        let numbers = Numbers { step_epochs: 2, step_factor: 0.5, ..Numbers::default() };
        let factors = |schedule: Schedule| [0, 1, 2, 3].map(|epoch| schedule.factor(epoch, 4, &numbers));
        assert_eq!(factors(Schedule::Constant), [1.0; 4]);
        assert_eq!(factors(Schedule::Step), [1.0, 1.0, 0.5, 0.5]);
        let half = std::f64::consts::FRAC_1_SQRT_2 / 2.0;
        for (found, wanted) in factors(Schedule::Cosine).into_iter().zip([1.0, 0.5 + half, 0.5, 0.5 - half]) {
            assert!((found - wanted).abs() < 1e-15);
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

impl Precision {
    /// The kind of tensors.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::F32 => Kind::Float,
            Self::F64 => Kind::Double,
        }
    }
}
