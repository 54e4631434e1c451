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
pub use regression::{Regression, ValueLoss};
pub use scale::Scale;

/// What labels of this kind are trained with; `metric` chooses epochs, where the task has it.
pub fn of(labels: &LabelSpace, smoothing: f64, loss: ValueLoss, metric: Option<&str>) -> Arc<dyn Task> {
    let place = |task: &dyn Task| task.metrics().iter().position(|of| metric == Some(of.name)).unwrap_or(0);
    match labels {
        LabelSpace::Classes(names) => {
            let task = Classification { smoothing, ..Classification::of(names.len() as i64) };
            Arc::new(Classification { selects: place(&task), ..task })
        }
        LabelSpace::Values { .. } => {
            let task = Regression { loss, selects: 0 };
            Arc::new(Regression { selects: place(&task), ..task })
        }
    }
}
