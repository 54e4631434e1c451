//! An axis: its ends and its ticks.

/// A linear axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    /// Values that are marked, with what stands beside them.
    pub ticks: Vec<(f64, String)>,
}

/// Whether a value can be drawn: finite, and of a size that axes can be computed with.
pub fn drawable(value: f64) -> bool {
    value.abs() < 1e100
}

impl Scale {
    /// Round ends and about five steps of 1, 2 or 5 · 10ⁿ around the drawable ones of `values`.
    pub fn around(values: impl IntoIterator<Item = f64>) -> Self {
        let wide = (f64::INFINITY, f64::NEG_INFINITY);
        let ends = values.into_iter().filter(|&v| drawable(v)).fold(wide, |(low, high), v| (low.min(v), high.max(v)));
        let (low, high) = if ends.0 <= ends.1 { ends } else { (0.0, 1.0) };
        let size = low.abs().max(high.abs());
        // one value alone gets room on both sides, 0 the unit interval
        let (low, high) = match (size < 1e-100, high - low > 1e-9 * size) {
            (true, _) => (0.0, 1.0),
            (false, true) => (low, high),
            (false, false) => (low - 0.1 * size, high + 0.1 * size),
        };
        let step = round_step((high - low) / 5.0);
        // a hair of tolerance: 0.3 / 0.1 is not 3
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        let count = (last - first).clamp(1.0, 20.0) as usize;
        let ticks = (0..=count).map(|i| (first + i as f64) * step).map(|v| (v, tick_label(v, step, size))).collect();
        Self { low: first * step, high: last * step, ticks }
    }

    /// Whole epochs 0 to `count` − 1.
    pub fn epochs(count: usize) -> Self {
        let last = count.saturating_sub(1).max(1);
        let step = round_step(last as f64 / 5.0).max(1.0) as usize;
        Self { low: 0.0, high: last as f64, ticks: (0..=last).step_by(step).map(|v| (v as f64, v.to_string())).collect() }
    }

    /// Where a value lies between the pixels `from` (the low end) and `to` (the high end).
    pub fn place(&self, value: f64, from: f64, to: f64) -> f64 {
        from + (value - self.low) / (self.high - self.low) * (to - from)
    }
}

/// The smallest 1, 2 or 5 · 10ⁿ not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    [1.0, 2.0, 5.0].into_iter().find(|m| step <= m * power * (1.0 + 1e-9)).unwrap_or(10.0) * power
}

fn tick_label(value: f64, step: f64, size: f64) -> String {
    if size >= 1e6 || step < 1e-4 {
        return format!("{value:.1e}");
    }
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    let label = format!("{value:.decimals$}");
    if label.trim_matches(['-', '0', '.']).is_empty() { format!("{:.decimals$}", 0.0) } else { label.replace('-', "−") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &[f64]) -> Vec<String> {
        Scale::around(values.iter().copied()).ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(&[0.0, 1.0]), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&[13.0, 87.0]), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(labels(&[-0.3, 0.1]), ["−0.3", "−0.2", "−0.1", "0.0", "0.1"]);
        assert_eq!(labels(&[0.0]), labels(&[]));
    }

    #[test]
    fn no_value_breaks_an_axis() {
        for values in
            [&[f64::NAN][..], &[f64::INFINITY, 2.0], &[1e300, -1e300], &[1e99, -1e99], &[1e-300, 0.0], &[1.0, 1.0 + 1e-16]]
        {
            let scale = Scale::around(values.iter().copied());
            assert!((2..=21).contains(&scale.ticks.len()), "{values:?}: {scale:?}");
            assert!(scale.ticks.iter().all(|(v, _)| scale.place(*v, 0.0, 100.0).is_finite()), "{values:?}: {scale:?}");
        }
        assert_eq!(Scale::epochs(0), Scale::epochs(1));
        assert!(Scale::epochs(1_000_000).ticks.len() < 10);
    }
}
