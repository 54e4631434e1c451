//! The verb `preprocess`: recordings to a clip store.

pub(crate) mod again;
pub(crate) mod changed;
mod making;
mod outlook;
mod passes;
mod tasks;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::manifest::{Manifest, TestSet};
use crate::media;
use crate::media::identity::Identities;
use crate::modality::{Kind, check_name};
use crate::pipeline::Work;
use crate::preset::{self, Preset, Setup};
use crate::provenance::Provenance;
use crate::store::layout::shard_bytes;
use crate::store::writer::Summary;
use crate::store::{ModalityHeader, Plan, Writer, jpeg};
use crate::track::Track;
use crate::worker::{Crew, Session};
use crate::{Error, Result};
use again::Again;
pub use changed::changed;
use making::Making;
pub use outlook::{Outlook, outlook};
pub use passes::{Pass, passes};
use tasks::Tasks;

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
    /// Which sound track of recordings that have several: a number from 0, a language (ISO 639-2), or `default`. A table's column wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_track: Option<Track>,
    /// Which video track, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_track: Option<Track>,
    /// Quality, 1 to 100, of the JPEGs that RGB frames are stored as; left out, they are stored as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jpeg: Option<u8>,
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
    /// Which track it is made of, where a row does not say.
    pub track: Track,
    name: String,
}

impl Maker {
    /// What a store's recipe keeps of it.
    pub fn recipe(&self) -> Value {
        let mut recipe = json!({
            "preset": self.name,
            "algorithm": preset::algorithm(&self.name),
            "kind": self.header.kind,
            "parameters": self.preset.parameters(),
        });
        if self.track != Track::Default {
            recipe["track"] = json!(self.track);
        }
        if let Some(quality) = self.header.jpeg {
            recipe["jpeg"] = json!({"quality": quality, "chroma": jpeg::CHROMA, "encoder": jpeg::ENCODER});
        }
        recipe
    }
}

/// Sets up the presets, in order of modality names.
///
/// # Errors
/// [`Error::Input`] naming the table.
pub fn makers(modalities: &BTreeMap<String, ModalitySettings>, dataset: &str) -> Result<Vec<Maker>> {
    if modalities.is_empty() {
        return Err(Error::input("[preprocess.modalities]", "no modality; expected at least one"));
    }
    let make = |(name, modality): (&String, &ModalitySettings)| {
        check_name(name, "[preprocess.modalities]")?;
        let place = format!("[preprocess.modalities.{name}]");
        let named = if name == "flow" { Kind::Flow } else { Kind::Video };
        let kind = modality.kind.or_else(|| preset::only_kind(&modality.preset)).unwrap_or(named);
        let setup = Setup { kind, dataset };
        let preset = preset::build(&modality.preset, setup, Value::Object(modality.parameters.clone()), &place)?;
        let row = preset.row();
        let header = ModalityHeader {
            name: name.clone(),
            kind,
            dtype: row.dtype,
            shape: row.shape,
            times: row.times,
            views: row.views,
            jpeg: modality.jpeg,
        };
        header.check().map_err(|problem| Error::input(&place, problem))?;
        let track = match (kind, &modality.audio_track, &modality.video_track) {
            (Kind::Audio, track, None) | (Kind::Video, None, track) => track.clone().unwrap_or_default(),
            (_, None, None) => Track::Default,
            (_, audio, _) => {
                let (key, of) = if audio.is_some() { ("audio-track", "sound") } else { ("video-track", "video") };
                return Err(Error::input(&place, format!("{key}: this modality is {}; expected it with {of}", kind.name())));
            }
        };
        Ok(Maker { header, preset, track, name: modality.preset.clone() })
    };
    modalities.iter().map(make).collect()
}

/// What decodes.
pub(crate) fn provenance() -> Provenance {
    #[allow(unused_mut, reason = "without FFmpeg there is nothing to add")]
    let mut found = Provenance::new();
    #[cfg(feature = "video")]
    found.insert("ffmpeg".into(), [media::version::ffmpeg_version()].into());
    found
}

/// The part of a recipe that says how clips are made, and what the data set says of its test set.
pub fn recipe(makers: &[Maker], test_set: Option<TestSet>) -> Value {
    let modalities: BTreeMap<&str, Value> = makers.iter().map(|maker| (maker.header.name.as_str(), maker.recipe())).collect();
    let mut recipe = json!({"modalities": modalities, "decoding": media::ALGORITHM});
    if let Some(test_set) = test_set {
        recipe["test-set"] = json!(test_set);
    }
    recipe
}

/// Makes the store, or what is missing of it. A sample that cannot be made is a failure in the summary; the store is completed. Rows that failed in an
/// earlier run for a cause outside their recording are tried again, and so are those of this run, at its end. Recordings that have changed since the store
/// was made of them are told by `work.changed` what becomes of them.
/// `dataset` is the name of the data set, whose conventions some presets follow.
///
/// # Errors
/// [`Error::Input`] for settings that do not fit and for a store of another recipe; [`Error::Interrupted`]; [`Error::Io`].
pub fn run(settings: &Settings, dataset: &str, manifest: &Manifest, work: Work<'_>) -> Result<Summary> {
    let session = Session { dataset: dataset.to_owned(), modalities: settings.modalities.clone() };
    let crew = Crew::new(session, work.breeder, work.patience)?;
    let makers = crew.makers();
    let plan = Plan {
        holds: "clips",
        manifest: manifest.clone(),
        modalities: makers.iter().map(|maker| maker.header.clone()).collect(),
        recipe: recipe(makers, manifest.test_set),
        shard_bytes: shard_bytes(settings.shard_mib)?,
    };
    let writer = Writer::open(&settings.store, &plan)?.made_with(&provenance());
    let (changed, looks) = changed::to_remake(&settings.store, work.changed)?;
    let identities = Identities::default();
    let tasks = Tasks::plan(&writer, makers, manifest, Again::first(work.retry_failed, &changed))?;
    Making::new(&writer, &crew, manifest, &tasks, &identities, work).run()?;
    // what failed for a cause that may have passed, when all else is there
    for round in 0..work.retries {
        let tasks = Tasks::plan(&writer, makers, manifest, Again::attempt(round))?;
        if tasks.list.is_empty() {
            break;
        }
        Making::new(&writer, &crew, manifest, &tasks, &identities, work).run()?;
    }
    let summary = writer.finish()?;
    changed::remember(&settings.store, work.changed, looks, identities);
    Ok(summary)
}
