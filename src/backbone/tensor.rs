//! A network's inputs and outputs: f32 here, whatever floats or small integers there.

use std::borrow::Cow;

use half::{bf16, f16};
use ort::session::SessionInputValue;
use ort::value::{DynValue, Tensor, TensorElementType, TensorRef};

use super::layout::Reading;
use super::spec::{Norm, Pool};
use crate::sample::Dtype;

/// Type of an input's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element(TensorElementType);

impl Element {
    /// One that values can be given in.
    pub(super) fn of_input(found: TensorElementType) -> Option<Self> {
        use TensorElementType as T;
        let known = [T::Float32, T::Float16, T::Bfloat16, T::Float64, T::Uint8, T::Int8, T::Uint16, T::Int16];
        known.contains(&found).then_some(Self(found))
    }

    /// Whether values can be had from an output of this type.
    pub(super) fn is_output(found: TensorElementType) -> bool {
        use TensorElementType as T;
        [T::Float32, T::Float16, T::Bfloat16, T::Float64].contains(&found)
    }

    /// The least and the largest whole number, where only such can be given.
    fn whole(self) -> Option<[f32; 2]> {
        match self.0 {
            TensorElementType::Uint8 => Some([0.0, 255.0]),
            TensorElementType::Int8 => Some([-128.0, 127.0]),
            TensorElementType::Uint16 => Some([0.0, 65535.0]),
            TensorElementType::Int16 => Some([-32768.0, 32767.0]),
            _ => None,
        }
    }

    /// Whether every value of rows of this type can be given without loss: an input of integers takes pixels, moved by whole numbers at most.
    ///
    /// # Errors
    /// A sentence.
    pub(super) fn check(self, rows: Dtype, reading: &Reading, norm: &Norm) -> Result<(), String> {
        let Some([least, most]) = self.whole() else { return Ok(()) };
        if rows != Dtype::U8 {
            return Err(format!(
                "it takes {}, rows are {}; expected pixels (u8), or a model that takes f32",
                self.0,
                rows.name()
            ));
        }
        let fits = |value: f32| value.fract() == 0.0 && (least..=most).contains(&value);
        let of = |channel| (0..=255u8).map(move |pixel| (channel, pixel));
        match (0..reading.channels()).flat_map(of).find(|&(channel, pixel)| {
            let (mean, scale) = norm.of(channel);
            !fits((f32::from(pixel) - mean) * scale)
        }) {
            Some((channel, pixel)) => Err(format!(
                "it takes {}, but with this mean and std a pixel of {pixel} in channel {channel} is none; expected none or whole ones",
                self.0
            )),
            None => Ok(()),
        }
    }

    /// A value for the seeded noise that tells whether rows of a batch feel each other, of `uniform` in [0, 1).
    pub(super) fn noise(self, uniform: f32) -> f32 {
        // of deviation 1, as normalised rows are
        self.whole().map_or((uniform - 0.5) * 3.46, |[least, most]| (least + uniform * (most - least)).floor().clamp(least, most))
    }

    /// The tensor of these values.
    ///
    /// # Errors
    /// What ONNX Runtime says.
    pub(super) fn tensor(self, shape: Vec<i64>, values: &[f32]) -> ort::Result<SessionInputValue<'_>> {
        macro_rules! of {
            ($convert:expr) => {
                SessionInputValue::from(Tensor::from_array((shape, values.iter().map($convert).collect::<Vec<_>>()))?)
            };
        }
        Ok(match self.0 {
            TensorElementType::Float16 => of!(|&value| f16::from_f32(value)),
            TensorElementType::Bfloat16 => of!(|&value| bf16::from_f32(value)),
            TensorElementType::Float64 => of!(|&value| f64::from(value)),
            TensorElementType::Uint8 => of!(|&value| value as u8),
            TensorElementType::Int8 => of!(|&value| value as i8),
            TensorElementType::Uint16 => of!(|&value| value as u16),
            TensorElementType::Int16 => of!(|&value| value as i16),
            _ => SessionInputValue::from(TensorRef::from_array_view((shape, values))?),
        })
    }
}

/// Shape and values of an output.
///
/// # Errors
/// What ONNX Runtime says, for anything but floats.
pub(super) fn values(output: &DynValue) -> ort::Result<(Vec<i64>, Cow<'_, [f32]>)> {
    if let Ok((shape, values)) = output.try_extract_tensor::<f16>() {
        return Ok((shape.to_vec(), values.iter().map(|value| value.to_f32()).collect()));
    }
    if let Ok((shape, values)) = output.try_extract_tensor::<bf16>() {
        return Ok((shape.to_vec(), values.iter().map(|value| value.to_f32()).collect()));
    }
    if let Ok((shape, values)) = output.try_extract_tensor::<f64>() {
        return Ok((shape.to_vec(), values.iter().map(|&value| value as f32).collect()));
    }
    let (shape, values) = output.try_extract_tensor::<f32>()?;
    Ok((shape.to_vec(), Cow::Borrowed(values)))
}

