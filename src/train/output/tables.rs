//! The tables of a run's folder.

use std::path::Path;

use super::super::cohort::Epoch;
use crate::error::Action;
use crate::report::results::{EmbeddedRow, EpochResult, RunResult};
use crate::{Error, Result, fs};

/// `metrics.csv`: one line an epoch.
pub fn metrics(result: &RunResult) -> String {
    let names: Vec<&str> = result.metrics.iter().map(|measure| measure.name.as_str()).collect();
    let score = names.first().copied().unwrap_or_default();
    let of_validation: String = names.iter().map(|name| format!(",validation_{name}")).collect();
    let head = format!("epoch,train_loss,train_{score},learning_rate,validation_loss{of_validation}\n");
    let line = |(i, e): (usize, &EpochResult)| {
        let validation = names.iter().map(|name| e.on_validation(name));
        let figures = [e.train_loss, e.train_score, e.learning_rate, e.validation_loss].into_iter().chain(validation);
        format!("{i}{}\n", figures.map(|value| format!(",{value}")).collect::<String>())
    };
    head + &result.curve.iter().enumerate().map(line).collect::<String>()
}

/// `balance.csv`: one line an epoch and modality with the figures `names` of a balancer, `NaN` where one is not a number.
pub fn balance(result: &RunResult, names: &[&str]) -> String {
    let mut text = head("epoch,modality", names);
    for (i, epoch) in result.curve.iter().enumerate() {
        for modality in &result.modalities {
            let of = epoch.balance.get(modality);
            text += &format!("{i},{modality}");
            for name in names {
                let figure = of.and_then(|balance| balance.get(name));
                text += &figure.map_or(",".into(), |value| format!(",{value}"));
            }
            text.push('\n');
        }
    }
    text
}

/// `balance-steps.csv`: the same of every step.
pub fn balance_steps(modalities: &[String], names: &[&str], curve: &[Epoch]) -> String {
    let mut text = head("epoch,step,modality", names);
    for (i, epoch) in curve.iter().enumerate() {
        for (step, record) in epoch.steps.iter().enumerate() {
            for (modality, figures) in modalities.iter().zip(record) {
                let figures: String = figures.iter().map(|value| format!(",{value}")).collect();
                text += &format!("{i},{step},{modality}{figures}\n");
            }
        }
    }
    text
}

fn head(first: &str, names: &[&str]) -> String {
    std::iter::once(&first).chain(names).copied().collect::<Vec<_>>().join(",") + "\n"
}

/// `embedding.csv`: a line for each row that was laid out.
pub fn embedding(path: &Path, rows: &[EmbeddedRow]) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| Error::io(Action::Write, path)(std::io::Error::other(error.to_string()));
    let mut csv = csv::Writer::from_writer(Vec::new());
    rows.iter().try_for_each(|row| csv.serialize(row)).map_err(|error| failed(&error))?;
    fs::write(path, &csv.into_inner().map_err(|error| failed(&error))?)
}
