//! From settings to what the runs of a cohort have in common.

use super::super::compare::Column;
use super::super::design::Design;
use super::TrainSettings;
use crate::manifest::LabelSpace;
use crate::objective::{Heads, Shape};
use crate::{Result, balance, method, task};

impl Design {
    /// Of runs with these settings on these modalities (name and width of features).
    ///
    /// # Errors
    /// [`Error::Input`](crate::Error::Input) where nothing builds the column's method or balancer.
    pub fn new(
        settings: &TrainSettings,
        column: &Column,
        modalities: &[(String, usize)],
        labels: &LabelSpace,
        domains: usize,
    ) -> Result<Self> {
        Ok(Self {
            shape: Shape {
                modalities: modalities.iter().map(|(name, _)| name.clone()).collect(),
                widths: modalities.iter().map(|(name, _)| settings.embedding.of(name) as i64).collect(),
                task: task::of(
                    labels,
                    settings.label_smoothing,
                    settings.loss.unwrap_or_default(),
                    settings.protocol.metric.as_deref(),
                ),
                domains: domains as i64,
                hidden: settings.head_hidden as i64,
                heads: Heads { fusion: settings.fusion, unimodal: settings.unimodal_weight },
            },
            inputs: modalities.iter().map(|(_, width)| *width as i64).collect(),
            hidden: settings.widths().0.into_iter().map(|width| width as i64).collect(),
            layer_norm: settings.layer_norm,
            class_weights: settings.class_weights,
            dropout: settings.dropout,
            products: settings.products,
            batches: settings.batches,
            method: method::builder(column.method.name)?,
            balance: balance::builder(column.balance.name)?,
        })
    }
}
