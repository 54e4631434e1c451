//! Widths of encoders, as a pipeline file has them: of hidden layers one number or a list, of embeddings one or a table.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Widths of hidden layers, input side first; none for a linear encoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Text", into = "Text")]
pub struct Widths(pub Vec<usize>);

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a whole number of at least 0, or a list of such")]
enum Text {
    One(usize),
    Several(Vec<usize>),
}

impl From<usize> for Widths {
    /// One hidden layer; 0: none.
    fn from(width: usize) -> Self {
        Self(if width == 0 { Vec::new() } else { vec![width] })
    }
}

impl From<Text> for Widths {
    fn from(text: Text) -> Self {
        match text {
            Text::One(width) => width.into(),
            Text::Several(widths) => Self(widths),
        }
    }
}

impl From<Widths> for Text {
    fn from(Widths(widths): Widths) -> Self {
        match widths[..] {
            [] => Self::One(0),
            [width] => Self::One(width),
            _ => Self::Several(widths),
        }
    }
}

/// Width of each modality's embedding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a whole number of at least 1, or a table of one for each modality")]
pub enum Embedding {
    /// The same for all.
    All(usize),
    /// By the modality's name.
    ByModality(BTreeMap<String, usize>),
}

/// Where nobody says.
const EMBEDDING: usize = 512;

impl Default for Embedding {
    fn default() -> Self {
        Self::All(EMBEDDING)
    }
}

impl From<usize> for Embedding {
    fn from(width: usize) -> Self {
        Self::All(width)
    }
}

impl Embedding {
    /// That of one modality.
    pub fn of(&self, modality: &str) -> usize {
        match self {
            Self::All(width) => *width,
            Self::ByModality(widths) => widths.get(modality).copied().unwrap_or(EMBEDDING),
        }
    }

    /// Every width that is said, by name; without one where it is for all.
    pub fn each(&self) -> impl Iterator<Item = (&str, usize)> {
        let (all, named) = match self {
            Self::All(width) => (Some(("", *width)), None),
            Self::ByModality(widths) => (None, Some(widths)),
        };
        all.into_iter().chain(named.into_iter().flatten().map(|(name, &width)| (name.as_str(), width)))
    }
}
