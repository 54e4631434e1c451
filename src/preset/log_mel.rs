//! `log-mel`: librosa's log-mel spectrogram of a fixed number of seconds.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Preset, RowShape, Setup, parse, sound_of, spectrogram_rows};
use crate::Result;
use crate::manifest::Segment;
use crate::media::decode::Decode;
use crate::sample::{Dtype, Sink};
use crate::signal::fit::{Pad, fit};
use crate::signal::log_mel::{Level, LogMel, Recipe};
use crate::signal::mel::{FilterBank, Norm, Scale};
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
    /// Hann window, samples.
    window: usize,
    /// Samples from frame to frame.
    hop: usize,
    /// Whether frames are centred on their sample, with zeros outside the sound; else they begin there.
    centre: bool,
    /// 1: filters weigh magnitudes; 2: powers.
    power: u8,
    /// Mel bins.
    bins: usize,
    /// Where the first bin begins, Hz.
    f_min: f64,
    /// Where the last bin ends, Hz; without it, half the sample rate.
    f_max: Option<f64>,
    /// Spacing of the bins.
    scale: Scale,
    /// Height of the filters.
    norm: Norm,
    /// The last step.
    log: Log,
    /// `db`: smaller values count as this.
    amin: f64,
    /// `db`: the value of 0 dB.
    reference: f64,
    /// `db`: the range under the loudest value, dB.
    top_db: Top,
    /// `ln`: added before the logarithm.
    offset: f64,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Log {
    /// 10·log₁₀(max(x, amin) / reference).
    Db,
    /// ln(x + offset).
    Ln,
}

/// A number of decibels or the word `none`: TOML has no null.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(untagged, expecting = "top-db: expected a number of decibels or \"none\"")]
enum Top {
    Db(f64),
    Word(NoTop),
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum NoTop {
    None,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            sample_rate: 16000,
            seconds: 10.0,
            pad: Pad::Repeat,
            n_fft: 512,
            window: 400,
            hop: 160,
            centre: true,
            power: 2,
            bins: 128,
            f_min: 0.0,
            f_max: None,
            scale: Scale::Slaney,
            norm: Norm::Slaney,
            log: Log::Db,
            amin: 1e-10,
            reference: 1.0,
            top_db: Top::Db(80.0),
            offset: 1e-6,
        }
    }
}

impl Parameters {
    fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(format!("{name} = {value}: expected {low} to {high}")) }
        };
        let rate = f64::from(self.sample_rate);
        within("sample-rate", rate, 1000.0, 384_000.0)?;
        within("seconds", self.seconds, 0.01, 3600.0)?;
        within("n-fft", self.n_fft as f64, 2.0, 65536.0)?;
        within("window", self.window as f64, 2.0, self.n_fft as f64)?;
        within("hop", self.hop as f64, 1.0, self.n_fft as f64)?;
        within("power", f64::from(self.power), 1.0, 2.0)?;
        within("bins", self.bins as f64, 1.0, self.n_fft as f64 / 2.0)?;
        within("f-min", self.f_min, 0.0, rate / 2.0)?;
        if let Some(f_max) = self.f_max
            && !(f_max > self.f_min && f_max <= rate / 2.0)
        {
            return Err(format!("f-max = {f_max}: expected more than f-min = {} and at most {} Hz", self.f_min, rate / 2.0));
        }
        within("amin", self.amin, 1e-30, 1.0)?;
        within("reference", self.reference, 1e-30, 1e30)?;
        within("offset", self.offset, 1e-30, 1e6)?;
        if let Top::Db(top) = self.top_db {
            within("top-db", top, 0.0, 1000.0)?;
        }
        if !self.centre && self.length() < self.n_fft {
            let shortest = self.n_fft as f64 / rate;
            return Err(format!("seconds = {}: expected at least {shortest}, one transform, as centre = false", self.seconds));
        }
        Ok(())
    }

    /// Samples of a row.
    fn length(&self) -> usize {
        (self.seconds * f64::from(self.sample_rate)).round() as usize
    }

    fn recipe(&self) -> Recipe {
        let bank = FilterBank {
            sample_rate: self.sample_rate,
            n_fft: self.n_fft,
            bins: self.bins,
            f_min: self.f_min,
            f_max: self.f_max.unwrap_or(f64::from(self.sample_rate) / 2.0),
            scale: self.scale,
            norm: self.norm,
        };
        let top = match self.top_db {
            Top::Db(top) => Some(top as f32),
            Top::Word(NoTop::None) => None,
        };
        let level = match self.log {
            Log::Db => Level::Decibel { amin: self.amin as f32, reference: self.reference as f32, top },
            Log::Ln => Level::Natural { offset: self.offset as f32 },
        };
        Recipe { bank, window: self.window, hop: self.hop, centre: self.centre, magnitude: self.power == 1, level }
    }
}

