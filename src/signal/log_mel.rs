//! The log-mel spectrogram, as librosa makes it.

use super::logarithm::ln;
use super::mel::FilterBank;
use super::stft::{Stft, hann};
use crate::sample::Spectrogram;

/// How energies become levels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Level {
    /// 10·log₁₀(max(x, amin) / reference), and with `top` not under that much below the loudest value (librosa's `power_to_db`).
    Decibel {
        /// Smallest energy, at least 1e-30.
        amin: f32,
        /// The energy of 0 dB, at least 1e-30.
        reference: f32,
        /// dB.
        top: Option<f32>,
    },
    /// ln(x + offset).
    Natural {
        /// At least 1e-30.
        offset: f32,
    },
}

/// What a [`LogMel`] is made with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Sample rate, points of the transform, and the mel bins.
    pub bank: FilterBank,
    /// Length of the periodic Hann window in samples, at most `n_fft`, in whose middle it stands.
    pub window: usize,
    /// Samples from frame to frame.
    pub hop: usize,
    /// Whether frame `i` stands centred on sample `i · hop`, with zeros outside; else it begins there.
    pub centre: bool,
    /// Whether filters weigh magnitudes; else powers.
    pub magnitude: bool,
    /// The last step.
    pub level: Level,
}

/// Frames worked on at once: filters then weigh a vector of frames.
const LANES: usize = 16;

/// A log-mel spectrogram with its windows and filters ready.
pub struct LogMel {
    recipe: Recipe,
    /// In f32, bins 80 dB under a frame's loudest would be off by 3e-4 dB; all that follows may be.
    stft: Stft<f64>,
    /// Each triangle touches few frequencies: the first, and the weights from there.
    filters: Vec<(usize, Vec<f32>)>,
}

impl LogMel {
    /// Plans the transform.
    pub fn new(recipe: Recipe) -> Self {
        let support = |filter: Vec<f64>| {
            let first = filter.iter().position(|&w| w > 0.0).unwrap_or(0);
            let end = filter.iter().rposition(|&w| w > 0.0).map_or(first, |k| k + 1);
            (first, filter[first..end].iter().map(|&w| w as f32).collect())
        };
        let filters = recipe.bank.weights().into_iter().map(support).collect();
        let stft = Stft::new(&hann(recipe.window), recipe.bank.n_fft, recipe.hop);
        Self { stft: if recipe.centre { stft.centred() } else { stft }, filters, recipe }
    }

    /// Mel bins.
    pub fn bins(&self) -> usize {
        self.filters.len()
    }

    /// Frames that `length` samples give: if centred `1 + length / hop` for an even `n_fft`, else as many as fit.
    pub fn frames(&self, length: usize) -> usize {
        self.stft.frames(length)
    }

    /// `[frames, bins]`.
    pub fn compute(&self, samples: &[f32]) -> Spectrogram {
        let (frames, bins) = (self.frames(samples.len()), self.bins());
        let mut values = vec![0.0f32; frames * bins];
        let mut block = vec![[0.0f32; LANES]; self.recipe.bank.n_fft / 2 + 1];
        self.stft.transform(samples, |frame, spectrum| {
            let lane = frame % LANES;
            for (to, x) in block.iter_mut().zip(spectrum) {
                to[lane] = x.norm_sqr() as f32;
            }
            if lane == LANES - 1 || frame == frames - 1 {
                if self.recipe.magnitude {
                    block.iter_mut().flatten().for_each(|x| *x = x.sqrt());
                }
                self.filter(&block, &mut values[(frame - lane) * bins..(frame + 1) * bins]);
            }
        });
        self.level(&mut values);
        Spectrogram { rows: frames, columns: bins, values }
    }

    /// Weighs the first frames of `block`, `[n_fft / 2 + 1]`, into `to`, `[frames, bins]`.
    fn filter(&self, block: &[[f32; LANES]], to: &mut [f32]) {
        for (bin, (first, weights)) in self.filters.iter().enumerate() {
            let mut sums = [0.0; LANES];
            for (weight, frequency) in weights.iter().zip(&block[*first..]) {
                for (sum, x) in sums.iter_mut().zip(frequency) {
                    *sum += weight * x;
                }
            }
            for (row, sum) in to.chunks_exact_mut(self.bins()).zip(sums) {
                row[bin] = sum;
            }
        }
    }

