//! A modality of a pipeline file with its preset ready to work.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::rows::{Preset, Setup};
use super::{algorithm, build, usual_kind};
use crate::manifest::Segment;
use crate::modality::{KINDS, Kind, check_name};
use crate::store::{ModalityHeader, jpeg};
use crate::track::Track;
use crate::{Error, Result};

/// One modality: a preset and its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModalitySettings {
    /// A name in [`PRESETS`](super::PRESETS).
    pub preset: String,
    /// What it shows, where the preset makes more than one kind; default [`usual_kind`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Quality, 1 to 100, of the JPEGs that RGB frames are stored as; left out, they are stored as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jpeg: Option<u8>,
    /// The preset's own parameters; and, of a kind that has tracks (`audio-track`, `video-track`), which one of recordings that have several: a number from 0, a
    /// language (ISO 639-2), or `default`. A table's column wins.
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
    /// Whether some segment has media that this is made of, where these are files of their own: a modality without a single row is a mistake.
    ///
    /// # Errors
    /// [`Error::Input`] naming the modality, and the columns that say where such files are.
    pub fn check_media(&self, segments: &[Segment]) -> Result<()> {
        let kind = self.header.kind;
        let lacks = |segment: &Segment| segment.source_ref(kind, &self.track).err();
        let lacking = segments.first().and_then(lacks).filter(|_| segments.iter().all(|segment| lacks(segment).is_some()));
        match lacking {
            // what would lie beside a recording may not be there, and rows are absent then
            Some(lacking) if kind.beside.is_none() => {
                let (rows, columns) = (segments.len(), kind.path_columns().join(", "));
                let problem = format!("{lacking} in any of {rows} rows; expected some (in a table, the columns {columns})");
                Err(Error::input(format!("[preprocess.modalities.{}]", self.header.name), problem))
            }
            _ => Ok(()),
        }
    }

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
        let kind = modality.kind.or_else(|| usual_kind(&modality.preset, name)).unwrap_or(KINDS[0]);
        let mut parameters = modality.parameters.clone();
        let track = track(kind, &mut parameters).map_err(|problem| Error::input(&place, problem))?;
        let preset = build(&modality.preset, Setup { kind, dataset }, Value::Object(parameters), &place)?;
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
        Ok(Maker { header, preset, track, name: modality.preset.clone() })
    };
    modalities.iter().map(make).collect()
}

/// Takes the key that names a track out of `parameters`.
fn track(kind: Kind, parameters: &mut serde_json::Map<String, Value>) -> Result<Track, String> {
    let mut track = Track::Default;
    for (other, column) in KINDS.iter().filter_map(|other| Some((*other, other.track_column()?))) {
        let key = column.setting();
        let Some(said) = parameters.remove(&key) else { continue };
        if other != kind {
            return Err(format!("{key}: this modality is {}; expected it with {}", kind.name, other.name));
        }
        track = serde_json::from_value(said).map_err(|error| format!("{key}: {error}"))?;
    }
    Ok(track)
}