struct LogMelPreset {
    parameters: Parameters,
    mel: LogMel,
}

pub(super) fn build(_: Setup<'_>, parameters: Value) -> Result<Box<dyn Preset>, String> {
    let mut parameters: Parameters = parse(parameters)?;
    parameters.check()?;
    let recipe = parameters.recipe();
    parameters.f_max = Some(recipe.bank.f_max);
    Ok(Box::new(LogMelPreset { mel: LogMel::new(recipe), parameters }))
}

impl Preset for LogMelPreset {
    fn row(&self) -> RowShape {
        let frames = self.mel.frames(self.parameters.length());
        let shape = vec![frames as u64, self.mel.bins() as u64];
        RowShape { dtype: Dtype::F32, shape, times: 0, views: None }
    }

    fn parameters(&self) -> Value {
        json!(self.parameters)
    }

    fn make(&self, media: &dyn Decode, source: &Source, segments: &[&Segment], sink: &mut dyn Sink) -> Result<()> {
        let Parameters { sample_rate, pad, .. } = self.parameters;
        let wanted: Vec<_> = segments.iter().map(|segment| sound_of(segment)).collect();
        let picture = |_, samples: &[f32]| self.mel.compute(&fit(samples, self.parameters.length(), pad));
        spectrogram_rows(media, source, &wanted, sample_rate, sink, picture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modality::Kind;

    const SETUP: Setup<'_> = Setup { kind: Kind::AUDIO, dataset: "table" };

    #[test]
    fn parameters_that_do_not_fit_are_refused_by_name() {
        for (parameters, expected) in [
            (json!({"power": 3}), "power = 3: expected 1 to 2"),
            (json!({"f-min": -1}), "f-min = -1: expected 0 to 8000"),
            (json!({"f-min": 500, "f-max": 500}), "f-max = 500: expected more than f-min = 500 and at most 8000 Hz"),
            (json!({"f-max": 8001}), "f-max = 8001: expected more than f-min = 0 and at most 8000 Hz"),
            (json!({"amin": 0}), "amin = 0: expected"),
            (json!({"offset": 0}), "offset = 0: expected"),
            (json!({"top-db": -1}), "top-db = -1: expected 0 to 1000"),
            (json!({"top-db": "all"}), "top-db: expected a number of decibels or \"none\""),
            (json!({"scale": "bark"}), "unknown variant `bark`, expected `slaney` or `htk`"),
            (json!({"norm": 1}), "expected"),
            (json!({"log": "log2"}), "unknown variant `log2`, expected `db` or `ln`"),
            (
                json!({"centre": false, "seconds": 0.03}),
                "seconds = 0.03: expected at least 0.032, one transform, as centre = false",
            ),
        ] {
            let Err(problem) = build(SETUP, parameters.clone()) else { panic!("{parameters}: expected an error") };
            assert!(problem.contains(expected), "{parameters}: {problem}");
        }
    }

    #[test]
    fn the_recipe_is_whole() {
        let preset = build(SETUP, json!({"centre": false, "top-db": "none"})).unwrap();
        assert_eq!(preset.row().shape, [1 + (160_000 - 512) / 160, 128]);
        let parameters = preset.parameters();
        assert_eq!((&parameters["f-max"], &parameters["top-db"]), (&json!(8000.0), &json!("none")));
        assert_eq!(build(SETUP, parameters.clone()).unwrap().parameters(), parameters);
    }
}
