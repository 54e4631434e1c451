//! Features on a device.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tch::{Device, Kind, Tensor};

use super::features::Features;
use super::table::{Table, TableModality};

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

    fn indices(&self, column: Column, values: &[usize]) -> Tensor {
        self.column(column, || Tensor::from_slice(&values.iter().map(|&i| i as i64).collect::<Vec<_>>()))
    }

    /// Rows of one modality, N of width D: on the device, or where they are streamed from.
    pub fn features(&self, table: &Table, modality: usize) -> Features {
        let TableModality { values, width, valid, streamed, .. } = &table.modalities()[modality];
        if let Some(streamed) = streamed {
            return Features::Streamed(*width, valid.clone(), streamed.clone());
        }
        Features::Resident(self.column(Column::Modality(modality), || {
            Tensor::from_slice(values).view([-1, *width as i64]).to_device(self.device).to_kind(self.kind)
        }))
    }

    /// 1 where a row has the modality, \[N\].
    pub fn valid(&self, table: &Table, modality: usize) -> Tensor {
        let valid: Vec<f32> = table.modalities()[modality].valid.iter().map(|&valid| f32::from(u8::from(valid))).collect();
        self.column(Column::Valid(modality), || Tensor::from_slice(&valid).to_kind(self.kind))
    }

    /// Class of each row, \[N\].
    pub fn label(&self, table: &Table) -> Tensor {
        self.indices(Column::Label, table.label())
    }

    /// Domain of each row, \[N\].
    pub fn domain(&self, table: &Table) -> Tensor {
        self.indices(Column::Domain, table.domain())
    }
}
