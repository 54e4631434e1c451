//! Features on a device.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tch::{Device, Kind, Tensor};

use super::features::Features;
use super::table::{FeatureTable, TableModality};
use crate::manifest::Labels;
use crate::task::Scale;

/// A table's features, labels and domains on a device, once for all cohorts that train there. A modality is brought there when a
/// cohort first asks for it.
#[derive(Debug)]
pub struct Placed {
    /// Kind of the features.
    pub kind: Kind,
    /// Where they are.
    pub device: Device,
    columns: Mutex<BTreeMap<Column, Tensor>>,
}

/// What is kept of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Label,
    Domain,
    Modality(usize),
    Valid(usize),
}

impl Placed {
    /// Nothing yet, for one table.
    pub fn new(kind: Kind, device: Device) -> Self {
        Self { kind, device, columns: Mutex::default() }
    }

    fn column(&self, column: Column, make: impl FnOnce() -> Tensor) -> Tensor {
        let mut columns = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        columns.entry(column).or_insert_with(|| make().to_device(self.device)).shallow_clone()
    }

    /// Rows of one modality, N of width D: on the device, or where they are streamed from.
    pub fn features(&self, table: &FeatureTable, modality: usize) -> Features {
        let TableModality { values, width, valid, streamed, .. } = &table.modalities()[modality];
        if let Some(streamed) = streamed {
            return Features::Streamed(*width, valid.clone(), streamed.clone());
        }
        Features::Resident(self.column(Column::Modality(modality), || {
            Tensor::from_slice(values).view([-1, *width as i64]).to_device(self.device).to_kind(self.kind)
        }))
    }

    /// 1 where a row has the modality, \[N\].
    pub fn valid(&self, table: &FeatureTable, modality: usize) -> Tensor {
        let valid: Vec<f32> = table.modalities()[modality].valid.iter().map(|&valid| f32::from(u8::from(valid))).collect();
        self.column(Column::Valid(modality), || Tensor::from_slice(&valid).to_kind(self.kind))
    }

    /// Label of each row, \[N\]: the place of its class, or its value in the kind of the features.
    pub fn label(&self, table: &FeatureTable) -> Tensor {
        self.column(Column::Label, || match table.labels() {
            Labels::Classes { of, .. } => Tensor::from_slice(&of.iter().map(|&place| i64::from(place)).collect::<Vec<_>>()),
            Labels::Values { of, .. } => Tensor::from_slice(of).to_kind(self.kind),
        })
    }

    /// Mean and scale of each run's labels, [R, 1] each, where they are values.
    pub fn label_scale(&self, table: &FeatureTable, scales: impl Iterator<Item = Scale> + Clone) -> Option<[Tensor; 2]> {
        let Labels::Values { .. } = table.labels() else { return None };
        let column = |of: fn(Scale) -> f64| {
            let column: Vec<f64> = scales.clone().map(of).collect();
            Tensor::from_slice(&column).to_kind(self.kind).to_device(self.device).unsqueeze(1)
        };
        Some([column(|scale| scale.mean), column(|scale| scale.scale)])
    }

    /// Domain of each row, \[N\].
    pub fn domain(&self, table: &FeatureTable) -> Tensor {
        let places = || table.domain().iter().map(|&place| place as i64).collect::<Vec<_>>();
        self.column(Column::Domain, || Tensor::from_slice(&places()))
    }
}
