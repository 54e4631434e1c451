//! Where rows of clips come from.

use std::collections::{BTreeSet, HashMap};

use super::unit::{Open, Unit};
use crate::error::{Code, Failure};
use crate::manifest::Manifest;
use crate::media::identity::Identities;
use crate::preprocess::again::{Again, alone};
use crate::preprocess::{Pass, passes};
use crate::provenance::Provenance;
use crate::sample::Made;
use crate::stop::Stop;
use crate::store::layout::ShardRecord;
use crate::store::{RowNote, Sources, Store};
use crate::worker::{Job, Scratch, WorkerPool};
use crate::{Error, Result};

/// What a feature store says of who made its rows.
const MADE_BY: &str = "onnxruntime";

/// A clip store, or recordings and those who make clips of them.
pub(super) enum ClipOrigin<'a> {
    Store { store: &'a Store, notes: HashMap<(String, u64), &'a RowNote>, sources: Sources },
    Media { pool: WorkerPool<'a>, manifest: &'a Manifest, identities: Identities },
}

/// What a clip store has to say of its rows, by modality and row.
pub(super) fn notes(store: &Store) -> Result<HashMap<(String, u64), &RowNote>> {
    let mut notes = HashMap::new();
    for modality in &store.header().modalities {
        for record in store.modality(&modality.name)?.records() {
            for note in record.failed.iter().chain(&record.absent).chain(&record.notes) {
                notes.insert((modality.name.clone(), note.row), note);
            }
        }
    }
    Ok(notes)
}

impl ClipOrigin<'_> {
    /// What has to be decoded for a unit: passes as in `preprocess`, cut at `most` rows, with those it was `asked` for alone.
    pub(super) fn passes(&self, unit: &Unit<'_>, most: u64) -> Result<Vec<Pass>> {
        let Self::Media { pool, manifest, .. } = self else { return Ok(Vec::new()) };
        let mut cut = Vec::new();
        let passes = passes(unit.clips, pool.makers(), &manifest.segments, unit.rows)?;
        for Pass { maker, source, rows } in alone(passes, &unit.asked) {
            let pass = |rows: &[u64]| Pass { maker, source: source.clone(), rows: rows.to_vec() };
            cut.extend(rows.chunks(most.max(1) as usize).map(pass));
        }
        Ok(cut)
    }

    /// Rows for whose sake a shard of features with this record, of clips of a modality, is made again: all of it where its clips were made again since or may
    /// be there by now; of recordings those that `again` says.
    pub(super) fn again(&self, modality: usize, record: &ShardRecord, again: Again<'_>, writable: bool) -> Result<BTreeSet<u64>> {
        let [first, end] = record.rows;
        match self {
            Self::Store { store, sources, .. } => {
                let rows = store.modality(&store.header().modalities[modality].name)?;
                let is_there = |note: &RowNote| (again.failed || note.is_of_the_clip()) && rows.valid(note.row as usize);
                let stale = record.is_outdated(sources) || record.failed.iter().any(is_there);
                Ok(if stale { (first..end).collect() } else { BTreeSet::new() })
            }
            Self::Media { .. } if again.leaves(record) => Ok(BTreeSet::new()),
            Self::Media { pool, manifest, .. } => {
                again.rows(record, &passes(modality, pool.makers(), &manifest.segments, record.rows)?, writable)
            }
        }
    }

    /// What clips are made with.
    pub(super) fn provenance(&self) -> Provenance {
        match self {
            Self::Store { store, .. } => store.provenance(),
            Self::Media { .. } => crate::preprocess::provenance(),
        }
    }

    /// Memory for rows that are going to be decoded.
    pub(super) fn scratch(&self, modality: usize, rows: u64) -> Result<Option<Scratch>> {
        let Self::Media { pool, .. } = self else { return Ok(None) };
        let header = &pool.makers()[modality].header;
        let bytes = |elements: u64| elements * header.dtype.size();
        Scratch::new(rows, bytes(header.row_elements()), bytes(header.view_elements())).map(Some)
    }

    /// Decodes a pass into the unit's memory.
    pub(super) fn make(&self, unit: &Unit<'_>, pass: &Pass, stop: &Stop) -> Result<()> {
        let Self::Media { pool, manifest, identities } = self else { return Ok(()) };
        let Some(open) = unit.open(self)? else { return Ok(()) };
        let first = unit.rows[0];
        let source = match &pass.source {
            Ok(source) => source.clone(),
            Err(failure) => {
                pass.rows.iter().for_each(|&row| open.told(row - first, Err(failure.clone())));
                return Ok(());
            }
        };
        let Some(scratch) = &open.scratch else { return Ok(()) };
        let job = Job {
            maker: pass.maker,
            source,
            segments: pass.rows.iter().map(|&row| manifest.segments[row as usize].clone()).collect(),
            rows: pass.rows.iter().map(|row| row - first).collect(),
            target: scratch.target(),
        };
        job.source.files().into_iter().for_each(|(path, _)| open.source(path, identities.of(path)));
        pool.make(&job, &mut |place, outcome| {
            open.told(job.rows[place], outcome);
            stop.check()
        })
    }

    /// Copies a row, and tells what there is to know of it.
    pub(super) fn read(&self, unit: &Unit<'_>, open: &Open<'_>, row: u64, data: &mut [u8]) -> Result<Result<Made, Failure>> {
        match self {
            Self::Store { store, notes, .. } => {
                let rows = store.modality(&unit.header.name)?;
                let note = notes.get(&(unit.header.name.clone(), row)).copied();
                let place = row as usize;
                rows.check(place)?;
                let told = rows.record(place).sources_of(&store.manifest().segments[place]);
                told.for_each(|(path, identity)| open.source(path, Some(identity.clone())));
                if !rows.valid(place) {
                    let unknown = || Failure { code: Code::Internal, message: "the clip store does not say why".into() };
                    return Ok(Err(note.map_or_else(unknown, |n| Failure { code: n.code, message: n.message.clone() })));
                }
                rows.read(place, data)?;
                let partial = note.map(|note| note.message.clone());
                Ok(Ok(Made { span: rows.span(place), times: Vec::new(), made_by: MADE_BY.into(), partial }))
            }
            Self::Media { .. } => {
                let index = row - unit.rows[0];
                let (Some(scratch), Some(outcome)) = (&open.scratch, open.outcome(index)) else {
                    return Err(Error::input("[preprocess.modalities]", format!("row {row} was not decoded")));
                };
                let Ok(made) = outcome else { return Ok(outcome) };
                scratch.read(index, data)?;
                Ok(Ok(Made { times: Vec::new(), made_by: MADE_BY.into(), ..made }))
            }
        }
    }
}
