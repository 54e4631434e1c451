//! Runs on features drawn anew for each seed.

use std::path::Path;

use crate::manifest::Split;
use crate::report::results::RunResult;
use crate::stop::Stop;
use crate::synthetic::features::{DOMAINS, Draw, MODALITIES, Parameters, TARGET};
use crate::train::{Compare, Settings, Table, TableModality, train};
use crate::{Error, Result};

/// The rows of a draw; of some rows where `rows` names them, each with the domain that it is to belong to.
fn rows(draw: &Draw, domains: Vec<String>, rows: &[(usize, usize)]) -> Result<Table> {
    let modality = |(m, name): (usize, &&str)| {
        let values: Vec<f32> = rows.iter().flat_map(|&(row, _)| draw.row(m, row)).collect();
        TableModality { name: (*name).into(), width: values.len() / rows.len().max(1), values, valid: vec![true; rows.len()] }
    };
    Table::new(
        draw.classes(),
        domains,
        MODALITIES.iter().enumerate().map(modality).collect(),
        rows.iter().map(|&(row, _)| draw.label(row)).collect(),
        rows.iter().map(|&(_, domain)| domain).collect(),
        rows.iter().map(|&(row, _)| draw.split(row)).collect(),
    )
}

/// All rows of a draw, as its store would have them.
///
/// # Errors
/// [`Table::new`].
pub fn table(draw: &Draw) -> Result<Table> {
    let all: Vec<_> = (0..draw.len()).map(|row| (row, draw.domain(row))).collect();
    rows(draw, DOMAINS.map(String::from).to_vec(), &all)
}

/// The target alone: its training and validation rows as the source, its test rows as the target.
fn target_alone(draw: &Draw) -> Result<Table> {
    let own = (0..draw.len()).filter(|&row| draw.domain(row) == TARGET);
    let split: Vec<_> = own.map(|row| (row, usize::from(draw.split(row) == Split::Test))).collect();
    rows(draw, vec!["target's own".into(), DOMAINS[TARGET].into()], &split)
}

/// What one seed's runs came to, accuracies in per cent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figures {
    /// Each compared column's accuracy on source validation.
    pub(super) validation: Vec<f64>,
    /// And on the target.
    pub(super) target: Vec<f64>,
    /// The base on the target, with the slow modality alone.
    pub(super) slow: f64,
    /// The base, trained and selected on the target's own rows.
    pub(super) oracle: f64,
}

impl Figures {
    /// Draws features from `seed` and trains on them with that seed; the first of `compare` is the base. Runs are kept in `folder`.
    pub(super) fn measure(
        parameters: &Parameters,
        settings: &Settings,
        compare: &[Compare],
        seed: u64,
        folder: &Path,
        stop: &Stop,
    ) -> Result<Self> {
        let draw = Draw::new(&Parameters { seed, ..*parameters })?;
        let run = |table: &Table, compare: &[Compare], modalities: &[&str], what: &str| -> Result<Vec<RunResult>> {
            let settings = Settings {
                out: folder.join(what).join(seed.to_string()),
                modalities: modalities.iter().map(|&name| name.into()).collect(),
                targets: vec![DOMAINS[TARGET].into()],
                seeds: vec![seed],
                compare: compare.to_vec(),
                ..settings.clone()
            };
            train(table, &settings, stop, &|_| ())
        };
        let base = compare.get(..1).ok_or_else(|| Error::input("[train] compare", "nothing; expected the base first"))?;
        let all = table(&draw)?;
        let compared = run(&all, compare, &MODALITIES, "compared")?;
        let slow = run(&all, base, &["slow"], "slow")?;
        let oracle = run(&target_alone(&draw)?, base, &MODALITIES, "oracle")?;
        let target = |runs: &[RunResult]| runs.iter().map(|run| 100.0 * run.target_accuracy).collect::<Vec<_>>();
        let only = |runs: &[RunResult]| target(runs).first().copied().unwrap_or(f64::NAN);
        Ok(Self {
            validation: compared.iter().map(|run| 100.0 * run.source_validation_accuracy).collect(),
            slow: only(&slow),
            oracle: only(&oracle),
            target: target(&compared),
        })
    }
}
