//! Named recipes: from a segment of a recording to one row of a clip store.

mod auditory_slowfast;
mod log_mel;
mod uniform;
mod vggsound;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Code;
use crate::manifest::Segment;
use crate::media::audio;
use crate::modality::Kind;
use crate::sample::{Data, Dtype, Row, Spectrogram};
use crate::signal::resample::resample;
use crate::source::Source;
use crate::{Error, Result};

/// A recipe with its parameters set.
pub trait Preset: Send + Sync {
    /// Type and shape of a row, and the presentation times kept with it.
    fn row(&self) -> RowShape;

    /// All parameters, defaults filled in: what the store's recipe keeps.
    fn parameters(&self) -> Value;

    /// Makes the row.
    ///
    /// # Errors
    /// [`Error::Media`] where the recording cannot give it.
    fn make(&self, source: &Source, segment: &Segment) -> Result<Row>;
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
}

/// A line of [`PRESETS`].
pub struct Entry {
    /// Name in pipeline files.
    pub name: &'static str,
    /// Modalities it makes.
    pub kinds: &'static [Kind],
    /// One line for people.
    pub about: &'static str,
    /// Sets the parameters.
    build: fn(Kind, Value) -> Result<Box<dyn Preset>, String>,
}

/// Every preset.
pub static PRESETS: &[Entry] = &[
    Entry {
        name: "uniform",
        kinds: &[Kind::Video, Kind::Flow],
        about: "frames at the middles of equal parts of the segment, square",
        build: uniform::build,
    },
    Entry {
        name: "log-mel",
        kinds: &[Kind::Audio],
        about: "log-mel spectrogram as librosa makes it, [frames, bins]",
        build: log_mel::build,
    },
    Entry {
        name: "vggsound",
        kinds: &[Kind::Audio],
        about: "log-spectrogram of the field's VGGSound network, [257, 1004]",
        build: vggsound::build,
    },
    Entry {
        name: "auditory-slowfast",
        kinds: &[Kind::Audio],
        about: "log-mel spectrogram of Auditory SlowFast, [400, 128]",
        build: auditory_slowfast::build,
    },
];

/// The preset `name` for modalities of `kind`, with the parameters that a pipeline file gives. `place` names the table in messages.
///
/// # Errors
/// [`Error::Input`] for an unknown name (with those there are), a preset of another kind, and parameters that do not fit.
pub fn build(name: &str, kind: Kind, parameters: Value, place: &str) -> Result<Box<dyn Preset>> {
    let fitting: Vec<&str> = PRESETS.iter().filter(|entry| entry.kinds.contains(&kind)).map(|entry| entry.name).collect();
    let entry = PRESETS.iter().find(|entry| entry.name == name && entry.kinds.contains(&kind)).ok_or_else(|| {
        Error::input(place, format!("preset {name:?}: expected one for {}: {}", kind.name(), fitting.join(", ")))
    })?;
    (entry.build)(kind, parameters).map_err(|problem| Error::input(place, problem))
}

/// The kind that a preset makes where it makes only one.
pub fn only_kind(name: &str) -> Option<Kind> {
    PRESETS.iter().find(|entry| entry.name == name).and_then(|entry| match entry.kinds {
        [kind] => Some(*kind),
        _ => None,
    })
}

fn parse<T: DeserializeOwned>(parameters: Value) -> Result<T, String> {
    serde_json::from_value(parameters).map_err(|error| error.to_string())
}

/// The row of a sound preset: the segment's sound at `sample_rate`, made into a picture.
fn spectrogram_row(source: &Source, segment: &Segment, sample_rate: u32, picture: impl Fn(&[f32]) -> Spectrogram) -> Result<Row> {
    let path = source.path();
    let sound = audio::read(path, segment.span)?;
    let waveform = resample(sound.waveform, sample_rate).map_err(|problem| Error::media(path, Code::Unsupported, problem))?;
    let data = Data::F32(picture(&waveform.samples).values);
    Ok(Row { data, span: sound.span, times: Vec::new(), made_by: sound.decoder, partial: sound.partial })
}

/// Where the samples of a segment come from: sound from `audio_path` if there is one, else from the recording itself.
///
/// # Errors
/// [`Error::Media`] with [`Code::Absent`] where the segment has no flow.
pub fn source_of(kind: Kind, segment: &Segment) -> Result<Source> {
    match kind {
        Kind::Video => Ok(Source::File(segment.path.clone())),
        Kind::Audio => Ok(Source::File(segment.audio_path.as_ref().unwrap_or(&segment.path).clone())),
        Kind::Flow => match &segment.flow_paths {
            Some((x, y)) => Ok(Source::FlowPair { x: x.clone(), y: y.clone() }),
            None => Err(Error::media(&segment.path, Code::Absent, "no flow files")),
        },
    }
}
