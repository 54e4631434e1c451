//! Runs on features drawn anew for each seed.

use std::path::Path;

use crate::manifest::Labels;
use crate::report::results::RunResult;
use crate::stop::Stop;
use crate::synthetic::features::{DOMAINS, Draw, MODALITIES, Parameters, TARGET};
use crate::train::{Compare, FeatureTable, Protocol, ProtocolKind, Subset, TableModality, TrainSettings, train};
use crate::{Error, Result};

/// All rows of a draw, as its store would have them.
///
/// # Errors
/// [`FeatureTable::new`].
pub fn table(draw: &Draw) -> Result<FeatureTable> {
    let rows = 0..draw.len();
    let modality = |(m, name): (usize, &&str)| {
        let values: Vec<f32> = rows.clone().flat_map(|row| draw.row(m, row)).collect();
        TableModality::new(*name, values.len() / rows.len(), values, vec![true; rows.len()])
    };
    FeatureTable::new(
        Labels::classes(draw.classes(), rows.clone().map(|row| draw.label(row))),
        DOMAINS.map(String::from).to_vec(),
        MODALITIES.iter().enumerate().map(modality).collect(),
        rows.clone().map(|row| draw.domain(row)).collect(),
        rows.clone().map(|row| draw.split(row)).collect(),
    )
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
        settings: &TrainSettings,
        compare: &[Compare],
        seed: u64,
        folder: &Path,
        stop: &Stop,
    ) -> Result<Self> {
        let draw = Draw::new(&Parameters { seed, ..*parameters })?;
        let table = table(&draw)?;
        let run = |compare: &[Compare], modalities: &[&str], kind: ProtocolKind, what: &str| -> Result<Vec<RunResult>> {
            let protocol = Protocol {
                kind,
                modalities: vec![Subset::Names(modalities.iter().map(|&name| name.into()).collect())],
                targets: vec![DOMAINS[TARGET].into()],
                seeds: vec![seed],
                ..settings.protocol.clone()
            };
            let out = folder.join(what).join(seed.to_string());
            train(&table, &TrainSettings { out, protocol, compare: compare.to_vec(), ..settings.clone() }, stop, &|_| ())
        };
        let base = compare.get(..1).ok_or_else(|| Error::input("[train] compare", "nothing; expected the base first"))?;
        let compared = run(compare, &MODALITIES, ProtocolKind::MultiSource, "compared")?;
        let slow = run(base, &MODALITIES[1..], ProtocolKind::MultiSource, "slow")?;
        let oracle = run(base, &MODALITIES, ProtocolKind::InDomain, "oracle")?;
        let target = |runs: &[RunResult]| runs.iter().map(|run| 100.0 * run.target_score).collect::<Vec<_>>();
        let only = |runs: &[RunResult]| target(runs).first().copied().unwrap_or(f64::NAN);
        Ok(Self {
            validation: compared.iter().map(|run| 100.0 * run.source_validation_score).collect(),
            slow: only(&slow),
            oracle: only(&oracle),
            target: target(&compared),
        })
    }
}
