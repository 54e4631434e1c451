//! A model's golden pair: an input, and what those who exported the model got for it.

use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};

use super::onnx::Backbone;
use super::provider::Compute;
use crate::{Error, Result, fs};

/// How far outputs may be from the golden ones: ‖a − b‖ ≤ this · ‖b‖. Between kinds of CPU and of convolution, f32 gives about 1e-6.
pub const TOLERANCE: f64 = 1e-4;
/// The same where products are of bf16, which gives 2e-3 to 3e-3.
pub const BF16_TOLERANCE: f64 = 2e-2;

/// Where the pair of a model lies: `x.golden.safetensors` beside `x.onnx`.
pub fn path(model: &Path) -> PathBuf {
    model.with_extension("golden.safetensors")
}

/// Runs the input of the pair in `path` and compares the outputs that the backbone gives.
///
/// # Errors
/// [`Error::Input`] with the difference, or for a file that is no such pair.
pub fn check(backbone: &mut Backbone, path: &Path, compute: Compute) -> Result<()> {
    let tolerance = if compute == Compute::Bf16 { BF16_TOLERANCE } else { TOLERANCE };
    let bad = |problem: String| Error::input(path.display(), problem);
    let bytes = fs::read(path).map_err(|error| bad(format!("{error}; expected the golden pair of the model")))?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| bad(format!("no safetensors: {error}")))?;
    let tensor = |name: &str| -> Result<(Vec<usize>, Vec<f32>)> {
        let found =
            tensors.tensor(name).map_err(|_| bad(format!("no tensor {name:?}; expected one beside {:?}", tensors.names())))?;
        if found.dtype() != Dtype::F32 {
            return Err(bad(format!("{name:?} is {:?}; expected f32", found.dtype())));
        }
        Ok((found.shape().to_vec(), bytemuck::pod_collect_to_vec(found.data())))
    };
    let (shape, input) = tensor("input")?;
    let rows = shape.first().copied().unwrap_or(0);
    if rows == 0 || input.len() != rows * backbone.row_elements() {
        return Err(bad(format!("\"input\" is {shape:?}; expected rows of {} values", backbone.row_elements())));
    }
    let names: Vec<String> = backbone.outputs().to_vec();
    let goldens = names.iter().map(|name| Ok(tensor(name)?.1)).collect::<Result<Vec<_>>>()?;
    let mut found: Vec<Vec<f32>> = vec![Vec::new(); names.len()];
    // in batches as rows are, the last one filled up
    let (batch, elements) = (backbone.batch(), backbone.row_elements());
    for part in input.chunks(batch * elements) {
        let mut whole = part.to_vec();
        whole.resize(batch * elements, 0.0);
        let there = part.len() / elements;
        let run = backbone.rows(&whole, batch, |output, values| {
            found[output].extend_from_slice(&values[..values.len() / batch * there]);
        });
        run.map_err(bad)?;
    }
    for ((name, golden), found) in names.iter().zip(&goldens).zip(&found) {
        let difference = distance(found, golden)
            .ok_or_else(|| bad(format!("{name:?} has {} values; the model gives {}", golden.len(), found.len())))?;
        // not a number is not near either
        if difference.is_nan() || difference > tolerance {
            let problem = format!(
                "output {name:?} is {difference:.1e} from the golden one, relative to its length; expected at most {tolerance:.0e}"
            );
            return Err(bad(problem));
        }
    }
    Ok(())
}

/// ‖a − b‖ / ‖b‖; `None` for unequal lengths.
fn distance(a: &[f32], b: &[f32]) -> Option<f64> {
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let difference = square(&mut a.iter().zip(b).map(|(&a, &b)| f64::from(a) - f64::from(b)));
    let length = square(&mut b.iter().map(|&b| f64::from(b)));
    (a.len() == b.len()).then(|| (difference / length.max(f64::MIN_POSITIVE)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_relative() {
        assert_eq!(distance(&[3.0, 4.0], &[3.0, 4.0]), Some(0.0));
        assert_eq!(distance(&[6.0, 8.0], &[3.0, 4.0]), Some(1.0));
        assert!(distance(&[f32::NAN], &[1.0]).unwrap().is_nan());
        assert_eq!(distance(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(path(Path::new("a/x.onnx")), Path::new("a/x.golden.safetensors"));
        assert_eq!(path(Path::new("a/slowfast-r101.trunk.onnx")), Path::new("a/slowfast-r101.trunk.golden.safetensors"));
    }
}