/// A row's shape in an output `[N, …]`, without the ones at its end, steps pooled: `[N, 512, 1, 1, 1]` has rows of \[512\].
///
/// # Errors
/// A sentence, for steps that are to be pooled in anything but `[N, T, D]`.
pub(super) fn row_shape(shape: &[i64], pool: Pool) -> Result<Vec<u64>, String> {
    if let ([_, _, width], false) = (shape, pool.is_none()) {
        return Ok(vec![*width as u64]);
    }
    let flat = shape.iter().rposition(|&n| n != 1).unwrap_or(0).max(1);
    if flat > 1 && !pool.is_none() {
        return Err(format!("is {shape:?}, whose steps cannot be pooled; expected [N, T, D], or pool = \"none\""));
    }
    Ok(shape[1..=flat].iter().map(|&n| n as u64).collect())
}

/// The values of an output, steps pooled: in f64, in their order.
pub(super) fn pooled<'a>(shape: &[i64], values: Cow<'a, [f32]>, pool: Pool) -> Cow<'a, [f32]> {
    let (&[_, steps, width], false) = (shape, pool.is_none()) else { return values };
    let row = |row: &[f32]| {
        let feature = |place: usize| {
            let steps_of = row.iter().skip(place).step_by(width as usize).copied();
            match pool {
                // not a number stays one
                Pool::Max => {
                    steps_of.fold(f32::NEG_INFINITY, |most, value| if most >= value || most.is_nan() { most } else { value })
                }
                _ => (steps_of.map(f64::from).sum::<f64>() / steps as f64) as f32,
            }
        };
        (0..width as usize).map(feature).collect::<Vec<_>>()
    };
    values.chunks_exact(((steps * width) as usize).max(1)).flat_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_pooled() {
        let values = [1.0, 2.0, 3.0, -4.0, 5.0, 9.0, 0.0, 0.0, -1.0, -1.0, -2.0, 3.0];
        let of = |pool| pooled(&[2, 3, 2], Cow::Borrowed(&values), pool).into_owned();
        assert_eq!(of(Pool::None), values);
        assert_eq!(of(Pool::Mean), [3.0, 7.0 / 3.0, -1.0, 2.0 / 3.0]);
        assert_eq!(of(Pool::Max), [5.0, 9.0, 0.0, 3.0]);
        assert_eq!(row_shape(&[2, 3, 2], Pool::Max), Ok(vec![2]));
        assert_eq!(row_shape(&[2, 3, 2], Pool::None), Ok(vec![3, 2]));
        assert_eq!(row_shape(&[2, 3, 1, 1], Pool::Mean), Ok(vec![3]));
        assert_eq!(row_shape(&[2, 1, 1], Pool::None), Ok(vec![1]));
        assert!(row_shape(&[2, 3, 4, 4], Pool::Mean).unwrap_err().contains("expected [N, T, D]"));
    }

    #[test]
    fn integers_take_pixels_and_nothing_else() {
        let reading = Reading::usual(&[2, 4, 4, 3], crate::modality::Kind::VIDEO);
        let norm = |mean: f32, std: f32| Norm { mean: vec![mean], std: vec![std] };
        let of = |found, rows, norm: Norm| Element::of_input(found).unwrap().check(rows, &reading, &norm);
        assert_eq!(of(TensorElementType::Uint8, Dtype::U8, Norm::default()), Ok(()));
        assert_eq!(of(TensorElementType::Int8, Dtype::U8, norm(128.0, 1.0)), Ok(()));
        assert!(of(TensorElementType::Int8, Dtype::U8, Norm::default()).unwrap_err().contains("pixel of 128"));
        assert!(of(TensorElementType::Uint8, Dtype::U8, norm(0.0, 2.0)).unwrap_err().contains("pixel of 1 in channel 0"));
        assert!(of(TensorElementType::Uint8, Dtype::F32, Norm::default()).unwrap_err().contains("rows are f32"));
        assert_eq!(of(TensorElementType::Float16, Dtype::F32, norm(0.5, 2.0)), Ok(()));
        assert_eq!(Element::of_input(TensorElementType::Int64), None);
    }
}
