//! Figures that papers state. They stand in tables of their own, and only beside runs on the paper's own data.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::comparison::{Comparison, Entry};
use super::results::RunResult;
use super::table::{Cell, ReportTable};

/// The file of figures.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    data: Vec<Data>,
    paper: Vec<Paper>,
}

/// A data set of the field: its classes and domains.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    name: String,
    classes: Vec<String>,
    domains: [Domain; 3],
}

/// How many rows of a domain are tested on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Domain {
    name: String,
    /// Of its test split.
    test: usize,
    all: usize,
}

/// Where figures are from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Paper {
    cite: String,
    table: String,
    rows: Vec<Row>,
}

/// One row of a paper's table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    data: String,
    /// Sorted.
    modalities: Vec<String>,
    balance: String,
    /// Words that a run's balancer must have, where it has such.
    #[serde(default)]
    words: BTreeMap<String, String>,
    mean: f64,
    /// Mean and deviation on each target, in the order of [`Data::domains`]; none where the paper has only the mean.
    targets: Option<[[f64; 2]; 3]>,
}

/// A test reads the file, so that it can be read here.
static PUBLISHED: LazyLock<Published> = LazyLock::new(|| toml::from_str(include_str!("published.toml")).unwrap_or_default());

/// The data set that all runs are on: its classes, two of its domains as sources and the third as target, and nearly all of
/// the rows that are tested on there. Names alone do not tell: the demo has them too.
fn data(runs: &Comparison<'_>) -> Option<&'static Data> {
    let is_of = |run: &RunResult, data: &Data| {
        let same = |a: &[String], b: &[&String]| a.len() == b.len() && a.iter().all(|name| b.contains(&name));
        let target = data.domains.iter().find(|domain| domain.name == run.target);
        let others: Vec<&String> = data.domains.iter().map(|domain| &domain.name).filter(|name| **name != run.target).collect();
        let rows = |count: usize| run.rows.target <= count && run.rows.target * 10 >= count * 9;
        same(&run.classes, &data.classes.iter().collect::<Vec<_>>())
            && same(&run.sources, &others)
            && target.is_some_and(|domain| rows(domain.test) || rows(domain.all))
    };
    PUBLISHED.data.iter().find(|data| runs.runs().all(|run| is_of(run, data)))
}

fn row<'r>(rows: &[&'r Row], entry: &Entry) -> Option<&'r Row> {
    let mut modalities: Vec<&String> = entry.modalities.iter().collect();
    modalities.sort_unstable();
    let whole = |row: &Row| row.words.iter().all(|(key, word)| entry.words.get(key).is_none_or(|own| own == word));
    let is_of = |row: &Row| row.balance == entry.balance && row.modalities.iter().eq(modalities.iter().copied()) && whole(row);
    rows.iter().copied().find(|row| entry.plain.method && is_of(row))
}

/// A table for each paper that has figures of these runs' data.
pub fn tables(runs: &Comparison<'_>) -> Vec<ReportTable> {
    let Some(data) = data(runs) else { return Vec::new() };
    let mut tables = Vec::new();
    for Paper { cite, table, rows } in &PUBLISHED.paper {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.data == data.name).collect();
        if !runs.entries().iter().any(|entry| row(&rows, entry).is_some()) {
            continue;
        }
        let cell = |entry: usize, place: Option<usize>| {
            let Some(row) = row(&rows, &runs.entries()[entry]) else { return Cell::Absent };
            let Some(task) = place else { return Cell::Published(row.mean, None) };
            let domain = data.domains.iter().position(|domain| domain.name == runs.tasks()[task].target);
            let figure = row.targets.zip(domain).map(|(targets, domain)| targets[domain]);
            figure.map_or(Cell::Absent, |[mean, deviation]| Cell::Published(mean, Some(deviation)))
        };
        let title = format!("Published, not from these runs: target accuracy on {}, % ({cite}, {table})", data.name);
        tables.push(runs.table(title, &cell));
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_and_holds_together() {
        let published: Published = toml::from_str(include_str!("published.toml")).unwrap();
        let rows: Vec<&Row> = published.paper.iter().flat_map(|paper| &paper.rows).collect();
        assert_eq!((published.data.len(), rows.len()), (2, 20));
        for row in rows {
            assert!(published.data.iter().any(|data| data.name == row.data) && row.modalities.is_sorted());
            if let Some(targets) = row.targets {
                // papers round
                let mean = targets.iter().map(|[mean, _]| mean).sum::<f64>() / 3.0;
                assert!((mean - row.mean).abs() < 0.011, "{mean} {}", row.mean);
            }
        }
    }
}
