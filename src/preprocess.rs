//! The verb `preprocess`: recordings to a clip store.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::manifest::Manifest;
use crate::modality::{Kind, check_name};
use crate::pipeline::{Progress, Work, guarded, in_order};
use crate::preset::{self, Preset};
use crate::store::writer::Summary;
use crate::store::{ModalityHeader, Plan, Writer};
use crate::{Error, Result};

/// The `[preprocess]` table of a pipeline file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Folder of the clip store.
    pub store: PathBuf,
    /// What to make, by modality.
    pub modalities: BTreeMap<String, ModalitySettings>,
    /// Largest shard in MiB; default 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard_mib: Option<u64>,
}

/// One modality: a preset and its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModalitySettings {
    /// A name in [`preset::PRESETS`].
    pub preset: String,
    /// What it shows, where the preset makes more than one kind; default `flow` for a modality of that name, else `video`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The preset's own parameters.
    #[serde(flatten)]
    pub parameters: serde_json::Map<String, Value>,
}

/// A modality with its preset ready to work.
pub struct Maker {
    /// Name, type and shape.
    pub header: ModalityHeader,
    /// The recipe.
    pub preset: Box<dyn Preset>,
    name: String,
}

impl Maker {
    /// What a store's recipe keeps of it.
    pub fn recipe(&self) -> Value {
        json!({"preset": self.name, "kind": self.header.kind, "parameters": self.preset.parameters()})
    }
}

/// Sets up the presets, in order of modality names.
///
/// # Errors
/// [`Error::Input`] naming the table.
pub fn makers(settings: &Settings) -> Result<Vec<Maker>> {
    if settings.modalities.is_empty() {
        return Err(Error::input("[preprocess.modalities]", "no modality; expected at least one"));
    }
    let make = |(name, modality): (&String, &ModalitySettings)| {
        check_name(name, "[preprocess.modalities]")?;
        let place = format!("[preprocess.modalities.{name}]");
        let named = if name == "flow" { Kind::Flow } else { Kind::Video };
        let kind = modality.kind.or_else(|| preset::only_kind(&modality.preset)).unwrap_or(named);
        let preset = preset::build(&modality.preset, kind, Value::Object(modality.parameters.clone()), &place)?;
        let row = preset.row();
        let header = ModalityHeader { name: name.clone(), kind, dtype: row.dtype, shape: row.shape, times: row.times };
        Ok(Maker { header, preset, name: modality.preset.clone() })
    };
    settings.modalities.iter().map(make).collect()
}

/// The part of a recipe that says how clips are made.
pub fn recipe(makers: &[Maker]) -> Value {
    let modalities: BTreeMap<&str, Value> = makers.iter().map(|maker| (maker.header.name.as_str(), maker.recipe())).collect();
    #[cfg(feature = "video")]
    let ffmpeg = Some(crate::media::version::ffmpeg_version());
    #[cfg(not(feature = "video"))]
    let ffmpeg: Option<String> = None;
    json!({"modalities": modalities, "mmdg": env!("CARGO_PKG_VERSION"), "ffmpeg": ffmpeg})
}

/// Makes the store, or what is missing of it. A sample that cannot be made is a failure in the summary; the store is completed.
///
/// # Errors
/// [`Error::Input`] for settings that do not fit and for a store of another recipe; [`Error::Interrupted`]; [`Error::Io`].
pub fn run(settings: &Settings, manifest: &Manifest, work: Work<'_>) -> Result<Summary> {
    let makers = makers(settings)?;
    let plan = Plan {
        holds: "clips",
        manifest: manifest.clone(),
        modalities: makers.iter().map(|maker| maker.header.clone()).collect(),
        recipe: recipe(&makers),
        shard_bytes: settings.shard_mib.map(|mib| mib << 20),
    };
    let writer = Writer::open(&settings.store, &plan)?;
    let total = manifest.len() * makers.len();
    let mut done = 0;
    for shard in 0..writer.shards() {
        let [first, end] = writer.rows(shard);
        let rows = (end - first) as usize;
        let mut shards = Vec::new();
        for modality in 0..makers.len() {
            if writer.has(modality, shard)? {
                done += rows;
            } else {
                shards.push((modality, writer.shard(modality, shard)?));
            }
        }
        (work.progress)(Progress { done, total });
        if shards.is_empty() {
            continue;
        }
        // all modalities of a row together, while its file is in the page cache
        let make = |item: usize| {
            let (modality, shard) = &shards[item % shards.len()];
            let row = first + (item / shards.len()) as u64;
            let segment = &manifest.segments[row as usize];
            let maker = &makers[*modality];
            let made = guarded(|| maker.preset.make(&preset::source_of(maker.header.kind, segment)?, segment))?;
            shard.write(row, made.as_ref())
        };
        in_order(rows * shards.len(), work.workers, 4 * work.workers, work.stop, make, |_, written| {
            done += 1;
            (work.progress)(Progress { done, total });
            written
        })?;
        for (_, shard) in shards {
            shard.commit()?;
        }
    }
    writer.finish()
}
