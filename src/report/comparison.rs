//! Runs set side by side: a column for each name, a row for each target.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::read::label;
use super::statistics::{Summary, mean};
use super::table::{Cell, Table};
use super::{RunResult, markup};
use crate::{Error, Result};

/// A column: runs that differ in target and seed only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The runs' name.
    pub name: String,
    /// The name, with the modalities in brackets where not all runs use the same.
    pub label: String,
    /// Which losses there are.
    pub method: String,
    /// How gradients meet.
    pub balance: String,
    /// The modalities, in order of concatenation.
    pub modalities: Vec<String>,
}

/// Results by column, target and seed.
#[derive(Debug)]
pub struct Comparison<'a> {
    columns: Vec<Column>,
    targets: Vec<String>,
    seeds: Vec<u64>,
    runs: BTreeMap<(usize, usize, u64), &'a RunResult>,
}

impl<'a> Comparison<'a> {
    /// Columns and targets stand in order of first appearance, the column `none` (of the most modalities) first; seeds ascend.
    ///
    /// # Errors
    /// [`Error::Input`] for no result at all, and where figures would not be comparable: one run given twice, runs of one
    /// name with two methods or balancers, runs of one target with other sources or classes.
    pub fn new(results: &'a [RunResult]) -> Result<Self> {
        if results.is_empty() {
            return Err(Error::input("report", "no results; expected at least one finished run"));
        }
        let (mut columns, mut targets, mut firsts) = (Vec::<Column>::new(), Vec::new(), BTreeMap::new());
        for run in results {
            agree(run, firsts.entry(run.task()).or_insert(run))?;
            if !targets.contains(&run.task()) {
                targets.push(run.task());
            }
            match columns.iter().find(|c| is_of(c, run)) {
                None => columns.push(column(run)),
                Some(c) if (&c.method, &c.balance) == (&run.method, &run.balance) => {}
                Some(c) => {
                    let [a, b] = [format!("{} and {}", c.method, c.balance), format!("{} and {}", run.method, run.balance)];
                    return Err(Error::input(
                        label(run),
                        format!("{b}; another run of this name has {a}; expected one name for each"),
                    ));
                }
            }
        }
        columns.sort_by_key(|c| if c.name == "none" { (0, Reverse(c.modalities.len())) } else { (1, Reverse(0)) });
        if columns.iter().any(|c| c.modalities != columns[0].modalities) {
            columns.iter_mut().for_each(|c| c.label = format!("{} [{}]", c.name, c.modalities.join("+")));
        }
        let mut runs = BTreeMap::new();
        for run in results {
            let places = (columns.iter().position(|c| is_of(c, run)), targets.iter().position(|t| *t == run.task()));
            let (Some(column), Some(target)) = places else { continue };
            if runs.insert((column, target, run.seed), run).is_some() {
                return Err(Error::input(label(run), "given twice; expected one result a run"));
            }
        }
        let seeds = results.iter().map(|run| run.seed).collect::<BTreeSet<_>>().into_iter().collect();
        Ok(Self { columns, targets, seeds, runs })
    }

    /// The columns, base first.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The targets, each with its source where sources differ.
    pub fn targets(&self) -> &[String] {
        &self.targets
    }

    /// Every seed of any run, ascending.
    pub fn seeds(&self) -> &[u64] {
        &self.seeds
    }

