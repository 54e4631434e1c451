//! Samples as they lie in memory between decoder and store.

/// Frames of one segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// `[T, H, W, C]`.
    pub shape: [usize; 4],
    /// The pixels, 0–255, C fastest; RGB for video, (x, y) for flow.
    pub pixels: Vec<u8>,
    /// Presentation time of each frame in seconds, `[T]`.
    pub times: Vec<f64>,
}

/// Sound, one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Waveform {
    /// Samples a second.
    pub sample_rate: u32,
    /// In [-1, 1] for integer formats.
    pub samples: Vec<f32>,
}

impl Waveform {
    /// Length in seconds.
    pub fn duration_seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.sample_rate)
    }
}

/// A picture of sound, row-major `[rows, columns]`; which of the two is time is the maker's to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrogram {
    /// Slow axis.
    pub rows: usize,
    /// Fast axis.
    pub columns: usize,
    /// `[rows · columns]`.
    pub values: Vec<f32>,
}
