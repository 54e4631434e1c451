//! How a network is fed: from a row of a clip store to planes of f32.

use serde::{Deserialize, Serialize};

use crate::sample::Dtype;

/// Names of a network's ends, and what is done to its input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// Input name: f32 `[N, C, T, H, W]` for frames, `[N, 1, rows, columns]` for spectrograms.
    pub input: String,
    /// Output names: f32 `[N, D]` for pooled features (further dimensions of 1 allowed), `[N, C, …]` for maps.
    pub outputs: Vec<String>,
    /// Applied to every value.
    #[serde(flatten)]
    pub norm: Norm,
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
}

/// The input shape without its batch dimension for rows of this shape: `[C, T, H, W]` or `[1, rows, columns]`.
pub fn input_shape(row: &[u64]) -> Vec<u64> {
    match *row {
        [frames, height, width, channels] => vec![channels, frames, height, width],
        [rows, columns] => vec![1, rows, columns],
        _ => row.to_vec(),
    }
}

/// One row, as it lies in a clip store (`[T, H, W, C]` u8 or `[rows, columns]` f32, little-endian), into its place in a batch.
pub fn feed(row: &[u8], dtype: Dtype, shape: &[u64], norm: &Norm, planes: &mut [f32]) {
    let channels = if let [_, _, _, channels] = *shape { channels as usize } else { 1 };
    let size = planes.len() / channels;
    let of = |values: &[f32], channel: usize| values[channel % values.len()];
    for (channel, plane) in planes.chunks_exact_mut(size).enumerate() {
        let (mean, scale) = (of(&norm.mean, channel), 1.0 / of(&norm.std, channel));
        match dtype {
            Dtype::U8 => {
                for (to, &from) in plane.iter_mut().zip(row[channel..].iter().step_by(channels)) {
                    *to = (f32::from(from) - mean) * scale;
                }
            }
            _ => {
                for (to, b) in plane.iter_mut().zip(row.chunks_exact(4)) {
                    *to = (f32::from_le_bytes([b[0], b[1], b[2], b[3]]) - mean) * scale;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_become_planes() {
        let norm = Norm { mean: vec![0.0, 10.0], std: vec![1.0, 2.0] };
        let mut planes = [0.0; 4];
        feed(&[1, 20, 3, 40], Dtype::U8, &[1, 1, 2, 2], &norm, &mut planes);
        assert_eq!(planes, [1.0, 3.0, 5.0, 15.0]);
        assert_eq!(input_shape(&[8, 64, 48, 3]), [3, 8, 64, 48]);
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        assert!(Norm { mean: vec![0.0; 2], std: vec![1.0] }.check(3).is_err());
        assert!(Norm { mean: vec![0.0], std: vec![0.0] }.check(3).is_err());
        assert!(Norm::default().check(3).is_ok());
    }
}
