//! `log-mel`: librosa's log-mel spectrogram of a fixed number of seconds.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Preset, RowShape, Setup, one_by_one, parse, spectrogram_row};
use crate::Result;
use crate::manifest::Segment;
use crate::sample::{Dtype, Sink};
use crate::signal::fit::{Pad, fit};
use crate::signal::mel::LogMel;
use crate::source::Source;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Parameters {
    /// Hz.
    sample_rate: u32,
    /// Seconds from the segment's start; a longer segment is cut, a shorter one padded.
    seconds: f64,
    /// What fills up a shorter segment.
    pad: Pad,
    /// Points of the transform.
    n_fft: usize,
    /// Window, samples.
    window: usize,
    /// Samples from frame to frame.
    hop: usize,
    /// Mel bins.
    bins: usize,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { sample_rate: 16000, seconds: 10.0, pad: Pad::Repeat, n_fft: 512, window: 400, hop: 160, bins: 128 }
    }
}

struct LogMelPreset {
    parameters: Parameters,
    mel: LogMel,
    length: usize,
}

pub(super) fn build(_: Setup<'_>, parameters: Value) -> Result<Box<dyn Preset>, String> {
    let parameters: Parameters = parse(parameters)?;
    let Parameters { sample_rate, seconds, n_fft, window, hop, bins, .. } = parameters;
    let within = |name: &str, value: f64, low: f64, high: f64| {
        if (low..=high).contains(&value) { Ok(()) } else { Err(format!("{name} = {value}: expected {low} to {high}")) }
    };
    within("sample-rate", f64::from(sample_rate), 1000.0, 384_000.0)?;
    within("seconds", seconds, 0.01, 3600.0)?;
    within("n-fft", n_fft as f64, 2.0, 65536.0)?;
    within("window", window as f64, 2.0, n_fft as f64)?;
    within("hop", hop as f64, 1.0, n_fft as f64)?;
    within("bins", bins as f64, 1.0, n_fft as f64 / 2.0)?;
    let mel = LogMel::new(sample_rate, n_fft, window, hop, bins);
    let length = (seconds * f64::from(sample_rate)).round() as usize;
    Ok(Box::new(LogMelPreset { parameters, mel, length }))
}

impl Preset for LogMelPreset {
    fn row(&self) -> RowShape {
        RowShape {
            dtype: Dtype::F32,
            shape: vec![self.mel.frames(self.length) as u64, self.mel.bins() as u64],
            times: 0,
            views: None,
        }
    }

    fn parameters(&self) -> Value {
        json!(self.parameters)
    }

    fn make(&self, source: &Source, segments: &[&Segment], sink: &mut dyn Sink) -> Result<()> {
        one_by_one(segments, sink, |segment| {
            spectrogram_row(source, segment, self.parameters.sample_rate, |samples| {
                self.mel.compute(&fit(samples, self.length, self.parameters.pad))
            })
        })
    }
}
