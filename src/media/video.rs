//! Frames of a container's segments. Packets are scanned first, which costs next to nothing and tells the presentation times;
//! then those that the chosen frames need are decoded, once for all segments. Every frame used must leave the decoder with the very time that
//! its packet stated; a segment where one does not is read again, by what does leave the decoder.

use std::ops::ControlFlow;
use std::path::Path;

use ff::frame::Video;
use ffmpeg_next as ff;

use super::ffmpeg::Stream;
use super::painter::Painter;
use super::pass::Pass;
use super::pictures::{Canvas, Shot, Shown, Wanted, covered, frames_end};
use super::timeline::check_end;
use crate::Result;
use crate::error::{Code, Failure};
use crate::span::Span;

fn open(path: &Path) -> Result<Stream, Failure> {
    if !path.is_file() {
        return Err(Failure { code: Code::Missing, message: "no such file".into() });
    }
    Stream::open(path, ff::media::Type::Video)
}

/// As [`super::pictures::read`].
pub(super) fn read(path: &Path, wanted: &[Wanted<'_>], canvas: &mut dyn Canvas) -> Result<()> {
    let stream = match open(path) {
        Ok(stream) => stream,
        Err(failure) => return super::pictures::fail_all(wanted, canvas, &failure),
    };
    let ended = Pass::new(stream, wanted, canvas).run(path)?;
    for (segment, wanted) in wanted.iter().enumerate().filter(|(segment, _)| !ended[*segment]) {
        let mut stopped = Ok(());
        let outcome = by_decoder(path, *wanted, &mut |place, rgb| {
            stopped = canvas.shot(segment, place, rgb);
            stopped.is_ok()
        });
        stopped?;
        canvas.end(segment, outcome)?;
    }
    Ok(())
}

/// As [`super::pictures::times`].
pub(super) fn times(path: &Path) -> Result<Vec<f64>, Failure> {
    let mut stream = open(path)?;
    stream.alone();
    let mut times = Vec::new();
    while let Some((_, told)) = stream.packet() {
        if let (Some(ticks), false) = (told.ticks, told.cut) {
            times.push(stream.seconds(ticks));
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// One segment by the frames that leave the decoder: once for their times, once for the pictures. `paint` takes place and pixels,
/// and says whether to go on.
fn by_decoder(path: &Path, wanted: Wanted<'_>, paint: &mut dyn FnMut(usize, &[u8]) -> bool) -> Result<Shown, Failure> {
    let span = wanted.span;
    let mut seek = span.start > 0.0;
    let (mut expected, _) = pass(path, span, seek, &[], paint)?;
    for _ in 0..3 {
        let covered = covered(&expected, span);
        let shots = (wanted.choose)(&expected, covered);
        let (times, promised_end) = pass(path, span, seek, &shots, paint)?;
        let same = times.len() == expected.len() && times.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6);
        if same && !shots.is_empty() {
            let partial = check_end(span, frames_end(&expected), promised_end)?;
            let times = shots.iter().map(|shot| expected[shot.frame]).collect();
            return Ok(Shown { span: covered, times, frames: expected.len() as u64, partial, made_by: "ffmpeg" });
        }
        if same && !seek {
            break;
        }
        // a segment that starts after where seeking led is read again from the beginning
        let reached = times.first().is_some_and(|&first| first < span.start + 0.5);
        if seek && !reached {
            seek = false;
            expected = pass(path, span, seek, &[], paint)?.0;
        } else {
            expected = times;
        }
    }
    let message = if expected.is_empty() { "no frame in the segment" } else { "every decode gives other frames" };
    Err(Failure { code: Code::Undecodable, message: message.into() })
}

/// Decodes all of a segment and paints `shots`; gives the times of its frames and where the container says that it ends.
fn pass(
    path: &Path,
    span: Span,
    seek: bool,
    shots: &[Shot],
    paint: &mut dyn FnMut(usize, &[u8]) -> bool,
) -> Result<(Vec<f64>, Option<f64>), Failure> {
    let mut stream = open(path)?;
    let promised_end = stream.promised_end();
    if seek {
        stream.seek(span.start);
    }
    let mut painter = Painter::new(&stream);
    let mut times = Vec::new();
    stream.decode(&mut Video::empty(), |frame, time| {
        let Some(time) = time.filter(|time| time.is_finite()) else { return Ok(ControlFlow::Continue(())) };
        if span.end.is_some_and(|end| time >= end) {
            return Ok(ControlFlow::Break(()));
        }
        if !span.contains(time) {
            return Ok(ControlFlow::Continue(()));
        }
        for shot in shots.iter().filter(|shot| shot.frame == times.len()) {
            if !paint(shot.place, painter.paint(frame, &shot.view)?) {
                return Ok(ControlFlow::Break(()));
            }
        }
        times.push(time);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((times, stream.unkept(promised_end)))
}
