//! Named recipes: from a segment of a recording to one row of a clip store.

mod auditory_slowfast;
mod compat;
mod flow;
mod frames;
mod log_mel;
mod strided;
mod uniform;
mod vggsound;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::plain_types;
use crate::error::{Code, Failure};
use crate::manifest::Segment;
use crate::media::audio::{self, Sound, Wanted};
use crate::modality::Kind;
use crate::sample::{Dtype, Made, Sink, Spectrogram};
use crate::signal::resample::resample;
use crate::source::Source;
use crate::span::Span;
use crate::{Error, Result};

/// A recipe with its parameters set.
pub trait Preset: Send + Sync {
    /// Type and shape of a row, and the presentation times kept with it.
    fn row(&self) -> RowShape;

    /// All parameters, defaults filled in: what the store's recipe keeps.
    fn parameters(&self) -> Value;

    /// Which segments of one recording are cheaper made together.
    fn together(&self, source: &Source) -> Together {
        match source {
            Source::Sound { .. } => Together::Stretch,
            _ => Together::Alone,
        }
    }

    /// Makes the rows of `segments`, in order of their start, which all have their samples from `source`.
    ///
    /// # Errors
    /// Those of `sink`; what is wrong with a segment is its outcome in [`Sink::end`].
    fn make(&self, source: &Source, segments: &[&Segment], sink: &mut dyn Sink) -> Result<()>;
}

/// Which segments of one recording are made in one pass; what comes of each does not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Together {
    /// None.
    Alone,
    /// Those that overlap or nearly so.
    Near,
    /// Those that begin in the same ten minutes: sound may have to be decoded from the recording's start.
    Stretch,
}

/// What a preset is set up for.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// What its modality shows.
    pub kind: Kind,
    /// Name of the data set, whose conventions some presets follow.
    pub dataset: &'a str,
}

/// What a preset's rows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowShape {
    /// Element type.
    pub dtype: Dtype,
    /// `[T, H, W, C]` for frames, `[rows, columns]` for spectrograms.
    pub shape: Vec<u64>,
    /// Presentation times kept with each row.
    pub times: u64,
    /// `[K, …]` of the training views kept with each row, of the same type.
    pub views: Option<Vec<u64>>,
}

impl RowShape {
    /// Bytes of a row's data and views.
    pub fn bytes(&self) -> u64 {
        let views = self.views.as_ref().map_or(0, |shape| shape.iter().product());
        (self.shape.iter().product::<u64>() + views) * self.dtype.size()
    }
}

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

fn parse<T: DeserializeOwned>(parameters: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(parameters).map_err(|error| {
        let (key, said) = (error.path().to_string(), plain_types(&error.inner().to_string()));
        // an unknown key is named by what is said of it
        if key == "." || said.contains(&format!("`{key}`")) { said } else { format!("{key}: {said}") }
    })
}

/// The stretch of its sound that a segment is.
fn sound_of(segment: &Segment) -> Wanted {
    let span = if segment.precut && segment.audio_path.is_none() { Span::WHOLE } else { segment.span };
    Wanted { span, short: false }
}

/// The rows of a sound preset: the sound of each of `wanted` at `sample_rate`, made into a picture.
fn spectrogram_rows(
    source: &Source,
    wanted: &[Wanted],
    sample_rate: u32,
    sink: &mut dyn Sink,
    mut picture: impl FnMut(usize, &[f32]) -> Spectrogram,
) -> Result<()> {
    audio::read_rows(source, wanted, &mut |place, sound| {
        let row = sound.and_then(|Sound { waveform, span, partial, decoder, .. }| {
            let failure = |code| move |message| Failure { code, message };
            let waveform = resample(waveform, sample_rate).map_err(failure(Code::Unsupported))?;
            let values = picture(place, &waveform.samples).values;
            if values.iter().any(|value| !value.is_finite()) {
                return Err(failure(Code::Undecodable)("the sound holds values that are not numbers".into()));
            }
            Ok((values, Made { span, times: Vec::new(), made_by: decoder.into(), partial }))
        });
        let outcome = match row {
            Ok((values, made)) => {
                sink.put(place, 0, bytemuck::cast_slice(&values))?;
                Ok(made)
            }
            Err(failure) => Err(failure),
        };
        sink.end(place, outcome)
    })
}

/// For a source of another kind than the preset's, which [`Source::of`] never gives.
fn no_pictures(segments: &[&Segment], sink: &mut dyn Sink) -> Result<()> {
    let failure = Failure { code: Code::Internal, message: "sound was given to a preset of pictures".into() };
    (0..segments.len()).try_for_each(|place| sink.end(place, Err(failure.clone())))
}
