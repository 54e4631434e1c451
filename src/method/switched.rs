//! A weight that is 1 until a run's switch.

use tch::{Device, Kind, Tensor};

use crate::hyperparameters::{Hyperparameters, Number};
use crate::objective::column;

/// The weights of R runs, and from which step on.
#[derive(Debug)]
pub struct Switched {
    /// By run.
    pub from: Vec<f64>,
    full: Tensor,
    now: Tensor,
}

impl Switched {
    /// By two settings.
    pub fn new(runs: &[Hyperparameters], weight: &Number, from: &Number, kind: Kind, device: Device) -> Self {
        let full = column(runs, weight, kind, device);
        Self { from: runs.iter().map(|run| run.number(from)).collect(), now: full.ones_like(), full }
    }

    /// The weight, \[R\], which [`set`](Self::set) changes in place.
    pub fn weight(&self) -> Tensor {
        self.now.shallow_clone()
    }

    /// To what it is in a step; `late` as in [`BranchInput`](super::BranchInput::late).
    pub fn set(&mut self, late: Option<&Tensor>) {
        let Some(late) = late else { return };
        self.now.copy_(&self.full.where_self(&late.gt(0.0), &self.full.ones_like()));
    }
}
