//! Samples as they lie in memory between decoder and store.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::Failure;

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
    /// Unsigned, of 8 bytes.
    U64,
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
            Self::U64 | Self::F64 => 8,
        }
    }

    /// The word in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::U64 => "u64",
            Self::F16 => "f16",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    /// The first value in little-endian `bytes` that is not finite, and its place.
    pub fn not_finite(self, bytes: &[u8]) -> Option<(usize, f64)> {
        match self {
            Self::U8 | Self::U64 => None,
            Self::F16 => {
                first::<2>(bytes, |b| u16::from_le_bytes(b) & 0x7c00 == 0x7c00, |b| half::f16::from_le_bytes(b).to_f64())
            }
            Self::F32 => {
                first::<4>(bytes, |b| u32::from_le_bytes(b) & 0x7f80_0000 == 0x7f80_0000, |b| f32::from_le_bytes(b).into())
            }
            Self::F64 => first::<8>(bytes, |b| u64::from_le_bytes(b) & (0x7ff << 52) == 0x7ff << 52, f64::from_le_bytes),
        }
    }
}

/// The first element that is bad, and its place.
fn first<const N: usize>(bytes: &[u8], bad: impl Fn([u8; N]) -> bool, value: impl Fn([u8; N]) -> f64) -> Option<(usize, f64)> {
    let elements = || bytes.as_chunks::<N>().0.iter().copied();
    // all of them, for the compiler to take many at once; a bad one is rare
    if !elements().fold(false, |any, element| any | bad(element)) {
        return None;
    }
    elements().enumerate().find(|(_, element)| bad(*element)).map(|(place, element)| (place, value(element)))
}

/// One row of one modality, made and ready for a store.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The row's elements, in the shape that its maker states.
    pub data: Data,
    /// What else there is to know.
    pub made: Made,
}

impl Row {
    /// Elements of which nothing is known but who made them.
    pub fn new(data: Data, made_by: impl Into<Cow<'static, str>>) -> Self {
        Self { data, made: Made { span: [0.0, 0.0], times: Vec::new(), made_by: made_by.into(), partial: None } }
    }
}

/// What there is to know of a row that was made, beside its elements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// The seconds of the recording that it shows.
    pub span: [f64; 2],
    /// Presentation times of its frames in seconds; empty for sound and features.
    pub times: Vec<f64>,
    /// Decoder or runtime that made it.
    pub made_by: Cow<'static, str>,
    /// Set where the recording ended a little before the segment.
    pub partial: Option<String>,
}

/// Takes rows of one modality while they are made, piece by piece, so that no row has to be held in memory.
pub trait Sink {
    /// Little-endian elements of the row `row`, a place in the list of segments asked for, from its byte `at` on. A row's
    /// views follow on its data. Bytes may come twice; the last ones count.
    ///
    /// # Errors
    /// What keeps the whole work from going on, such as a full disk.
    fn put(&mut self, row: usize, at: u64, bytes: &[u8]) -> Result<()>;

    /// All of the row was put, or it cannot be made. Called once a row.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    fn end(&mut self, row: usize, outcome: Result<Made, Failure>) -> Result<()>;
}

/// Rows in memory, of `row_bytes` each, and what came of each.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// `[rows · row_bytes]`; zeros where a row failed.
    pub bytes: Vec<u8>,
    /// What came of each row.
    pub outcomes: Vec<Option<Result<Made, Failure>>>,
    row_bytes: usize,
}

impl Memory {
    /// Room for `rows` rows.
    pub fn new(rows: usize, row_bytes: usize) -> Self {
        Self { bytes: vec![0; rows * row_bytes], outcomes: vec![None; rows], row_bytes }
    }

    /// The bytes of one row.
    pub fn row(&self, row: usize) -> &[u8] {
        &self.bytes[row * self.row_bytes..][..self.row_bytes]
    }
}

impl Sink for Memory {
    fn put(&mut self, row: usize, at: u64, bytes: &[u8]) -> Result<()> {
        self.bytes[row * self.row_bytes + at as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self, row: usize, outcome: Result<Made, Failure>) -> Result<()> {
        if outcome.is_err() {
            self.bytes[row * self.row_bytes..][..self.row_bytes].fill(0);
        }
        self.outcomes[row] = Some(outcome);
        Ok(())
    }
}

/// Elements of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Pixels.
    U8(Vec<u8>),
    /// Everything else.
    F32(Vec<f32>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_not_finite_are_found_in_every_type() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let values = [0.0, -1.5, 65504.0, bad, bad];
            let halves: Vec<u8> = values.iter().flat_map(|&v| half::f16::from_f64(v).to_le_bytes()).collect();
            let singles: Vec<u8> = values.iter().flat_map(|&v| (v as f32).to_le_bytes()).collect();
            let doubles: Vec<u8> = values.iter().flat_map(|&v| v.to_le_bytes()).collect();
            for (bytes, dtype) in [(halves, Dtype::F16), (singles, Dtype::F32), (doubles, Dtype::F64)] {
                assert_eq!(dtype.not_finite(&bytes).map(|(place, value)| (place, value.to_string())), Some((3, bad.to_string())));
                assert_eq!(dtype.not_finite(&bytes[..3 * dtype.size() as usize]), None);
            }
        }
        assert_eq!(Dtype::U8.not_finite(&[255; 8]), None);
    }
}
