//! Frames of segments, chosen by the time at which a player shows them.

use std::path::Path;

#[cfg(not(feature = "video"))]
use super::canvas::fail_all;
use super::canvas::{Canvas, Shown, Wanted};
use crate::error::{Code, Failure};
use crate::source::Pictures;
use crate::{Error, Result};

/// Reads segments of one recording, those that overlap in one pass.
///
/// # Errors
/// Those of `canvas`; what is wrong with the recording goes to [`Canvas::end`]: missing, unreadable, absent (no video stream),
/// undecodable, truncated, unsupported, limit.
pub fn read(pictures: &Pictures, wanted: &[Wanted<'_>], canvas: &mut dyn Canvas) -> Result<()> {
    match pictures.rate {
        Some(rate) => super::frames::read(&pictures.path, rate, wanted, canvas),
        #[cfg(feature = "video")]
        None => super::video::read(&pictures.path, &pictures.track, wanted, canvas),
        #[cfg(not(feature = "video"))]
        None => fail_all(wanted, canvas, &no_decoder()),
    }
}

/// Presentation times of all frames of a recording, by what its container says.
///
/// # Errors
/// [`Error::Media`] as [`read`].
pub fn times(pictures: &Pictures) -> Result<Vec<f64>> {
    let found = match pictures.rate {
        Some(rate) => super::frames::times(&pictures.path, rate),
        #[cfg(feature = "video")]
        None => super::video::times(&pictures.path, &pictures.track),
        #[cfg(not(feature = "video"))]
        None => Err(no_decoder()),
    };
    found.map_err(|failure| Error::Media { path: pictures.path.clone(), failure })
}

#[cfg(not(feature = "video"))]
fn no_decoder() -> Failure {
    Failure { code: Code::Unsupported, message: "this build has no video decoder (feature `video`)".into() }
}

/// Frames of one segment in memory.
#[derive(Debug, Clone, Default)]
pub struct Album {
    /// RGB, `[shots, size, size, 3]`.
    pub pixels: Vec<u8>,
    /// What came of it.
    pub outcome: Option<Result<Shown, Failure>>,
}

impl Canvas for Album {
    fn shot(&mut self, _: usize, place: usize, rgb: &[u8]) -> Result<()> {
        let end = (place + 1) * rgb.len();
        if self.pixels.len() < end {
            self.pixels.resize(end, 0);
        }
        self.pixels[place * rgb.len()..end].copy_from_slice(rgb);
        Ok(())
    }

    fn end(&mut self, _: usize, outcome: Result<Shown, Failure>) -> Result<()> {
        self.outcome = Some(outcome);
        Ok(())
    }
}

/// One segment of a recording, in memory.
///
/// # Errors
/// [`Error::Media`] as [`read`].
pub fn read_one(pictures: &Pictures, wanted: Wanted<'_>) -> Result<(Shown, Vec<u8>)> {
    let mut album = Album::default();
    read(pictures, &[wanted], &mut album)?;
    let shown = album.outcome.unwrap_or_else(|| Err(ended_without_outcome(&pictures.path)));
    Ok((shown.map_err(|failure| Error::Media { path: pictures.path.clone(), failure })?, album.pixels))
}

fn ended_without_outcome(path: &Path) -> Failure {
    Failure { code: Code::Internal, message: format!("{}: the reader ended without a word", path.display()) }
}
