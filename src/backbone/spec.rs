//! How a network is fed: from a row of a clip store to planes of f32.

use serde::{Deserialize, Serialize};

use super::layout::{Layout, Reading};
use crate::sample::Dtype;

/// Names of a network's ends, and what is done to its input and its outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// Input name.
    pub input: String,
    /// Output names: `[N, D]` for pooled features (further dimensions of 1 allowed), `[N, C, …]` for maps.
    pub outputs: Vec<String>,
    /// Axes of the input; `None` where they follow from the shapes of input and rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// What becomes of the steps of outputs `[N, T, D]`.
    #[serde(default, skip_serializing_if = "Pool::is_none")]
    pub pool: Pool,
    /// Applied to every value.
    #[serde(flatten)]
    pub norm: Norm,
}

/// What becomes of the steps of an output `[N, T, D]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pool {
    /// They stay.
    #[default]
    None,
    /// Their mean is kept.
    Mean,
    /// Their largest value is kept, feature by feature.
    Max,
}

impl Pool {
    /// Whether steps stay.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// `(x − mean) / std`, by channel; pixels count from 0 to 255.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Norm {
    /// One value, or one for each channel.
    pub mean: Vec<f32>,
    /// As many, none 0.
    pub std: Vec<f32>,
}

impl Default for Norm {
    fn default() -> Self {
        Self { mean: vec![0.0], std: vec![1.0] }
    }
}

impl Norm {
    /// # Errors
    /// A sentence, where the numbers do not fit `channels`.
    pub fn check(&self, channels: usize) -> Result<(), String> {
        for (name, values) in [("mean", &self.mean), ("std", &self.std)] {
            if values.len() != 1 && values.len() != channels {
                let expected = if channels == 1 { "1".to_owned() } else { format!("1 or {channels}") };
                return Err(format!("{name} has {} values; expected {expected}, as rows have {channels} channels", values.len()));
            }
        }
        if self.mean.iter().chain(&self.std).any(|value| !value.is_finite()) || self.std.contains(&0.0) {
            return Err("mean and std: expected finite numbers, and no std of 0".into());
        }
        Ok(())
    }

    /// What is taken off the values of a channel, and what the rest is multiplied by.
    pub fn of(&self, channel: usize) -> (f32, f32) {
        (self.mean[channel % self.mean.len()], 1.0 / self.std[channel % self.std.len()])
    }
}

/// One row, as it lies in a store (little-endian, of any type that stores have), into its place in a batch.
///
/// # Panics
/// Where `row` or `planes` is shorter than `reading` says.
pub fn feed(row: &[u8], dtype: Dtype, reading: &Reading, norm: &Norm, planes: &mut [f32]) {
    match dtype {
        Dtype::U8 => fill::<1>(row, reading, norm, planes, |[byte]| f32::from(byte)),
        Dtype::F16 => fill::<2>(row, reading, norm, planes, |bytes| half::f16::from_le_bytes(bytes).to_f32()),
        Dtype::F32 => fill::<4>(row, reading, norm, planes, f32::from_le_bytes),
        Dtype::F64 => fill::<8>(row, reading, norm, planes, |bytes| f64::from_le_bytes(bytes) as f32),
        Dtype::U64 => fill::<8>(row, reading, norm, planes, |bytes| u64::from_le_bytes(bytes) as f32),
    }
}

