//! The log-spectrogram that the field's VGGSound network reads (not a mel one).

use super::stft::{Stft, tukey};
use crate::sample::Spectrogram;

/// Window and hop, in samples at 16 kHz: `scipy.signal.spectrogram(x, 16000, nperseg=512, noverlap=353)`.
const WINDOW: usize = 512;
const HOP: usize = 512 - 353;

/// Frames that `length` samples give.
pub fn frames(length: usize) -> usize {
    if length < WINDOW { 0 } else { (length - WINDOW) / HOP + 1 }
}

/// `ln(density + 1e-7)`, `[257, frames]`: power density of 16 kHz sound clipped to [-1, 1], with scipy's defaults (Tukey window
/// with a taper of ¼, each frame's mean removed, one-sided, in 1/Hz).
pub fn log_density(samples: &[f32]) -> (usize, Vec<f64>) {
    let window = tukey(WINDOW, 0.25);
    // in f32, the quiet bins of a loud frame would be off by more than their own rounding
    let stft = Stft::<f64>::new(&window, WINDOW, HOP).detrended();
    let clipped: Vec<f32> = samples.iter().map(|x| x.clamp(-1.0, 1.0)).collect();
    let (rows, columns) = (WINDOW / 2 + 1, frames(clipped.len()));
    let scale = 1.0 / (16000.0 * window.iter().map(|w| w * w).sum::<f64>());
    let mut values = vec![0.0; rows * columns];
    stft.transform(&clipped, |frame, spectrum| {
        for (row, x) in spectrum.iter().enumerate() {
            // the negative frequencies' share, which the first and the last bin have none of
            let sides = if row == 0 || row == rows - 1 { 1.0 } else { 2.0 };
            values[row * columns + frame] = (sides * x.norm_sqr() * scale + 1e-7).ln();
        }
    });
    (columns, values)
}

/// [`log_density`] less its mean, over its standard deviation + 1e-9, `[257, frames]`.
pub fn standardised(samples: &[f32]) -> Spectrogram {
    let (columns, values) = log_density(samples);
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    let values = values.iter().map(|v| ((v - mean) / (deviation + 1e-9)) as f32).collect();
    Spectrogram { rows: WINDOW / 2 + 1, columns, values }
}
