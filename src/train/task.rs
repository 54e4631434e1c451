//! Which rows a run may see.

use serde::{Deserialize, Serialize};

use super::protocol::TargetSplit;
use super::table::FeatureTable;
use crate::manifest::{Labels, Split};
use crate::rng::Stream;
use crate::task::Scale;
use crate::{Error, Result};

/// What becomes of rows that lack one of the modalities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absent {
    /// They are left out, and counted.
    #[default]
    DropRows,
    /// They stay, with zeros in its place once features are standardised: such rows are in no loss of that modality alone, and its
    /// encoder learns nothing from them. Rows without any modality are left out.
    Mask,
    /// There must be none.
    Refuse,
}

/// One task: domains that are trained on, and one that is tested.
#[derive(Debug, Clone, PartialEq)]
pub struct DomainTask {
    /// Places of the modalities used, in order of concatenation.
    pub modalities: Vec<usize>,
    /// Places of the source domains.
    pub sources: Vec<usize>,
    /// Place of the target domain, for a task in one domain its source too.
    pub target: usize,
    /// Which of its rows are tested on.
    pub target_split: TargetSplit,
    /// Rows trained on.
    pub train: Vec<usize>,
    /// Rows the epoch is chosen by.
    pub validation: Vec<usize>,
    /// Rows tested on.
    pub test: Vec<usize>,
    /// Rows that [`Selection::Oracle`](super::Selection::Oracle) chooses by, and nothing else sees.
    pub oracle: Vec<usize>,
    /// Rows that would have been used but lack a modality.
    pub left_out: usize,
    /// Rows that are used and lack a modality.
    pub masked: usize,
    /// What becomes of rows that lack one.
    pub absent: Absent,
    /// By modality used.
    pub standard: Vec<Standard>,
    /// What labels that are values are standardised with; [`Scale::ONE`] of classes.
    pub label: Scale,
}

/// What one modality's features are standardised with: (x − mean) · scale, from the run's own training rows and no others.
#[derive(Debug, Clone, PartialEq)]
pub struct Standard {
    /// Mean, \[D\].
    pub mean: Vec<f64>,
    /// Reciprocal standard deviation, \[D\]; 1 for a feature that hardly varies.
    pub scale: Vec<f64>,
}

/// Rows by what they are for, before those that lack a modality are taken out.
struct TaskRows {
    train: Vec<usize>,
    validation: Vec<usize>,
    test: Vec<usize>,
}

impl DomainTask {
    /// The task that leaves `target` out and has every other domain as a source.
    ///
    /// # Errors
    /// As [`DomainTask::new`].
    pub fn leave_out(table: &FeatureTable, modalities: &[usize], target: usize, target_split: TargetSplit) -> Result<Self> {
        let sources: Vec<usize> = (0..table.domains().len()).filter(|&d| d != target).collect();
        Self::new(table, modalities, &sources, target, target_split, Absent::DropRows)
    }

    /// The task that goes from these sources to `target`, which is none of them.
    ///
    /// # Errors
    /// [`Error::Input`] where no source is left, a class or a source domain has no training row, or there is nothing to
    /// select or to test on; where a modality is in no training row, or rows lack one that may not.
    pub fn new(
        table: &FeatureTable,
        modalities: &[usize],
        sources: &[usize],
        target: usize,
        target_split: TargetSplit,
        absent: Absent,
    ) -> Result<Self> {
        let input = format!("features: target {:?}", table.domains()[target]);
        if sources.is_empty() {
            return Err(Error::input(input, "the only domain; expected at least one other to train on"));
        }
        let of = |split: Split| rows(table, |d, s| sources.contains(&d) && s == split);
        let own = of(Split::Val);
        let validation = if own.is_empty() { of(Split::Test) } else { own };
        let test = rows(table, |d, s| d == target && (target_split == TargetSplit::All || s == Split::Test));
        let rows = TaskRows { train: of(Split::Train), validation, test };
        Self::checked(table, modalities, sources, (target, target_split), absent, rows, &input)
    }

    /// The task inside one domain. The epoch is chosen by its rows in split val; where it has none, by a fifth of its training
    /// rows (by a hash of the row's place), which are then not trained on.
    ///
    /// # Errors
    /// As [`DomainTask::new`].
    pub fn in_domain(table: &FeatureTable, modalities: &[usize], domain: usize, absent: Absent) -> Result<Self> {
        let input = format!("features: domain {:?}", table.domains()[domain]);
        let of = |split: Split| rows(table, |d, s| d == domain && s == split);
        let (mut train, mut validation) = (of(Split::Train), of(Split::Val));
        if validation.is_empty() {
            let stream = Stream::new(0).with("in-domain");
            (validation, train) = train.into_iter().partition(|&row| stream.uniform(row as u32) < 0.2);
        }
        let rows = TaskRows { train, validation, test: of(Split::Test) };
        Self::checked(table, modalities, &[domain], (domain, TargetSplit::Test), absent, rows, &input)
    }

