//! `auditory-slowfast`: the log-mel spectrogram that Auditory SlowFast and its descendants read: 24 kHz, windows of 10 ms every
//! 5 ms, 128 bins on HTK's scale, the logarithm of magnitudes.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Preset, RowShape, Setup, parse, sound_of, spectrogram_rows};
use crate::Result;
use crate::manifest::Segment;
use crate::media::decode::Decode;
use crate::sample::{Dtype, Sink, Spectrogram};
use crate::signal::log_mel::{Level, LogMel, Recipe};
use crate::signal::mel::{FilterBank, Norm, Scale};
use crate::source::Source;

const SAMPLE_RATE: u32 = 24000;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Parameters {
    /// Length of the clip; 1.999 makes 400 frames, 1.279 makes 256.
    seconds: f64,
    /// Where in a longer segment the clip lies: 0 at its start, 1 at its end.
    position: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { seconds: 1.999, position: 0.5 }
    }
}

struct AuditorySlowFast {
    parameters: Parameters,
    mel: LogMel,
}

pub(super) fn build(_: Setup<'_>, parameters: Value) -> Result<Box<dyn Preset>, String> {
    let parameters: Parameters = parse(parameters)?;
    if !(0.01..=60.0).contains(&parameters.seconds) {
        return Err(format!("seconds = {}: expected 0.01 to 60", parameters.seconds));
    }
    if !(0.0..=1.0).contains(&parameters.position) {
        return Err(format!("position = {}: expected 0 (the segment's start) to 1 (its end)", parameters.position));
    }
    let bank = FilterBank {
        sample_rate: SAMPLE_RATE,
        n_fft: 2048,
        bins: 128,
        f_min: 0.0,
        f_max: f64::from(SAMPLE_RATE) / 2.0,
        scale: Scale::Htk,
        norm: Norm::None,
    };
    let level = Level::Natural { offset: 1e-6 };
    let mel = LogMel::new(Recipe { bank, window: 240, hop: 120, centre: true, magnitude: true, level });
    Ok(Box::new(AuditorySlowFast { parameters, mel }))
}

impl AuditorySlowFast {
    /// Samples of a clip.
    fn clip(&self) -> usize {
        (self.parameters.seconds * f64::from(SAMPLE_RATE)).round() as usize
    }

    /// The samples that the field's loader keeps: of a clip all but the last, of a segment shorter than a clip all.
    fn cut<'a>(&self, samples: &'a [f32]) -> &'a [f32] {
        let Some(spare) = samples.len().checked_sub(self.clip()) else { return samples };
        let start = (spare as f64 * self.parameters.position) as usize;
        &samples[start..start + self.clip() - 1]
    }

    /// The picture, with its last row repeated where the segment is shorter than a clip.
    fn picture(&self, samples: &[f32]) -> Spectrogram {
        let mut picture = self.mel.compute(self.cut(samples));
        let last = picture.values.len().saturating_sub(picture.columns);
        while picture.rows < self.frames() {
            picture.values.extend_from_within(last..last + picture.columns);
            picture.rows += 1;
        }
        picture
    }

    fn frames(&self) -> usize {
        self.mel.frames(self.clip() - 1)
    }
}

impl Preset for AuditorySlowFast {
    fn row(&self) -> RowShape {
        RowShape { dtype: Dtype::F32, shape: vec![self.frames() as u64, self.mel.bins() as u64], times: 0, views: None }
    }

    fn parameters(&self) -> Value {
        json!(self.parameters)
    }

    fn make(&self, media: &dyn Decode, source: &Source, segments: &[&Segment], sink: &mut dyn Sink) -> Result<()> {
        let wanted: Vec<_> = segments.iter().map(|segment| sound_of(segment)).collect();
        spectrogram_rows(media, source, &wanted, SAMPLE_RATE, sink, |_, samples| self.picture(samples))
    }
}
