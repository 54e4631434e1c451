//! Changing the sample rate.

use std::sync::{Mutex, PoisonError};

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler, WindowFunction};

use crate::sample::Waveform;

/// Rates taken, in Hz.
const RATES: std::ops::RangeInclusive<u32> = 100..=768_000;
/// Longest result, in samples (1 GiB).
const LIMIT: u64 = 1 << 28;
/// Least length of the low-pass filter, in samples of the lower rate. Half as long, and the pass-band would end at 91 %.
const FILTER: usize = 512;
/// Resamplers kept.
const KEPT: usize = 16;

/// Resamplers that nobody uses just now, with their rates: planning one takes as long as it does for seconds of sound. Each
/// starts anew with a waveform, so a result does not depend on which one made it.
static PLANS: Mutex<Vec<([u32; 2], Fft<f32>)>> = Mutex::new(Vec::new());

/// `waveform` at `sample_rate` Hz: `⌈n · to / from⌉` samples, delay trimmed. A band-limited FFT resampler (rubato's, in f32).
///
/// With F half of the lower rate, tones up to 0.95 F keep their level to within 1e-4 dB, and nothing that was not there is
/// louder than -130 dB of them; tones above F are gone by at least 135 dB; at 0.975 F, 2 to 9 dB are lost. Measured with tones
/// for 48 → 16, 44.1 → 16 and 44.1 → 24 kHz, as the test beside it does.
///
/// # Errors
/// A sentence, for rates out of 100 to 768,000 Hz and for results of more than 2²⁸ samples.
pub fn resample(waveform: Waveform, sample_rate: u32) -> Result<Waveform, String> {
    if waveform.sample_rate == sample_rate || waveform.samples.is_empty() {
        return Ok(Waveform { sample_rate, ..waveform });
    }
    let rates = [waveform.sample_rate, sample_rate];
    if let Some(rate) = rates.iter().find(|rate| !RATES.contains(rate)) {
        return Err(format!("a sample rate of {rate} Hz: expected {} to {}", RATES.start(), RATES.end()));
    }
    let length = waveform.samples.len();
    if length as u64 * u64::from(rates[1]) / u64::from(rates[0]) > LIMIT {
        return Err(format!("{length} samples from {} to {} Hz: expected at most {LIMIT} of the latter", rates[0], rates[1]));
    }
    let run = || {
        let mut resampler = planned(rates)?;
        let input = InterleavedSlice::new(&waveform.samples, 1, length).map_err(|error| error.to_string())?;
        let samples = resampler.process_all(&input, length, None).map_err(|error| error.to_string())?.take_data();
        keep(rates, resampler);
        Ok(samples)
    };
    let samples = run().map_err(|error: String| format!("{} Hz to {} Hz: {error}", rates[0], rates[1]))?;
    Ok(Waveform { sample_rate, samples })
}

fn planned(rates: [u32; 2]) -> Result<Fft<f32>, String> {
    let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = plans.iter().position(|(of, _)| *of == rates) {
        return Ok(plans.swap_remove(found).1);
    }
    drop(plans);
    let [from, to] = rates.map(|rate| rate as usize);
    let (mut common, mut rest) = (from, to);
    while rest > 0 {
        (common, rest) = (rest, common % rest);
    }
    // a power of two makes lengths that transform fast, and puts the filter's middle on a sample at both rates
    let times = FILTER.div_ceil(from.min(to) / common).next_power_of_two().max(2);
    Fft::new_custom(from, to, from / common * times, 1, 1, WindowFunction::BlackmanHarris2, FixedSync::Both)
        .map_err(|error| error.to_string())
}

