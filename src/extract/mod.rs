//! The verb `extract`: rows of clips, from their store or made on the way, through backbones to a feature store.
//!
//! Recordings are decoded as in `preprocess`, pass by pass, into memory that a limit counts in bytes; a batch that is whole runs through every network of its modality
//! while the next is decoded. Decoding processes (`--workers`, as many as cores) and runs (`runs`, as many too) share the cores: those that have nothing to do sleep.

mod missing;
mod network;
mod rows;
mod settings;
mod unit;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use serde_json::{Value, json};

use crate::Result;
use crate::backbone::engine::Engine;
use crate::backbone::openvino;
use crate::backbone::provider::Provider;
use crate::backbone::reference::Agreement;
use crate::backbone::runtime::runtime;
use crate::manifest::Manifest;
use crate::media::identity::Identities;
use crate::pipeline::{Flow, FlowPart, Progress, Work};
use crate::preprocess::again::Again;
use crate::preprocess::{self, Pass, changed};
use crate::store::layout::shard_bytes;
use crate::store::units::Round;
use crate::store::writer::Summary;
use crate::store::{ModalityHeader, Plan, Store, Writer};
use crate::worker::{Session, WorkerPool};
use network::{Clips, Network, load};
use rows::{ClipOrigin, notes};
pub use settings::{BackboneSettings, Batch, ExtractSettings, From, Names};
use unit::{Runner, Unit};

/// Number of the way in which rows are fed to networks and outputs become rows; raised whenever equal clips and models give other features for another reason
/// than ONNX Runtime's own.
const ALGORITHM: u32 = 1;
/// Most bytes of rows that are made in one pass.
const PASS_BYTES: u64 = 64 << 20;

/// What came of it.
#[derive(Debug, Clone)]
pub struct Extracted {
    /// Of the store.
    pub summary: Summary,
    /// Where `check` was asked for, and others than ONNX Runtime's own kernels compute: how far rows of each backbone are from theirs, in f32.
    pub agreements: Vec<(String, Agreement)>,
}

/// Makes the store, or what is missing of it, from where the settings say. A row that failed as a clip fails as a feature, for the same reason.
///
/// # Errors
/// [`Error::Input`](crate::Error::Input) for settings, models and stores that do not fit, before any work; [`Error::Interrupted`](crate::Error::Interrupted);
/// [`Error::Io`](crate::Error::Io); [`Error::Environment`](crate::Error::Environment).
pub fn run(
    settings: &ExtractSettings,
    clips: &preprocess::PreprocessSettings,
    dataset: &str,
    manifest: &Manifest,
    work: Work<'_>,
) -> Result<Extracted> {
    match settings.from {
        From::Clips => from_clips(settings, &clips.store, work),
        From::Media => from_media(settings, clips, dataset, manifest, work),
    }
}

/// From a clip store, which knows its segments.
///
/// # Errors
/// As [`run`].
pub fn from_clips(settings: &ExtractSettings, clips: &Path, work: Work<'_>) -> Result<Extracted> {
    let store = Store::open(clips)?.trusted(work.trust);
    let header = store.header();
    let keep = |key: &str| header.recipe[key].clone();
    let mut recipe = json!({"modalities": keep("modalities"), "decoding": keep("decoding")});
    if let Some(test_set) = header.recipe.get("test-set") {
        recipe["test-set"] = test_set.clone();
    }
    let origin = ClipOrigin::Store { store: &store, notes: notes(&store)?, sources: store.sources() };
    extract(settings, &header.modalities, recipe, store.manifest(), origin, work)
}

/// From the recordings, by the presets of `clips`.
///
/// # Errors
/// As [`run`].
pub fn from_media(
    settings: &ExtractSettings,
    clips: &preprocess::PreprocessSettings,
    dataset: &str,
    manifest: &Manifest,
    work: Work<'_>,
) -> Result<Extracted> {
    let mut modalities = clips.modalities.clone();
    // pixels go to the networks as they are made
    modalities.values_mut().for_each(|modality| modality.jpeg = None);
    let session = Session { dataset: dataset.to_owned(), modalities };
    let pool = WorkerPool::new(session, work.spawner, work.patience)?;
    pool.makers().iter().try_for_each(|maker| maker.check_media(&manifest.segments))?;
    let headers: Vec<_> = pool.makers().iter().map(|maker| maker.header.clone()).collect();
    let recipe = preprocess::recipe(pool.makers(), manifest.test_set);
    extract(settings, &headers, recipe, manifest, ClipOrigin::Media { pool, manifest, identities: Identities::default() }, work)
}

