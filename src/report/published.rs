//! Figures that papers state. They stand in tables of their own, and only beside runs on the paper's own data.

use super::comparison::Comparison;
use super::table::{Cell, Table};
use super::{RunResult, comparison::Entry};

/// A data set of the field: its classes and domains, and how many rows of each domain are tested on.
struct Data {
    name: &'static str,
    classes: &'static [&'static str],
    /// Domain, rows of its test split, rows in all.
    domains: [(&'static str, usize, usize); 3],
}

/// MM-SADA's part of EPIC-Kitchens-55 and Human-Animal-Cartoon, rows as counted in the split files of SimMMDG's repository.
static DATA: [Data; 2] = [
    Data {
        name: "EPIC-Kitchens",
        classes: &["take", "put", "open", "close", "wash", "cut", "mix", "pour"],
        domains: [("D1", 435, 1978), ("D2", 750, 3245), ("D3", 974, 4871)],
    },
    Data {
        name: "HAC",
        classes: &["sleeping", "watching tv", "eating", "drinking", "swimming", "running", "opening door"],
        domains: [("human", 276, 1387), ("animal", 176, 906), ("cartoon", 218, 1088)],
    },
];

/// One row of a paper's table.
struct Row {
    paper: &'static Paper,
    data: usize,
    modalities: &'static [&'static str],
    balance: &'static str,
    /// On each target, in the order of [`Data::domains`]; none where the paper has only the mean.
    targets: Option<[(f64, f64); 3]>,
    mean: f64,
}

/// Where a row is from.
#[derive(PartialEq)]
struct Paper {
    cite: &'static str,
    table: &'static str,
}

static GMP: Paper = Paper { cite: "Peng et al., AAAI 2026, arXiv 2603.14175", table: "Table 2, 5 runs" };
static MBCD: Paper = Paper { cite: "MBCD, AAAI 2026, arXiv 2511.20258", table: "Table 1, 3 seeds" };
const VA: &[&str] = &["audio", "video"];

const fn gmp(data: usize, balance: &'static str, mean: f64) -> Row {
    Row { paper: &GMP, data, modalities: VA, balance, targets: None, mean }
}

const fn mbcd(data: usize, modalities: &'static [&'static str], targets: [(f64, f64); 3], mean: f64) -> Row {
    Row { paper: &MBCD, data, modalities, balance: "none", targets: Some(targets), mean }
}

/// Target accuracy in per cent, trained on the two other domains, method `erm`; modalities sorted.
static ROWS: [Row; 20] = [
    gmp(0, "none", 55.06),
    gmp(0, "gradient-blending", 55.49),
    gmp(0, "ogm-ge", 55.71),
    gmp(0, "agm", 55.39),
    gmp(0, "cggm", 55.30),
    gmp(0, "gmp", 57.36),
    gmp(1, "none", 61.86),
    gmp(1, "gradient-blending", 62.66),
    gmp(1, "ogm-ge", 62.83),
    gmp(1, "agm", 62.16),
    gmp(1, "cggm", 62.80),
    gmp(1, "gmp", 64.91),
    mbcd(0, VA, [(52.04, 0.60), (60.73, 1.69), (57.92, 1.40)], 56.90),
    mbcd(0, &["flow", "video"], [(56.88, 0.26), (65.74, 1.42), (58.02, 1.32)], 60.21),
    mbcd(0, &["audio", "flow"], [(53.56, 1.53), (59.14, 1.54), (56.71, 0.94)], 56.47),
    mbcd(0, &["audio", "flow", "video"], [(49.46, 0.83), (53.70, 1.78), (48.50, 3.91)], 50.55),
    mbcd(1, VA, [(72.96, 0.69), (74.10, 3.65), (51.96, 1.73)], 66.34),
    mbcd(1, &["flow", "video"], [(74.89, 1.12), (72.33, 1.51), (43.35, 6.35)], 63.52),
    mbcd(1, &["audio", "flow"], [(54.17, 2.28), (60.56, 3.26), (42.19, 2.70)], 52.31),
    mbcd(1, &["audio", "flow", "video"], [(74.67, 3.33), (68.54, 0.41), (45.40, 3.58)], 62.87),
];

/// The data set that all runs are on: its classes, two of its domains as sources and the third as target, and nearly all of
/// the rows that are tested on there. Names alone do not tell: the demo has them too.
fn data(runs: &Comparison<'_>) -> Option<usize> {
    let is_of = |run: &RunResult, data: &Data| {
        let same = |a: &[String], b: &[&str]| a.len() == b.len() && a.iter().all(|name| b.contains(&name.as_str()));
        let target = data.domains.iter().find(|(name, ..)| *name == run.target);
        let others: Vec<&str> = data.domains.iter().map(|(name, ..)| *name).filter(|name| *name != run.target).collect();
        let rows = |count: usize| run.rows.target <= count && run.rows.target * 10 >= count * 9;
        same(&run.classes, data.classes)
            && same(&run.sources, &others)
            && target.is_some_and(|(_, test, all)| rows(*test) || rows(*all))
    };
    (0..DATA.len()).find(|&d| runs.runs().all(|run| is_of(run, &DATA[d])))
}

fn row<'r>(rows: &[&'r Row], entry: &Entry) -> Option<&'r Row> {
    let mut modalities: Vec<&str> = entry.modalities.iter().map(String::as_str).collect();
    modalities.sort_unstable();
    // an ablation is not what the paper's figure is of
    let whole = [("modulate", "both"), ("project", "stronger")]
        .iter()
        .all(|(key, word)| entry.balance != "gmp" || entry.words.get(*key).is_none_or(|own| own == word));
    rows.iter()
        .copied()
        .find(|row| whole && entry.method == "erm" && row.balance == entry.balance && row.modalities == modalities)
}

/// A table for each paper that has figures of these runs' data.
pub fn tables(runs: &Comparison<'_>) -> Vec<Table> {
    let Some(data) = data(runs) else { return Vec::new() };
    let mut tables = Vec::new();
    for paper in [&GMP, &MBCD] {
        let rows: Vec<&Row> = ROWS.iter().filter(|row| row.data == data && row.paper == paper).collect();
        if !runs.entries().iter().any(|entry| row(&rows, entry).is_some()) {
            continue;
        }
        let cell = |entry: usize, place: Option<usize>| {
            let Some(row) = row(&rows, &runs.entries()[entry]) else { return Cell::Absent };
            let Some(task) = place else { return Cell::Published(row.mean, None) };
            let domain = DATA[data].domains.iter().position(|(name, ..)| *name == runs.tasks()[task].target);
            let figure = row.targets.zip(domain).map(|(targets, domain)| targets[domain]);
            figure.map_or(Cell::Absent, |(mean, deviation)| Cell::Published(mean, Some(deviation)))
        };
        let title = format!(
            "Published, not from these runs: target accuracy on {}, % ({}, {})",
            DATA[data].name, paper.cite, paper.table
        );
        tables.push(runs.table(title, &cell));
    }
    tables
}
