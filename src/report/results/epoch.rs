//! One epoch of a run, and what its balancer saw and did in it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{null_is_nan, nulls_are_nan};

/// One epoch of a run. A figure that is not finite is `null` in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochResult {
    /// Mean of the fused head's loss over the epoch's training rows.
    #[serde(deserialize_with = "null_is_nan")]
    pub train_loss: f64,
    /// Score of the fused head on the training rows as they were seen.
    #[serde(deserialize_with = "null_is_nan")]
    pub train_score: f64,
    /// Learning rate of the epoch's first step.
    #[serde(deserialize_with = "null_is_nan")]
    pub learning_rate: f64,
    /// Mean of the fused head's loss on source validation.
    #[serde(deserialize_with = "null_is_nan")]
    pub validation_loss: f64,
    /// The run's metrics there, by name.
    #[serde(deserialize_with = "nulls_are_nan")]
    pub validation: BTreeMap<String, f64>,
    /// For balancers with signals, the mean over the epoch's steps, by modality.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub balance: BTreeMap<String, BalanceResult>,
}

/// Means over an epoch's steps of what a balancer saw and did to one modality's encoder, under names of its own, in its order. A figure
/// that is not finite is `null` in the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BalanceResult(Vec<(String, f64)>);

impl EpochResult {
    /// A metric on source validation; NaN for one that there is not.
    pub fn on_validation(&self, metric: &str) -> f64 {
        self.validation.get(metric).copied().unwrap_or(f64::NAN)
    }
}

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
