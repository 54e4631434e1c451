//! The verb `extract`: rows of clips, from their store or made on the way, through backbones to a feature store.

mod network;
mod settings;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use crate::backbone::runtime::runtime;
use crate::backbone::spec::{Norm, feed};
use crate::error::{Code, Failure};
use crate::manifest::Manifest;
use crate::pipeline::{Progress, Work, guarded, in_order};
use crate::preprocess;
use crate::sample::{Data, Dtype, Made, Row};
use crate::source::Source;
use crate::store::writer::Summary;
use crate::store::{ModalityHeader, Plan, RowNote, ShardWriter, Store, Writer};
use crate::worker::{Crew, Session};
use crate::{Error, Result};
use network::{Network, load};
pub use settings::{BackboneSettings, From, Settings};

/// What a feature store says of who made its rows.
const MADE_BY: &str = "onnxruntime";

/// Where rows of clips come from.
enum Origin<'a> {
    Store { store: &'a Store, notes: HashMap<(String, u64), &'a RowNote> },
    Media { crew: Crew<'a>, manifest: &'a Manifest },
}

/// Makes the store, or what is missing of it. A row that failed as a clip fails as a feature, for the same reason.
///
/// # Errors
/// [`Error::Input`] for settings, models and stores that do not fit, before any work; [`Error::Interrupted`]; [`Error::Io`];
/// [`Error::Environment`].
pub fn run(
    settings: &Settings,
    clips: &preprocess::Settings,
    dataset: &str,
    manifest: &Manifest,
    work: Work<'_>,
) -> Result<Summary> {
    match settings.from {
        From::Clips => {
            let store = Store::open(&clips.store)?;
            let mut notes = HashMap::new();
            for modality in &store.header().modalities {
                for record in store.modality(&modality.name)?.records() {
                    for note in record.failed.iter().chain(&record.absent).chain(&record.notes) {
                        notes.insert((modality.name.clone(), note.row), note);
                    }
                }
            }
            let headers = store.header().modalities.clone();
            let keep = |key: &str| store.header().recipe[key].clone();
            let mut recipe = json!({"modalities": keep("modalities"), "mmdg": keep("mmdg"), "ffmpeg": keep("ffmpeg")});
            if let Some(test_set) = store.header().recipe.get("test-set") {
                recipe["test-set"] = test_set.clone();
            }
            run_from(settings, &headers, recipe, store.manifest(), &Origin::Store { store: &store, notes }, work)
        }
        From::Media => {
            let mut modalities = clips.modalities.clone();
            // pixels go to the network as they are made
            modalities.values_mut().for_each(|modality| modality.jpeg = None);
            let session = Session { dataset: dataset.to_owned(), modalities };
            let crew = Crew::new(session, work.breeder, work.patience)?;
            let headers: Vec<_> = crew.makers().iter().map(|maker| maker.header.clone()).collect();
            let recipe = preprocess::recipe(crew.makers(), manifest.test_set);
            run_from(settings, &headers, recipe, manifest, &Origin::Media { crew, manifest }, work)
        }
    }
}

fn run_from(
    settings: &Settings,
    clips: &[ModalityHeader],
    clip_recipe: Value,
    manifest: &Manifest,
    origin: &Origin<'_>,
    work: Work<'_>,
) -> Result<Summary> {
    let batch = settings.batch_size;
    if batch == 0 || batch > 4096 {
        return Err(Error::input("[extract]", format!("batch-size = {batch}: expected 1 to 4096")));
    }
    if !matches!(settings.dtype, Dtype::F32 | Dtype::F16) {
        return Err(Error::input("[extract]", format!("dtype = {:?}: expected f32 or f16", settings.dtype.name())));
    }
    let threads = settings.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let mut networks = settings
        .backbones
        .iter()
        .map(|(name, backbone)| load(name, backbone, clips, batch, threads))
        .collect::<Result<Vec<_>>>()?;
    if networks.is_empty() {
        return Err(Error::input("[extract.backbones]", "no backbone; expected at least one"));
    }
    let version = runtime()?.version().unwrap_or("unknown");
    let backbones: BTreeMap<&str, &Value> = networks.iter().map(|network| (network.name.as_str(), &network.recipe)).collect();
    let header = |network: &Network| {
        ModalityHeader::features(&network.name, network.clips.kind, settings.dtype, network.backbone.width() as u64)
    };
    let plan = Plan {
        holds: "features",
        manifest: manifest.clone(),
        modalities: networks.iter().map(header).collect(),
        recipe: json!({
            "clips": clip_recipe,
            "backbones": backbones,
            "dtype": settings.dtype,
            "batch-size": batch,
            "threads": threads,
            "onnx-runtime": version,
            "provider": "cpu",
        }),
        shard_bytes: settings.shard_mib.map(|mib| mib << 20),
    };
    let writer = Writer::open(&settings.store, &plan)?;
    let total = manifest.len() * networks.len();
    let mut done = 0;
    for (place, network) in networks.iter_mut().enumerate() {
        for shard in 0..writer.shards() {
            let [first, end] = writer.rows(shard);
            let rows = (end - first) as usize;
            if !writer.has(place, shard)? {
                let shard_writer = writer.shard(place, shard)?;
                let told = Work { progress: &|p| (work.progress)(Progress { done: done + p.done, total }), ..work };
                fill(&shard_writer, network, origin, first, rows, batch, told)?;
                shard_writer.commit()?;
            }
            done += rows;
            (work.progress)(Progress { done, total });
        }
    }
    writer.finish()
}

