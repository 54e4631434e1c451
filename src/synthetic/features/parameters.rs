//! What features are drawn from.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The domains; the last one is the target.
pub const DOMAINS: [&str; 3] = ["source-1", "source-2", "target"];
/// The place of the target.
pub const TARGET: usize = 2;
/// How far along u and u′ each domain lies.
pub const COORDINATES: [f64; 3] = [-1.0, 1.0, 2.5];
/// The modalities, in the order of their blocks.
pub const MODALITIES: [&str; 2] = ["quick", "slow"];

/// What features are drawn from. Equal parameters give equal features.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Parameters {
    /// Seed of everything random.
    pub seed: u64,
    /// Share of the quick cue's energy that is bound to a domain, in [0, 1].
    pub h: f64,
    /// Size of the quick cue, in standard deviations of ε.
    pub a: f64,
    /// Size of the stable cue beside it.
    pub s: f64,
    /// Size of each element of the slow cue.
    pub b: f64,
    /// How unlike each other the sources' class priors are.
    pub kappa: f64,
    /// Shift of `quick` from domain to domain.
    pub c: f64,
    /// Shift of `slow`, c′.
    pub c_slow: f64,
    /// Number of classes, at least 2.
    pub classes: usize,
    /// Rows of each domain: three fifths for training, a fifth each for validation and test.
    pub rows: usize,
    /// Width of Q\[y\], Q_d\[y\] and P\[y\].
    pub cue_width: usize,
    /// Width of code(y), a power of two that is no less than the number of classes.
    pub code_width: usize,
    /// Width of u and u′.
    pub shift_width: usize,
}

impl Parameters {
    /// Widths of `quick` and `slow`.
    pub fn widths(&self) -> [usize; 2] {
        [2 * self.cue_width + self.shift_width, 2 * self.code_width + self.shift_width]
    }

    /// Checks every parameter.
    ///
    /// # Errors
    /// [`Error::Input`] that names the parameter, its value and what was expected.
    pub fn check(&self) -> Result<()> {
        let wrong = |name: &str, value: &dyn std::fmt::Display, expected: &str| {
            Err(Error::input(format!("synthetic features: {name}"), format!("{value}; expected {expected}")))
        };
        let sizes = [("a", self.a), ("s", self.s), ("b", self.b), ("kappa", self.kappa), ("c", self.c), ("c-slow", self.c_slow)];
        for (name, value) in sizes {
            if !(0.0..=1e3).contains(&value) {
                return wrong(name, &value, "a number from 0 to 1000");
            }
        }
        if !(0.0..=1.0).contains(&self.h) {
            return wrong("h", &self.h, "a share from 0 to 1");
        }
        for (name, value, range) in [
            ("classes", self.classes, 2..=1024),
            ("rows", self.rows, 5..=1_000_000),
            ("cue-width", self.cue_width, 1..=1024),
            ("shift-width", self.shift_width, 1..=1024),
        ] {
            if !range.contains(&value) {
                return wrong(name, &value, &format!("a whole number from {} to {}", range.start(), range.end()));
            }
        }
        if !(self.code_width.is_power_of_two() && (self.classes..=1024).contains(&self.code_width)) {
            let expected = format!("a power of two from {} (the number of classes) to 1024", self.classes);
            return wrong("code-width", &self.code_width, &expected);
        }
        Ok(())
    }
}
