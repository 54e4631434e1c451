//! Extracted frames.

use std::path::Path;

use super::pictures::{Canvas, Wanted, fail_all};
use crate::Result;
use crate::error::{Code, Failure};

/// As [`super::pictures::read`].
pub(super) fn read(_: &Path, _: f64, wanted: &[Wanted<'_>], canvas: &mut dyn Canvas) -> Result<()> {
    fail_all(wanted, canvas, &Failure { code: Code::Unsupported, message: "frame folders come next".into() })
}

/// As [`super::pictures::times`].
pub(super) fn times(_: &Path, _: f64) -> Result<Vec<f64>, Failure> {
    Err(Failure { code: Code::Unsupported, message: "frame folders come next".into() })
}