/// Runs the rows of one shard. A batch never crosses a shard and is cut by row number; rows that failed are zeros in it.
fn fill(
    shard: &ShardWriter<'_>,
    network: &mut Network,
    origin: &Origin<'_>,
    first: u64,
    rows: usize,
    batch: usize,
    work: Work<'_>,
) -> Result<()> {
    let elements = network.backbone.batch_elements() / batch;
    let mut input = vec![0.0; elements * batch];
    let mut waiting: Vec<Result<Made, Failure>> = Vec::new();
    let (clips, norm, backbone) = (&network.clips, &network.norm, &mut network.backbone);
    let make = |item: usize| guarded(|| planes(origin, clips, norm, first + item as u64, elements));
    in_order(rows, work.workers, batch + 2 * work.workers, work.stop, make, |item, made| {
        let place = waiting.len();
        let to = &mut input[place * elements..][..elements];
        waiting.push(match made? {
            Ok((planes, made)) => {
                to.copy_from_slice(&planes);
                Ok(made)
            }
            Err(failure) => {
                to.fill(0.0);
                Err(failure)
            }
        });
        if waiting.len() < batch && item + 1 < rows {
            return Ok(());
        }
        input[waiting.len() * elements..].fill(0.0);
        let start = first + (item + 1 - waiting.len()) as u64;
        let features = backbone.run(&input).map_err(|message| Failure { code: Code::Backbone, message });
        for (i, made) in waiting.drain(..).enumerate() {
            let made = made.and_then(|made| {
                let all = features.as_ref().map_err(Clone::clone)?;
                Ok(Row { data: Data::F32(all[i * backbone.width()..][..backbone.width()].to_vec()), made })
            });
            shard.write(start + i as u64, made.as_ref())?;
        }
        (work.progress)(Progress { done: item + 1, total: rows });
        Ok(())
    })
}

/// One row ready for the network, and the row to be with its features still missing.
fn planes(origin: &Origin<'_>, clips: &ModalityHeader, norm: &Norm, row: u64, elements: usize) -> Result<(Vec<f32>, Made)> {
    let mut planes = vec![0.0; elements];
    let made = match origin {
        Origin::Store { store, notes } => {
            let rows = store.modality(&clips.name)?;
            let note = notes.get(&(clips.name.clone(), row)).copied();
            if !rows.valid(row as usize) {
                let path = &store.manifest().segments[row as usize].path;
                let (code, message) =
                    note.map_or((Code::Internal, "the clip store does not say why".into()), |n| (n.code, n.message.clone()));
                return Err(Error::media(path, code, message));
            }
            feed(&rows.data(row as usize)?, clips.dtype, &clips.shape, norm, &mut planes);
            let partial = note.map(|note| note.message.clone());
            Made { span: rows.span(row as usize), times: Vec::new(), made_by: MADE_BY.into(), partial }
        }
        Origin::Media { crew, manifest } => {
            let segment = &manifest.segments[row as usize];
            let maker = crew
                .makers()
                .iter()
                .position(|maker| maker.header.name == clips.name)
                .ok_or_else(|| Error::input("[preprocess.modalities]", format!("no modality {:?}", clips.name)))?;
            let (outcome, bytes) = crew.row(maker, Source::of(clips.kind, segment)?, segment)?;
            let made = outcome.map_err(|failure| Error::Media { path: segment.path.clone(), failure })?;
            let data = (clips.row_elements() * clips.dtype.size()) as usize;
            feed(&bytes[..data], clips.dtype, &clips.shape, norm, &mut planes);
            Made { times: Vec::new(), made_by: MADE_BY.into(), ..made }
        }
    };
    Ok((planes, made))
}
