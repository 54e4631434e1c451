//! Pure functions on slices: no file, no decoder, no state.

mod bilinear;
pub mod fit;
pub mod log_mel;
pub mod logarithm;
pub mod mel;
pub mod resample;
pub mod resize;
pub mod sampling;
pub mod spectrogram;
pub mod stft;
pub mod view;
