//! Named recipes: from a segment of a recording to one row of a clip store.

mod auditory_slowfast;
mod compat;
mod flow;
mod frames;
mod log_mel;
#[cfg(feature = "hdf5")]
pub mod maker;
mod rows;
mod strided;
mod uniform;
mod vggsound;

use serde_json::Value;

use crate::modality::{KINDS, Kind, kind_of};
use crate::{Error, Result};
pub use rows::{Preset, RowShape, Setup, Together};
use rows::{parse, sound_of, spectrogram_rows};

/// A line of [`PRESETS`].
pub struct PresetEntry {
    /// Name in pipeline files.
    pub name: &'static str,
    /// Number of the way in which it makes rows of what is decoded; raised whenever equal recordings and parameters give other rows.
    pub algorithm: u32,
    /// Modalities it makes.
    pub kinds: &'static [Kind],
    /// One line for people.
    pub about: &'static str,
    /// Parameters of a row that costs little and shows whether a recording can be decoded, as JSON: of one preset for each kind that recordings have.
    pub little: Option<&'static str>,
    /// Sets the parameters.
    build: fn(Setup<'_>, Value) -> Result<Box<dyn Preset>, String>,
}

/// Every preset.
pub static PRESETS: &[PresetEntry] = &[
    PresetEntry {
        name: "uniform",
        algorithm: 1,
        kinds: &[Kind::VIDEO, Kind::FLOW],
        about: "frames at the middles of equal parts of the segment, square",
        little: Some(r#"{"frames": 1, "resize": 16, "crop": 16}"#),
        build: uniform::build,
    },
    PresetEntry {
        name: "slowfast",
        algorithm: 1,
        kinds: &[Kind::VIDEO],
        about: "32 frames, every second, of the segment's middle: what SlowFast 8×8 takes",
        little: None,
        build: strided::slowfast,
    },
    PresetEntry {
        name: "slowonly-flow",
        algorithm: 1,
        kinds: &[Kind::FLOW],
        about: "8 frames of flow, every fourth, of the segment's middle: what SlowOnly 8×8 takes",
        little: None,
        build: strided::slowonly_flow,
    },
    PresetEntry {
        name: "log-mel",
        algorithm: 1,
        kinds: &[Kind::AUDIO],
        about: "log-mel spectrogram as librosa makes it, [frames, bins]",
        little: Some(r#"{"seconds": 0.5}"#),
        build: log_mel::build,
    },
    PresetEntry {
        name: "vggsound",
        algorithm: 1,
        kinds: &[Kind::AUDIO],
        about: "log-spectrogram of the field's VGGSound network, [257, 1004]",
        little: None,
        build: vggsound::build,
    },
    PresetEntry {
        name: "auditory-slowfast",
        algorithm: 1,
        kinds: &[Kind::AUDIO],
        about: "log-mel spectrogram of Auditory SlowFast, [400, 128]",
        little: None,
        build: auditory_slowfast::build,
    },
];

/// The preset `name` for modalities of `kind`, with the parameters that a pipeline file gives. `place` names the table in messages.
///
/// # Errors
/// [`Error::Input`] for an unknown name (with those there are), a preset of another kind, and parameters that do not fit.
pub fn build(name: &str, setup: Setup<'_>, parameters: Value, place: &str) -> Result<Box<dyn Preset>> {
    let kind = setup.kind;
    let of = |kind: Kind| PRESETS.iter().filter(move |entry| entry.kinds.contains(&kind));
    let entry = of(kind).find(|entry| entry.name == name).ok_or_else(|| {
        let fitting: Vec<&str> = of(kind).map(|entry| entry.name).collect();
        let made = KINDS.iter().filter(|kind| of(**kind).next().is_some()).map(|kind| kind.name).collect::<Vec<_>>();
        let problem = match fitting.is_empty() {
            true => format!("kind {:?}: no preset makes it; expected one of {}", kind.name, made.join(", ")),
            false => format!("preset {name:?}: expected one for {}: {}", kind.name, fitting.join(", ")),
        };
        Error::input(place, problem)
    })?;
    (entry.build)(setup, parameters).map_err(|problem| Error::input(place, problem))
}

/// The [number](PresetEntry::algorithm) of the way in which a preset makes rows; 0 for a name that none has.
pub fn algorithm(name: &str) -> u32 {
    PRESETS.iter().find(|entry| entry.name == name).map_or(0, |entry| entry.algorithm)
}

/// The kind of a modality whose settings do not say: of those that its preset makes the one that it is named after, else the first.
pub fn usual_kind(preset: &str, modality: &str) -> Option<Kind> {
    let kinds = PRESETS.iter().find(|entry| entry.name == preset)?.kinds;
    kind_of(modality).filter(|kind| kinds.contains(kind)).or_else(|| kinds.first().copied())
}
