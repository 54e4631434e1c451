//! Some of the modalities, as written in a pipeline file.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Some of the modalities, in order of concatenation.
///
/// ```
/// use mmdg::train::Subset;
/// let names = ["video", "flow", "audio"].map(String::from);
/// assert_eq!("va".parse::<Subset>().unwrap().places(&names)?, [0, 2]);
/// assert_eq!("flow+audio".parse::<Subset>().unwrap().places(&names)?, [1, 2]);
/// assert_eq!("flow".parse::<Subset>().unwrap().places(&names)?, [1]);
/// assert!("fl".parse::<Subset>().unwrap().places(&names).is_err());
/// # Ok::<(), mmdg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected first letters as in \"va\", names joined by +, or a list of names")]
pub enum Subset {
    /// The first letter of each, such as `vaf`, or names, joined by `+` where there are several.
    Word(String),
    /// Names.
    Names(Vec<String>),
}

impl FromStr for Subset {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::Word(text.into()))
    }
}

impl fmt::Display for Subset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "{word:?}"),
            Self::Names(names) => write!(f, "{}", names.join(", ")),
        }
    }
}

impl Subset {
    /// Where they stand among the features' `names`.
    ///
    /// # Errors
    /// [`Error::Input`] for a name or a letter that is not there, that fits several or that stands twice.
    pub fn places(&self, names: &[String]) -> Result<Vec<usize>> {
        let wrong = |problem: String| Error::input(format!("[protocol] modalities: {self}"), problem);
        let all = names.join(", ");
        let named = |name: &str| {
            let place = names.iter().position(|other| other == name);
            place.ok_or_else(|| wrong(format!("{name:?} is not among the features; expected some of {all}")))
        };
        let lettered = |letter: char| {
            let mut fitting = (0..names.len()).filter(|&m| names[m].starts_with(letter));
            match (fitting.next(), fitting.next()) {
                (Some(place), None) => Ok(place),
                (None, _) => Err(wrong(format!(
                    "no modality begins with {letter:?}; expected first letters of {all}, as in \"va\", or a list of names"
                ))),
                (Some(a), Some(b)) => Err(wrong(format!(
                    "{letter:?} may be {} or {}; expected their names, as a list or joined by +",
                    names[a], names[b]
                ))),
            }
        };
        let places: Vec<usize> = match self {
            Self::Word(word) if word.contains('+') || names.contains(word) => {
                word.split('+').map(named).collect::<Result<_>>()?
            }
            Self::Word(word) => word.chars().map(lettered).collect::<Result<_>>()?,
            Self::Names(list) => list.iter().map(|name| named(name)).collect::<Result<_>>()?,
        };
        if let Some((_, &m)) = places.iter().enumerate().find(|(i, m)| places[..*i].contains(m)) {
            return Err(wrong(format!("{:?} stands twice; expected each modality once", names[m])));
        }
        if places.is_empty() {
            return Err(wrong(format!("no modality; expected some of {all}")));
        }
        Ok(places)
    }
}
