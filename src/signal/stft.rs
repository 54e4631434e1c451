//! Short-time Fourier transform, in the precision that the caller names.

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::{FftNum, RealFftPlanner, RealToComplex};

/// Periodic Hann window of `length`.
pub fn hann(length: usize) -> Vec<f64> {
    (0..length).map(|i| 0.5 - 0.5 * (TAU * i as f64 / length as f64).cos()).collect()
}

/// Periodic Tukey window: a cosine taper over the share `alpha` of the window, half of it at each end.
pub fn tukey(length: usize, alpha: f64) -> Vec<f64> {
    // periodic: the symmetric window of one more sample, without its last
    let last = length as f64;
    let taper = alpha * last / 2.0;
    let weight = |i: f64| if i < taper { 0.5 - 0.5 * (TAU / 2.0 * i / taper).cos() } else { 1.0 };
    (0..length).map(|i| weight((i as f64).min(last - i as f64))).collect()
}

/// A plan for windows of one length, in `f32` or `f64`.
pub struct Stft<T: FftNum> {
    window: Vec<T>,
    hop: usize,
    detrend: bool,
    plan: Arc<dyn RealToComplex<T>>,
}

impl<T: FftNum + From<f32>> Stft<T> {
    /// `window` is centred in `n_fft` zeros where it is shorter. With `detrend`, each frame's mean is removed before the window.
    pub fn new(window: &[f64], n_fft: usize, hop: usize, detrend: bool) -> Self {
        let before = n_fft.saturating_sub(window.len()) / 2;
        let mut padded = vec![T::zero(); n_fft];
        for (to, &from) in padded[before..].iter_mut().zip(window) {
            *to = real(from);
        }
        Self { window: padded, hop, detrend, plan: RealFftPlanner::new().plan_fft_forward(n_fft) }
    }

    /// Frames that fit into `length` samples without padding.
    pub fn frames(&self, length: usize) -> usize {
        if length < self.window.len() { 0 } else { (length - self.window.len()) / self.hop + 1 }
    }

    /// Calls `each` with the frame's number and its `|X|²`, `[n_fft / 2 + 1]`.
    pub fn power(&self, samples: &[f32], mut each: impl FnMut(usize, &[T])) {
        let n_fft = self.window.len();
        let (mut input, mut spectrum, mut scratch) =
            (self.plan.make_input_vec(), self.plan.make_output_vec(), self.plan.make_scratch_vec());
        let mut power = vec![T::zero(); n_fft / 2 + 1];
        let share = real::<T>(1.0 / n_fft as f64);
        for frame in 0..self.frames(samples.len()) {
            let part = &samples[frame * self.hop..][..n_fft];
            let sum = || part.iter().fold(T::zero(), |sum, &x| sum + T::from(x));
            let mean = if self.detrend { sum() * share } else { T::zero() };
            for ((to, &x), &w) in input.iter_mut().zip(part).zip(&self.window) {
                *to = (T::from(x) - mean) * w;
            }
            // lengths are the plan's own, so this cannot fail
            if self.plan.process_with_scratch(&mut input, &mut spectrum, &mut scratch).is_ok() {
                for (to, x) in power.iter_mut().zip(&spectrum) {
                    *to = x.norm_sqr();
                }
                each(frame, &power);
            }
        }
    }
}

/// `value` in the transform's precision.
fn real<T: FftNum>(value: f64) -> T {
    T::from_f64(value).unwrap_or_else(T::zero)
}