fn extract(
    settings: &ExtractSettings,
    clips: &[ModalityHeader],
    recipe: Value,
    manifest: &Manifest,
    origin: ClipOrigin<'_>,
    work: Work<'_>,
) -> Result<Extracted> {
    let engine = settings.check()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let [threads, runs] = settings.spread(engine.device, cores);
    let fitting = Clips { headers: clips, recipe: &recipe };
    let mut networks = settings
        .backbones
        .par_iter()
        .map(|(name, _)| load(name, settings, &fitting, engine, [threads, runs]))
        .collect::<Result<Vec<_>>>()?;
    let backbones: BTreeMap<&String, &Value> =
        settings.backbones.keys().zip(networks.iter().map(|network| &network.recipe)).collect();
    let plan = Plan {
        holds: "features",
        manifest: manifest.clone(),
        modalities: networks.iter().flat_map(|network| network.features.iter().cloned()).collect(),
        recipe: own_recipe(
            json!({
                "clips": recipe,
                "backbones": backbones,
                "dtype": settings.dtype,
                "threads": threads,
                "algorithm": ALGORITHM,
            }),
            engine,
        )?,
        shard_bytes: shard_bytes(settings.shard_mib)?,
    };
    network::distinct(&plan.modalities)?;
    let mut provenance = origin.provenance();
    provenance.insert("onnx-runtime".into(), [runtime(engine.provider)?.version().unwrap_or("unknown").to_owned()].into());
    let writer = Writer::open_beside(&settings.store, &plan, work.lease_timeout)?.made_with(&provenance);
    let (changed, looks) = match origin {
        ClipOrigin::Store { .. } => Default::default(),
        ClipOrigin::Media { .. } => changed::to_remake(&settings.store, work.changed)?,
    };
    let runners = unit::runners(&mut networks, runs);
    let fill = |again: Again<'_>| {
        let round = Round::new(&writer);
        let mut units = missing::missing(&round, &writer, &networks, clips, &origin, again, None)?;
        let any = !units.is_empty();
        // once for what nobody else has, and then for what others had and did not make
        loop {
            fill(&writer, &networks, &units, &origin, &runners, work)?;
            let left = round.wait(work.stop)?;
            if left.is_empty() {
                return Ok::<_, crate::Error>(any);
            }
            units = missing::missing(&round, &writer, &networks, clips, &origin, again, Some(&left))?;
        }
    };
    fill(Again::first(work.retry_failed, &changed))?;
    // what failed for a cause that may have passed, when all else is there; a clip store has no other rows than before
    let retries = if matches!(origin, ClipOrigin::Media { .. }) { work.retries } else { 0 };
    for number in 0..retries {
        if !fill(Again::attempt(number))? {
            break;
        }
    }
    let summary = writer.finish(work.stop)?;
    if let ClipOrigin::Media { identities, .. } = origin {
        changed::remember(&settings.store, work.changed, looks, identities);
    }
    let told = |(name, network): (&String, &Network)| {
        let compared = network.compared.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        Some((name.clone(), compared.agreement.clone()))
    };
    let agreements = settings.backbones.keys().zip(&networks).filter_map(told).collect();
    Ok(Extracted { summary, agreements })
}

/// Adds who computes, in what. Bits of OpenVINO's depend on its version and on the CPU's instructions; rows of ONNX Runtime's own kernels have
/// always been told apart by what is [recorded](crate::provenance) instead.
fn own_recipe(mut recipe: Value, engine: Engine) -> Result<Value> {
    recipe["device"] = json!(engine.device);
    recipe["provider"] = json!(engine.provider.name());
    recipe["precision"] = json!(engine.compute.name());
    if engine.provider == Provider::OpenVino {
        let runtime = runtime(engine.provider)?;
        // what was asked for was found at work, or no network would be here
        recipe["precision-found"] = json!(engine.compute.name());
        recipe["onnx-runtime"] = json!(runtime.version());
        recipe["openvino"] = json!(runtime.openvino());
        recipe["instructions"] = json!(openvino::instructions());
    }
    Ok(recipe)
}

/// Makes the shards that are missing.
fn fill(
    writer: &Writer,
    networks: &[Network],
    units: &[Unit<'_>],
    origin: &ClipOrigin<'_>,
    runners: &[Mutex<Runner>],
    work: Work<'_>,
) -> Result<()> {
    let (mut wholes, mut whole_bytes) = (Vec::new(), Vec::new());
    let (mut passes, mut parts): (Vec<(usize, Pass)>, Vec<FlowPart>) = (Vec::new(), Vec::new());
    for (number, unit) in units.iter().enumerate() {
        let row_bytes = unit.row_bytes();
        for pass in origin.passes(unit, PASS_BYTES / row_bytes.max(1))? {
            let place = |row: u64| wholes.len() + ((row - unit.rows[0]) / unit.rows_per_whole) as usize;
            let (first, last) = (pass.rows[0], pass.rows[pass.rows.len() - 1]);
            parts.push(FlowPart { wholes: place(first)..place(last) + 1, bytes: row_bytes * pass.rows.len() as u64 });
            passes.push((number, pass));
        }
        for [first, end] in unit.wholes() {
            wholes.push((number, [first, end]));
            whole_bytes.push(row_bytes * (end - first));
        }
    }
    let samples = |unit: &Unit<'_>, rows: u64| unit.outputs * rows as usize;
    let total = writer.header().rows as usize * networks.iter().map(|network| network.features.len()).sum::<usize>();
    let missing: usize = units.iter().map(|unit| samples(unit, unit.rows[1] - unit.rows[0])).sum();
    let done = AtomicUsize::new(total - missing);
    let tell = |more: usize| (work.progress)(Progress { done: done.fetch_add(more, Ordering::Relaxed) + more, total });
    tell(0);
    let flow = Flow {
        parts: &parts,
        wholes: &whole_bytes,
        limit: PASS_BYTES * work.workers.max(4) as u64,
        makers: work.workers,
        takers: runners.len(),
        in_order: false,
        stop: work.stop,
    };
    let make = |part: usize| {
        let (unit, pass) = &passes[part];
        origin.make(&units[*unit], pass, work.stop)
    };
    let take = |taker: usize, whole: usize| {
        let (unit, rows) = &wholes[whole];
        let unit = &units[*unit];
        let mut runner = runners[taker].lock().unwrap_or_else(PoisonError::into_inner);
        unit.take(*rows, origin, networks, &mut runner)?;
        tell(samples(unit, rows[1] - rows[0]));
        Ok(())
    };
    let name = |whole: usize| {
        let (unit, [first, end]) = &wholes[whole];
        format!("{}, rows {first} to {}", units[*unit].header.name, end - 1)
    };
    flow.run(name, make, take)
}
