//! Which precision is at work, and how far features are from ONNX Runtime's own kernels in f32: measured, since nobody says.

use super::neighbours::{self, distance};
use super::onnx::Backbone;
use super::provider::Compute;

/// Apart by less than this, relative to the length, is f32 in another order of sums (1e-7 to 1e-5 in real networks).
const F32_BELOW: f64 = 5e-5;
/// From here to the next line it is bf16 (2.4e-3 in real networks).
const BF16_FROM: f64 = 2e-4;
const BF16_BELOW: f64 = 5e-2;

/// What a relative distance tells of the precision; `None` for what is neither.
fn precision(apart: f64) -> Option<Compute> {
    match apart {
        _ if apart < F32_BELOW => Some(Compute::F32),
        _ if (BF16_FROM..BF16_BELOW).contains(&apart) => Some(Compute::Bf16),
        _ => None,
    }
}

/// Runs a batch of seeded noise through both.
///
/// # Errors
/// A sentence where the precision asked for is not the one at work.
pub(super) fn check(backbone: &mut Backbone, reference: &mut Backbone, asked: Compute) -> Result<(), String> {
    let rows = backbone.batch();
    let noise = neighbours::noise(backbone, 0..rows);
    let [found, expected] =
        [neighbours::run(backbone, &noise, rows)?.concat(), neighbours::run(reference, &noise, rows)?.concat()];
    let apart = distance(&found, &expected);
    if precision(apart) == Some(asked) {
        return Ok(());
    }
    Err(format!(
        "compute = {:?} was asked for, but outputs of noise are {apart:.1e} from those of ONNX Runtime's own kernels in f32, relative to their length; expected {}",
        asked.name(),
        match asked {
            Compute::F32 => format!("less than {F32_BELOW:.0e}"),
            Compute::Bf16 => format!("{BF16_FROM:.0e} to {BF16_BELOW:.0e}"),
        }
    ))
}

/// Clips that were run twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// How many.
    pub clips: usize,
    /// Smallest cosine of a row of an output to the reference's.
    pub cosine: f64,
    /// Largest distance, relative to the length of the reference's.
    pub apart: f64,
}

impl Default for Agreement {
    fn default() -> Self {
        Self { clips: 0, cosine: 1.0, apart: 0.0 }
    }
}

impl Agreement {
    /// Counts a row of an output.
    pub fn add(&mut self, found: &[f32], reference: &[f32]) {
        self.cosine = self.cosine.min(cosine(found, reference));
        self.apart = self.apart.max(distance(found, reference));
    }
}

/// Not a number where it has no meaning becomes 0: a row of zeros agrees with nothing but itself.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    if a == b {
        return 1.0;
    }
    let cosine = product(a, b) / (product(a, a) * product(b, b)).sqrt();
    if cosine.is_finite() { cosine.min(1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_tells_the_precision() {
        for (apart, expected) in [
            (0.0, Some(Compute::F32)),
            (1e-7, Some(Compute::F32)),
            (1e-5, Some(Compute::F32)),
            (1e-4, None),
            (2.5e-3, Some(Compute::Bf16)),
            (0.3, None),
            (f64::INFINITY, None),
            (f64::NAN, None),
        ] {
            assert_eq!(precision(apart), expected, "{apart}");
        }
    }

    #[test]
    fn agreement_keeps_the_worst() {
        let mut agreement = Agreement::default();
        agreement.add(&[1.0, 2.0], &[1.0, 2.0]);
        assert_eq!((agreement.cosine, agreement.apart), (1.0, 0.0));
        agreement.add(&[3.0, 4.0], &[4.0, 3.0]);
        assert!((agreement.cosine - 0.96).abs() < 1e-12 && (agreement.apart - 2f64.sqrt() / 5.0).abs() < 1e-12);
        agreement.add(&[0.0, 0.0], &[0.0, 0.0]);
        agreement.add(&[0.0], &[1.0]);
        assert_eq!(agreement.cosine, 0.0);
    }
}
