//! Figures on rows that nothing is learned from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::report::results::{Bin, Calibration, DomainResult};

/// What a run's model says of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Row of the features.
    pub row: usize,
    /// Its class.
    pub truth: usize,
    /// The class of the largest probability; none where the scores are not finite.
    pub predicted: Option<usize>,
    /// That probability.
    pub confidence: f64,
    /// Classification loss.
    pub loss: f64,
    /// What each modality's own head predicts, as [`predicted`](Self::predicted); empty where there is none, or none was asked
    /// for.
    pub heads: Vec<Option<usize>>,
}

/// What a run's model says of some rows. Where the scores of one of them are not finite, loss, accuracy and macro-F1 are NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Mean classification loss.
    pub loss: f64,
    /// Share of rows that are right, in [0, 1].
    pub accuracy: f64,
    /// Mean of the classes' F1, in [0, 1].
    pub macro_f1: f64,
    /// Counts by true (rows) and predicted class (columns) of the rows that have a prediction.
    pub confusion: Vec<Vec<u64>>,
}

impl Evaluation {
    /// Of these rows.
    pub fn from_rows<'a>(classes: usize, rows: impl IntoIterator<Item = &'a Judged>) -> Self {
        let mut confusion = vec![vec![0; classes]; classes];
        let (mut total, mut right, mut loss, mut known) = (0u64, 0u64, 0.0, 1.0);
        for row in rows {
            match row.predicted {
                Some(predicted) => confusion[row.truth][predicted] += 1,
                None => known = f64::NAN,
            }
            total += 1;
            right += u64::from(row.predicted == Some(row.truth));
            loss += row.loss;
        }
        let total = total.max(1) as f64;
        let (accuracy, macro_f1) = (right as f64 / total, macro_f1(&confusion));
        Self { loss: loss / total * known, accuracy: accuracy * known, macro_f1: macro_f1 * known, confusion }
    }
}

/// Mean of 2 TP / (2 TP + FP + FN) over the classes that stand among the truths or the predictions; 0 of no row.
fn macro_f1(confusion: &[Vec<u64>]) -> f64 {
    let (mut sum, mut classes) = (0.0, 0);
    for (c, row) in confusion.iter().enumerate() {
        let either = row.iter().sum::<u64>() + confusion.iter().map(|row| row[c]).sum::<u64>();
        if either > 0 {
            sum += 2.0 * row[c] as f64 / either as f64;
            classes += 1;
        }
    }
    sum / f64::from(classes.max(1))
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
pub fn figures(domain: &str, part: &str, classes: usize, modalities: &[String], rows: &[&Judged]) -> DomainResult {
    let Evaluation { loss, accuracy, macro_f1, .. } = Evaluation::from_rows(classes, rows.iter().copied());
    let right = |m: usize| rows.iter().filter(|row| row.heads.get(m) == Some(&Some(row.truth))).count() as f64;
    let known = |m: usize| rows.iter().all(|row| row.heads.get(m) != Some(&None));
    let has = rows.iter().any(|row| !row.heads.is_empty());
    let share = |(m, name): (usize, &String)| {
        let share = if known(m) { right(m) / rows.len() as f64 } else { f64::NAN };
        (name.clone(), share)
    };
    let heads: BTreeMap<_, _> = if has { modalities.iter().enumerate().map(share).collect() } else { BTreeMap::new() };
    let (domain, part) = (domain.into(), part.into());
    DomainResult { domain, part, rows: rows.len() as u64, loss, accuracy, macro_f1, calibration: calibration(rows), heads }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(truth: usize, predicted: usize, confidence: f64, loss: f64, heads: &[usize]) -> Judged {
        let heads = heads.iter().copied().map(Some).collect();
        Judged { row: 0, truth, predicted: Some(predicted), confidence, loss, heads }
    }

    #[test]
    fn counts_and_means() {
        let rows = [(0, 0, 1.0), (0, 1, 2.0), (1, 1, 0.0), (1, 1, 1.0)].map(|(t, p, loss)| judged(t, p, 0.5, loss, &[]));
        let found = Evaluation::from_rows(3, &rows);
        // F1 of class 0 is 2/3, of class 1 4/5; class 2 is nowhere
        let wanted = Evaluation {
            loss: 1.0,
            accuracy: 0.75,
            macro_f1: (2.0 / 3.0 + 0.8) / 2.0,
            confusion: vec![vec![1, 1, 0], vec![0, 2, 0], vec![0; 3]],
        };
        assert_eq!(found, wanted);
        let never_right = Evaluation::from_rows(2, &[judged(0, 1, 0.5, 1.0, &[])]);
        assert_eq!((never_right.macro_f1, Evaluation::from_rows(2, []).macro_f1), (0.0, 0.0));
    }

    #[test]
    fn scores_that_are_not_finite_have_no_figures() {
        let lost = Judged { predicted: None, heads: vec![Some(0), None], ..judged(0, 0, f64::NAN, f64::NAN, &[]) };
        let rows = [judged(0, 0, 0.9, 0.1, &[0, 0]), lost];
        let found = Evaluation::from_rows(2, &rows);
        assert!([found.loss, found.accuracy, found.macro_f1].iter().all(|figure| figure.is_nan()), "{found:?}");
        assert_eq!(found.confusion, [[1, 0], [0, 0]]);
        let found = figures("human", "test", 2, &["a", "b"].map(String::from), &rows.iter().collect::<Vec<_>>());
        assert!(found.accuracy.is_nan() && found.calibration.is_none());
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
        let found = figures("human", "test", 2, &names, &rows.iter().collect::<Vec<_>>());
        assert_eq!(found.heads, [("video".to_owned(), 0.5), ("audio".to_owned(), 0.5)].into());
        let calibration = found.calibration.unwrap();
        assert_eq!(calibration.bins.iter().map(|bin| bin.rows).collect::<Vec<_>>()[8..], [2, 0, 0, 0, 0, 0, 2]);
        assert_eq!((calibration.bins[8].accuracy, calibration.bins[14].accuracy), (0.5, 1.0));
        let wanted = 0.5 * (0.575f64 - 0.5) + 0.5 * (1.0 - 0.995);
        assert!((calibration.ece - wanted).abs() < 1e-12, "{}", calibration.ece);
        assert_eq!(figures("human", "test", 2, &names, &[&judged(0, 0, f64::NAN, 0.0, &[])]).calibration, None);
    }
}