    /// This task without its target, and with the source `out` in its place: trained on the other sources, judged on all of
    /// `out`'s rows that this one trains or selects on.
    ///
    /// # Errors
    /// As [`DomainTask::new`].
    pub fn inner(&self, table: &FeatureTable, out: usize) -> Result<Self> {
        let names = table.domains();
        let input = format!("features: target {:?}, with source {:?} left out", names[self.target], names[out]);
        let sources: Vec<usize> = self.sources.iter().copied().filter(|&d| d != out).collect();
        if sources.is_empty() {
            return Err(Error::input(input, "no source is left; expected at least two for leave-one-domain-out"));
        }
        let (mut judged, mut train) = (Vec::new(), Vec::new());
        for &row in &self.train {
            if table.domain()[row] == out { judged.push(row) } else { train.push(row) }
        }
        judged.extend(self.validation.iter().copied().filter(|&row| table.domain()[row] == out));
        judged.sort_unstable();
        let rows = TaskRows { train, validation: judged.clone(), test: judged };
        Self::checked(table, &self.modalities, &sources, (out, TargetSplit::All), self.absent, rows, &input)
    }

    fn checked(
        table: &FeatureTable,
        modalities: &[usize],
        sources: &[usize],
        (target, target_split): (usize, TargetSplit),
        absent: Absent,
        rows: TaskRows,
        input: &str,
    ) -> Result<Self> {
        let domains = table.domains();
        let wanted = [rows.train, rows.validation, rows.test];
        let all: usize = wanted.iter().map(Vec::len).sum();
        let has = |m: usize, i: usize| table.modalities()[m].valid[i];
        let whole = |i: &usize| modalities.iter().all(|&m| has(m, *i));
        let lacking = wanted.iter().flatten().filter(|i| !whole(i)).count();
        if let (Absent::Refuse, Some(&i)) = (absent, wanted.iter().flatten().find(|i| !whole(i))) {
            let names = modalities.iter().filter(|&&m| !has(m, i)).map(|&m| table.modalities()[m].name.as_str());
            let names = names.collect::<Vec<_>>().join(", ");
            let problem = format!("row {i} lacks {names}, {lacking} such rows in all; expected none, or another [train] absent");
            return Err(Error::input(input, problem));
        }
        let used = |i: &usize| whole(i) || absent == Absent::Mask && modalities.iter().any(|&m| has(m, *i));
        let [train, validation, test] = wanted.map(|rows| rows.into_iter().filter(used).collect::<Vec<_>>());
        let left_out = all - train.len() - validation.len() - test.len();

        if let Some(&d) = sources.iter().find(|&&d| !train.iter().any(|&i| table.domain()[i] == d)) {
            let what = if absent == Absent::Mask { "any" } else { "every" };
            let cure = if absent == Absent::Mask { "" } else { "; [train] absent = \"mask\" takes rows that lack some" };
            return Err(Error::input(input, format!("source {:?} has no training row with {what} modality{cure}", domains[d])));
        }
        if let Some(&m) = modalities.iter().find(|&&m| !train.iter().any(|&i| has(m, i))) {
            let name = &table.modalities()[m].name;
            return Err(Error::input(
                input,
                format!("no training row of the sources has {name}; expected one, or other modalities"),
            ));
        }
        if let Some(c) = (0..table.classes().len()).find(|&c| !train.iter().any(|&i| table.labels().places()[i] as usize == c)) {
            return Err(Error::input(input, format!("class {:?} has no training row in the sources", table.classes()[c])));
        }
        if validation.is_empty() {
            return Err(Error::input(input, "the sources have no row in split val or test to select the epoch on"));
        }
        if test.is_empty() {
            return Err(Error::input(input, "has no row to test on with every modality in the chosen split"));
        }
        let own = test.iter().copied().filter(|&i| table.split()[i] == Split::Val);
        let own = own.collect::<Vec<_>>();
        let standard = modalities.iter().map(|&m| standard(table, m, &train)).collect();
        let label = match table.labels() {
            Labels::Classes { .. } => Scale::ONE,
            Labels::Values { of, .. } => Scale::of(train.iter().map(|&row| f64::from(of[row]))),
        };
        Ok(Self {
            modalities: modalities.to_vec(),
            sources: sources.to_vec(),
            target,
            target_split,
            oracle: if own.is_empty() { test.clone() } else { own },
            train,
            validation,
            test,
            left_out,
            masked: lacking - left_out,
            absent,
            standard,
            label,
        })
    }
}

/// The rows whose domain and split are wanted, in order.
fn rows(table: &FeatureTable, wanted: impl Fn(usize, Split) -> bool) -> Vec<usize> {
    (0..table.len()).filter(|&i| wanted(table.domain()[i], table.split()[i])).collect()
}

fn standard(table: &FeatureTable, modality: usize, rows: &[usize]) -> Standard {
    let modality = &table.modalities()[modality];
    let rows: Vec<usize> = rows.iter().copied().filter(|&i| modality.valid[i]).collect();
    let row = |i: usize| modality.row(i);
    let count = rows.len() as f64;
    let mut mean = vec![0.0; modality.width];
    for &i in &rows {
        mean.iter_mut().zip(row(i).iter()).for_each(|(sum, &x)| *sum += f64::from(x) / count);
    }
    let mut variance = vec![0.0; modality.width];
    for &i in &rows {
        for ((sum, &x), mean) in variance.iter_mut().zip(row(i).iter()).zip(&mean) {
            *sum += (f64::from(x) - mean).powi(2) / count;
        }
    }
    // a spread below f32's resolution of the mean is rounding
    let scale =
        |(variance, mean): (f64, &f64)| if variance.sqrt() > 1e-6 * (1e-6 + mean.abs()) { 1.0 / variance.sqrt() } else { 1.0 };
    let scale = variance.into_iter().zip(&mean).map(scale).collect();
    Standard { mean, scale }
}
