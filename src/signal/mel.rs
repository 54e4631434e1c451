//! Mel filter banks and the log-mel spectrogram as librosa makes it.

use super::stft::{Stft, hann};
use crate::sample::Spectrogram;

/// Slaney's mel scale: linear to 1 kHz, logarithmic above.
fn to_mel(hertz: f64) -> f64 {
    if hertz < 1000.0 { hertz * 3.0 / 200.0 } else { 15.0 + (hertz / 1000.0).ln() * 27.0 / 6.4f64.ln() }
}

fn to_hertz(mel: f64) -> f64 {
    if mel < 15.0 { mel * 200.0 / 3.0 } else { 1000.0 * ((mel - 15.0) * 6.4f64.ln() / 27.0).exp() }
}

/// Triangles of equal area on Slaney's scale (librosa's default, `htk=False, norm="slaney"`), `[bins][n_fft / 2 + 1]`.
pub fn filter_bank(sample_rate: u32, n_fft: usize, bins: usize, lowest_hertz: f64, highest_hertz: f64) -> Vec<Vec<f64>> {
    let (low, high) = (to_mel(lowest_hertz), to_mel(highest_hertz));
    let edge = |i: usize| to_hertz(low + (high - low) * i as f64 / (bins + 1) as f64);
    let frequency = |k: usize| k as f64 * f64::from(sample_rate) / n_fft as f64;
    (0..bins)
        .map(|bin| {
            let (left, centre, right) = (edge(bin), edge(bin + 1), edge(bin + 2));
            let triangle = |f: f64| ((f - left) / (centre - left)).min((right - f) / (right - centre)).max(0.0);
            (0..=n_fft / 2).map(|k| triangle(frequency(k)) * 2.0 / (right - left)).collect()
        })
        .collect()
}

/// A log-mel spectrogram with its windows and filters ready.
pub struct LogMel {
    stft: Stft,
    n_fft: usize,
    hop: usize,
    /// Each triangle touches few frequencies: the first, and the weights from there.
    filters: Vec<(usize, Vec<f64>)>,
}

impl LogMel {
    /// `sample_rate` in Hz, a transform of `n_fft` points, a window of at most as many samples, `hop` samples from frame to frame.
    pub fn new(sample_rate: u32, n_fft: usize, window: usize, hop: usize, bins: usize) -> Self {
        let support = |filter: Vec<f64>| {
            let first = filter.iter().position(|&w| w > 0.0).unwrap_or(0);
            let end = filter.iter().rposition(|&w| w > 0.0).map_or(first, |k| k + 1);
            (first, filter[first..end].to_vec())
        };
        let bank = filter_bank(sample_rate, n_fft, bins, 0.0, f64::from(sample_rate) / 2.0);
        let filters = bank.into_iter().map(support).collect();
        Self { stft: Stft::new(&hann(window), n_fft, hop, false), n_fft, hop, filters }
    }

    /// Mel bins.
    pub fn bins(&self) -> usize {
        self.filters.len()
    }

    /// Frames that `length` samples give: `1 + length / hop` (frames are centred, zeros outside).
    pub fn frames(&self, length: usize) -> usize {
        1 + length / self.hop
    }

    /// `[frames, bins]` in dB: 10·log₁₀(max(power, 1e-10)), not under 80 dB below the loudest value
    /// (librosa's `power_to_db(melspectrogram(…), ref=1.0)`).
    pub fn compute(&self, samples: &[f32]) -> Spectrogram {
        let mut padded = vec![0.0; self.n_fft / 2];
        padded.extend_from_slice(samples);
        padded.resize(padded.len() + self.n_fft / 2, 0.0);
        let (frames, bins) = (self.frames(samples.len()), self.bins());
        let mut values = vec![0.0f32; frames * bins];
        let mut loudest = f64::MIN;
        self.stft.power(&padded, |frame, power| {
            if frame >= frames {
                return;
            }
            for (value, (first, weights)) in values[frame * bins..].iter_mut().zip(&self.filters) {
                let energy: f64 = weights.iter().zip(&power[*first..]).map(|(w, p)| w * p).sum();
                let decibel = 10.0 * energy.max(1e-10).log10();
                loudest = loudest.max(decibel);
                *value = decibel as f32;
            }
        });
        let floor = (loudest - 80.0) as f32;
        values.iter_mut().for_each(|value| *value = value.max(floor));
        Spectrogram { rows: frames, columns: bins, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_its_own_inverse() {
        for hertz in [0.0, 440.0, 999.0, 1000.0, 4321.0, 8000.0] {
            assert!((to_hertz(to_mel(hertz)) - hertz).abs() < 1e-9);
        }
    }

    #[test]
    fn a_tone_lands_in_its_bin() {
        let mel = LogMel::new(16000, 512, 400, 160, 64);
        let tone: Vec<f32> = (0..16000).map(|i| (i as f32 * std::f32::consts::TAU * 1000.0 / 16000.0).sin()).collect();
        let picture = mel.compute(&tone);
        assert_eq!((picture.rows, picture.columns), (101, 64));
        let middle = &picture.values[50 * 64..51 * 64];
        let loudest = (0..64).max_by(|&a, &b| middle[a].total_cmp(&middle[b])).unwrap();
        // 65 equal steps on the mel scale up to 8 kHz; bin i is centred on step i + 1
        let expected = to_mel(1000.0) / to_mel(8000.0) * 65.0 - 1.0;
        assert!((loudest as f64 - expected).abs() <= 1.0, "{loudest} {expected}");
    }
}
