//! How many failed samples are put up with.

use std::str::FromStr;

/// A number of samples, or a share of them.
#[derive(Debug, Clone, PartialEq)]
pub struct MaxFailures {
    text: String,
    limit: Limit,
}

#[derive(Debug, Clone, PartialEq)]
enum Limit {
    Number(usize),
    Percent(f64),
}

impl FromStr for MaxFailures {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("{text:?}: expected a number such as 10 or a share such as 2%");
        let limit = match text.strip_suffix('%') {
            Some(percent) => {
                let percent: f64 = percent.trim().parse().map_err(|_| refuse())?;
                Limit::Percent(if (0.0..=100.0).contains(&percent) { percent } else { return Err(refuse()) })
            }
            None => Limit::Number(text.parse().map_err(|_| refuse())?),
        };
        Ok(Self { text: text.to_owned(), limit })
    }
}

#[cfg(any(feature = "hdf5", feature = "torch"))]
impl MaxFailures {
    /// Whether `failed` of `total` are too many.
    pub fn exceeded(&self, failed: usize, total: usize) -> bool {
        match self.limit {
            Limit::Number(number) => failed > number,
            Limit::Percent(percent) => failed as f64 > percent / 100.0 * total as f64,
        }
    }

    /// As it was given.
    #[cfg(feature = "hdf5")]
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
#[cfg(feature = "hdf5")]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_shares() {
        let limit = |text: &str| MaxFailures::from_str(text).unwrap();
        assert!(limit("0").exceeded(1, 1000) && !limit("0").exceeded(0, 1000));
        assert!(limit("2%").exceeded(21, 1000) && !limit("2%").exceeded(20, 1000));
        for text in ["", "-1", "x", "101%", "NaN%", "%"] {
            assert!(MaxFailures::from_str(text).is_err(), "{text}");
        }
    }
}
