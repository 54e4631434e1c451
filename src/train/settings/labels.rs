//! Whether settings fit what the labels of the features are.

use super::super::compare::Column;
use super::TrainSettings;
use crate::manifest::LabelSpace;
use crate::task::{self, TaskKind};
use crate::{Error, Result};

impl TrainSettings {
    /// That these labels can be predicted with these columns.
    ///
    /// # Errors
    /// [`Error::Input`] that names the key or the column, and what the labels are.
    pub(in crate::train) fn check_labels(&self, labels: &LabelSpace, columns: &[Column]) -> Result<()> {
        let kind = TaskKind::of(labels);
        if let [only] = labels.classes() {
            let problem = format!("{only:?} is the only class; expected at least two, or values, to tell rows apart");
            return Err(Error::input("features", problem));
        }
        let wrong = |key: &str, value: &str, expected: &str| {
            let problem = format!("{value}; expected {expected}: the features' labels are {labels}");
            Err(Error::input(format!("[train] {key}"), problem))
        };
        if let Some(asked) = self.task.filter(|asked| *asked != kind) {
            return wrong("task", &format!("{:?}", asked.name()), &format!("{:?}", kind.name()));
        }
        let metrics = task::of(labels, 0.0, self.loss.unwrap_or_default(), None).metrics();
        if let Some(asked) = &self.protocol.metric
            && metrics.iter().all(|metric| metric.name != asked)
        {
            let names: Vec<&str> = metrics.iter().map(|metric| metric.name).collect();
            let problem = format!("{asked:?} is no metric of {}; expected one of {}", kind.name(), names.join(", "));
            return Err(Error::input("[protocol] metric", problem));
        }
        match kind {
            TaskKind::Classification if self.loss.is_some() => wrong("loss", "of values", "none"),
            TaskKind::Regression if self.label_smoothing > 0.0 => wrong("label-smoothing", "of classes", "0"),
            TaskKind::Regression if self.class_weights => wrong("class-weights", "of classes", "false"),
            TaskKind::Regression => columns.iter().try_for_each(|column| {
                let method = ("method", column.method.name, column.method.classes_only);
                let unable = [method, ("balance", column.balance.name, column.balance.classes_only)].into_iter();
                let Some((key, name, reason)) = unable.filter_map(|(key, name, why)| Some((key, name, why?))).next() else {
                    return Ok(());
                };
                let input = format!("[[train.compare]] {:?}", column.name);
                Err(Error::input(input, format!("{key} {name:?} cannot predict values: {reason}; expected another {key}")))
            }),
            TaskKind::Classification => Ok(()),
        }
    }
}
