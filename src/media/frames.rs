//! Extracted frames: `frame_%010d.jpg`, numbered from 1, in a folder or in a tar. Frame n shows second (n − 1) / rate.

use std::io::{Cursor, Read};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegDecoder;
use image::{DynamicImage, ImageDecoder};

use super::canvas::{Canvas, MAX_PIXELS, Shot, Shown, Wanted, fail_all, part};
use super::clock::SAME;
use super::tar::TarFolder;
use crate::Result;
use crate::error::{Code, Failure};
use crate::signal::resize::{Pixel, Plane, Scaler};
use crate::signal::view::View;

/// Most bytes of a picture's file.
pub(super) const MAX_FILE: u64 = 64 << 20;
/// Most frames of a recording: 38 hours at 60 a second.
const MAX_FRAMES: u64 = 1 << 23;

/// n of `frame_%010d.jpg`; `None` for any other name.
///
/// ```
/// use mmdg::media::frames::frame_number;
/// assert_eq!(frame_number("frame_0000000042.jpg"), Some(42));
/// assert_eq!(frame_number("frame_42.jpg"), None);
/// ```
pub fn frame_number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("frame_")?.strip_suffix(".jpg")?;
    (digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

fn name(number: u64) -> String {
    format!("frame_{number:010}.jpg")
}

fn failure(code: Code, message: impl Into<String>) -> Failure {
    Failure { code, message: message.into() }
}

/// Where the frames are.
enum Series {
    Folder(PathBuf),
    Tar(TarFolder),
}

/// The highest number in a folder of extracted frames, and its first and last picture; `None` where there are none.
pub(super) fn ends(folder: &Path) -> Option<(u64, [PathBuf; 2])> {
    let last = Series::Folder(folder.into()).last().ok()?;
    let first = if folder.join(name(1)).is_file() { 1 } else { 2 };
    Some((last, [first, last].map(|number| folder.join(name(number)))))
}

impl Series {
    fn open(path: &Path) -> Result<Self, Failure> {
        if path.is_dir() {
            return Ok(Self::Folder(path.into()));
        }
        for above in path.ancestors() {
            if above.is_file() && above.extension().is_some_and(|end| end == "tar") {
                let within = path.strip_prefix(above).unwrap_or(Path::new(""));
                return TarFolder::open(above, within).map(Self::Tar);
            }
        }
        Err(failure(Code::Missing, "no such folder or tar"))
    }

    fn has(&self, number: u64) -> bool {
        match self {
            Self::Folder(folder) => folder.join(name(number)).is_file(),
            Self::Tar(tar) => tar.has(number),
        }
    }

    /// The highest number. A folder is not listed: of a hundred thousand names a few dozen are asked for, doubling and
    /// halving; so one picture may be missing in the run, but not two beside each other.
    fn last(&self) -> Result<u64, Failure> {
        let last = match self {
            Self::Tar(tar) => tar.last(),
            Self::Folder(_) => {
                let there = |number: u64| self.has(number) || self.has(number + 1);
                let mut above = 1;
                while above <= MAX_FRAMES && there(above) {
                    above *= 2;
                }
                let mut below = above / 2;
                while above - below > 1 {
                    let middle = below.midpoint(above);
                    if there(middle) { below = middle } else { above = middle }
                }
                if self.has(below + 1) { below + 1 } else { below }
            }
        };
        match last {
            0 => Err(failure(Code::Missing, format!("no {}; expected frames numbered from 1", name(1)))),
            _ if last > MAX_FRAMES => Err(failure(Code::Limit, format!("{}; at most {MAX_FRAMES} frames are read", name(last)))),
            _ => Ok(last),
        }
    }

    fn picture(&self, number: u64) -> Result<DynamicImage, Failure> {
        let unreadable = |error: std::io::Error| failure(Code::Refused, format!("{}: cannot read: {error}", name(number)));
        let bytes = match self {
            Self::Folder(folder) => match std::fs::File::open(folder.join(name(number))) {
                Ok(file) => {
                    let mut bytes = Vec::new();
                    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
                    Some(bytes)
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => return Err(unreadable(error)),
            },
            Self::Tar(tar) => tar.read(number).map_err(unreadable)?,
        };
        let bytes = bytes.ok_or_else(|| failure(Code::Missing, format!("{} is missing", name(number))))?;
        // safe Rust, but damaged files may overflow its arithmetic
        let decoded = std::panic::catch_unwind(|| decode(&bytes)).unwrap_or_else(|_| Err(damaged("the decoder gave up")));
        decoded.map_err(|Failure { code, message }| failure(code, format!("{}: {message}", name(number))))
    }
}

fn damaged(what: impl std::fmt::Display) -> Failure {
    failure(Code::Undecodable, format!("not a whole JPEG: {what}"))
}

/// A JPEG that is whole: decoders fill in grey where one is cut off.
fn decode(bytes: &[u8]) -> Result<DynamicImage, Failure> {
    if bytes.len() as u64 > MAX_FILE {
        return Err(failure(Code::Limit, format!("more than {MAX_FILE} bytes")));
    }
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xff, marker]);
    // start of scan and end of image: no scan holds the bytes of either
    if last(0xd9) <= last(0xda) {
        return Err(damaged("it is cut off"));
    }
    let decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(failure(Code::Limit, format!("{width}×{height} pixels; at most {MAX_PIXELS} are decoded")));
    }
    DynamicImage::from_decoder(decoder).map_err(damaged)
}

