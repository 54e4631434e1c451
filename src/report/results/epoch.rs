//! One epoch of a run, and what its balancer saw and did in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// Means over an epoch's steps of what a balancer saw and did to one modality's encoder, under names of its own, in its order. A figure
/// that is not finite is `null` in the file. Before format 3 `null` stood for absent figures too, and one that a run has in no epoch
/// counts as one that there is not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BalanceResult(Vec<(String, f64)>);

impl BalanceResult {
    /// Names and figures.
    pub fn named(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, figure)| (name.as_str(), *figure))
    }

    /// The figure of that name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.named().find(|(own, _)| *own == name).map(|(_, figure)| figure)
    }
}

impl<N: Into<String>> FromIterator<(N, f64)> for BalanceResult {
    fn from_iter<I: IntoIterator<Item = (N, f64)>>(figures: I) -> Self {
        Self(figures.into_iter().map(|(name, figure)| (name.into(), figure)).collect())
    }
}

impl Serialize for BalanceResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.named())
    }
}

impl<'de> Deserialize<'de> for BalanceResult {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Figures;
        impl<'de> Visitor<'de> for Figures {
            type Value = BalanceResult;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("figures by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut figures = Vec::new();
                while let Some((name, figure)) = map.next_entry::<String, Option<f64>>()? {
                    figures.push((name, figure.unwrap_or(f64::NAN)));
                }
                Ok(BalanceResult(figures))
            }
        }
        deserializer.deserialize_map(Figures)
    }
}

/// Takes figures out that are NaN in every epoch and modality.
pub(in crate::report) fn without_absent(curve: &mut [EpochResult]) {
    let all = curve.iter().flat_map(|epoch| epoch.balance.values()).flat_map(BalanceResult::named);
    let there: BTreeSet<String> = all.filter(|(_, figure)| !figure.is_nan()).map(|(name, _)| name.to_owned()).collect();
    for balance in curve.iter_mut().flat_map(|epoch| epoch.balance.values_mut()) {
        balance.0.retain(|(name, _)| there.contains(name));
    }
}