fn fill<const N: usize>(row: &[u8], reading: &Reading, norm: &Norm, planes: &mut [f32], value: impl Fn([u8; N]) -> f32) {
    let values = row.as_chunks::<N>().0;
    let Some((&width, outer)) = reading.shape.split_last() else { return };
    let step = reading.steps[outer.len()];
    let mut at = vec![0; outer.len()];
    for line in planes.chunks_exact_mut(width.max(1) as usize) {
        let start: usize = at.iter().zip(&reading.steps).map(|(place, step)| place * step).sum();
        match reading.channel {
            // channels beside each other
            Some(axis) if axis == outer.len() => {
                for (channel, to) in line.iter_mut().enumerate() {
                    let (mean, scale) = norm.of(channel);
                    *to = (value(values[start + channel * step]) - mean) * scale;
                }
            }
            axis => {
                let (mean, scale) = norm.of(axis.map_or(0, |axis| at[axis]));
                let from = values[start..].iter().step_by(step.max(1));
                line.iter_mut().zip(from).for_each(|(to, &from)| *to = (value(from) - mean) * scale);
            }
        }
        // the next line
        for (place, &length) in at.iter_mut().zip(outer).rev() {
            *place += 1;
            if (*place as u64) < length {
                break;
            }
            *place = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modality::Kind;
    use proptest::prelude::*;

    #[test]
    fn pixels_become_planes() {
        let norm = Norm { mean: vec![0.0, 10.0], std: vec![1.0, 2.0] };
        let mut planes = [0.0; 4];
        feed(&[1, 20, 3, 40], Dtype::U8, &Reading::usual(&[1, 1, 2, 2], Kind::VIDEO), &norm, &mut planes);
        assert_eq!(planes, [1.0, 3.0, 5.0, 15.0]);
        assert_eq!(Reading::usual(&[8, 64, 48, 3], Kind::VIDEO).shape(), [3, 8, 64, 48]);
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        assert!(Norm { mean: vec![0.0; 2], std: vec![1.0] }.check(3).is_err());
        assert!(Norm { mean: vec![0.0], std: vec![0.0] }.check(3).is_err());
        assert!(Norm::default().check(3).is_ok());
    }

    const DTYPES: [Dtype; 5] = [Dtype::U8, Dtype::F16, Dtype::F32, Dtype::F64, Dtype::U64];
    const LAYOUTS: [&str; 13] =
        ["", "plain", "NCTHW", "NTCHW", "NTHWC", "NCHW", "NHWC", "NTD", "NDT", "ND", "NS", "NCS", "NDHWTC"];

    /// The value of a row's element, and its bytes in a store.
    fn stored(dtype: Dtype, element: usize) -> (f32, Vec<u8>) {
        let number = (element * 37 + 11) % 251;
        let value = number as f32 * if matches!(dtype, Dtype::U8 | Dtype::U64) { 1.0 } else { -0.25 };
        let bytes = match dtype {
            Dtype::U8 => vec![number as u8],
            Dtype::F16 => half::f16::from_f32(value).to_le_bytes().to_vec(),
            Dtype::F32 => value.to_le_bytes().to_vec(),
            Dtype::F64 => f64::from(value).to_le_bytes().to_vec(),
            Dtype::U64 => (number as u64).to_le_bytes().to_vec(),
        };
        (value, bytes)
    }

    /// The element of a row by the letters of its axes, as one would write it by hand.
    fn element(row: &[u64], letters: &str, wanted: &std::collections::HashMap<char, usize>) -> usize {
        letters.chars().zip(row).fold(0, |at, (letter, &length)| at * length as usize + wanted.get(&letter).copied().unwrap_or(0))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(13), ..ProptestConfig::default() })]

        #[test]
        fn every_type_rank_and_layout_is_read_as_its_letters_say_or_refused(
            dtype in 0..DTYPES.len(), row in prop::collection::vec(1u64..5, 1..=5), name in 0..LAYOUTS.len(), by_channel: bool,
        ) {
            let (dtype, name) = (DTYPES[dtype], LAYOUTS[name]);
            let kind = if row.len() > 2 { Kind::VIDEO } else { Kind::AUDIO };
            let letters = match row.len() {
                1 if name.contains('S') => "S",
                1 => "D",
                2 if name.contains('D') => "TD",
                2 => "HW",
                3 => "HWC",
                4 => "THWC",
                _ => "12345",
            };
            let (reading, axes) = match (name, row.len()) {
                ("", 4) => (Ok(Reading::usual(&row, kind)), "CTHW".to_owned()),
                ("", 2) => (Ok(Reading::usual(&row, kind)), "CHW".to_owned()),
                ("", _) => (Ok(Reading::usual(&row, kind)), letters.to_owned()),
                ("plain", _) => (Ok(Reading::plain(&row, kind)), letters.to_owned()),
                _ => (Layout::try_from(name.to_owned()).unwrap().of(&row, kind), name[1..].to_owned()),
            };
            let lost = letters.chars().zip(&row).any(|(letter, length)| *length > 1 && !axes.contains(letter));
            prop_assert_eq!(reading.is_err(), lost || row.len() > 4 && !["", "plain"].contains(&name));
            let Ok(reading) = reading else { return Ok(()) };
            let channels = if by_channel { reading.channels() } else { 1 };
            let norm = Norm { mean: (0..channels).map(|c| c as f32).collect(), std: (0..channels).map(|c| 2.0 + c as f32).collect() };
            norm.check(reading.channels()).unwrap();
            let count = row.iter().product::<u64>() as usize;
            let bytes: Vec<u8> = (0..count).flat_map(|place| stored(dtype, place).1).collect();
            let mut planes = vec![f32::NAN; count];
            feed(&bytes, dtype, &reading, &norm, &mut planes);
            let length = |letter: char| letters.find(letter).map_or(1, |place| row[place] as usize);
            let lengths: Vec<usize> = axes.chars().map(length).collect();
            prop_assert_eq!(reading.shape().iter().map(|&n| n as usize).collect::<Vec<_>>(), lengths.clone());
            for (place, found) in planes.into_iter().enumerate() {
                let mut left = place;
                let mut at = std::collections::HashMap::new();
                for (letter, length) in axes.chars().rev().zip(lengths.iter().rev()) {
                    at.insert(letter, left % length);
                    left /= length;
                }
                // a channel of its own counts only where rows have channels
                let own = if letters.contains('C') { at.get(&'C').copied().unwrap_or(0) } else { 0 };
                let (mean, scale) = norm.of(own);
                let expected = (stored(dtype, element(&row, letters, &at)).0 - mean) * scale;
                prop_assert_eq!(found, expected, "{} of {:?} {:?} at {:?}", name, dtype, row, at);
            }
        }
    }
}