/// The frames on show in `span`, of those up to `last`: from the one that came on at its start or before it. The last one where `span` is past it.
fn numbers(span: crate::span::Span, rate: f64, last: u64) -> RangeInclusive<u64> {
    // the first frame that comes on at `time` or later
    let from = |time: f64| {
        let mut number = ((time * rate).ceil().min(MAX_FRAMES as f64) as u64).saturating_sub(1).max(1);
        while second(number, rate) < time - SAME && number <= last {
            number += 1;
        }
        number
    };
    let mut first = from(span.start);
    if first > 1 && second(first, rate) > span.start + SAME {
        first -= 1;
    }
    let first = first.min(last);
    first..=span.end.map_or(last, |end| (from(end) - 1).min(last)).max(first)
}

fn second(number: u64, rate: f64) -> f64 {
    (number - 1) as f64 / rate
}

/// As [`super::pictures::read`].
pub(super) fn read(path: &Path, rate: f64, wanted: &[Wanted<'_>], canvas: &mut dyn Canvas) -> Result<()> {
    let series = match open(path, rate) {
        Ok(series) => series,
        Err(failure) => return fail_all(wanted, canvas, &failure),
    };
    let mut painter = Painter::default();
    for (segment, wanted) in wanted.iter().enumerate() {
        let outcome = match plan(&series, rate, wanted) {
            Ok((shots, shown, first)) => painter.paint(&series, &shots, first, segment, canvas)?.map(|()| shown),
            Err(failure) => Err(failure),
        };
        canvas.end(segment, outcome)?;
    }
    Ok(())
}

/// As [`super::pictures::times`].
pub(super) fn times(path: &Path, rate: f64) -> Result<Vec<f64>, Failure> {
    let last = open(path, rate)?.last()?;
    Ok((1..=last).map(|number| second(number, rate)).collect())
}

fn open(path: &Path, rate: f64) -> Result<Series, Failure> {
    if !(rate.is_finite() && rate > 0.0) {
        return Err(failure(Code::Unsupported, format!("{rate} frames a second; expected more than 0")));
    }
    Series::open(path)
}

/// The shots of a segment, what is to be said of it, and the number of its first frame.
fn plan(series: &Series, rate: f64, wanted: &Wanted<'_>) -> Result<(Vec<Shot>, Shown, u64), Failure> {
    let span = wanted.span;
    let mut shown = numbers(span, rate, MAX_FRAMES);
    // where the segment's last frame is there, nobody needs to know how many come after it
    let known = span.end.is_some() && series.has(*shown.end());
    if !known {
        shown = numbers(span, rate, series.last()?);
    }
    let first = *shown.start();
    let times: Vec<f64> = shown.map(|number| second(number, rate)).collect();
    // each frame lasts as long as the rate says
    let end = if known { None } else { times.last().map(|last| last + 1.0 / rate) };
    let part = part(&times, end, span, None)?;
    let shots = (wanted.choose)(&times, part.covered);
    if shots.is_empty() {
        return Err(failure(Code::Undecodable, "no frame in the segment"));
    }
    let times_shown = shots.iter().map(|shot| times[shot.frame]).collect();
    let frames = times.len() as u64;
    let shown = Shown { span: part.covered, times: times_shown, frames, partial: part.partial, made_by: "image" };
    Ok((shots, shown, first))
}

/// Makes views of pictures.
#[derive(Default)]
struct Painter {
    scaler: Scaler,
    view: Vec<u8>,
}

impl Painter {
    /// Paints all shots of a segment, opening each picture once.
    fn paint(
        &mut self,
        series: &Series,
        shots: &[Shot],
        first: u64,
        segment: usize,
        canvas: &mut dyn Canvas,
    ) -> Result<Result<(), Failure>> {
        let mut shots = shots.to_vec();
        shots.sort_by_key(|shot| shot.frame);
        for same in shots.chunk_by(|a, b| a.frame == b.frame) {
            let number = first + same[0].frame as u64;
            let picture = match series.picture(number) {
                Ok(picture) => picture.into_rgb8(),
                Err(failure) => return Ok(Err(failure)),
            };
            for shot in same {
                if let Err(problem) = self.scale(&picture, &shot.view) {
                    return Ok(Err(failure(Code::Unsupported, format!("{}: {problem}", name(number)))));
                }
                canvas.shot(segment, shot.place, &self.view)?;
            }
        }
        Ok(Ok(()))
    }

    fn scale(&mut self, picture: &image::RgbImage, view: &View) -> Result<(), String> {
        let (width, height) = picture.dimensions();
        self.view.resize((view.size * view.size * 3) as usize, 0);
        let plane = Plane { bytes: picture.as_raw(), pixel: Pixel::Rgb, stride: width, width, height };
        self.scaler.rgb(plane, view, &mut self.view)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Span;

    #[test]
    fn frames_of_a_span_are_those_shown_in_it() {
        for rate in [60.0, 50.0, 30.0, 59.94] {
            for number in [1, 2, 77, 245, 5999, 100_000] {
                let span = Span { start: second(number, rate), end: Some(second(number + 3, rate)) };
                assert_eq!(numbers(span, rate, 1 << 20), number..=number + 2, "{rate} {number}");
                let later = Span { start: span.start + 0.1 / rate, end: span.end.map(|end| end + 0.1 / rate) };
                assert_eq!(numbers(later, rate, 1 << 20), number..=number + 3, "{rate} {number}");
            }
        }
        assert_eq!(numbers(Span::WHOLE, 60.0, 120), 1..=120);
        assert_eq!(numbers(Span { start: 1.0, end: Some(9.0) }, 60.0, 120), 61..=120);
        assert_eq!(numbers(Span { start: 1e300, end: Some(2e300) }, 60.0, 120), 120..=120);
    }

    #[test]
    fn the_last_frame_is_found_without_a_list() {
        for count in (0..40).chain([63, 64, 65, 127, 128]) {
            let folder = tempfile::tempdir().unwrap();
            (1..=count).for_each(|number| std::fs::write(folder.path().join(name(number)), "").unwrap());
            let series = Series::Folder(folder.path().into());
            assert_eq!(series.last().ok(), (count > 0).then_some(count));
            // a single hole does not end the run
            if count > 2 {
                std::fs::remove_file(folder.path().join(name(count / 2))).unwrap();
                assert_eq!(series.last().unwrap(), count);
            }
        }
    }
}
