//! Reading recordings, as an object that presets are given: a program that only tells of presets is not linked to decoders.

use super::audio::{self, Each};
use super::canvas::{self, Canvas};
use super::pictures;
use crate::Result;
use crate::source::{Pictures, Source};

/// Reads recordings.
pub trait Decode {
    /// Rows of a source of sound, as [`audio::read_rows`].
    ///
    /// # Errors
    /// Those of `each`.
    fn sound(&self, source: &Source, rows: &[audio::Wanted], each: &mut Each<'_>) -> Result<()>;

    /// Segments of a recording, as [`pictures::read`].
    ///
    /// # Errors
    /// Those of `canvas`.
    fn pictures(&self, pictures: &Pictures, wanted: &[canvas::Wanted<'_>], canvas: &mut dyn Canvas) -> Result<()>;

    /// Presentation times of all frames of a recording, as [`pictures::times`].
    ///
    /// # Errors
    /// Those of [`pictures::times`].
    fn times(&self, pictures: &Pictures) -> Result<Vec<f64>>;
}

/// The decoders of this build.
#[derive(Debug, Clone, Copy)]
pub struct Decoders;

impl Decode for Decoders {
    fn sound(&self, source: &Source, rows: &[audio::Wanted], each: &mut Each<'_>) -> Result<()> {
        audio::read_rows(source, rows, each)
    }

    fn pictures(&self, pictures: &Pictures, wanted: &[canvas::Wanted<'_>], canvas: &mut dyn Canvas) -> Result<()> {
        pictures::read(pictures, wanted, canvas)
    }

    fn times(&self, pictures: &Pictures) -> Result<Vec<f64>> {
        pictures::times(pictures)
    }
}
