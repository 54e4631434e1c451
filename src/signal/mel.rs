//! Mel scales and filter banks, as librosa has them.

use serde::{Deserialize, Serialize};

/// How pitch is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Slaney's: linear to 1 kHz, logarithmic above.
    Slaney,
    /// HTK's: 2595 · log₁₀(1 + f / 700 Hz).
    Htk,
}

impl Scale {
    fn to_mel(self, hertz: f64) -> f64 {
        match self {
            Self::Slaney if hertz < 1000.0 => hertz * 3.0 / 200.0,
            Self::Slaney => 15.0 + (hertz / 1000.0).ln() * 27.0 / 6.4f64.ln(),
            Self::Htk => 2595.0 * (1.0 + hertz / 700.0).log10(),
        }
    }

    fn to_hertz(self, mel: f64) -> f64 {
        match self {
            Self::Slaney if mel < 15.0 => mel * 200.0 / 3.0,
            Self::Slaney => 1000.0 * ((mel - 15.0) * 6.4f64.ln() / 27.0).exp(),
            Self::Htk => 700.0 * (10f64.powf(mel / 2595.0) - 1.0),
        }
    }
}

/// How high the triangles are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// Equal areas: 2 over the width in Hz.
    Slaney,
    /// All 1.
    None,
}

/// Triangles whose corners are spaced evenly on a mel scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FilterBank {
    /// Hz.
    pub sample_rate: u32,
    /// Points of the transform.
    pub n_fft: usize,
    /// Triangles.
    pub bins: usize,
    /// Where the first begins, Hz.
    pub f_min: f64,
    /// Where the last ends, Hz.
    pub f_max: f64,
    /// Spacing.
    pub scale: Scale,
    /// Height.
    pub norm: Norm,
}

impl FilterBank {
    /// The weights, `[bins][n_fft / 2 + 1]`.
    pub fn weights(&self) -> Vec<Vec<f64>> {
        let (low, high) = (self.scale.to_mel(self.f_min), self.scale.to_mel(self.f_max));
        let corner = |i: usize| self.scale.to_hertz(low + (high - low) * i as f64 / (self.bins + 1) as f64);
        let frequency = |k: usize| k as f64 * f64::from(self.sample_rate) / self.n_fft as f64;
        (0..self.bins)
            .map(|bin| {
                let (left, centre, right) = (corner(bin), corner(bin + 1), corner(bin + 2));
                let triangle = |f: f64| ((f - left) / (centre - left)).min((right - f) / (right - centre)).max(0.0);
                let height = match self.norm {
                    Norm::Slaney => 2.0 / (right - left),
                    Norm::None => 1.0,
                };
                (0..=self.n_fft / 2).map(|k| triangle(frequency(k)) * height).collect()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scales_are_their_own_inverse() {
        for scale in [Scale::Slaney, Scale::Htk] {
            for hertz in [0.0, 440.0, 999.0, 1000.0, 4321.0, 8000.0] {
                assert!((scale.to_hertz(scale.to_mel(hertz)) - hertz).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn neighbours_without_norm_add_up_to_one() {
        let (f_min, f_max) = (100.0, 7000.0);
        let bank = FilterBank { sample_rate: 16000, n_fft: 4096, bins: 20, f_min, f_max, scale: Scale::Htk, norm: Norm::None };
        let weights = bank.weights();
        let (first, last) = (Scale::Htk.to_mel(f_min), Scale::Htk.to_mel(f_max));
        let centre = |i: f64| Scale::Htk.to_hertz(first + (last - first) * i / 21.0);
        for k in 0..=2048 {
            let f = f64::from(k) * 16000.0 / 4096.0;
            let sum: f64 = weights.iter().map(|row| row[k as usize]).sum();
            if (centre(1.0)..centre(20.0)).contains(&f) {
                assert!((sum - 1.0).abs() < 1e-12, "{f}: {sum}");
            }
            if !(f_min..f_max).contains(&f) {
                assert_eq!(sum, 0.0);
            }
        }
    }
}
