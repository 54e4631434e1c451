use tch::{Device, Kind, Tensor};

use crate::hyperparameters::{Hyperparameters, Number};

/// One number of each run, \[R\].
pub fn column(runs: &[Hyperparameters], number: &Number, kind: Kind, device: Device) -> Tensor {
    let values: Vec<f64> = runs.iter().map(|run| run.number(number)).collect();
    Tensor::from_slice(&values).to_kind(kind).to_device(device)
}
