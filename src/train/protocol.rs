//! Which rows a run may see: leave one domain out.

use super::settings::TargetSplit;
use super::table::Table;
use crate::manifest::Split;
use crate::{Error, Result};

/// One task: every other domain is a source, one is the target.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Places of the modalities used, in order of concatenation.
    pub modalities: Vec<usize>,
    /// Places of the source domains, ascending.
    pub sources: Vec<usize>,
    /// Place of the target domain.
    pub target: usize,
    /// Which of its rows are tested on.
    pub target_split: TargetSplit,
    /// Rows trained on.
    pub train: Vec<usize>,
    /// Rows the epoch is chosen by.
    pub validation: Vec<usize>,
    /// Rows tested on.
    pub test: Vec<usize>,
    /// Rows that would have been used but lack a modality.
    pub left_out: usize,
    /// By modality used.
    pub standard: Vec<Standard>,
}

/// What one modality's features are standardised with: (x − mean) · scale, from the run's own training rows and no others.
#[derive(Debug, Clone, PartialEq)]
pub struct Standard {
    /// Mean, \[D\].
    pub mean: Vec<f64>,
    /// Reciprocal standard deviation, \[D\]; 1 for a feature that hardly varies.
    pub scale: Vec<f64>,
}

impl Task {
    /// The task that leaves `target` out.
    ///
    /// # Errors
    /// [`Error::Input`] where no source is left, a class or a source domain has no training row, or there is nothing to
    /// select or to test on.
    pub fn leave_out(table: &Table, modalities: &[usize], target: usize, target_split: TargetSplit) -> Result<Self> {
        let domains = table.domains();
        let input = format!("features: target {:?}", domains[target]);
        let sources: Vec<usize> = (0..domains.len()).filter(|&d| d != target).collect();
        if sources.is_empty() {
            return Err(Error::input(input, "the only domain; expected at least one other to train on"));
        }
        let rows = |wanted: &dyn Fn(usize, Split) -> bool| -> Vec<usize> {
            (0..table.len()).filter(|&i| wanted(table.domain()[i], table.split()[i])).collect()
        };
        let held_out = if rows(&|d, s| d != target && s == Split::Val).is_empty() { Split::Test } else { Split::Val };
        let wanted = [
            rows(&|d, s| d != target && s == Split::Train),
            rows(&|d, s| d != target && s == held_out),
            rows(&|d, s| d == target && (target_split == TargetSplit::All || s == Split::Test)),
        ];
        let all: usize = wanted.iter().map(Vec::len).sum();
        let whole = |i: &usize| modalities.iter().all(|&m| table.modalities()[m].valid[*i]);
        let [train, validation, test] = wanted.map(|rows| rows.into_iter().filter(whole).collect::<Vec<_>>());
        let left_out = all - train.len() - validation.len() - test.len();

        if let Some(&d) = sources.iter().find(|&&d| !train.iter().any(|&i| table.domain()[i] == d)) {
            return Err(Error::input(input, format!("source {:?} has no training row with every modality", domains[d])));
        }
        if let Some(c) = (0..table.classes().len()).find(|&c| !train.iter().any(|&i| table.label()[i] == c)) {
            return Err(Error::input(input, format!("class {:?} has no training row in the sources", table.classes()[c])));
        }
        if validation.is_empty() {
            return Err(Error::input(input, "the sources have no row in split val or test to select the epoch on"));
        }
        if test.is_empty() {
            return Err(Error::input(input, "has no row to test on with every modality in the chosen split"));
        }
        let standard = modalities.iter().map(|&m| standard(table, m, &train)).collect();
        Ok(Self { modalities: modalities.to_vec(), sources, target, target_split, train, validation, test, left_out, standard })
    }
}

fn standard(table: &Table, modality: usize, rows: &[usize]) -> Standard {
    let modality = &table.modalities()[modality];
    let row = |i: usize| &modality.values[i * modality.width..][..modality.width];
    let count = rows.len() as f64;
    let mut mean = vec![0.0; modality.width];
    for &i in rows {
        mean.iter_mut().zip(row(i)).for_each(|(sum, &x)| *sum += f64::from(x) / count);
    }
    let mut variance = vec![0.0; modality.width];
    for &i in rows {
        for ((sum, &x), mean) in variance.iter_mut().zip(row(i)).zip(&mean) {
            *sum += (f64::from(x) - mean).powi(2) / count;
        }
    }
    // a spread below f32's resolution of the mean is rounding
    let scale =
        |(variance, mean): (f64, &f64)| if variance.sqrt() > 1e-6 * (1e-6 + mean.abs()) { 1.0 / variance.sqrt() } else { 1.0 };
    let scale = variance.into_iter().zip(&mean).map(scale).collect();
    Standard { mean, scale }
}
