//! Sound of rows: Symphonia where it is right, FFmpeg for all the rest. Which of the two reads a recording, and from where, depends on the recording
//! and the row alone (`docs/media.md` has the table).

use std::path::Path;

use super::sniff::{self, Plain};
use super::sound::{self, Done, From, Reader};
use super::symphonia::Symphonia;
use crate::error::{Code, Failure};
use crate::sample::Waveform;
use crate::source::Source;
use crate::span::Span;
use crate::track::Track;
use crate::{Error, Result};

pub use super::sound::Wanted;

/// A decoded segment of sound.
#[derive(Debug, Clone)]
pub struct Sound {
    /// Mean of all channels, however many and whatever their places (a sub-woofer counts like any), at the recording's own
    /// rate. Starts at the sample nearest to the segment's start; where the sound begins later, or has a hole, there is silence.
    pub waveform: Waveform,
    /// The seconds that `waveform` covers.
    pub span: [f64; 2],
    /// Samples per channel that the recording has in the segment; silence put in is not counted.
    pub samples: u64,
    /// What is to be known of it: it ends a little before the segment, has holes, begins late, follows a jump of the time stamps.
    pub partial: Option<String>,
    /// `symphonia`, `ffmpeg` or `hdf5`; `ffmpeg from start` and `ffmpeg from minute` (`symphonia` likewise) where decoding began at the recording's start or
    /// at a multiple of 60 s because what the decoder gives depends on it.
    pub decoder: &'static str,
}

/// Is told of every row, by its place, once.
pub type Each<'a> = dyn FnMut(usize, Result<Sound, Failure>) -> Result<()> + 'a;

/// Reads rows of a source of sound, in one pass. What is wrong with a row is its outcome.
///
/// # Errors
/// Those of `each`.
pub fn read_rows(source: &Source, rows: &[Wanted], each: &mut Each<'_>) -> Result<()> {
    match source {
        Source::Waveform { path, key, sample_rate } => {
            for (place, wanted) in rows.iter().enumerate() {
                #[cfg(feature = "hdf5")]
                let sound = super::waveform::read(path, key, *sample_rate, *wanted);
                #[cfg(not(feature = "hdf5"))]
                let sound = Err(Error::media(path, Code::Unsupported, "this build has no HDF5 (feature `hdf5`)"));
                #[cfg(not(feature = "hdf5"))]
                let _ = (key, sample_rate, wanted);
                match sound {
                    Err(Error::Media { failure, .. }) => each(place, Err(failure))?,
                    Err(error) => return Err(error),
                    Ok(sound) => each(place, Ok(sound))?,
                }
            }
            Ok(())
        }
        Source::Sound { path, track } => of_track(path, track, rows, each),
        Source::Pictures(_) | Source::PicturePair(..) => {
            let failure = Failure { code: Code::Internal, message: "pictures were asked for sound".into() };
            (0..rows.len()).try_for_each(|place| each(place, Err(failure.clone())))
        }
    }
}

/// Reads the segment `span` of the default sound track of `path`. Encoder priming and what an edit list cuts are not part of it.
///
/// # Errors
/// [`Error::Media`]: missing, unreadable, absent (no sound track), undecodable, truncated, unsupported, limit.
pub fn read(path: &Path, span: Span) -> Result<Sound> {
    one(path, span, |rows, each| of_track(path, &Track::Default, rows, each))
}

/// [`read`] by Symphonia alone.
///
/// # Errors
/// As [`read`]; [`Code::Unsupported`] for what it is not trusted with.
pub fn read_with_symphonia(path: &Path, span: Span) -> Result<Sound> {
    one(path, span, |rows, each| match sniff::plain(path) {
        Some(plain) => with_symphonia(path, &plain, rows, each),
        None => all_fail(rows, &not_plain(), each),
    })
}

/// [`read`] by FFmpeg alone.
///
/// # Errors
/// As [`read`].
#[cfg(feature = "video")]
pub fn read_with_ffmpeg(path: &Path, span: Span) -> Result<Sound> {
    one(path, span, |rows, each| with_ffmpeg(path, &Track::Default, rows, each))
}

