//! Frames of segments, chosen by the time at which a player shows them.

use std::path::Path;

use crate::error::Failure;
use crate::signal::view::View;
use crate::source::Pictures;
use crate::span::Span;
use crate::{Error, Result};

/// Largest picture that is decoded, in pixels.
pub(super) const MAX_PIXELS: u64 = 1 << 26;

/// What is wanted of one segment.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The stretch, on the recording's own clock.
    pub span: Span,
    /// Which frames, and how.
    pub choose: &'a Choose<'a>,
}

/// Names the shots of a clip: from the presentation times of all frames in the segment, in order, and the seconds covered.
pub type Choose<'a> = dyn Fn(&[f64], [f64; 2]) -> Vec<Shot> + 'a;

/// One picture of a clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shot {
    /// A place in the list of times.
    pub frame: usize,
    /// What of it.
    pub view: View,
    /// Which picture of the clip it is; the reader only hands this on.
    pub place: usize,
}

/// What was shown of a segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The seconds covered: from the segment's start to its end or to where the last frame ends.
    pub span: [f64; 2],
    /// Presentation time of each shot, as they were chosen.
    pub times: Vec<f64>,
    /// Frames that the recording has in the segment.
    pub frames: u64,
    /// Set where the recording ends a little before the segment; the last frame is held.
    pub partial: Option<String>,
    /// Decoder.
    pub made_by: &'static str,
}

/// Takes the pictures of segments, in whatever order they are decoded.
pub trait Canvas {
    /// The RGB pixels of a shot, `[size, size, 3]`. May come twice; the last one counts.
    ///
    /// # Errors
    /// What keeps all work from going on.
    fn shot(&mut self, segment: usize, place: usize, rgb: &[u8]) -> Result<()>;

    /// All shots of the segment were given, or it fails. Called once a segment.
    ///
    /// # Errors
    /// As [`shot`](Self::shot).
    fn end(&mut self, segment: usize, outcome: Result<Shown, Failure>) -> Result<()>;
}

/// Reads segments of one recording, those that overlap in one pass.
///
/// # Errors
/// Those of `canvas`; what is wrong with the recording goes to [`Canvas::end`]: missing, unreadable, absent (no video stream),
/// undecodable, truncated, unsupported, limit.
pub fn read(pictures: &Pictures, wanted: &[Wanted<'_>], canvas: &mut dyn Canvas) -> Result<()> {
    match pictures.rate {
        Some(rate) => super::frames::read(&pictures.path, rate, wanted, canvas),
        #[cfg(feature = "video")]
        None => super::video::read(&pictures.path, wanted, canvas),
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
        None => super::video::times(&pictures.path),
        #[cfg(not(feature = "video"))]
        None => Err(no_decoder()),
    };
    found.map_err(|failure| Error::Media { path: pictures.path.clone(), failure })
}

#[cfg(not(feature = "video"))]
fn no_decoder() -> Failure {
    Failure { code: crate::error::Code::Unsupported, message: "this build has no video decoder (feature `video`)".into() }
}

/// Ends every segment with the same failure.
pub(super) fn fail_all(wanted: &[Wanted<'_>], canvas: &mut dyn Canvas, failure: &Failure) -> Result<()> {
    (0..wanted.len()).try_for_each(|segment| canvas.end(segment, Err(failure.clone())))
}

/// Where the last frame ends: it lasts as long as the median frame.
pub(super) fn frames_end(times: &[f64]) -> f64 {
    let mut gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_by(f64::total_cmp);
    let gap = gaps.get(gaps.len() / 2).copied().unwrap_or(0.0);
    times.last().map_or(0.0, |last| last + gap)
}

/// The seconds that a segment covers of a recording with frames at `times`.
pub(super) fn covered(times: &[f64], span: Span) -> [f64; 2] {
    [span.start, span.end.unwrap_or_else(|| frames_end(times)).max(span.start)]
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
    Failure { code: crate::error::Code::Internal, message: format!("{}: the reader ended without a word", path.display()) }
}
