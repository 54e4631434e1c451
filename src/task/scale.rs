use serde::{Deserialize, Serialize};

/// How values are made alike for heads: (value − mean) · scale, from the run's own training rows and no others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// Their mean, in their unit.
    pub mean: f64,
    /// Reciprocal standard deviation; 1 where they hardly vary.
    pub scale: f64,
}

impl Scale {
    /// Values as they are.
    pub const ONE: Self = Self { mean: 0.0, scale: 1.0 };

    /// Of these values.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = values.clone().count().max(1) as f64;
        let mean = values.clone().sum::<f64>() / count;
        let deviation = (values.map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
        // a spread below f32's resolution of the mean is rounding; no unit is so small that it could not be told from that
        Self { mean, scale: if deviation > 1e-6 * mean.abs() && deviation > 0.0 { 1.0 / deviation } else { 1.0 } }
    }

    /// A value in its unit.
    pub fn back(&self, value: f64) -> f64 {
        value / self.scale + self.mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_goes_with_the_unit() {
        let values = [1.0, 4.0, 2.0, 9.0];
        let one = Scale::of(values.iter().copied());
        assert_eq!((one.mean, one.scale), (4.0, 1.0 / 9.5f64.sqrt()));
        // a power of two: to the bit
        let eight = Scale::of(values.iter().map(|value| 8.0 * value));
        assert_eq!((eight.mean, eight.scale), (32.0, one.scale / 8.0));
        let tiny = Scale::of(values.iter().map(|value| 1e-9 * value));
        assert!((tiny.scale * 1e-9 / one.scale - 1.0).abs() < 1e-12);
        assert_eq!(Scale::of([3.0; 4].into_iter()), Scale { mean: 3.0, scale: 1.0 });
        assert!((one.back((9.0 - one.mean) * one.scale) - 9.0).abs() < 1e-12);
    }
}
