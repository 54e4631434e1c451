//! Figures on rows that nothing is learned from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::manifest::Labels;
use crate::report::results::{Bin, Calibration, DomainResult};
use crate::task::{Answer, Judged, Metric, Task, TaskKind, confusion};

/// The label of a row, a value in its unit.
pub fn truth(labels: &Labels, row: usize) -> Answer {
    match labels {
        Labels::Classes { of, .. } => Answer::Class(of[row] as usize),
        Labels::Values { of, .. } => Answer::Value(f64::from(of[row])),
    }
}

/// What a run's model says of some rows. Where the outputs of one of them are not finite, all figures are NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Mean of the task's loss.
    pub loss: f64,
    /// The task's metrics by name; NaN where one has no value.
    pub metrics: BTreeMap<String, f64>,
    /// Counts by true (rows) and predicted class (columns) of the rows that have a prediction; empty of values.
    pub confusion: Vec<Vec<u64>>,
}

impl Evaluation {
    /// Of these rows.
    pub fn of(task: &dyn Task, rows: &[&Judged]) -> Self {
        let known = if rows.iter().all(|row| row.predicted.is_some()) { 1.0 } else { f64::NAN };
        let loss = rows.iter().map(|row| row.loss).sum::<f64>() / rows.len().max(1) as f64 * known;
        let metric = |metric: &Metric| (metric.name.to_owned(), (metric.of)(rows).map_or(f64::NAN, |figure| figure * known));
        let confusion = match task.kind() {
            TaskKind::Classification => confusion(rows, task.outputs() as usize),
            TaskKind::Regression => Vec::new(),
        };
        Self { loss, metrics: task.metrics().iter().map(metric).collect(), confusion }
    }

    /// The first metric.
    pub fn score(&self, task: &dyn Task) -> f64 {
        let first = task.metrics().first().and_then(|metric| self.metrics.get(metric.name));
        first.copied().unwrap_or(f64::NAN)
    }

    /// The metric that chooses epochs.
    pub fn selected_by(&self, task: &dyn Task) -> f64 {
        self.metrics.get(task.selects().name).copied().unwrap_or(f64::NAN)
    }

    /// The same so that a larger number is better.
    pub fn rank(&self, task: &dyn Task) -> f64 {
        sign(task) * self.selected_by(task)
    }
}

/// 1 where a larger number of the metric that chooses epochs is better, else −1.
pub fn sign(task: &dyn Task) -> f64 {
    if task.selects().higher_is_better { 1.0 } else { -1.0 }
}

/// Number of bins of a calibration.
const BINS: usize = 15;

fn calibration(rows: &[&Judged]) -> Option<Calibration> {
    let mut sums = [(0u64, 0.0, 0u64); BINS];
    for row in rows {
        if !row.confidence.is_finite() {
            return None;
        }
        let bin = (row.confidence * BINS as f64).ceil() as usize;
        let (count, confidence, right) = &mut sums[bin.clamp(1, BINS) - 1];
        *count += 1;
        *confidence += row.confidence;
        *right += u64::from(row.predicted == Some(row.truth));
    }
    let bin = |&(rows, confidence, right): &(u64, f64, u64)| {
        let count = rows.max(1) as f64;
        Bin { rows, confidence: confidence / count, accuracy: right as f64 / count }
    };
    let bins: Vec<Bin> = sums.iter().map(bin).collect();
    let total = rows.len().max(1) as f64;
    let ece = bins.iter().map(|bin| bin.rows as f64 / total * (bin.accuracy - bin.confidence).abs()).sum();
    Some(Calibration { ece, bins })
}

