//! Making sound as long as a preset wants it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What fills up a segment that is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pad {
    /// The segment again, from its start.
    Repeat,
    /// Silence.
    Zero,
}

/// The first `length` samples; a shorter segment is filled up by `pad`, an empty one by silence.
///
/// ```
/// use mmdg::signal::fit::{Pad, fit};
/// assert_eq!(*fit(&[1.0, 2.0], 5, Pad::Repeat), [1.0, 2.0, 1.0, 2.0, 1.0]);
/// assert_eq!(*fit(&[1.0, 2.0], 3, Pad::Zero), [1.0, 2.0, 0.0]);
/// assert_eq!(*fit(&[], 2, Pad::Repeat), [0.0, 0.0]);
/// ```
pub fn fit(samples: &[f32], length: usize, pad: Pad) -> Cow<'_, [f32]> {
    if let Some(first) = samples.get(..length) {
        return Cow::Borrowed(first);
    }
    let mut fitted = Vec::with_capacity(length);
    fitted.extend_from_slice(samples);
    while pad == Pad::Repeat && !samples.is_empty() && fitted.len() < length {
        fitted.extend_from_slice(&samples[..samples.len().min(length - fitted.len())]);
    }
    fitted.resize(length, 0.0);
    Cow::Owned(fitted)
}
