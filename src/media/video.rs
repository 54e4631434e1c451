//! Frames of a segment, chosen by the time at which a player shows them.

use std::ops::ControlFlow;
use std::path::Path;

use ffmpeg_next as ff;

use super::ffmpeg::Stream;
use super::scale::Scaler;
use super::timeline::check_end;
use crate::error::{Code, Failure};
use crate::sample::Clip;
use crate::span::Span;
use crate::{Error, Result};

/// How a frame becomes a square: its short side is scaled to `resize` pixels, the ratio kept, and the middle cut out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Short side after scaling, in pixels.
    pub resize: u32,
    /// Side of the square, in pixels, at most `resize`.
    pub crop: u32,
}

impl View {
    /// Width and height after scaling: `int(side · resize / short side + 0.5)`.
    ///
    /// ```
    /// use mmdg::media::video::View;
    /// assert_eq!(View { resize: 256, crop: 224 }.scaled(1920, 1080), (455, 256));
    /// ```
    pub fn scaled(&self, width: u32, height: u32) -> (u32, u32) {
        let short = f64::from(width.min(height).max(1));
        let side = |side: u32| (f64::from(side) * f64::from(self.resize) / short + 0.5) as u32;
        (side(width).max(self.crop), side(height).max(self.crop))
    }
}

/// Names the frames of a clip: from the presentation times of all frames in the segment, and the seconds covered, to places
/// in that list.
pub type Choose<'a> = dyn Fn(&[f64], [f64; 2]) -> Vec<usize> + 'a;

/// Frames of a segment.
#[derive(Debug, Clone)]
pub struct Frames {
    /// RGB, `[T, crop, crop, 3]`, with presentation times.
    pub clip: Clip,
    /// The seconds covered: from the segment's start to its end or to where the last frame ends.
    pub span: [f64; 2],
    /// Frames that the recording has in the segment.
    pub frames: u64,
    /// Set where the recording ends a little before the segment; the last frame is held.
    pub partial: Option<String>,
}

/// Reads the frames that `choose` names. It gets the presentation times of all frames in the segment, after the edit list,
/// and the seconds covered, and answers with places in that list, in order of the clip.
///
/// # Errors
/// [`Error::Media`]: missing, unreadable, absent (no video stream), undecodable, truncated, unsupported, limit.
pub fn read(path: &Path, span: Span, view: View, choose: &Choose<'_>) -> Result<Frames> {
    if !path.is_file() {
        return Err(Error::media(path, Code::Missing, "no such file"));
    }
    read_frames(path, span, view, choose).map_err(|failure| Error::Media { path: path.into(), failure })
}

/// What one pass over the segment found.
struct Pass {
    times: Vec<f64>,
    pixels: Vec<u8>,
    promised_end: Option<f64>,
}

fn read_frames(path: &Path, span: Span, view: View, choose: &Choose<'_>) -> Result<Frames, Failure> {
    let mut seek = span.start > 0.0;
    // what the packets say is right for nearly every file, and saves a pass of decoding
    let mut expected = packet_times(path, span, seek)?;
    for _ in 0..3 {
        let covered = covered(&expected, span);
        let chosen = choose(&expected, covered);
        let pass = decode(path, span, seek, view, &chosen)?;
        let same = pass.times.len() == expected.len() && pass.times.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6);
        if same && !chosen.is_empty() {
            let partial = check_end(span, frames_end(&expected), pass.promised_end)?;
            let times = chosen.iter().map(|&i| expected[i]).collect();
            let side = view.crop as usize;
            let clip = Clip { shape: [chosen.len(), side, side, 3], pixels: pass.pixels, times };
            return Ok(Frames { clip, span: covered, frames: expected.len() as u64, partial });
        }
        if same {
            break;
        }
        // a segment that starts after where seeking led is read again from the beginning
        seek = seek && pass.times.first().is_some_and(|&first| first < span.start + 0.5);
        expected = pass.times;
    }
    let message = if expected.is_empty() { "no frame in the segment" } else { "every decode gives other frames" };
    Err(Failure { code: Code::Undecodable, message: message.into() })
}

fn packet_times(path: &Path, span: Span, seek: bool) -> Result<Vec<f64>, Failure> {
    let mut stream = Stream::open(path, ff::media::Type::Video)?;
    if seek {
        stream.seek(span.start);
    }
    let times = stream.packet_times(span.end).unwrap_or_default();
    Ok(times.into_iter().filter(|&time| span.contains(time)).collect())
}

/// Where the last frame ends: it lasts as long as the median frame.
fn frames_end(times: &[f64]) -> f64 {
    let mut gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_by(f64::total_cmp);
    let gap = gaps.get(gaps.len() / 2).copied().unwrap_or(0.0);
    times.last().map_or(0.0, |last| last + gap)
}

fn covered(times: &[f64], span: Span) -> [f64; 2] {
    [span.start, span.end.unwrap_or_else(|| frames_end(times)).max(span.start)]
}

/// Decodes the segment, keeps all times and converts the chosen frames.
fn decode(path: &Path, span: Span, seek: bool, view: View, chosen: &[usize]) -> Result<Pass, Failure> {
    let mut stream = Stream::open(path, ff::media::Type::Video)?;
    let promised_end = stream.promised_end();
    if seek {
        stream.seek(span.start);
    }
    let size = (view.crop * view.crop * 3) as usize;
    let mut pass = Pass { times: Vec::new(), pixels: vec![0; size * chosen.len()], promised_end: None };
    let mut scaler = Scaler::default();
    stream.decode(&mut ff::frame::Video::empty(), |frame, time| {
        let Some(time) = time.filter(|time| time.is_finite()) else { return Ok(ControlFlow::Continue(())) };
        if span.end.is_some_and(|end| time >= end) {
            return Ok(ControlFlow::Break(()));
        }
        if !span.contains(time) {
            return Ok(ControlFlow::Continue(()));
        }
        let index = pass.times.len();
        pass.times.push(time);
        let mut places = (0..chosen.len()).filter(|&place| chosen[place] == index);
        if let Some(first) = places.next() {
            scaler.render(frame, view, &mut pass.pixels[first * size..][..size])?;
            for other in places {
                pass.pixels.copy_within(first * size..(first + 1) * size, other * size);
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    pass.promised_end = stream.unkept(promised_end);
    Ok(pass)
}
