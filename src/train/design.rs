//! What the runs of a cohort have in common.

use super::compare::Column;
use super::settings::Settings;
use crate::balance::BalancerEntry;
use crate::method::MethodEntry;
use crate::objective::{Heads, Shape};

/// What a cohort's runs have in common.
#[derive(Debug, Clone)]
pub struct Design {
    /// Sizes of embeddings and heads.
    pub shape: Shape,
    /// Width D of each modality's features.
    pub inputs: Vec<i64>,
    /// Hidden widths of encoders, input side first; none for linear ones.
    pub hidden: Vec<i64>,
    /// Whether LayerNorm stands before each ReLU of encoders.
    pub layer_norm: bool,
    /// Whether a row counts in class losses by the rarity of its class among the run's training rows.
    pub class_weights: bool,
    /// Share of hidden units dropped.
    pub dropout: f64,
    /// Which losses there are, and where they are taken.
    pub method: &'static MethodEntry,
    /// How gradients meet.
    pub balance: &'static BalancerEntry,
}

impl Design {
    /// Of runs with these settings on these modalities (name and width of features).
    pub fn new(settings: &Settings, column: &Column, modalities: &[(String, usize)], classes: usize, domains: usize) -> Self {
        Self {
            shape: Shape {
                modalities: modalities.iter().map(|(name, _)| name.clone()).collect(),
                widths: modalities.iter().map(|(name, _)| settings.embedding.of(name) as i64).collect(),
                classes: classes as i64,
                domains: domains as i64,
                hidden: settings.head_hidden as i64,
                heads: Heads { fusion: settings.fusion, smoothing: settings.label_smoothing, unimodal: settings.unimodal_weight },
            },
            inputs: modalities.iter().map(|(_, width)| *width as i64).collect(),
            hidden: settings.widths().0.into_iter().map(|width| width as i64).collect(),
            layer_norm: settings.layer_norm,
            class_weights: settings.class_weights,
            dropout: settings.dropout,
            method: column.method,
            balance: column.balance,
        }
    }
}
