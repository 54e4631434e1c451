//! A stretch of a recording, in seconds on its own clock.

use serde::{Deserialize, Serialize};

/// `[start, end)` in seconds; without `end`, up to where the recording ends. Second 0 is where a player starts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// First second, at least 0.
    pub start: f64,
    /// One past the last second; `None` is the recording's end.
    pub end: Option<f64>,
}

impl Span {
    /// The whole recording.
    pub const WHOLE: Self = Self { start: 0.0, end: None };

    /// # Errors
    /// A sentence that says what was expected, for a negative or non-finite start and for an end that is not after it.
    ///
    /// ```
    /// use mmdg::span::Span;
    /// assert_eq!(Span::new(1.0, Some(3.5)).unwrap().end, Some(3.5));
    /// assert!(Span::new(2.0, Some(2.0)).is_err());
    /// ```
    pub fn new(start: f64, end: Option<f64>) -> Result<Self, String> {
        if !(start.is_finite() && start >= 0.0) {
            return Err(format!("start {start}: expected seconds, 0 or more"));
        }
        match end {
            Some(end) if !(end.is_finite() && end > start) => Err(format!("end {end}: expected seconds after the start {start}")),
            _ => Ok(Self { start, end }),
        }
    }

    /// Whether `time` lies in the span.
    pub fn contains(&self, time: f64) -> bool {
        time >= self.start && self.end.is_none_or(|end| time < end)
    }
}

/// How much a recording may end before a segment does and still count, in seconds: max(0.25, 2 % of the segment).
pub fn tolerance(duration_seconds: f64) -> f64 {
    f64::max(0.25, 0.02 * duration_seconds)
}