    fn level(&self, values: &mut [f32]) {
        match self.recipe.level {
            Level::Decibel { amin, reference, top } => {
                values.iter_mut().for_each(|value| *value = value.max(amin));
                ln(values);
                // 10 log₁₀ x = (10 / ln 10) ln x
                let (scale, zero) = (10.0 / std::f32::consts::LN_10, 10.0 * reference.log10());
                values.iter_mut().for_each(|value| *value = *value * scale - zero);
                if let Some(top) = top {
                    let floor = values.iter().fold(f32::MIN, |a, &b| a.max(b)) - top;
                    values.iter_mut().for_each(|value| *value = value.max(floor));
                }
            }
            Level::Natural { offset } => {
                // a sample that is no number counts as silence, as it does above
                values.iter_mut().for_each(|value| *value = value.max(0.0) + offset);
                ln(values);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::mel::{Norm, Scale};
    use super::*;

    fn recipe(level: Level) -> Recipe {
        let bank = FilterBank {
            sample_rate: 16000,
            n_fft: 512,
            bins: 64,
            f_min: 0.0,
            f_max: 8000.0,
            scale: Scale::Slaney,
            norm: Norm::Slaney,
        };
        Recipe { bank, window: 400, hop: 160, centre: true, magnitude: false, level }
    }

    const DECIBEL: Level = Level::Decibel { amin: 1e-10, reference: 1.0, top: Some(80.0) };

    #[test]
    fn a_tone_lands_in_its_bin() {
        let tone: Vec<f32> = (0..16000).map(|i| (i as f32 * std::f32::consts::TAU * 1000.0 / 16000.0).sin()).collect();
        let picture = LogMel::new(recipe(DECIBEL)).compute(&tone);
        assert_eq!((picture.rows, picture.columns), (101, 64));
        let middle = &picture.values[50 * 64..51 * 64];
        let loudest = (0..64).max_by(|&a, &b| middle[a].total_cmp(&middle[b])).unwrap();
        // 65 equal steps on Slaney's scale up to 8 kHz, where 1 kHz is mel 15; bin i is centred on step i + 1
        let highest = 15.0 + 8f64.ln() * 27.0 / 6.4f64.ln();
        assert!((loudest as f64 - (15.0 / highest * 65.0 - 1.0)).abs() <= 1.0, "{loudest}");
    }

    #[test]
    fn silence_and_nonsense_have_a_level() {
        let levels = |level, samples: &[f32]| LogMel::new(recipe(level)).compute(samples).values;
        for value in levels(DECIBEL, &[0.0; 1600]) {
            assert!((value + 100.0).abs() < 1e-4, "{value}");
        }
        let offset = Level::Natural { offset: 1e-6 };
        assert!(levels(offset, &[0.0; 1600]).iter().all(|value| (value - 1e-6f32.ln()).abs() < 1e-5));
        for level in [DECIBEL, offset] {
            for sample in [f32::NAN, f32::INFINITY, f32::MAX] {
                assert!(levels(level, &[sample; 1600]).iter().all(|value| value.is_finite()), "{sample}");
            }
        }
    }

    #[test]
    fn frames_that_are_not_centred_begin_at_their_sample() {
        let sound: Vec<f32> = (0..4000).map(|i| (i as f32 * 0.3).sin() * (i as f32 * 0.001)).collect();
        let level = Level::Natural { offset: 1e-6 };
        let begin = LogMel::new(Recipe { centre: false, ..recipe(level) });
        assert_eq!([begin.frames(511), begin.frames(512), begin.frames(671), begin.frames(672)], [0, 1, 1, 2]);
        assert!(begin.compute(&sound[..100]).values.is_empty());
        // 256 = n_fft / 2 samples earlier, and so the same frames
        let centred = LogMel::new(recipe(level)).compute(&sound[256..]);
        let begun = begin.compute(&sound[..4000 - 32]);
        let inside = 2..20;
        assert!(begun.rows >= 20 && centred.rows >= 20);
        assert_eq!(begun.values[inside.start * 64..inside.end * 64], centred.values[inside.start * 64..inside.end * 64]);
    }
}
