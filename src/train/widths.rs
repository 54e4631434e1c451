//! Hidden widths of encoders, as a pipeline file has them: one number or a list.

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
