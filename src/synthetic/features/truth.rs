use super::{DOMAINS, Parameters, TARGET};
use crate::rng::Stream;

/// What is drawn once and shared by all rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// Q\[y\], [classes, cue-width], of length 1.
    pub cue: Vec<Vec<f64>>,
    /// Q_d\[y\], [domains, classes, cue-width], of length 1.
    pub domain_cue: Vec<Vec<Vec<f64>>>,
    /// P\[y\], [classes, cue-width], of length 1.
    pub stable_cue: Vec<Vec<f64>>,
    /// code(y), [classes, code-width], of −1 and 1.
    pub code: Vec<Vec<f64>>,
    /// u and u′, [2, shift-width], of length 1.
    pub shift: [Vec<f64>; 2],
    /// O and O′, orthogonal, [2, width, width].
    pub rotation: [Vec<Vec<f64>>; 2],
    /// Class priors, [domains, classes].
    pub priors: Vec<Vec<f64>>,
}

impl Truth {
    /// The truth of some parameters.
    pub fn new(parameters: &Parameters) -> Self {
        let Parameters { classes, cue_width, code_width, shift_width, kappa, .. } = *parameters;
        let stream = stream(parameters);
        let cues = |stream: Stream| -> Vec<Vec<f64>> { (0..classes).map(|y| unit(stream.at(y as u32), cue_width)).collect() };
        let domains = 0..DOMAINS.len();
        // rows of Sylvester's Hadamard matrix, each column with a sign of its own
        let sign = |j: usize| stream.with("code").bits(j as u32) & 1;
        let code = |y: usize| (0..code_width).map(|j| signed((y & j).count_ones() + sign(j))).collect();
        let prior = |d: usize| {
            let normal = stream.with("prior").at(d as u32);
            let sharpness = if d == TARGET { 0.0 } else { kappa };
            softmax(&(0..classes).map(|y| sharpness * normal.normal(y as u32)).collect::<Vec<_>>())
        };
        let widths = parameters.widths();
        Self {
            cue: cues(stream.with("Q")),
            domain_cue: domains.clone().map(|d| cues(stream.with("Q_d").at(d as u32))).collect(),
            stable_cue: cues(stream.with("P")),
            code: (0..classes).map(code).collect(),
            shift: [0, 1].map(|m| unit(stream.with("u").at(m), shift_width)),
            rotation: [0, 1].map(|m| orthogonal(stream.with("O").at(m as u32), widths[m])),
            priors: domains.map(prior).collect(),
        }
    }
}

/// Everything random in features of these parameters.
pub(super) fn stream(parameters: &Parameters) -> Stream {
    Stream::new(parameters.seed).with("synthetic features")
}

/// 1 for an even number, −1 for an odd one.
pub(super) fn signed(bits: u32) -> f64 {
    1.0 - 2.0 * f64::from(bits & 1)
}

/// Uniform on the sphere.
pub(super) fn unit(stream: Stream, width: usize) -> Vec<f64> {
    let mut x: Vec<f64> = (0..width as u32).map(|i| stream.normal(i)).collect();
    scale_to_unit(&mut x);
    x
}

fn scale_to_unit(x: &mut [f64]) {
    let length = dot(x, x).sqrt();
    x.iter_mut().for_each(|x| *x /= length);
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|x| (x - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// Rows of normal numbers, made orthonormal one after another; twice, so that rounding is all that is left.
fn orthogonal(stream: Stream, width: usize) -> Vec<Vec<f64>> {
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(width);
    for i in 0..width {
        let mut row = unit(stream.at(i as u32), width);
        for other in rows.iter().chain(&rows) {
            let along = dot(&row, other);
            row.iter_mut().zip(other).for_each(|(x, other)| *x -= along * other);
        }
        scale_to_unit(&mut row);
        rows.push(row);
    }
    rows
}
