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

use crate::modality::Kind;
use crate::{Error, Result};
pub use rows::{Preset, RowShape, Setup, Together};
use rows::{parse, sound_of, spectrogram_rows};

/// A line of [`PRESETS`].
pub struct Entry {
    /// Name in pipeline files.
    pub name: &'static str,
    /// Number of the way in which it makes rows of what is decoded; raised whenever equal recordings and parameters give other rows.
    pub algorithm: u32,
    /// Modalities it makes.
    pub kinds: &'static [Kind],
    /// One line for people.
    pub about: &'static str,
    /// Sets the parameters.
    build: fn(Setup<'_>, Value) -> Result<Box<dyn Preset>, String>,
}

/// Every preset.
pub static PRESETS: &[Entry] = &[
    Entry {
        name: "uniform",
        algorithm: 1,
        kinds: &[Kind::Video, Kind::Flow],
        about: "frames at the middles of equal parts of the segment, square",
        build: uniform::build,
    },
    Entry {
        name: "slowfast",
        algorithm: 1,
        kinds: &[Kind::Video],
        about: "32 frames, every second, of the segment's middle: what SlowFast 8×8 takes",
        build: strided::slowfast,
    },
    Entry {
        name: "slowonly-flow",
        algorithm: 1,
        kinds: &[Kind::Flow],
        about: "8 frames of flow, every fourth, of the segment's middle: what SlowOnly 8×8 takes",
        build: strided::slowonly_flow,
    },
    Entry {
        name: "log-mel",
        algorithm: 1,
        kinds: &[Kind::Audio],
        about: "log-mel spectrogram as librosa makes it, [frames, bins]",
        build: log_mel::build,
    },
    Entry {
        name: "vggsound",
        algorithm: 1,
        kinds: &[Kind::Audio],
        about: "log-spectrogram of the field's VGGSound network, [257, 1004]",
        build: vggsound::build,
    },
    Entry {
        name: "auditory-slowfast",
        algorithm: 1,
        kinds: &[Kind::Audio],
        about: "log-mel spectrogram of Auditory SlowFast, [400, 128]",
        build: auditory_slowfast::build,
    },
];

/// The preset `name` for modalities of `kind`, with the parameters that a pipeline file gives. `place` names the table in messages.
///
/// # Errors
/// [`Error::Input`] for an unknown name (with those there are), a preset of another kind, and parameters that do not fit.
pub fn build(name: &str, setup: Setup<'_>, parameters: Value, place: &str) -> Result<Box<dyn Preset>> {
    let kind = setup.kind;
    let fitting: Vec<&str> = PRESETS.iter().filter(|entry| entry.kinds.contains(&kind)).map(|entry| entry.name).collect();
    let entry = PRESETS.iter().find(|entry| entry.name == name && entry.kinds.contains(&kind)).ok_or_else(|| {
        Error::input(place, format!("preset {name:?}: expected one for {}: {}", kind.name(), fitting.join(", ")))
    })?;
    (entry.build)(setup, parameters).map_err(|problem| Error::input(place, problem))
}

/// The [number](Entry::algorithm) of the way in which a preset makes rows; 0 for a name that none has.
pub fn algorithm(name: &str) -> u32 {
    PRESETS.iter().find(|entry| entry.name == name).map_or(0, |entry| entry.algorithm)
}

/// The kind that a preset makes where it makes only one.
pub fn only_kind(name: &str) -> Option<Kind> {
    PRESETS.iter().find(|entry| entry.name == name).and_then(|entry| match entry.kinds {
        [kind] => Some(*kind),
        _ => None,
    })
}
