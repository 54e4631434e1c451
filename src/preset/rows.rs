//! What presets are, and what those of sound have in common.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Result;
use crate::error::plain_types;
use crate::error::{Code, Failure};
use crate::manifest::Segment;
use crate::media::audio::{Sound, Wanted};
use crate::media::decode::Decode;
use crate::modality::Kind;
use crate::sample::{Dtype, Made, Sink, Spectrogram};
use crate::signal::resample::resample;
use crate::source::Source;
use crate::span::Span;

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

    /// Makes the rows of `segments`, in order of their start, which all have their samples from `source` as `media` reads it.
    ///
    /// # Errors
    /// Those of `sink`; what is wrong with a segment is its outcome in [`Sink::end`].
    fn make(&self, media: &dyn Decode, source: &Source, segments: &[&Segment], sink: &mut dyn Sink) -> Result<()>;
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

pub(super) fn parse<T: DeserializeOwned>(parameters: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(parameters).map_err(|error| {
        let (key, said) = (error.path().to_string(), plain_types(&error.inner().to_string()));
        // an unknown key is named by what is said of it
        if key == "." || said.contains(&format!("`{key}`")) { said } else { format!("{key}: {said}") }
    })
}

/// The stretch of its sound that a segment is.
pub(super) fn sound_of(segment: &Segment) -> Wanted {
    let span = if segment.extras.precut && segment.media(Kind::AUDIO).is_none_or(|media| media.paths.is_empty()) {
        Span::WHOLE
    } else {
        segment.span
    };
    Wanted { span, short: false }
}

/// The rows of a sound preset: the sound of each of `wanted` at `sample_rate`, made into a picture.
pub(super) fn spectrogram_rows(
    media: &dyn Decode,
    source: &Source,
    wanted: &[Wanted],
    sample_rate: u32,
    sink: &mut dyn Sink,
    mut picture: impl FnMut(usize, &[f32]) -> Spectrogram,
) -> Result<()> {
    media.sound(source, wanted, &mut |place, sound| {
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

/// For a source of another kind than the preset's, which [`Segment::source`] never gives.
pub(super) fn no_pictures(segments: &[&Segment], sink: &mut dyn Sink) -> Result<()> {
    let failure = Failure { code: Code::Internal, message: "sound was given to a preset of pictures".into() };
    (0..segments.len()).try_for_each(|place| sink.end(place, Err(failure.clone())))
}
