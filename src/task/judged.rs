//! What a model says of a row, on the host.

/// A label, or a prediction of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    /// The place of a class.
    Class(usize),
    /// A value, in the unit of the labels.
    Value(f64),
}

impl Answer {
    /// The place of a class; none of a value.
    pub fn class(self) -> Option<usize> {
        match self {
            Self::Class(place) => Some(place),
            Self::Value(_) => None,
        }
    }

    /// The value; none of a class.
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Class(_) => None,
            Self::Value(value) => Some(value),
        }
    }
}

/// What a run's model says of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Row of the features.
    pub row: usize,
    /// Its label.
    pub truth: Answer,
    /// What is predicted; none where the outputs are not finite.
    pub predicted: Option<Answer>,
    /// The largest probability of classes; 1 of values.
    pub confidence: f64,
    /// The task's loss.
    pub loss: f64,
    /// What each modality's own head predicts, as [`predicted`](Self::predicted); empty where there is none, or none was asked
    /// for.
    pub heads: Vec<Option<Answer>>,
}
