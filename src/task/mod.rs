//! What is predicted, one file a task: how wide a head's last layer is, which loss it has, what its outputs say, and by which
//! figures runs are judged.

use std::sync::Arc;

use crate::manifest::LabelSpace;

mod classification;
mod definition;
mod judged;
mod metric;
mod reading;
mod regression;
mod scale;

pub use classification::{Classification, confusion, log_probability};
pub use definition::{Task, TaskKind};
pub use judged::{Answer, Judged};
pub use metric::{Metric, MetricUnit};
pub use reading::{Reading, RowReading};
pub use regression::{Regression, UNABLE, ValueLoss};
pub use scale::Scale;

/// What labels of this kind are trained with.
pub fn of(labels: &LabelSpace, smoothing: f64, loss: ValueLoss) -> Arc<dyn Task> {
    match labels {
        LabelSpace::Classes(names) => Arc::new(Classification { classes: names.len() as i64, smoothing }),
        LabelSpace::Values { .. } => Arc::new(Regression { loss }),
    }
}
