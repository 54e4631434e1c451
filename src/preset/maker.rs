//! A modality of a pipeline file with its preset ready to work.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::rows::{Preset, Setup};
use super::{algorithm, build, only_kind};
use crate::modality::{Kind, check_name};
use crate::store::{ModalityHeader, jpeg};
use crate::track::Track;
use crate::{Error, Result};

/// One modality: a preset and its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModalitySettings {
    /// A name in [`PRESETS`](super::PRESETS).
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
            "algorithm": algorithm(&self.name),
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
        let kind = modality.kind.or_else(|| only_kind(&modality.preset)).unwrap_or(named);
        let setup = Setup { kind, dataset };
        let preset = build(&modality.preset, setup, Value::Object(modality.parameters.clone()), &place)?;
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
