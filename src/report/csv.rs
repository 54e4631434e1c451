//! The tables as one file of comma-separated values, a line for each entry and task, with every digit.

use super::comparison::Comparison;
use super::statistics::Summary;
use super::{RunResult, published};
use crate::error::Action;
use crate::{Error, Result};

const HEAD: [&str; 29] = [
    "name",
    "method",
    "balance",
    "modalities",
    "selection",
    "sources",
    "target",
    "runs",
    "target_accuracy",
    "target_accuracy_std",
    "source_validation_accuracy",
    "source_validation_accuracy_std",
    "target_macro_f1",
    "target_macro_f1_std",
    "target_ece",
    "target_ece_std",
    "base",
    "difference",
    "difference_low",
    "difference_high",
    "p_holm",
    "base_of_losses",
    "difference_of_losses",
    "difference_of_losses_low",
    "difference_of_losses_high",
    "p_holm_of_losses",
    "published",
    "diverged",
    "label",
];

/// The file. Accuracies are in per cent, differences in points; `target` is `mean` for the mean over tasks; what there is not is empty.
/// `diverged` counts seeds that are in no figure; `label` is the name with what sets it apart.
///
/// # Errors
/// [`Error::Io`], which memory does not give.
pub fn text(runs: &Comparison<'_>) -> Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| Error::io(Action::Write, "report.csv".as_ref())(std::io::Error::other(error));
    out.write_record(HEAD).map_err(failed)?;
    let papers = published::tables(runs);
    let base = |e: usize| Some(runs.base(e)).filter(|base| *base != e);
    let of_losses = |e: usize| runs.base_of_losses(e);
    for (column, place) in runs.places().into_iter().enumerate() {
        let tested = [runs.tested(place, &base), runs.tested(place, &of_losses)];
        for (e, entry) in runs.entries().iter().enumerate() {
            let task = place.map(|task| &runs.tasks()[task]);
            let figure = |of: fn(&RunResult) -> Option<f64>| {
                let figures: Vec<f64> = runs.figures(e, place, &of).into_iter().map(|(_, figure)| figure).collect();
                let summary = Summary::of(&figures);
                [number(summary.map(|s| s.mean)), number(summary.and_then(|s| s.deviation))]
            };
            let mut line = vec![
                entry.name.clone(),
                entry.method.clone(),
                entry.balance.clone(),
                entry.modalities.join("+"),
                entry.selection.clone(),
                task.map(|task| task.sources.join("+")).unwrap_or_default(),
                task.map_or("mean", |task| &task.target).to_owned(),
                runs.figures(e, place, &|run| Some(run.target_accuracy)).len().to_string(),
            ];
            line.extend(figure(|run| Some(100.0 * run.target_accuracy)));
            line.extend(figure(|run| Some(100.0 * run.source_validation_accuracy)));
            line.extend(figure(|run| Some(100.0 * run.on_target()?.macro_f1)));
            line.extend(figure(|run| Some(100.0 * run.on_target()?.calibration.as_ref()?.ece)));
            for (base, tested) in [base(e), of_losses(e)].into_iter().zip(&tested) {
                line.push(base.map(|base| runs.entries()[base].name.clone()).unwrap_or_default());
                let (difference, p) = tested[e].unzip();
                let mean = difference.map(|d| d.summary.mean);
                let end = |sign: f64| difference.and_then(|d| Some(d.summary.mean + sign * d.half?));
                line.extend([number(mean), number(end(-1.0)), number(end(1.0)), number(p.flatten())]);
            }
            let cells = papers.iter().map(|table| table.rows[e].1[column].text()).filter(|text| text != "–");
            line.push(cells.collect::<Vec<_>>().join("; "));
            line.extend([runs.diverged(&[e], place).to_string(), entry.label.clone()]);
            out.write_record(&line).map_err(failed)?;
        }
    }
    out.into_inner().map_err(|error| Error::io(Action::Write, "report.csv".as_ref())(std::io::Error::other(error.to_string())))
}

fn number(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
