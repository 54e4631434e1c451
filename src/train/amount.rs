//! Amounts in a pipeline file that may be written as a number or a word.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use toml::Value;

/// Runs that train side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum Runs {
    /// As many as are fastest here, measured with a few steps of each shape of runs.
    Auto,
    /// At most so many.
    AtMost(usize),
}

impl FromStr for Runs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("auto", _) => Ok(Self::Auto),
            (_, Ok(runs @ 1..=1_000_000)) => Ok(Self::AtMost(runs)),
            _ => Err(format!("{text:?}; expected a number of runs from 1, or \"auto\"")),
        }
    }
}

impl TryFrom<Value> for Runs {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        plain(&value).parse()
    }
}

impl From<Runs> for Value {
    fn from(runs: Runs) -> Self {
        match runs {
            Runs::Auto => Self::String("auto".into()),
            Runs::AtMost(runs) => Self::Integer(runs as i64),
        }
    }
}

/// An amount of memory.
///
/// ```
/// use mmdg::train::Bytes;
/// let bytes: Bytes = "1.5GiB".parse().unwrap();
/// assert_eq!((u64::from(bytes), bytes.to_string()), (1_610_612_736, "1.50 GiB".into()));
/// assert!("2 apples".parse::<Bytes>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Bytes(u64);

/// Longest endings first.
const UNITS: [(&str, f64); 8] = [
    ("KiB", 1024.0),
    ("MiB", 1048576.0),
    ("GiB", 1073741824.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("G", 1073741824.0),
    ("M", 1048576.0),
];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) =
            UNITS.iter().find_map(|(ending, unit)| Some((text.strip_suffix(ending)?, *unit))).unwrap_or((text, 1.0));
        let amount = number.trim().parse::<f64>().ok().map(|number| number * unit);
        match amount.filter(|amount| (0.0..1e18).contains(amount)) {
            Some(amount) => Ok(Self(amount as u64)),
            None => Err(format!("{text:?}; expected bytes, such as \"8GiB\" or \"500MB\"")),
        }
    }
}

impl TryFrom<Value> for Bytes {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        plain(&value).parse()
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::Integer(bytes.0 as i64)
    }
}

impl From<Bytes> for u64 {
    fn from(bytes: Bytes) -> Self {
        bytes.0
    }
}

impl From<u64> for Bytes {
    fn from(bytes: u64) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = self.0 as f64;
        if self.0 >= 1 << 30 { write!(f, "{:.2} GiB", amount / UNITS[2].1) } else { write!(f, "{:.1} MiB", amount / UNITS[1].1) }
    }
}

/// A value as it would be written on a command line.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
