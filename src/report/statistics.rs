//! The arithmetic of the tables.

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
}
