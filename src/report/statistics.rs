//! The arithmetic of the tables.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// A sample of figures, told by mean and spread.
///
/// ```
/// use mmdg::report::statistics::Summary;
/// let s = Summary::of(&[0.2, 0.4, 0.6]).unwrap();
/// assert!((s.mean - 0.4).abs() < 1e-12 && (s.deviation.unwrap() - 0.2).abs() < 1e-12);
/// assert_eq!(Summary::of(&[0.5]).unwrap().deviation, None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (divisor n − 1); none for a single figure.
    pub deviation: Option<f64>,
    /// How many figures, n.
    pub count: usize,
}

impl Summary {
    /// Of all `values`; none where there is none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let (count, mean) = (values.len(), mean(values)?);
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let deviation = (count > 1).then(|| (squares / (count as f64 - 1.0)).sqrt());
        Some(Self { mean, deviation, count })
    }
}

/// Differences between runs of equal target and seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Mean and spread.
    pub summary: Summary,
    /// Half the width of the mean's 95 % interval: t(0.975, n − 1) · s / √n. None for a single difference.
    pub half: Option<f64>,
    /// Two-sided p of Student's paired test. None for a single difference, and where all are equal.
    pub p: Option<f64>,
}

impl Difference {
    /// Of all `values`; none where there is none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let summary = Summary::of(values)?;
        let error = summary.deviation.map(|deviation| deviation / (summary.count as f64).sqrt());
        let t = StudentsT::new(0.0, 1.0, summary.count as f64 - 1.0).ok();
        let half = t.zip(error).map(|(t, error)| t.inverse_cdf(0.975) * error);
        // equal up to rounding: there is no spread to test against
        let error = error.filter(|error| *error > 1e-12 * (1.0 + summary.mean.abs()));
        let p = t.zip(error).map(|(t, error)| 2.0 * t.cdf(-(summary.mean / error).abs()));
        Some(Self { summary, half, p })
    }
}

/// Holm's correction (1979): the k-th smallest of m values is multiplied by m − k + 1, at most 1 and no less than those before it.
/// Places without a value stay so and do not count.
pub fn holm(values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> = values.iter().enumerate().filter_map(|(i, p)| Some((i, (*p)?))).collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (mut corrected, mut largest, count) = (vec![None; values.len()], 0.0f64, order.len());
    for (rank, (place, p)) in order.into_iter().enumerate() {
        largest = largest.max(p * (count - rank) as f64).min(1.0);
        corrected[place] = Some(largest);
    }
    corrected
}

/// Arithmetic mean; none of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_divides_by_n_minus_1() {
        let s = Summary::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert_eq!((s.mean, s.count), (5.0, 8));
        assert!((s.deviation.unwrap() - (32.0f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(Summary::of(&[3.0, 3.0]).unwrap().deviation, Some(0.0));
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn intervals_and_tests_are_students() {
        // mean 2, s = 2, n = 3: t = √3, t(0.975, 2) = 4.302653; p of t with 2 degrees of freedom is 1 − t / √(2 + t²)
        let d = Difference::of(&[0.0, 2.0, 4.0]).unwrap();
        assert!((d.half.unwrap() - 4.302_652_729_911_275 * 2.0 / 3f64.sqrt()).abs() < 1e-9, "{d:?}");
        assert!((d.p.unwrap() - (1.0 - (3.0f64 / 5.0).sqrt())).abs() < 1e-9, "{d:?}");
        // tabulated quantiles: n differences of ± 1 around 0 have s² = n / (n − 1)
        for (n, quantile) in [(2, 12.706_204_736), (4, 3.182_446_305), (10, 2.262_157_163), (100, 1.984_216_952)] {
            let values: Vec<f64> = (0..n).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
            let half = Difference::of(&values).unwrap().half.unwrap() * f64::from(n - 1).sqrt();
            assert!((half - quantile).abs() < 1e-8, "{n}: {half}");
        }
        let one = Difference::of(&[1.0]).unwrap();
        assert_eq!((one.half, one.p), (None, None));
        let equal = Difference::of(&[1.0, 1.0]).unwrap();
        assert_eq!((equal.half, equal.p), (Some(0.0), None));
    }

    #[test]
    fn holm_steps_down() {
        let found = holm(&[Some(0.01), None, Some(0.04), Some(0.03), Some(0.9)]);
        let wanted = [Some(0.04), None, Some(0.09), Some(0.09), Some(0.9)];
        assert!(
            found.iter().zip(wanted).all(|(a, b)| match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-12,
                (a, b) => *a == b,
            }),
            "{found:?}"
        );
        assert_eq!(holm(&[Some(0.7), Some(0.8)]), [Some(1.0), Some(1.0)]);
    }
}
