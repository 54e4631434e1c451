//! The tables as one file of comma-separated values, a line for each entry and task, with every digit.

use super::comparison::{Comparison, Figure};
use super::published;
use super::statistics::Summary;
use crate::error::Action;
use crate::{Error, Result};

/// The columns before the figures, and those after them.
const BEFORE: [&str; 8] = ["name", "method", "balance", "modalities", "selection", "sources", "target", "runs"];
const AFTER: [&str; 13] = [
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

/// The file. What is a share is in per cent, differences of such in points, all else in its unit; `target` is `mean` for the mean over tasks; what there is not is empty.
/// `diverged` counts seeds that are in no figure; `label` is the name with what sets it apart.
///
/// # Errors
/// [`Error::Io`], which memory does not give.
pub fn text(runs: &Comparison<'_>) -> Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| Error::io(Action::Write, "report.csv".as_ref())(std::io::Error::other(error));
    let score = runs.metrics().first().map(|measure| measure.name.as_str()).unwrap_or_default();
    let mut figures = vec![format!("target_{score}"), format!("source_validation_{score}")];
    figures.extend(runs.metrics().iter().skip(1).map(|measure| format!("target_{}", measure.name)));
    figures.push("target_ece".into());
    let figures = figures.into_iter().flat_map(|name| [name.clone(), name + "_std"]);
    let [before, after] = [&BEFORE[..], &AFTER].map(|names| names.iter().map(|name| (*name).to_owned()));
    out.write_record(before.chain(figures).chain(after)).map_err(failed)?;
    let papers = published::tables(runs);
    let base = |e: usize| Some(runs.base(e)).filter(|base| *base != e);
    let of_losses = |e: usize| runs.base_of_losses(e);
    for (column, place) in runs.places().into_iter().enumerate() {
        let tested = [runs.tested(place, &base), runs.tested(place, &of_losses)];
        for (e, entry) in runs.entries().iter().enumerate() {
            let task = place.map(|task| &runs.tasks()[task]);
            let figure = |of: Figure<'_>| {
                let figures: Vec<f64> = runs.figures(e, place, of).into_iter().map(|(_, figure)| figure).collect();
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
                runs.figures(e, place, &|run| Some(run.target_score)).len().to_string(),
            ];
            line.extend(figure(&|run| Some(run.measure().shown(run.target_score))));
            line.extend(figure(&|run| Some(run.measure().shown(run.source_validation_score))));
            for measure in runs.metrics().iter().skip(1) {
                line.extend(figure(&|run| Some(measure.shown(*run.on_target()?.metrics.get(&measure.name)?))));
            }
            line.extend(figure(&|run| Some(100.0 * run.on_target()?.calibration.as_ref()?.ece)));
            for (base, tested) in [base(e), of_losses(e)].into_iter().zip(&tested) {
                line.push(base.map(|base| runs.entries()[base].name.clone()).unwrap_or_default());
                let (difference, p) = tested[e].unzip();
                let mean = difference.map(|d| d.summary.mean);
                let end = |sign: f64| difference.and_then(|d| Some(d.summary.mean + sign * d.half?));
                line.extend([number(mean), number(end(-1.0)), number(end(1.0)), number(p.flatten())]);
            }
            let cells = papers.iter().map(|table| table.rows[e].1[column].text(2)).filter(|text| text != "–");
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
