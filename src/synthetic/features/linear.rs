use serde::{Deserialize, Serialize};

use super::draw::split;
use super::truth::{dot, unit};
use super::{COORDINATES, DOMAINS, MODALITIES};
use crate::manifest::{Labels, Manifest, Segment};
use crate::rng::Stream;
use crate::span::Span;
use crate::{Error, Result};

/// Features of which a value is a linear function, but for noise: standard normal numbers x_m of each modality, shifted from domain to domain
/// along a direction v_m that tells nothing of the value, and y = mean + size · (⟨w_quick, x_quick⟩ + ⟨w_slow, x_slow⟩ + noise · ε) with unit
/// vectors w_m and v_m at right angles. The best prediction is off by size · noise · ε.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Linear {
    /// Seed of everything random.
    pub seed: u64,
    /// Rows of each domain: three fifths for training, a fifth each for validation and test.
    pub rows: usize,
    /// Width of each modality's features, at least 2.
    pub width: usize,
    /// Standard deviation of what no feature tells, in `size`s.
    pub noise: f64,
    /// What one standard deviation of each modality's part is, in the unit of the values.
    pub size: f64,
    /// Mean of the values.
    pub mean: f64,
}

impl Default for Linear {
    fn default() -> Self {
        Self { seed: 0, rows: 2000, width: 16, noise: 0.2, size: 3.0, mean: 20.0 }
    }
}

impl Linear {
    /// Checks every parameter.
    ///
    /// # Errors
    /// [`Error::Input`] that names the parameter, its value and what was expected.
    pub fn check(&self) -> Result<()> {
        let wrong = |name: &str, value: &dyn std::fmt::Display, expected: &str| {
            Err(Error::input(format!("synthetic features: {name}"), format!("{value}; expected {expected}")))
        };
        for (name, value, range) in [("rows", self.rows, 5..=1_000_000), ("width", self.width, 2..=1024)] {
            if !range.contains(&value) {
                return wrong(name, &value, &format!("a whole number from {} to {}", range.start(), range.end()));
            }
        }
        match [("noise", self.noise), ("size", self.size)].into_iter().find(|(_, value)| !(0.0..=1e3).contains(value)) {
            Some((name, value)) => wrong(name, &value, "a number from 0 to 1000"),
            None if !self.mean.is_finite() => wrong("mean", &self.mean, "a finite number"),
            None => Ok(()),
        }
    }

    fn stream(&self) -> Stream {
        Stream::new(self.seed).with("linear features")
    }

    /// w_m and v_m of a modality.
    pub fn directions(&self, modality: usize) -> [Vec<f64>; 2] {
        let of = |what: &str| unit(self.stream().with(what).at(modality as u32), self.width);
        let (w, mut v) = (of("w"), of("v"));
        let along = dot(&v, &w);
        v.iter_mut().zip(&w).for_each(|(v, w)| *v -= along * w);
        let length = dot(&v, &v).sqrt();
        v.iter_mut().for_each(|v| *v /= length);
        [w, v]
    }

    /// The rows as a data set, their values in `unit`.
    ///
    /// # Errors
    /// [`check`](Self::check).
    pub fn manifest(&self, unit: &str) -> Result<Manifest> {
        self.check()?;
        let segment = |row: usize| {
            let (domain, split) = (row / self.rows, split(row % self.rows, self.rows));
            Segment { domain, split, ..Segment::new(format!("{row:07}"), "", Span::WHOLE) }
        };
        let rows = 0..self.rows * DOMAINS.len();
        let directions = [0, 1].map(|m| self.directions(m));
        let value = |row: usize| {
            let told: f64 = (0..MODALITIES.len()).map(|m| self.told(&directions[m], m, row)).sum();
            let noise = self.stream().with("noise").normal(row as u32);
            (self.mean + self.size * (told + self.noise * noise)) as f32
        };
        let labels = Labels::Values { unit: unit.into(), of: rows.clone().map(value).collect() };
        Manifest::new("synthetic features", labels, DOMAINS.map(String::from).to_vec(), rows.map(segment).collect())
    }

    /// What a modality tells of a row's value, in `size`s.
    fn told(&self, directions: &[Vec<f64>; 2], modality: usize, row: usize) -> f64 {
        let features: Vec<f64> = self.features(directions, modality, row).into_iter().map(f64::from).collect();
        dot(&directions[0], &features)
    }

    /// The features of a row, of `quick` (0) or `slow` (1).
    pub fn row(&self, modality: usize, row: usize) -> Vec<f32> {
        self.features(&self.directions(modality), modality, row)
    }

    fn features(&self, [_, v]: &[Vec<f64>; 2], modality: usize, row: usize) -> Vec<f32> {
        let normal = self.stream().with("x").at(modality as u32).at(row as u32);
        let shift = COORDINATES[row / self.rows];
        v.iter().enumerate().map(|(i, v)| (normal.normal(i as u32) + shift * v) as f32).collect()
    }
}
