//! Which tables are made of a comparison.

use std::collections::BTreeSet;

use super::RunResult;
use super::comparison::{Comparison, Figure};
use super::published;
use super::statistics::{Difference, Summary, holm};
use super::table::{Cell, ReportTable, decimals};
use crate::measure::{Measure, Unit};

/// `Macro-F1 on the target, %`.
fn on_target(measure: &Measure) -> String {
    let mut title = measure.title.clone();
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let rest = measure.heading().split_off(measure.title.len());
    format!("{title} on the target{rest}")
}

/// A difference to the base with its p after Holm's correction; none for the base itself.
pub type Tested = Option<(Difference, Option<f64>)>;

impl Comparison<'_> {
    /// The tables of a terminal: the score on the target, its paired difference to the base, and to the base with the same
    /// losses; the score on source validation; what papers state of this data. Of accuracies per cent and points. Differences are left out
    /// where there is nothing to compare.
    pub fn tables(&self) -> Vec<ReportTable> {
        let all: Vec<usize> = (0..self.entries().len()).collect();
        let first = self.metrics().first();
        let heading = first.map(Measure::heading).unwrap_or_default();
        let title = first.map(|measure| measure.title.as_str()).unwrap_or_default();
        let mut tables = vec![self.figure_table(format!("Target {heading}"), &|run| Some(run.measure().shown(run.target_score)))];
        let points = first.and_then(Measure::points).map(|points| format!("{points} ")).unwrap_or_default();
        let to = format!("paired by seed, {points}[95 % interval], p after Holm");
        let base = |e: usize| Some(self.base(e)).filter(|base| *base != e);
        if all.iter().any(|&e| base(e).is_some()) {
            let names: BTreeSet<&str> = all.iter().map(|&e| self.entries()[self.base(e)].name.as_str()).collect();
            let name = if names.len() == 1 { names.first() } else { None }.unwrap_or(&"the base");
            tables.push(self.difference_table(format!("Difference in target {title} to {name}, {to}"), &base));
        }
        let of_losses = |e: usize| self.base_of_losses(e);
        if all.iter().any(|&e| of_losses(e).is_some()) {
            let title = format!("Difference in target {title} to the base with the same losses, {to}");
            tables.push(self.difference_table(title, &of_losses));
        }
        let validation: Figure<'_> = &|run| Some(run.measure().shown(run.source_validation_score));
        tables.push(self.figure_table(format!("Source-validation {heading}"), validation));
        tables.extend(published::tables(self));
        tables
    }

    /// The rest: the other metrics and calibration on the target, the score of each modality's own head there. Those that no run has
    /// are left out.
    pub fn more_tables(&self) -> Vec<ReportTable> {
        let mut tables = Vec::new();
        let mut add = |title: String, of: Figure<'_>| {
            if self.runs().any(|run| of(run).is_some_and(f64::is_finite)) {
                tables.push(self.figure_table(title, of));
            }
        };
        for measure in self.metrics().iter().skip(1) {
            let of: Figure<'_> = &|run| Some(measure.shown(*run.on_target()?.metrics.get(&measure.name)?));
            add(on_target(measure), of);
        }
        let ece: Figure<'_> = &|run| Some(100.0 * run.on_target()?.calibration.as_ref()?.ece);
        add("Expected calibration error on the target (15 bins), %".into(), ece);
        let mut modalities = Vec::new();
        for modality in self.entries().iter().flat_map(|entry| &entry.modalities) {
            if !modalities.contains(&modality) {
                modalities.push(modality);
            }
        }
        for modality in modalities {
            let Some(measure) = self.metrics().first() else { continue };
            let rest = measure.heading().split_off(measure.title.len());
            let title = format!("Target {} of {modality}'s own head or probe{rest}", measure.title);
            add(title, &|run| Some(measure.shown(*run.on_target()?.heads.get(modality)?)));
        }
        tables
    }

    /// Mean and spread of a figure, for each entry and place.
    pub fn figure_table(&self, title: String, of: Figure<'_>) -> ReportTable {
        let cell = |entry: usize, place: Option<usize>| {
            let figures: Vec<f64> = self.figures(entry, place, of).into_iter().map(|(_, figure)| figure).collect();
            let lacks = |run: &&RunResult| run.diverged.is_none() && of(run).is_none();
            if (0..self.tasks().len()).all(|task| self.at(entry, task).iter().all(lacks)) {
                return Cell::Absent;
            }
            let (expected, diverged) = (self.seeds().len(), self.diverged(&[entry], place));
            Cell::Figure { summary: Summary::of(&figures), expected, diverged }
        };
        self.table(title, &cell)
    }

    fn difference_table(&self, title: String, base: &dyn Fn(usize) -> Option<usize>) -> ReportTable {
        let columns: Vec<Vec<Tested>> = self.places().into_iter().map(|place| self.tested(place, base)).collect();
        let places = self.places();
        let is_base = |e: usize| (0..self.entries().len()).any(|other| base(other) == Some(e));
        let cell = |entry: usize, place: Option<usize>| {
            let column = places.iter().position(|p| *p == place).unwrap_or(0);
            match base(entry) {
                None if is_base(entry) => Cell::Base,
                None => Cell::Absent,
                Some(base) => {
                    let (difference, p) = columns[column][entry].unzip();
                    let diverged = self.diverged(&[entry, base], place);
                    Cell::Difference { difference, p: p.flatten(), expected: self.seeds().len(), diverged }
                }
            }
        };
        self.table(title, &cell)
    }

    /// Differences to a base at one place with their p after Holm's correction over the entries that have one.
    pub fn tested(&self, place: Option<usize>, base: &dyn Fn(usize) -> Option<usize>) -> Vec<Tested> {
        let difference = |e: usize| Difference::of(&self.differences(e, base(e)?, place));
        let differences: Vec<_> = (0..self.entries().len()).map(difference).collect();
        let corrected = holm(&differences.iter().map(|d| d.and_then(|d| d.p)).collect::<Vec<_>>());
        differences.into_iter().zip(corrected).map(|(difference, p)| Some((difference?, p))).collect()
    }

    /// A row for each entry, a column for each place.
    pub(super) fn table(&self, title: String, cell: &dyn Fn(usize, Option<usize>) -> Cell) -> ReportTable {
        let places = self.places();
        let row = |e: usize| places.iter().map(|&place| cell(e, place)).collect();
        let rows: Vec<(String, Vec<Cell>)> =
            self.entries().iter().enumerate().map(|(e, entry)| (entry.label.clone(), row(e))).collect();
        let figure = |cell: &Cell| match cell {
            Cell::Figure { summary, .. } => summary.map(|summary| summary.mean),
            Cell::Difference { difference, .. } => difference.map(|difference| difference.summary.mean),
            _ => None,
        };
        let decimals = match self.metrics().first() {
            Some(measure) if measure.unit != Unit::Share => {
                decimals(rows.iter().flat_map(|(_, cells)| cells.iter().filter_map(figure)))
            }
            _ => 2,
        };
        let columns = places.iter().map(|&place| self.place(place).to_owned()).collect();
        ReportTable { title, columns, rows, mean: places.len() > 1, decimals }
    }
}
