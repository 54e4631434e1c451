//! Whether the parts of a result fit each other and no figure is an impossible one.

use super::results::{DomainResult, EpochResult, RunResult, TEST, VALIDATION};
use crate::measure::{Measure, Unit};

/// That a result can be that of a run.
///
/// # Errors
/// What is impossible, and what was expected.
pub fn check(run: &RunResult) -> Result<(), String> {
    if run.metrics.is_empty() {
        return Err("metrics is empty; expected at least one".into());
    }
    if run.epochs == 0 {
        return Err("epochs is 0; expected at least 1".into());
    }
    for (key, value) in [("source_validation_score", run.source_validation_score), ("target_score", run.target_score)] {
        figure(run.measure(), key, value, run.diverged.is_some())?;
    }
    figure(run.selected_by(), "selection_score", run.protocol.selection_score, run.diverged.is_some())?;
    // an earlier epoch can have been the one that was tested
    let last = run.diverged.is_some() && run.curve.last().is_some_and(|epoch| !is_finite(epoch));
    let epochs = if last { run.diverged.map_or(run.epochs, |epoch| epoch + 1) } else { run.epochs };
    if run.curve.len() != epochs {
        return Err(format!("curve has {} entries; expected one for each of the {epochs} epochs", run.curve.len()));
    }
    match (run.selected_epoch, run.diverged) {
        (Some(epoch), None) | (None, Some(epoch)) if epoch < run.epochs => {}
        (Some(epoch), None) | (None, Some(epoch)) => {
            let key = if run.diverged.is_some() { "diverged" } else { "selected_epoch" };
            return Err(format!("{key} is {epoch}; expected one of the {} epochs, from 0", run.epochs));
        }
        (None, None) => return Err("selected_epoch is null; expected an epoch, or one that diverged".into()),
        (Some(_), Some(_)) => return Err("selected_epoch is a number of a run that diverged; expected null".into()),
    }
    run.curve.iter().enumerate().try_for_each(|(i, epoch)| of_epoch(run, i, epoch))?;
    run.domains.iter().try_for_each(|domain| of_domain(run, domain))?;
    confusion(run)?;
    if run.sources.contains(&run.target) && run.protocol.kind != "in-domain" {
        return Err(format!("target \"{}\" is among the sources; expected a domain not trained on", run.target));
    }
    if run.sources.is_empty() || run.modalities.is_empty() || run.rows.train == 0 || run.rows.target == 0 {
        return Err("no sources, modalities, training rows or target rows; expected at least one of each".into());
    }
    Ok(())
}

fn is_finite(epoch: &EpochResult) -> bool {
    epoch.train_loss.is_finite() && epoch.validation_loss.is_finite()
}

/// That `value` is in [0, 1], or not a number where that may be.
fn share(key: &str, value: f64, may_be_nan: bool) -> Result<(), String> {
    match (0.0..=1.0).contains(&value) || value.is_nan() && may_be_nan {
        true => Ok(()),
        false if value.is_nan() => Err(format!("{key} is null; expected a share in [0, 1]")),
        false => Err(format!("{key} is {value}; expected a share in [0, 1]")),
    }
}

/// That a metric's figure can be one, or is not a number where that may be.
fn figure(measure: &Measure, key: &str, value: f64, may_be_nan: bool) -> Result<(), String> {
    match &measure.unit {
        Unit::Share => share(key, value, may_be_nan),
        _ if value.is_nan() && !may_be_nan => Err(format!("{key} is null; expected a number")),
        _ => Ok(()),
    }
}

/// That `value` is at least 0, or no number.
fn not_negative(key: &str, value: f64) -> Result<(), String> {
    if value < 0.0 { Err(format!("{key} is {value}; expected at least 0")) } else { Ok(()) }
}

fn of_epoch(run: &RunResult, i: usize, epoch: &EpochResult) -> Result<(), String> {
    let diverged = run.diverged.is_some();
    let at = |key: &str| format!("{key} of epoch {i}");
    for (key, value) in [("train_loss", epoch.train_loss), ("validation_loss", epoch.validation_loss)] {
        not_negative(&at(key), value)?;
    }
    not_negative(&at("learning_rate"), epoch.learning_rate)?;
    let train = (at("train_score"), run.measure(), epoch.train_score);
    let validation = run.metrics.iter().map(|of| (at(&format!("validation {}", of.name)), of, epoch.on_validation(&of.name)));
    for (key, of, value) in [train].into_iter().chain(validation) {
        // means of single precision may pass 1 by their rounding
        let value = if of.unit == Unit::Share && value > 1.0 && value < 1.0 + 1e-5 { 1.0 } else { value };
        figure(of, &key, value, diverged || !value.is_finite())?;
    }
    for (modality, balance) in &epoch.balance {
        let conflict = balance.get("conflict").unwrap_or(f64::NAN);
        share(&at(&format!("conflict of {modality}")), if conflict < 1.0 + 1e-5 { conflict.min(1.0) } else { conflict }, true)?;
    }
    Ok(())
}

fn of_domain(run: &RunResult, domain: &DomainResult) -> Result<(), String> {
    let at = |key: &str| format!("{key} of domain \"{}\"", domain.domain);
    if domain.rows == 0 || ![VALIDATION, TEST].contains(&domain.part.as_str()) {
        return Err(format!("domain \"{}\" has no rows, or is of no known part; expected validation or test", domain.domain));
    }
    not_negative(&at("loss"), domain.loss)?;
    for measure in &run.metrics {
        let value = domain.metrics.get(&measure.name).copied();
        let value = value.ok_or_else(|| format!("no {}; expected the run's metrics", at(&measure.name)))?;
        figure(measure, &at(&measure.name), value, true)?;
    }
    domain.calibration.iter().try_for_each(|calibration| share(&at("ece"), calibration.ece, false))?;
    let head = |(modality, value): (&String, &f64)| figure(run.measure(), &at(&format!("head {modality}")), *value, true);
    domain.heads.iter().try_for_each(head)
}

/// That the confusion matrix is one of the run's rows and classes.
fn confusion(run: &RunResult) -> Result<(), String> {
    let classes = run.classes.len();
    if run.diverged.is_some() {
        return if run.confusion.is_empty() { Ok(()) } else { Err("confusion of a run that diverged; expected none".into()) };
    }
    if classes == 0 && run.confusion.is_empty() {
        return Ok(());
    }
    if classes == 0 || run.confusion.len() != classes || run.confusion.iter().any(|row| row.len() != classes) {
        return Err(format!("confusion does not have one row and one column for each of the {classes} classes"));
    }
    let sum = |cells: &mut dyn Iterator<Item = &u64>| cells.fold(0u64, |sum, count| sum.saturating_add(*count));
    let total = sum(&mut run.confusion.iter().flatten());
    let right = sum(&mut run.confusion.iter().enumerate().filter_map(|(c, row)| row.get(c)));
    if total != run.rows.target as u64 {
        return Err(format!("confusion counts {total} rows; expected the {} of the target", run.rows.target));
    }
    if (right as f64 / total as f64 - run.target_score).abs() > 1e-6 {
        let accuracy = run.target_score;
        return Err(format!("target_score is {accuracy}, while {right} of {total} rows are right in confusion"));
    }
    Ok(())
}
