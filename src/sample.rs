//! Samples as they lie in memory between decoder and store.

use serde::{Deserialize, Serialize};

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

/// Element type of an array; all are little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// Unsigned byte.
    U8,
    /// IEEE half.
    F16,
    /// IEEE single.
    F32,
    /// IEEE double.
    F64,
}

impl Dtype {
    /// Bytes an element.
    pub fn size(self) -> u64 {
        match self {
            Self::U8 => 1,
            Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The word in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::F16 => "f16",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }
}

/// One row of one modality, made and ready for a store.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The row's elements, in the shape that its maker states.
    pub data: Data,
    /// The seconds of the recording that it shows.
    pub span: [f64; 2],
    /// Presentation times of its frames in seconds; empty for sound and features.
    pub times: Vec<f64>,
    /// Decoder or runtime that made it.
    pub made_by: &'static str,
    /// Set where the recording ended a little before the segment.
    pub partial: Option<String>,
}

/// Elements of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Pixels.
    U8(Vec<u8>),
    /// Everything else.
    F32(Vec<f32>),
}
