use super::truth::{dot, signed, stream};
use super::{COORDINATES, DOMAINS, Parameters, TARGET, Truth};
use crate::Result;
use crate::manifest::{Labels, Manifest, Segment, Split};
use crate::rng::Stream;
use crate::span::Span;

/// Features that can be drawn row by row, in any order.
#[derive(Debug, Clone)]
pub struct Draw {
    parameters: Parameters,
    truth: Truth,
    stream: Stream,
    label: Vec<usize>,
}

impl Draw {
    /// The features of these parameters: the rows of one domain after another, of each the training rows first.
    ///
    /// # Errors
    /// [`Parameters::check`].
    pub fn new(parameters: &Parameters) -> Result<Self> {
        parameters.check()?;
        let (truth, stream) = (Truth::new(parameters), stream(parameters));
        let label = |d: usize| {
            let (prior, uniform) = (&truth.priors[d], stream.with("label").at(d as u32));
            (0..parameters.rows).map(move |i| drawn(prior, f64::from(uniform.uniform(i as u32))))
        };
        let label = (0..DOMAINS.len()).flat_map(label).collect();
        Ok(Self { parameters: *parameters, truth, stream, label })
    }

    /// What the rows were made from.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.label.len()
    }

    /// Never: every domain has rows.
    pub fn is_empty(&self) -> bool {
        self.label.is_empty()
    }

    /// Class of a row.
    pub fn label(&self, row: usize) -> usize {
        self.label[row]
    }

    /// Domain of a row.
    pub fn domain(&self, row: usize) -> usize {
        row / self.parameters.rows
    }

    /// Part of its domain that a row belongs to.
    pub fn split(&self, row: usize) -> Split {
        split(row % self.parameters.rows, self.parameters.rows)
    }

    /// Names of the classes.
    pub fn classes(&self) -> Vec<String> {
        (0..self.parameters.classes).map(|y| format!("class-{y:04}")).collect()
    }

    /// The rows as a data set.
    ///
    /// # Errors
    /// [`crate::Error::Input`] where a class was never drawn.
    pub fn manifest(&self) -> Result<Manifest> {
        let segment = |row| {
            let (domain, split) = (self.domain(row), self.split(row));
            Segment { domain, split, ..Segment::new(format!("{row:07}"), "", Span::WHOLE) }
        };
        let segments = (0..self.len()).map(segment).collect();
        let labels = Labels::classes(self.classes(), self.label.iter().copied());
        Manifest::new("synthetic features", labels, DOMAINS.map(String::from).to_vec(), segments)
    }

    /// The features of a row, of `quick` (0) or `slow` (1).
    pub fn row(&self, modality: usize, row: usize) -> Vec<f32> {
        let Parameters { h, a, s, b, c, c_slow, .. } = self.parameters;
        let (y, d) = (self.label(row), self.domain(row));
        let truth = &self.truth;
        let mut cues = match modality {
            0 => {
                let (shared, own) = (a * (1.0 - h).sqrt(), a * h.sqrt());
                let cue = truth.cue[y].iter().zip(&truth.domain_cue[d][y]).map(|(q, q_d)| shared * q + own * q_d);
                cue.chain(truth.stable_cue[y].iter().map(|p| s * p)).collect::<Vec<_>>()
            }
            _ => {
                let signs = self.stream.with("r").at(row as u32);
                let r: Vec<f64> = (0..truth.code[y].len()).map(|j| b * signed(signs.bits(j as u32))).collect();
                let product = r.iter().zip(&truth.code[y]).map(|(r, code)| r * code);
                r.iter().copied().chain(product).collect()
            }
        };
        let shift = COORDINATES[d] * if modality == 0 { c } else { c_slow };
        cues.extend(truth.shift[modality].iter().map(|u| shift * u));
        let noise = self.stream.with("noise").at(modality as u32).at(row as u32);
        let value = |(i, o): (usize, &Vec<f64>)| (dot(o, &cues) + noise.normal(i as u32)) as f32;
        truth.rotation[modality].iter().enumerate().map(value).collect()
    }

    /// Whether a row is the target's.
    pub fn is_target(&self, row: usize) -> bool {
        self.domain(row) == TARGET
    }
}

/// Part of a domain of `rows` that the row at `place` belongs to.
pub(super) fn split(place: usize, rows: usize) -> Split {
    match 5 * place {
        part if part < 3 * rows => Split::Train,
        part if part < 4 * rows => Split::Val,
        _ => Split::Test,
    }
}

/// The class at a point of [0, 1) when the classes lie side by side, each as wide as its prior.
fn drawn(prior: &[f64], point: f64) -> usize {
    let mut sum = 0.0;
    let below = prior.iter().take_while(|prior| {
        sum += **prior;
        sum <= point
    });
    below.count().min(prior.len() - 1)
}
