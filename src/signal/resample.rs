//! Changing the sample rate.

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

use crate::sample::Waveform;

/// `waveform` at `sample_rate` Hz: `⌈n · to / from⌉` samples, delay trimmed. A band-limited FFT resampler (rubato's).
///
/// # Errors
/// A sentence, for rates that the resampler does not take (0, or a ratio out of its range).
pub fn resample(waveform: Waveform, sample_rate: u32) -> Result<Waveform, String> {
    if waveform.sample_rate == sample_rate || waveform.samples.is_empty() {
        return Ok(Waveform { sample_rate, ..waveform });
    }
    let fail = |error: &dyn std::fmt::Display| format!("{} Hz to {sample_rate} Hz: {error}", waveform.sample_rate);
    let mut resampler = Fft::<f32>::new(waveform.sample_rate as usize, sample_rate as usize, 1024, 1, FixedSync::Both)
        .map_err(|error| fail(&error))?;
    let length = waveform.samples.len();
    let input = InterleavedSlice::new(&waveform.samples, 1, length).map_err(|error| fail(&error))?;
    let samples = resampler.process_all(&input, length, None).map_err(|error| fail(&error))?.take_data();
    Ok(Waveform { sample_rate, samples })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_keeps_its_pitch_place_and_length() {
        let tone = |rate: u32, n: usize| -> Vec<f32> {
            (0..n).map(|i| (i as f32 * std::f32::consts::TAU * 440.0 / rate as f32).sin()).collect()
        };
        let out = resample(Waveform { sample_rate: 48000, samples: tone(48000, 48000) }, 16000).unwrap();
        assert_eq!(out.samples.len(), 16000);
        let expected = tone(16000, 16000);
        let worst = out.samples[200..15800].iter().zip(&expected[200..15800]).map(|(a, b)| (a - b).abs());
        assert!(worst.fold(0.0, f32::max) < 2e-3);
    }
}