/// The figures of results.json on some rows of one domain.
pub fn figures(domain: &str, part: &str, task: &dyn Task, modalities: &[String], rows: &[&Judged]) -> DomainResult {
    let Evaluation { loss, metrics, .. } = Evaluation::of(task, rows);
    let has = rows.iter().any(|row| !row.heads.is_empty());
    let of_head = |(m, name): (usize, &String)| {
        let alone =
            |row: &&Judged| Judged { predicted: row.heads.get(m).copied().flatten(), heads: Vec::new(), ..(*row).clone() };
        let alone: Vec<Judged> = rows.iter().map(alone).collect();
        (name.clone(), Evaluation::of(task, &alone.iter().collect::<Vec<_>>()).score(task))
    };
    let heads: BTreeMap<_, _> = if has { modalities.iter().enumerate().map(of_head).collect() } else { BTreeMap::new() };
    let calibration = match task.kind() {
        TaskKind::Classification => calibration(rows),
        TaskKind::Regression => None,
    };
    DomainResult { domain: domain.into(), part: part.into(), rows: rows.len() as u64, loss, metrics, calibration, heads }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Classification;

    fn judged(truth: usize, predicted: usize, confidence: f64, loss: f64, heads: &[usize]) -> Judged {
        let heads = heads.iter().map(|&class| Some(Answer::Class(class))).collect();
        Judged { row: 0, truth: Answer::Class(truth), predicted: Some(Answer::Class(predicted)), confidence, loss, heads }
    }

    #[test]
    fn counts_and_means() {
        let rows = [(0, 0, 1.0), (0, 1, 2.0), (1, 1, 0.0), (1, 1, 1.0)].map(|(t, p, loss)| judged(t, p, 0.5, loss, &[]));
        let of = |classes, rows: &[Judged]| Evaluation::of(&Classification::of(classes), &rows.iter().collect::<Vec<_>>());
        let found = of(3, &rows);
        // F1 of class 0 is 2/3, of class 1 4/5; class 2 is nowhere
        let wanted = Evaluation {
            loss: 1.0,
            metrics: [("accuracy".to_owned(), 0.75), ("macro_f1".to_owned(), (2.0 / 3.0 + 0.8) / 2.0)].into(),
            confusion: vec![vec![1, 1, 0], vec![0, 2, 0], vec![0; 3]],
        };
        assert_eq!(found, wanted);
        let never_right = of(2, &[judged(0, 1, 0.5, 1.0, &[])]);
        assert_eq!((never_right.metrics["macro_f1"], of(2, &[]).metrics["macro_f1"]), (0.0, 0.0));
    }

    #[test]
    fn scores_that_are_not_finite_have_no_figures() {
        let lost = Judged { predicted: None, heads: vec![Some(Answer::Class(0)), None], ..judged(0, 0, f64::NAN, f64::NAN, &[]) };
        let rows = [judged(0, 0, 0.9, 0.1, &[0, 0]), lost];
        let two = Classification::of(2);
        let found = Evaluation::of(&two, &rows.iter().collect::<Vec<_>>());
        assert!(found.loss.is_nan() && found.metrics.values().all(|figure| figure.is_nan()), "{found:?}");
        assert_eq!(found.confusion, [[1, 0], [0, 0]]);
        let found = figures("human", "test", &two, &["a", "b"].map(String::from), &rows.iter().collect::<Vec<_>>());
        assert!(found.metrics["accuracy"].is_nan() && found.calibration.is_none());
        assert!(found.heads["a"] == 1.0 && found.heads["b"].is_nan());
    }

    #[test]
    fn bins_and_heads_as_by_hand() {
        // 0.6 = 9/15 belongs to the bin that ends there, 1.0 to the last one
        let rows = [
            judged(0, 0, 0.6, 0.0, &[0, 1]),
            judged(1, 0, 0.55, 0.0, &[1, 1]),
            judged(1, 1, 1.0, 0.0, &[0, 1]),
            judged(1, 1, 0.99, 0.0, &[0, 0]),
        ];
        let names = ["video", "audio"].map(String::from);
        let found = figures("human", "test", &Classification::of(2), &names, &rows.iter().collect::<Vec<_>>());
        assert_eq!(found.heads, [("video".to_owned(), 0.5), ("audio".to_owned(), 0.5)].into());
        let calibration = found.calibration.unwrap();
        assert_eq!(calibration.bins.iter().map(|bin| bin.rows).collect::<Vec<_>>()[8..], [2, 0, 0, 0, 0, 0, 2]);
        assert_eq!((calibration.bins[8].accuracy, calibration.bins[14].accuracy), (0.5, 1.0));
        let wanted = 0.5 * (0.575f64 - 0.5) + 0.5 * (1.0 - 0.995);
        assert!((calibration.ece - wanted).abs() < 1e-12, "{}", calibration.ece);
        assert_eq!(
            figures("human", "test", &Classification::of(2), &names, &[&judged(0, 0, f64::NAN, 0.0, &[])]).calibration,
            None
        );
    }
}
