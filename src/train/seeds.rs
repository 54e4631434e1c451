//! Seeds as they are written: numbers and ranges of them.

use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use toml::Value;

use crate::rng::seeds;

/// Seeds of one argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeds(pub Vec<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        seeds(text).map(Self)
    }
}

/// As a pipeline file has them: a number, or text with numbers and ranges parted by commas, or a list of these.
pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    fn from(value: &Value) -> Result<Vec<u64>, String> {
        match value {
            Value::Integer(number) => number
                .to_string()
                .parse::<u64>()
                .map(|number| vec![number])
                .map_err(|_| format!("seeds: {number}; expected whole numbers of at least 0, or ranges such as \"0-4\"")),
            Value::String(text) => seeds(text),
            Value::Array(values) => Ok(values.iter().map(from).collect::<Result<Vec<_>, _>>()?.concat()),
            other => Err(format!("{other}; expected whole numbers, or ranges such as \"0-4\"")),
        }
    }
    from(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::super::Protocol;

    #[test]
    fn ranges_have_both_ends_wherever_seeds_stand() {
        let seeds = |text: &str| toml::from_str::<Protocol>(&format!("seeds = {text}")).map(|protocol| protocol.seeds);
        for (text, wanted) in [
            ("'0-4'", vec![0, 1, 2, 3, 4]),
            ("['0-2', 7]", vec![0, 1, 2, 7]),
            ("'1,3-4'", vec![1, 3, 4]),
            ("3", vec![3]),
            ("[]", vec![]),
            ("'5-5'", vec![5]),
        ] {
            assert_eq!(seeds(text).unwrap(), wanted, "{text}");
        }
        for (text, part) in [
            ("'4-0'", "whose first number is not the larger"),
            ("-1", "-1; expected whole numbers"),
            ("'a-b'", "\"a-b\"; expected a whole number, or a range such as 0-4"),
            ("'0-99999999'", "at most 100000"),
            ("1.5", "1.5; expected whole numbers"),
            ("'1-2-3'", "expected a whole number"),
        ] {
            let error = seeds(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
