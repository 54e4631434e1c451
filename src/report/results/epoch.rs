//! One epoch of a run, and what its balancer saw and did in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::null_is_nan;

fn nan() -> f64 {
    f64::NAN
}

/// One epoch of a run. A figure that is not finite is `null` in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochResult {
    /// Mean fused classification loss over the epoch's training rows.
    #[serde(deserialize_with = "null_is_nan")]
    pub train_loss: f64,
    /// Accuracy of the fused head on the training rows as they were seen, in [0, 1].
    #[serde(deserialize_with = "null_is_nan")]
    pub train_accuracy: f64,
    /// Learning rate of the epoch's first step. NaN in results of format 1.
    #[serde(deserialize_with = "null_is_nan", default = "nan")]
    pub learning_rate: f64,
    /// Mean fused classification loss on source validation.
    #[serde(deserialize_with = "null_is_nan")]
    pub validation_loss: f64,
    /// Accuracy on source validation, in [0, 1].
    #[serde(deserialize_with = "null_is_nan")]
    pub validation_accuracy: f64,
    /// Macro-F1 there, as in [`DomainResult`](super::DomainResult). NaN in results of format 1.
    #[serde(deserialize_with = "null_is_nan", default = "nan")]
    pub validation_macro_f1: f64,
    /// For balancers with signals, the mean over the epoch's steps, by modality.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub balance: BTreeMap<String, BalanceResult>,
}

/// Means over an epoch's steps of what a balancer saw and did to one modality's encoder. Peng et al. name them ρ, σ, k, p.
/// A figure that is not finite is `null` in the file; one that the balancer does not have is not there. Before format 3 `null` was
/// both, and a figure that a run has in no epoch counts as one that there is not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BalanceResult {
    /// Semantic ratio ρ: above 1, the modality is ahead in classification.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "null_is_there")]
    pub rho: Option<f64>,
    /// Domain ratio σ: above 1, it is ahead in domain invariance.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "null_is_there")]
    pub sigma: Option<f64>,
    /// Γ = ρ / σ: above 1, classification is the stronger task. None in results of versions before 0.3.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "null_is_there")]
    pub gamma: Option<f64>,
    /// Factor on the classification gradient, in (0, 1].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "null_is_there")]
    pub k: Option<f64>,
    /// Factor on the domain gradient, in (0, 1].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "null_is_there")]
    pub p: Option<f64>,
    /// Cosine between the two gradients before projection.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "null_is_there")]
    pub cosine: Option<f64>,
    /// Share of steps with a negative inner product.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "null_is_there")]
    pub conflict: Option<f64>,
    /// ‖removed part‖ / ‖gradient‖ of the projected side; 0 where nothing was projected.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "null_is_there")]
    pub projected: Option<f64>,
}

impl BalanceResult {
    /// Of figures in the order of [`named`](Self::named).
    pub fn new([rho, sigma, gamma, k, p, cosine, conflict, projected]: [Option<f64>; 8]) -> Self {
        Self { rho, sigma, gamma, k, p, cosine, conflict, projected }
    }

    /// Names and figures, as in `balance.csv`.
    pub fn named(&self) -> [(&'static str, Option<f64>); 8] {
        [
            ("rho", self.rho),
            ("sigma", self.sigma),
            ("gamma", self.gamma),
            ("k", self.k),
            ("p", self.p),
            ("cosine", self.cosine),
            ("conflict", self.conflict),
            ("projected", self.projected),
        ]
    }
}

/// A field that stands in the file: NaN where it is `null`.
fn null_is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    null_is_nan(deserializer).map(Some)
}

/// Takes figures out that are NaN in every epoch and modality.
pub(in crate::report) fn without_absent(curve: &mut [EpochResult]) {
    let mut there = [false; 8];
    for balance in curve.iter().flat_map(|epoch| epoch.balance.values()) {
        for (there, (_, figure)) in there.iter_mut().zip(balance.named()) {
            *there |= figure.is_some_and(|figure| !figure.is_nan());
        }
    }
    for balance in curve.iter_mut().flat_map(|epoch| epoch.balance.values_mut()) {
        let figures = balance.named().map(|(_, figure)| figure);
        *balance = BalanceResult::new(std::array::from_fn(|i| figures[i].filter(|_| there[i])));
    }
}
