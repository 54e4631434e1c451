//! Line charts over epochs: the mean over seeds with a band from the lowest to the highest.

use super::results::EpochResult;
use super::scale::{Scale, drawable};
use super::statistics::mean;
use super::svg::{Anchor, Svg};
use super::{RunResult, markup};

const SIZE: (f64, f64) = (344.0, 190.0);
const LEFT: f64 = 52.0;
const RIGHT: f64 = 336.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 154.0;

/// What the seeds have at one epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Mean over the seeds with a finite figure.
    pub mean: f64,
    /// The lowest of them.
    pub low: f64,
    /// The highest of them.
    pub high: f64,
}

/// One line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Name in the legend.
    pub label: String,
    /// Number in the legend, which colour and dashes follow.
    pub style: usize,
    /// By epoch; none where no seed has a finite figure.
    pub points: Vec<Option<Point>>,
    /// Seeds.
    pub runs: usize,
    /// Figures that are not finite and so left out of the points.
    pub not_finite: usize,
    /// Figures that are, but beyond what an axis can show.
    pub too_large: usize,
    /// Figures in all.
    pub figures: usize,
}

impl Line {
    /// Over the seeds `runs`, of the figure `value`, which an epoch may lack.
    pub fn over(runs: &[&RunResult], label: &str, style: usize, value: impl Fn(&EpochResult) -> Option<f64>) -> Self {
        let epochs = runs.iter().map(|run| run.curve.len()).max().unwrap_or(0);
        let (mut not_finite, mut too_large, mut figures) = (0, 0, 0);
        let mut point = |epoch: usize| {
            let all: Vec<f64> = runs.iter().filter_map(|run| value(run.curve.get(epoch)?)).collect();
            let finite: Vec<f64> = all.iter().copied().filter(|&v| drawable(v)).collect();
            figures += all.len();
            let lost = all.iter().filter(|value| !value.is_finite()).count();
            not_finite += lost;
            too_large += all.len() - finite.len() - lost;
            let ends = |least: f64, next: fn(f64, f64) -> f64| finite.iter().copied().fold(least, next);
            Some(Point { mean: mean(&finite)?, low: ends(f64::INFINITY, f64::min), high: ends(f64::NEG_INFINITY, f64::max) })
        };
        let points = (0..epochs).map(&mut point).collect();
        Self { label: label.into(), style, points, runs: runs.len(), not_finite, too_large, figures }
    }

    /// Lowest and highest figures, for the axis.
    pub fn ends(&self) -> impl Iterator<Item = f64> {
        self.points.iter().flatten().flat_map(|p| [p.low, p.high])
    }

    /// For a screen reader.
    fn describe(&self) -> String {
        let known: Vec<(usize, f64)> = self.points.iter().enumerate().filter_map(|(e, p)| Some((e, p.as_ref()?.mean))).collect();
        match (known.first(), known.last()) {
            (Some((e, a)), Some((f, b))) => format!("{}: {a:.3} at epoch {e}, {b:.3} at epoch {f}.", self.label),
            _ => format!("{}: no figures.", self.label),
        }
    }
}

/// One chart.
#[derive(Debug)]
pub struct Chart<'a> {
    /// Unique in the page.
    pub id: String,
    /// What the chart is of: the target.
    pub title: &'a str,
    /// The figure and its unit.
    pub axis: &'a str,
    /// A value worth a line across, such as 1 for a ratio.
    pub reference: Option<f64>,
    /// The vertical axis.
    pub scale: &'a Scale,
    /// What is drawn, first below.
    pub lines: &'a [Line],
}

impl Chart<'_> {
    /// The SVG element.
    pub fn draw(&self) -> String {
        let epochs = self.lines.iter().map(|line| line.points.len()).max().unwrap_or(0);
        let across = Scale::epochs(epochs);
        let described: Vec<String> = self.lines.iter().map(Line::describe).collect();
        let mut svg = Svg::new(&self.id, SIZE, &format!("{} by epoch, {}", self.axis, self.title), &described.join(" "));
        svg.text("name", (LEFT, 14.0), Anchor::Start, 0.0, &markup::shorten(self.title, 42));
        for (value, label) in &self.scale.ticks {
            let y = self.scale.place(*value, BOTTOM, TOP);
            svg.line("grid", (LEFT, y), (RIGHT, y));
            svg.text("tick", (LEFT - 6.0, y + 3.5), Anchor::End, 0.0, label);
        }
        svg.line("axis", (LEFT, BOTTOM), (RIGHT, BOTTOM));
        for (value, label) in &across.ticks {
            let x = across.place(*value, LEFT, RIGHT);
            svg.line("axis", (x, BOTTOM), (x, BOTTOM + 4.0));
            svg.text("tick", (x, BOTTOM + 16.0), Anchor::Middle, 0.0, label);
        }
        svg.text("tick", ((LEFT + RIGHT) / 2.0, SIZE.1 - 5.0), Anchor::Middle, 0.0, "epoch");
        svg.text("tick", (11.0, (TOP + BOTTOM) / 2.0), Anchor::Middle, -90.0, self.axis);
        if let Some(value) = self.reference {
            let y = self.scale.place(value, BOTTOM, TOP);
            svg.line("reference", (LEFT, y), (RIGHT, y));
        }
        let place = |epoch: usize, value| (across.place(epoch as f64, LEFT, RIGHT), self.scale.place(value, BOTTOM, TOP));
        for line in self.lines.iter().filter(|line| line.runs > 1) {
            for part in parts(&line.points) {
                let low = part.iter().map(|(e, p)| place(*e, p.low));
                let high = part.iter().rev().map(|(e, p)| place(*e, p.high));
                svg.polygon(&format!("band {}", style(line.style)), &low.chain(high).collect::<Vec<_>>());
            }
        }
        for line in self.lines {
            for part in parts(&line.points) {
                let points: Vec<(f64, f64)> = part.iter().map(|(e, p)| place(*e, p.mean)).collect();
                match points[..] {
                    [point] => svg.dot(&format!("dot {}", style(line.style)), point),
                    _ => svg.polyline(&format!("line {}", style(line.style)), &points),
                }
            }
        }
        svg.finish()
    }
}

/// Classes of the n-th line: seven colours and four kinds of dashes, so that 28 lines differ and neighbours differ twice.
pub fn style(n: usize) -> String {
    format!("s{} d{}", n % 7, n % 4)
}

/// The stretches without a gap.
fn parts(points: &[Option<Point>]) -> Vec<Vec<(usize, Point)>> {
    let numbered: Vec<(usize, Option<Point>)> = points.iter().copied().enumerate().collect();
    let stretches = numbered.split(|(_, point)| point.is_none()).filter(|part| !part.is_empty());
    stretches.map(|part| part.iter().filter_map(|&(epoch, point)| Some((epoch, point?))).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_parts_a_line() {
        let p = Some(Point { mean: 1.0, low: 0.0, high: 2.0 });
        let lengths: Vec<usize> = parts(&[None, p, p, None, None, p]).iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 1]);
        assert!(parts(&[None]).is_empty() && parts(&[]).is_empty());
    }
}