fn keep(rates: [u32; 2], resampler: Fft<f32>) {
    let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    if plans.len() >= KEPT {
        plans.remove(0);
    }
    plans.push((rates, resampler));
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    #[test]
    fn a_tone_keeps_its_pitch_place_and_length() {
        let tone = |rate: u32, n: usize| -> Vec<f32> {
            (0..n).map(|i| (i as f64 * TAU * 440.0 / f64::from(rate)).sin() as f32).collect()
        };
        for (from, to, length, expected) in
            [(48000, 16000, 48001, 16001), (44100, 16000, 44100, 16000), (44100, 24000, 22051, 12001), (16000, 24000, 1601, 2402)]
        {
            // a second time with the resampler that was kept
            for _ in 0..2 {
                let out = resample(Waveform { sample_rate: from, samples: tone(from, length) }, to).unwrap();
                assert_eq!((out.sample_rate, out.samples.len()), (to, expected));
                let inside = expected / 4..expected * 3 / 4;
                let wanted = tone(to, expected);
                let worst = inside.map(|i| (out.samples[i] - wanted[i]).abs()).fold(0.0, f32::max);
                assert!(worst < if expected < 10_000 { 1e-3 } else { 3e-6 }, "{from} to {to} Hz: {worst}");
            }
        }
    }

    #[test]
    fn rates_and_lengths_beyond_reason_are_refused() {
        let sound = |sample_rate, length| Waveform { sample_rate, samples: vec![0.0; length] };
        let problem = resample(sound(4_000_000_001, 10), 16000).unwrap_err();
        assert_eq!(problem, "a sample rate of 4000000001 Hz: expected 100 to 768000");
        assert!(resample(sound(0, 10), 16000).is_err());
        assert!(resample(sound(100, 1 << 20), 384_000).unwrap_err().contains("expected at most 268435456"));
        // nothing in common
        assert_eq!(resample(sound(767_999, 100), 16000).unwrap().samples.len(), 3);
    }

    /// What is left of a tone at `hertz`, and what comes with it, in dB; in the middle half of a second.
    fn response(from: u32, to: u32, hertz: f64) -> [f64; 2] {
        let step = |rate: u32| TAU * hertz / f64::from(rate);
        let samples = (0..from).map(|i| (step(from) * f64::from(i)).sin() as f32).collect();
        let out = resample(Waveform { sample_rate: from, samples }, to).unwrap().samples;
        let n = f64::from(to / 2);
        let middle: Vec<[f64; 2]> =
            (to / 4..to / 4 + to / 2).map(|i| [(step(to) * f64::from(i)).sin(), f64::from(out[i as usize])]).collect();
        let kept = 2.0 / n * middle.iter().map(|[tone, x]| tone * x).sum::<f64>();
        let rest = (2.0 / n * middle.iter().map(|[tone, x]| (x - kept * tone).powi(2)).sum::<f64>()).sqrt();
        [kept.abs(), rest].map(|x| 20.0 * x.max(1e-9).log10())
    }

    #[test]
    fn the_pass_band_is_flat_and_the_stop_band_silent() {
        for (from, to) in [(48000, 16000), (44100, 16000), (44100, 24000)] {
            let tone = |share: f64| (share * f64::from(to) / 8.0).round() * 4.0 + 2.0;
            for share in [0.0, 0.01, 0.1, 0.25, 0.4, 0.6, 0.8, 0.9, 0.92, 0.94, 0.949] {
                let [kept, rest] = response(from, to, tone(share));
                assert!(kept.abs() < 1e-4 && rest < -130.0, "{from} to {to} Hz, pass-band at {share}: {kept} {rest}");
            }
            let [lost, _] = response(from, to, tone(0.975));
            assert!((-9.0..-2.0).contains(&lost), "{from} to {to} Hz: {lost}");
            let highest = f64::from(from) / f64::from(to) - 0.01;
            for share in [1.001, 1.01, 1.02, 1.05, 1.1, 1.2, 1.35, 1.5, 1.7, 2.0, 2.3, 2.5, 2.7, highest] {
                if share <= highest {
                    // an alias may have the phase of the tone or not
                    let [same, rest] = response(from, to, tone(share));
                    assert!(same < -135.0 && rest < -135.0, "{from} to {to} Hz, stop-band at {share}: {same} {rest}");
                }
            }
        }
    }
}
