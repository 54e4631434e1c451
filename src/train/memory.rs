//! What a cohort takes: an estimate, and how many runs fit into what is given.

use tch::{Device, Kind};

use super::amount::Bytes;
use super::cohort::EVALUATED;
use super::model::{Design, Model};
use super::table::FeatureTable;
use crate::hyperparameters::Hyperparameters;
use crate::{Error, Result};

/// Bytes that training takes, besides libtorch itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The features that are held in memory: once on the host, once on the device.
    pub shared: u64,
    /// Each run that trains at one time.
    pub run: u64,
}

impl Need {
    /// An estimate from the sizes of things. A run has its parameters, their gradient, two moments and the best epoch's
    /// parameters, about two more of that size while a step lasts and, where the balancer sees gradients, one for each
    /// objective, where copies train ahead, the checkpoint that they start from, two for each further branch; of each row of a batch its features, activations, their gradients by objective, and dropout factors.
    pub fn of(
        table: &FeatureTable,
        design: &Design,
        modalities: &[usize],
        own: &Hyperparameters,
        batch: usize,
        kind: Kind,
    ) -> Self {
        let mut model = Model::new(design, std::slice::from_ref(own), kind, Device::Cpu);
        let size = if kind == Kind::Double { 8 } else { 4 };
        let objectives = model.objectives() as u64;
        let inputs: u64 = design.inputs.iter().map(|&width| width as u64).sum();
        let hidden = design.hidden.iter().sum::<i64>() * design.inputs.len() as i64 + design.shape.fused();
        let hidden = hidden as u64 * model.branches().len() as u64;
        let ahead = if model.copies().is_empty() { 0 } else { 5 };
        let beside = 2 * (model.branches().len() as u64 - 1);
        let copies = 7 + ahead + beside + if !model.records().is_empty() { objectives } else { 0 };
        let dropout = model.layout.dropout_width() as u64;
        let trained =
            2 * inputs + (4 + 3 * objectives) * (hidden + design.shape.hidden as u64) + 2 * dropout + model.kept() as u64;
        let rows = batch as u64 * (trained * size + 12 * dropout);
        let evaluated = EVALUATED as u64 * (2 * inputs + 2 * hidden) * size;
        let held = modalities.iter().map(|&m| &table.modalities()[m]).filter(|modality| modality.streamed.is_none());
        let widths: u64 = held.map(|modality| modality.width as u64).sum();
        let shared = table.len() as u64 * widths * (4 + size);
        Self { shared, run: model.layout.len() as u64 * size * copies + rows.max(evaluated) }
    }

    /// How many runs may train at one time, at least 1.
    ///
    /// # Errors
    /// [`Error::Input`] where one does not fit: how much it takes.
    pub fn fitting(self, most: Bytes) -> Result<usize> {
        let left = u64::from(most).saturating_sub(self.shared);
        if left < self.run {
            let (shared, run) = (Bytes::from(self.shared), Bytes::from(self.run));
            let needed = Bytes::from(self.shared + self.run);
            return Err(Error::input(
                "[train] max-memory",
                format!("{most} is too little for one run; expected at least {needed}: {shared} of features, {run} a run"),
            ));
        }
        Ok(usize::try_from(left / self.run.max(1)).unwrap_or(usize::MAX))
    }
}
