//! Short-time Fourier transform, in the precision that the caller names.

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex;
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
    n_fft: usize,
    window: Vec<T>,
    /// Where the window begins in a frame.
    offset: usize,
    hop: usize,
    /// Zeros before the sound, and after it.
    padding: usize,
    detrend: bool,
    plan: Arc<dyn RealToComplex<T>>,
}

impl<T: FftNum + From<f32>> Stft<T> {
    /// `window` is at most `n_fft` long and stands in a frame's middle, `hop` is more than 0.
    pub fn new(window: &[f64], n_fft: usize, hop: usize) -> Self {
        let window: Vec<T> = window.iter().take(n_fft).map(|&weight| real(weight)).collect();
        let offset = (n_fft - window.len()) / 2;
        Self { n_fft, window, offset, hop, padding: 0, detrend: false, plan: RealFftPlanner::new().plan_fft_forward(n_fft) }
    }

    /// Frame `i` is centred on sample `i · hop`, with zeros outside the sound.
    pub fn centred(self) -> Self {
        Self { padding: self.n_fft / 2, ..self }
    }

    /// The mean of the samples under the window is removed from each frame before it is weighed.
    pub fn detrended(self) -> Self {
        Self { detrend: true, ..self }
    }

    /// Frames that `length` samples give.
    pub fn frames(&self, length: usize) -> usize {
        (length + 2 * self.padding).checked_sub(self.n_fft).map_or(0, |spare| spare / self.hop + 1)
    }

    /// Calls `each` with the frame's number and its spectrum, `[n_fft / 2 + 1]`.
    pub fn transform(&self, samples: &[f32], mut each: impl FnMut(usize, &[Complex<T>])) {
        let (mut input, mut spectrum, mut scratch) =
            (self.plan.make_input_vec(), self.plan.make_output_vec(), self.plan.make_scratch_vec());
        let length = self.window.len();
        let share = real::<T>(1.0 / length as f64);
        let mut edge = vec![0.0; length];
        for frame in 0..self.frames(samples.len()) {
            // of the first sample under the window; before the sound it is negative
            let start = (frame * self.hop + self.offset) as isize - self.padding as isize;
            let part = match usize::try_from(start).ok().and_then(|start| samples.get(start..start + length)) {
                Some(part) => part,
                None => {
                    for (i, to) in edge.iter_mut().enumerate() {
                        let at = usize::try_from(start + i as isize).ok();
                        *to = at.and_then(|at| samples.get(at)).copied().unwrap_or(0.0);
                    }
                    &edge
                }
            };
            let mean = if self.detrend { part.iter().fold(T::zero(), |sum, &x| sum + T::from(x)) * share } else { T::zero() };
            let (before, rest) = input.split_at_mut(self.offset);
            let (under, after) = rest.split_at_mut(length);
            // the transform leaves its own in all of it
            before.fill(T::zero());
            after.fill(T::zero());
            for ((to, &x), &weight) in under.iter_mut().zip(part).zip(&self.window) {
                *to = (T::from(x) - mean) * weight;
            }
            // lengths are the plan's own, so this cannot fail
            if self.plan.process_with_scratch(&mut input, &mut spectrum, &mut scratch).is_ok() {
                each(frame, &spectrum);
            }
        }
    }
}

/// `value` in the transform's precision.
fn real<T: FftNum>(value: f64) -> T {
    T::from_f64(value).unwrap_or_else(T::zero)
}