    /// All runs, by column, target and seed.
    pub fn runs(&self) -> impl Iterator<Item = &'a RunResult> {
        self.runs.values().copied()
    }

    /// The runs of one column and target, by seed.
    pub fn at(&self, column: usize, target: usize) -> Vec<&'a RunResult> {
        self.runs.range((column, target, 0)..=(column, target, u64::MAX)).map(|(_, run)| *run).collect()
    }

    /// The column that another is compared with: the first one of the same modalities.
    pub fn base(&self, column: usize) -> usize {
        let same = |c: &Column| c.modalities == self.columns[column].modalities;
        self.columns.iter().position(same).unwrap_or(column)
    }

    /// Combinations of column, target and seed without a result: column, target, seeds.
    pub fn missing(&self) -> Vec<(usize, usize, Vec<u64>)> {
        let cells = (0..self.columns.len()).flat_map(|c| (0..self.targets.len()).map(move |t| (c, t)));
        let seeds = |(c, t)| self.seeds.iter().copied().filter(|&s| !self.runs.contains_key(&(c, t, s))).collect();
        cells.map(|(c, t)| (c, t, seeds((c, t)))).filter(|(.., seeds): &(_, _, Vec<u64>)| !seeds.is_empty()).collect()
    }

    /// The three tables: accuracy on the target, its paired difference to the base, accuracy on source validation; in
    /// per cent. The second is left out where there is only a base.
    pub fn tables(&self) -> Vec<Table> {
        let value = |of: fn(&RunResult) -> f64| move |c, t, s| self.runs.get(&(c, t, s)).map(|run| 100.0 * of(run));
        let (accuracy, validation) = (value(|run| run.target_accuracy), value(|run| run.source_validation_accuracy));
        let difference = |c, t, s| Some(accuracy(c, t, s)? - accuracy(self.base(c), t, s)?);
        let mut tables = vec![self.table("Target accuracy, %".into(), false, &accuracy)];
        if (0..self.columns.len()).any(|c| self.base(c) != c) {
            let none = (0..self.columns.len()).all(|c| self.columns[self.base(c)].name == "none");
            let base = if none { "none" } else { "the base" };
            tables.push(self.table(
                format!("Difference in target accuracy to {base}, paired by seed, points"),
                true,
                &difference,
            ));
        }
        tables.push(self.table("Source-validation accuracy, %".into(), false, &validation));
        tables
    }

    fn table(&self, title: String, signed: bool, value: &dyn Fn(usize, usize, u64) -> Option<f64>) -> Table {
        let cell = |column: usize, over: &dyn Fn(u64) -> Option<f64>| {
            let figures: Vec<f64> = self.seeds.iter().filter_map(|&seed| over(seed)).collect();
            let base = signed && self.base(column) == column;
            if base { Cell::Base } else { Cell::Figure { summary: Summary::of(&figures), expected: self.seeds.len(), signed } }
        };
        let columns = 0..self.columns.len();
        let row = |t: usize| columns.clone().map(|c| cell(c, &|seed| value(c, t, seed))).collect();
        let mut rows: Vec<(String, Vec<Cell>)> =
            self.targets.iter().enumerate().map(|(t, name)| (name.clone(), row(t))).collect();
        if self.targets.len() > 1 {
            let over_targets = |c, seed| mean(&(0..self.targets.len()).map(|t| value(c, t, seed)).collect::<Option<Vec<f64>>>()?);
            rows.push(("mean".into(), columns.clone().map(|c| cell(c, &|seed| over_targets(c, seed))).collect()));
        }
        Table { title, columns: self.columns.iter().map(|c| c.label.clone()).collect(), rows }
    }

    /// What the tables average over, in a line.
    pub fn caption(&self) -> String {
        match self.seeds.len() {
            1 => "One seed: no standard deviation.".into(),
            n => format!("Mean ± standard deviation over {n} seeds."),
        }
    }

    /// How many runs there are, and which are missing, in a line.
    pub fn completeness(&self) -> String {
        let missing = self.missing();
        let all = self.columns.len() * self.targets.len() * self.seeds.len();
        if missing.is_empty() {
            return format!("All {all} runs are there.");
        }
        let name = |(c, t, seeds): &(usize, usize, Vec<u64>)| {
            let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
            format!("{} on {} (seed {})", self.columns[*c].label, self.targets[*t], seeds.join(", "))
        };
        let names: Vec<String> = missing.iter().map(name).collect();
        format!("Missing runs, {} of {all}: {}.", all - self.runs.len(), names.join("; "))
    }

    /// The tables for a terminal, aligned, without colour.
    pub fn to_terminal(&self) -> String {
        let tables = self.tables();
        let widths = Table::widths(&tables);
        let tables: Vec<String> = tables.iter().map(|table| table.to_terminal(&widths)).collect();
        format!("{}\n{}\n{}\n", tables.join("\n"), self.caption(), markup::plain(&self.completeness()))
    }
}

fn is_of(column: &Column, run: &RunResult) -> bool {
    (&column.name, &column.modalities) == (&run.name, &run.modalities)
}

fn column(run: &RunResult) -> Column {
    Column {
        name: run.name.clone(),
        label: run.name.clone(),
        method: run.method.clone(),
        balance: run.balance.clone(),
        modalities: run.modalities.clone(),
    }
}

/// That two runs of one target answer the same question.
fn agree(run: &RunResult, first: &RunResult) -> Result<()> {
    let sorted = |run: &RunResult| run.sources.iter().cloned().collect::<BTreeSet<_>>();
    if sorted(run) != sorted(first) {
        let problem = format!(
            "sources {:?}, while {} has {:?}; expected the same for one target",
            run.sources,
            label(first),
            first.sources
        );
        return Err(Error::input(label(run), problem));
    }
    if run.classes != first.classes {
        let problem = format!(
            "classes {:?}, while {} has {:?}; expected the same for one target",
            run.classes,
            label(first),
            first.classes
        );
        return Err(Error::input(label(run), problem));
    }
    Ok(())
}