fn one(path: &Path, span: Span, read: impl FnOnce(&[Wanted], &mut Each<'_>) -> Result<()>) -> Result<Sound> {
    let mut found = Err(Failure { code: Code::Internal, message: "the reader ended without a word".into() });
    read(&[Wanted { span, short: false }], &mut |_, sound| {
        found = sound;
        Ok(())
    })?;
    found.map_err(|failure| Error::Media { path: path.into(), failure })
}

fn not_plain() -> Failure {
    let message = "only FFmpeg reads this sound as it is (this build lacks the feature `video`)";
    Failure { code: Code::Unsupported, message: message.into() }
}

fn all_fail(rows: &[Wanted], failure: &Failure, each: &mut Each<'_>) -> Result<()> {
    (0..rows.len()).try_for_each(|place| each(place, Err(failure.clone())))
}

fn of_track(path: &Path, track: &Track, rows: &[Wanted], each: &mut Each<'_>) -> Result<()> {
    if let Err(failure) = super::there(path) {
        return all_fail(rows, &failure, each);
    }
    // files that Symphonia reads have one track
    let plain = sniff::best(path).filter(|_| track.choose("sound", &[Default::default()]).is_ok());
    let Some(plain) = plain else { return without_symphonia(path, track, rows, each) };
    let mut again = Vec::new();
    with_symphonia(path, &plain, rows, &mut |place, sound| match sound {
        Err(failure) if !matches!(failure.code, Code::Truncated | Code::Limit) => {
            again.push((place, failure));
            Ok(())
        }
        sound => each(place, sound),
    })?;
    let left: Vec<Wanted> = again.iter().map(|(place, _)| rows[*place]).collect();
    if left.is_empty() {
        return Ok(());
    }
    without_symphonia(path, track, &left, &mut |place, sound| {
        let (place, by_symphonia) = &again[place];
        // both opened it and found nothing: the first answer will do
        let first = matches!((&sound, by_symphonia.code), (Err(_), Code::Undecodable));
        each(*place, if first || cfg!(not(feature = "video")) { Err(by_symphonia.clone()) } else { sound })
    })
}

#[cfg(feature = "video")]
fn without_symphonia(path: &Path, track: &Track, rows: &[Wanted], each: &mut Each<'_>) -> Result<()> {
    with_ffmpeg(path, track, rows, each)
}

#[cfg(not(feature = "video"))]
fn without_symphonia(_: &Path, _: &Track, rows: &[Wanted], each: &mut Each<'_>) -> Result<()> {
    all_fail(rows, &not_plain(), each)
}

fn with_symphonia(path: &Path, plain: &Plain, rows: &[Wanted], each: &mut Each<'_>) -> Result<()> {
    // it is safe Rust, but some damaged headers overflow its arithmetic
    let damaged =
        || Failure { code: Code::Unreadable, message: "the file is damaged in a way that Symphonia does not foresee".into() };
    let mut told = vec![false; rows.len()];
    let read = std::panic::AssertUnwindSafe(|| match Symphonia::open(path, plain) {
        Ok(mut reader) => {
            through(&mut reader, ["symphonia", "symphonia from start", "symphonia from minute"], rows, &mut |place, sound| {
                told[place] = true;
                each(place, sound)
            })
        }
        Err(failure) => {
            told.fill(true);
            all_fail(rows, &failure, each)
        }
    });
    match std::panic::catch_unwind(read) {
        Ok(outcome) => outcome,
        Err(_) => (0..rows.len()).filter(|&place| !told[place]).try_for_each(|place| each(place, Err(damaged()))),
    }
}

#[cfg(feature = "video")]
fn with_ffmpeg(path: &Path, track: &Track, rows: &[Wanted], each: &mut Each<'_>) -> Result<()> {
    match super::ffmpeg_audio::Ffmpeg::open(path, track) {
        Ok(mut reader) => through(&mut reader, ["ffmpeg", "ffmpeg from start", "ffmpeg from minute"], rows, each),
        Err(failure) => all_fail(rows, &failure, each),
    }
}

fn through<R: Reader>(reader: &mut R, names: [&'static str; 3], rows: &[Wanted], each: &mut Each<'_>) -> Result<()> {
    sound::read(reader, rows, &mut |place, done| {
        let sound = done.map(|Done { line, partial, from }| {
            let (start, samples) = (line.start(), line.decoded());
            let waveform = Waveform { sample_rate: line.sample_rate, samples: line.samples };
            let decoder = names[match from {
                From::Near => 0,
                From::Start => 1,
                From::Minute => 2,
            }];
            Sound { span: [start, start + waveform.duration_seconds()], samples, waveform, partial, decoder }
        });
        each(place, sound)
    })
}
