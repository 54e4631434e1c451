//! `vggsound`: the log-spectrogram that SimMMDG and its descendants feed to the VGGSound ResNet-18. Where their EPIC loader
//! loops for ever on an empty segment, a segment without sound is a failure here.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::compat::{Compat, Rule};
use super::{Preset, RowShape, Setup, parse, sound_of, spectrogram_rows};
use crate::error::Failure;
use crate::manifest::Segment;
use crate::media::audio::Wanted;
use crate::media::decode::Decode;
use crate::modality::Kind;
use crate::sample::{Dtype, Made, Sink};
use crate::signal::fit::{Pad, fit};
use crate::signal::sampling::{middle_offset, strided};
use crate::signal::spectrogram;
use crate::source::Source;
use crate::span::Span;
use crate::track::Track;
use crate::{Error, Result};

const SAMPLE_RATE: u32 = 16000;
/// Ten seconds; shorter segments are repeated, longer ones cut.
const LENGTH: usize = 160_000;

/// Nothing of the picture is free: the network was trained on just this.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Parameters {
    /// Which seconds; HAC's loaders take those of the sampled frames, at 24 frames a second whatever the recording's rate.
    compat: Option<Compat>,
}

struct VggSound {
    rule: Rule,
    parameters: Parameters,
}

pub(super) fn build(setup: Setup<'_>, parameters: Value) -> Result<Box<dyn Preset>, String> {
    let mut parameters: Parameters = parse(parameters)?;
    let (rule, compat) = Rule::of(parameters.compat, setup.dataset, true)?;
    parameters.compat = Some(compat);
    Ok(Box::new(VggSound { rule, parameters }))
}

impl Preset for VggSound {
    fn row(&self) -> RowShape {
        RowShape { dtype: Dtype::F32, shape: vec![257, spectrogram::frames(LENGTH) as u64], times: 0, views: None }
    }

    fn parameters(&self) -> Value {
        json!(self.parameters)
    }

    fn make(&self, media: &dyn Decode, source: &Source, segments: &[&Segment], sink: &mut dyn Sink) -> Result<()> {
        let picture = |samples: &[f32]| spectrogram::standardised(&fit(samples, LENGTH, Pad::Repeat));
        if self.rule != Rule::Hac {
            // under `simmmdg` a row takes what there is, as those loaders do
            let short = self.rule == Rule::Numbers;
            let wanted: Vec<_> = segments.iter().map(|segment| Wanted { short, ..sound_of(segment) }).collect();
            return spectrogram_rows(media, source, &wanted, SAMPLE_RATE, sink, |_, samples| picture(samples));
        }
        for (place, segment) in segments.iter().enumerate() {
            let window = match frames_at_24(media, segment) {
                Ok(window) => window,
                Err(Error::Media { failure, .. }) => {
                    sink.end(place, Err(failure))?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let whole = Wanted { span: Span::WHOLE, short: false };
            let mut sink = Window { sink, place, window };
            spectrogram_rows(media, source, &[whole], SAMPLE_RATE, &mut sink, |_, samples| {
                // what lies past the end is left out, and of nothing there is silence, as there
                let [start, end] = window.map(|second| ((second * f64::from(SAMPLE_RATE)).round() as usize).min(samples.len()));
                picture(&samples[start..end.max(start)])
            })?;
        }
        Ok(())
    }
}

/// Takes a row made of a whole recording for the row `place`, which shows `window` of it.
struct Window<'a> {
    sink: &'a mut dyn Sink,
    place: usize,
    window: [f64; 2],
}

impl Sink for Window<'_> {
    fn put(&mut self, _: usize, at: u64, bytes: &[u8]) -> Result<()> {
        self.sink.put(self.place, at, bytes)
    }

    fn end(&mut self, _: usize, outcome: Result<Made, Failure>) -> Result<()> {
        self.sink.end(self.place, outcome.map(|made| Made { span: self.window, ..made }))
    }
}

/// The seconds from the first to the last frame that `slowfast` samples (`slowonly-flow`, where there are no pictures), at 24
/// frames a second. The last may come before the first, where a short clip wraps round.
fn frames_at_24(media: &dyn Decode, segment: &Segment) -> Result<[f64; 2]> {
    let count = |source: Source| match source {
        Source::Pictures(pictures) | Source::PicturePair(pictures, _) => media.times(&pictures).map(|times| times.len()),
        Source::Sound { .. } | Source::Waveform { .. } => Ok(0),
    };
    let (frames, [length, stride]) = match segment.source(Kind::VIDEO, &Track::Default).and_then(count) {
        Ok(frames) => (frames, [32, 2]),
        Err(error) => (segment.source(Kind::FLOW, &Track::Default).and_then(count).map_err(|_| error)?, [8, 4]),
    };
    let counted = frames.saturating_sub(1).max(1);
    let indices = strided(counted, middle_offset(counted, length, stride), length, stride);
    let second = |index: Option<&usize>| index.map_or(0.0, |&index| index as f64 / 24.0);
    Ok([second(indices.first()), second(indices.last())])
}
