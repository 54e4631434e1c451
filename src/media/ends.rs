//! Whether a row is whole, and what is to be known of one that is not.

use crate::error::{Code, Failure};
use crate::span::{Span, tolerance};

/// `Ok(None)` where a decode that ended at `end` covers the segment; the sentence for the flag `partial` where it ends a
/// little early.
pub(super) fn check_end(span: Span, end: f64, promised_end: Option<f64>) -> Result<Option<String>, Failure> {
    let Some(expected) = span.end.or(promised_end) else { return Ok(None) };
    let missing = expected - end;
    let message = || format!("ends at {end:.3} s, {missing:.3} s before {expected:.3} s");
    if missing > tolerance(expected - span.start) {
        Err(Failure { code: Code::Truncated, message: message() })
    } else if missing > 0.001 && span.end.is_some() {
        Ok(Some(message()))
    } else {
        Ok(None)
    }
}

/// All that is to be known of a row, in one text.
pub(super) fn notes<const N: usize>(notes: [Option<String>; N]) -> Option<String> {
    notes.into_iter().flatten().reduce(|all, next| all + "; " + &next)
}
