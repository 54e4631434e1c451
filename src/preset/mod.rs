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

use crate::error::{Code, Failure};
use crate::manifest::Segment;
use crate::media::audio;
use crate::modality::Kind;
use crate::sample::{Data, Dtype, Made, Row, Sink, Spectrogram};
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

    /// Whether segments of one recording that overlap are cheaper made together.
    fn together(&self, source: &Source) -> bool {
        let _ = source;
        false
    }

    /// Makes the rows of `segments`, in order of their start, which all have their samples from `source`.
    ///
    /// # Errors
    /// Those of `sink`; what is wrong with a segment is its outcome in [`Sink::end`].
    fn make(&self, source: &Source, segments: &[&Segment], sink: &mut dyn Sink) -> Result<()>;
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
        kinds: &[Kind::Video, Kind::Flow],
        about: "frames at the middles of equal parts of the segment, square",
        build: uniform::build,
    },
    Entry {
        name: "slowfast",
        kinds: &[Kind::Video],
        about: "32 frames, every second, of the segment's middle: what SlowFast 8×8 takes",
        build: strided::slowfast,
    },
    Entry {
        name: "slowonly-flow",
        kinds: &[Kind::Flow],
        about: "8 frames of flow, every fourth, of the segment's middle: what SlowOnly 8×8 takes",
        build: strided::slowonly_flow,
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
pub fn build(name: &str, setup: Setup<'_>, parameters: Value, place: &str) -> Result<Box<dyn Preset>> {
    let kind = setup.kind;
    let fitting: Vec<&str> = PRESETS.iter().filter(|entry| entry.kinds.contains(&kind)).map(|entry| entry.name).collect();
    let entry = PRESETS.iter().find(|entry| entry.name == name && entry.kinds.contains(&kind)).ok_or_else(|| {
        Error::input(place, format!("preset {name:?}: expected one for {}: {}", kind.name(), fitting.join(", ")))
    })?;
    (entry.build)(setup, parameters).map_err(|problem| Error::input(place, problem))
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

/// Rows that are made one by one.
fn one_by_one(segments: &[&Segment], sink: &mut dyn Sink, make: impl Fn(&Segment) -> Result<Row>) -> Result<()> {
    for (place, segment) in segments.iter().enumerate() {
        let outcome = match make(segment) {
            Ok(row) => {
                match &row.data {
                    Data::U8(values) => sink.put(place, 0, values)?,
                    Data::F32(values) => sink.put(place, 0, bytemuck::cast_slice(values))?,
                }
                Ok(row.made)
            }
            Err(Error::Media { failure, .. }) => Err(failure),
            Err(error) => return Err(error),
        };
        sink.end(place, outcome)?;
    }
    Ok(())
}

/// The row of a sound preset: the segment's sound at `sample_rate`, made into a picture.
fn spectrogram_row(source: &Source, segment: &Segment, sample_rate: u32, picture: impl Fn(&[f32]) -> Spectrogram) -> Result<Row> {
    let path = source.path();
    let span = if segment.precut && segment.audio_path.is_none() { Span::WHOLE } else { segment.span };
    let sound = audio::read_source(source, span)?;
    let waveform = resample(sound.waveform, sample_rate).map_err(|problem| Error::media(path, Code::Unsupported, problem))?;
    let values = picture(&waveform.samples).values;
    if values.iter().any(|value| !value.is_finite()) {
        return Err(Error::media(path, Code::Undecodable, "the sound holds values that are not numbers"));
    }
    let made = Made { span: sound.span, times: Vec::new(), made_by: sound.decoder.into(), partial: sound.partial };
    Ok(Row { data: Data::F32(values), made })
}

/// For a source of another kind than the preset's, which [`Source::of`] never gives.
fn no_pictures(segments: &[&Segment], sink: &mut dyn Sink) -> Result<()> {
    let failure = Failure { code: Code::Internal, message: "sound was given to a preset of pictures".into() };
    (0..segments.len()).try_for_each(|place| sink.end(place, Err(failure.clone())))
}
