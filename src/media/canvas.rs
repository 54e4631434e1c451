//! The words in which pictures are asked for and given, whoever reads them, and which of a recording's frames are on show when.

use std::ops::Range;

use super::clock::SAME;
use super::ends::check_end;
use crate::Result;
use crate::error::{Code, Failure};
use crate::signal::view::View;
use crate::span::{Span, tolerance};

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

/// Names the shots of a clip: from the presentation times of all frames on show in the segment, in order, and the seconds covered. The first may
/// have come on before the segment; the only one after it, where a recording's pictures begin later.
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
    /// Presentation time of each shot, as they were chosen; a frame that came on before the segment has its own.
    pub times: Vec<f64>,
    /// Frames of the recording that are on show in the segment.
    pub frames: u64,
    /// What is to be known of the clip: the recording ends a little before the segment, and the last frame is held; the decoder concealed errors;
    /// and the like.
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

/// Ends every segment with the same failure.
pub(super) fn fail_all(wanted: &[Wanted<'_>], canvas: &mut dyn Canvas, failure: &Failure) -> Result<()> {
    (0..wanted.len()).try_for_each(|segment| canvas.end(segment, Err(failure.clone())))
}

/// Part of a recording's frames.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FramePart {
    /// Places among all of them.
    pub(super) frames: Range<usize>,
    /// The seconds covered.
    pub(super) covered: [f64; 2],
    /// What is to be known of it.
    pub(super) partial: Option<String>,
}

/// The frames on show in `span`, of those that come on at `times`, in order. A frame is on show until the next one; the last one until `end`, or
/// further than anybody asks where there is none. Before the first picture, that one is shown.
///
/// # Errors
/// Undecodable where nothing of the segment is there, truncated.
pub(super) fn part(times: &[f64], end: Option<f64>, span: Span, promised_end: Option<f64>) -> Result<FramePart, Failure> {
    let nothing = |why: String| Failure { code: Code::Undecodable, message: format!("no frame in the segment{why}") };
    let Some(&begins) = times.first() else { return Err(nothing(String::new())) };
    let first = times.partition_point(|&time| time <= span.start + SAME).saturating_sub(1);
    let last = span.end.map_or(times.len(), |end| times.partition_point(|&time| time < end - SAME)).max(first + 1);
    let reaches = match (span.end, end) {
        (Some(wanted), Some(end)) if last == times.len() => end.min(wanted),
        (Some(wanted), _) => wanted,
        (None, end) => end.or(promised_end).unwrap_or(span.start),
    };
    if reaches <= span.start + SAME {
        return Err(nothing(format!("; the recording ends at {reaches:.3} s")));
    }
    let covered = [span.start, span.end.unwrap_or(reaches)];
    let late = (begins - span.start > tolerance(covered[1] - covered[0])).then(|| format!("no picture before {begins:.3} s"));
    Ok(FramePart { frames: first..last, covered, partial: check_end(span, reaches, promised_end)?.or(late) })
}

/// Where the last frame ends if nobody says so: it lasts as long as the median frame.
#[cfg(feature = "video")]
pub(super) fn frames_end(times: &[f64]) -> f64 {
    let mut gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_by(f64::total_cmp);
    let gap = gaps.get(gaps.len() / 2).copied().unwrap_or(0.0);
    times.last().map_or(0.0, |last| last + gap)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: &[f64], end: Option<f64>, start: f64, to: Option<f64>) -> Result<FramePart, Failure> {
        part(times, end, Span { start, end: to }, None)
    }

    #[test]
    fn a_frame_is_on_show_until_the_next() {
        let times = [0.0, 0.5, 0.96, 6.0, 6.04];
        let frames = |start, to| of(&times, Some(6.08), start, Some(to)).unwrap().frames;
        assert_eq!([frames(2.0, 5.0), frames(0.5, 6.0), frames(0.6, 6.02), frames(6.0, 6.04)], [2..3, 1..3, 1..4, 3..4]);
        assert_eq!(of(&times, Some(6.08), 0.7, None).unwrap(), FramePart { frames: 1..5, covered: [0.7, 6.08], partial: None });
        // times that differ by rounding alone are the same
        assert_eq!(frames(0.96 - 1e-12, 6.0 + 1e-12), 2..3);
    }

    #[test]
    fn the_first_picture_stands_for_what_is_before_it() {
        let late = [2.0, 2.04, 2.08];
        let part = of(&late, Some(9.0), 0.0, Some(1.0)).unwrap();
        assert_eq!((part.frames, part.partial), (0..1, Some("no picture before 2.000 s".into())));
        assert_eq!(of(&[0.2, 0.3], Some(3.0), 0.0, Some(1.0)).unwrap().partial, None);
    }

    #[test]
    fn past_the_end_there_is_nothing() {
        let times = [0.0, 1.0];
        let code = |start, to| of(&times, Some(2.0), start, to).map_err(|failure| failure.code);
        assert_eq!(code(2.0, Some(2.2)), Err(Code::Undecodable));
        assert_eq!(code(1.5, Some(2.5)), Err(Code::Truncated));
        assert!(code(1.5, Some(2.1)).unwrap().partial.is_some());
        assert_eq!(code(3.0, None), Err(Code::Undecodable));
        // nobody read to the end
        assert_eq!(of(&times, None, 1.5, Some(9.0)).unwrap().partial, None);
        assert!(of(&[], Some(1.0), 0.0, None).is_err());
    }
}
