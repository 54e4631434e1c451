//! Frames of a container's segments. Packets are scanned first, which costs next to nothing and tells the presentation times;
//! then those that the chosen frames need are decoded, once for all segments. Every frame used must leave the decoder with the very time that
//! its packet stated, and whole; else decoding begins earlier. A segment where that does not help is read by what does leave the decoder.

use std::ops::ControlFlow;
use std::path::Path;

use ff::frame::Video;
use ffmpeg_next as ff;

use super::canvas::{Canvas, Shot, Shown, Wanted, frames_end, part};
use super::clock::SAME;
use super::ends::notes;
use super::ffmpeg::Stream;
use super::painter::{Painter, concealed, concealment};
use super::pass::{Lead, SETTLING_SECONDS, VideoPass};
use crate::Result;
use crate::error::{Code, Failure};
use crate::span::Span;
use crate::track::Track;

fn open(path: &Path, track: &Track) -> Result<Stream, Failure> {
    super::there(path)?;
    Stream::open(path, track)
}

/// As [`super::pictures::read`].
pub(super) fn read(path: &Path, track: &Track, wanted: &[Wanted<'_>], canvas: &mut dyn Canvas) -> Result<()> {
    let mut stream = match open(path, track) {
        Ok(stream) => Some(stream),
        Err(failure) => return super::canvas::fail_all(wanted, canvas, &failure),
    };
    let mut ended = vec![false; wanted.len()];
    let mut stated = true;
    for lead in Lead::ALL {
        let Some(stream) = stream.take().or_else(|| open(path, track).ok()) else { break };
        stated = VideoPass::new(stream, wanted, canvas, &mut ended, lead).run(path, track)?;
        if !stated || ended.iter().all(|&ended| ended) {
            break;
        }
    }
    for (segment, wanted) in wanted.iter().enumerate().filter(|(segment, _)| !ended[*segment]) {
        let mut stopped = Ok(());
        let outcome = by_decoder(path, track, *wanted, &mut |place, rgb| {
            stopped = canvas.shot(segment, place, rgb);
            stopped.is_ok()
        });
        stopped?;
        let lost = || stated.then(|| "frames that cannot be decoded are left out".to_owned());
        let outcome = outcome.map(|shown| Shown { partial: notes([shown.partial, lost()]), ..shown });
        canvas.end(segment, outcome)?;
    }
    Ok(())
}

/// As [`super::pictures::times`].
pub(super) fn times(path: &Path, track: &Track) -> Result<Vec<f64>, Failure> {
    let mut stream = open(path, track)?;
    stream.alone();
    let told: Vec<_> = std::iter::from_fn(|| stream.packet()).map(|(_, told)| told).collect();
    Ok(stream.shown(&told).into_iter().map(|(time, _)| time).collect())
}

/// One segment by the frames that leave the decoder: once for their times, once for the pictures. `paint` takes place and pixels,
/// and says whether to go on.
fn by_decoder(
    path: &Path,
    track: &Track,
    wanted: Wanted<'_>,
    paint: &mut dyn FnMut(usize, &[u8]) -> bool,
) -> Result<Shown, Failure> {
    let span = wanted.span;
    let mut from = Some(span.start - SETTLING_SECONDS).filter(|&from| from > 0.0);
    let mut expected = pass(path, track, span, from, &[], paint)?;
    for _ in 0..3 {
        // a segment that starts before where seeking led is read again from the beginning
        if from.is_some() && expected.frames.first().is_none_or(|&(first, _)| first > span.start + SAME) {
            from = None;
            expected = pass(path, track, span, from, &[], paint)?;
        }
        let times: Vec<f64> = expected.frames.iter().map(|(time, _)| *time).collect();
        let part = part(&times, expected.end, span, expected.promised_end)?;
        let (first, shown) = (part.frames.start, &times[part.frames]);
        let shots = (wanted.choose)(shown, part.covered);
        // by the number of the frame among those decoded
        let numbered = |shot: &Shot| Shot { frame: expected.frames[first + shot.frame].1, ..*shot };
        let found = pass(path, track, span, from, &shots.iter().map(numbered).collect::<Vec<_>>(), paint)?;
        if found.frames == expected.frames && !shots.is_empty() {
            let partial = notes([part.partial, concealment(found.concealed), found.jumped]);
            let shown_times = shots.iter().map(|shot| shown[shot.frame]).collect();
            let frames = shown.len() as u64;
            return Ok(Shown { span: part.covered, times: shown_times, frames, partial, made_by: "ffmpeg" });
        }
        expected = found;
    }
    let message = if expected.frames.is_empty() { "no frame in the segment" } else { "every decode gives other frames" };
    Err(Failure { code: Code::Undecodable, message: message.into() })
}

/// What one decode of a segment found.
#[derive(Debug)]
struct Found {
    /// When each frame is shown, and which it is of those that left the decoder; by time.
    frames: Vec<(f64, usize)>,
    /// Where they end, if the file ended.
    end: Option<f64>,
    /// Where the container says that it ends.
    promised_end: Option<f64>,
    /// Shots of frames that are not whole.
    concealed: usize,
    /// Where time stamps start again.
    jumped: Option<String>,
}

/// Decodes from second `from`, or from the file's start, to the segment's end, and paints `shots` of the frames with these numbers.
fn pass(
    path: &Path,
    track: &Track,
    span: Span,
    from: Option<f64>,
    shots: &[Shot],
    paint: &mut dyn FnMut(usize, &[u8]) -> bool,
) -> Result<Found, Failure> {
    let mut stream = open(path, track)?;
    if let Some(from) = from
        && stream.container.survey.anywhere
        && stream.clock.straight()
    {
        stream.seek(from);
    }
    let (clock, mut painter) = (stream.clock.clone(), Painter::new(&stream));
    let past = span.end.filter(|_| clock.straight()).map(|end| clock.media(end));
    let (mut frames, mut number, mut not_whole, mut whole) = (Vec::new(), 0, 0, true);
    stream.decode(&mut Video::empty(), |frame, media| {
        if past.is_some_and(|past| media >= past - SAME) && number > 0 {
            whole = false;
            return Ok(ControlFlow::Break(()));
        }
        for shot in shots.iter().filter(|shot| shot.frame == number) {
            if !paint(shot.place, painter.paint(frame, &shot.view)?) {
                return Ok(ControlFlow::Break(()));
            }
            not_whole += usize::from(concealed(frame));
        }
        frames.push((media, number));
        number += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    frames.sort_by(|a: &(f64, usize), b| a.0.total_cmp(&b.0));
    let frames = clock.shown(&frames);
    let times: Vec<f64> = frames.iter().map(|(time, _)| *time).collect();
    let container = &stream.container;
    let end = whole.then(|| frames_end(&times).max(container.survey.end.unwrap_or(0.0)));
    let jumped = container.survey.jumped(span.end.or(end).unwrap_or(0.0));
    Ok(Found { frames, end, promised_end: stream.promised_end(), concealed: not_whole, jumped })
}
