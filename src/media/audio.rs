//! Sound of a segment: Symphonia first, FFmpeg where Symphonia cannot open the stream. FFmpeg decodes AAC a little faster, but
//! takes so much longer to open a file, above all one with video, that Symphonia wins for segments (`benches/RESULTS.md`).

use std::path::Path;

use crate::error::{Code, Failure};
use crate::sample::Waveform;
use crate::source::Source;
use crate::span::Span;
use crate::{Error, Result};

/// A decoded segment of sound.
#[derive(Debug, Clone)]
pub struct Sound {
    /// Mean of all channels, however many and whatever their places (a sub-woofer counts like any), at the recording's own
    /// rate. Starts at the sample nearest to the segment's start; where the sound begins later, or has a hole of more than
    /// 0.1 s, there is silence.
    pub waveform: Waveform,
    /// The seconds that `waveform` covers.
    pub span: [f64; 2],
    /// Samples per channel that the recording has in the segment; silence put in is not counted.
    pub samples: u64,
    /// Set where the recording ends a little before the segment.
    pub partial: Option<String>,
    /// `symphonia`, `ffmpeg` or `hdf5`.
    pub decoder: &'static str,
}

/// Reads the segment `span` of a source of sound.
///
/// # Errors
/// As [`read`]; [`Code::Unsupported`] for a waveform in HDF5 where this build has no HDF5.
pub fn read_source(source: &Source, span: Span) -> Result<Sound> {
    match source {
        #[cfg(feature = "hdf5")]
        Source::Waveform { path, key, sample_rate } => super::waveform::read(path, key, *sample_rate, span),
        #[cfg(not(feature = "hdf5"))]
        Source::Waveform { path, .. } => Err(Error::media(path, Code::Unsupported, "this build has no HDF5 (feature `hdf5`)")),
        source => read(source.path(), span),
    }
}

/// Reads the segment `span` of the first sound track of `path`. Encoder priming and what an edit list cuts are not part of it.
///
/// # Errors
/// [`Error::Media`]: missing, unreadable, absent (no sound track), undecodable, truncated, unsupported, limit.
pub fn read(path: &Path, span: Span) -> Result<Sound> {
    if !path.is_file() {
        return Err(Error::media(path, Code::Missing, "no such file"));
    }
    let failed = match read_with_symphonia(path, span) {
        Ok(sound) => return Ok(sound),
        Err(Error::Media { failure, .. }) if matches!(failure.code, Code::Truncated | Code::Limit) => {
            return Err(Error::Media { path: path.into(), failure });
        }
        Err(error) => error,
    };
    #[cfg(feature = "video")]
    let result = read_with_ffmpeg(path, span).map_err(|by_ffmpeg| match failed {
        // both opened it and found nothing: the first answer will do
        Error::Media { failure, .. } if failure.code == Code::Undecodable => Error::Media { path: path.into(), failure },
        _ => by_ffmpeg,
    });
    #[cfg(not(feature = "video"))]
    let result = Err(failed);
    result
}

/// [`read`] by Symphonia alone.
///
/// # Errors
/// As [`read`].
pub fn read_with_symphonia(path: &Path, span: Span) -> Result<Sound> {
    // it is safe Rust, but some damaged headers overflow its arithmetic
    let decoded = std::panic::catch_unwind(|| super::symphonia::read(path, span)).unwrap_or_else(|_| {
        Err(Failure { code: Code::Unreadable, message: "the header is damaged in a way that Symphonia does not foresee".into() })
    });
    finish(path, "symphonia", decoded)
}

/// [`read`] by FFmpeg alone.
///
/// # Errors
/// As [`read`].
#[cfg(feature = "video")]
pub fn read_with_ffmpeg(path: &Path, span: Span) -> Result<Sound> {
    finish(path, "ffmpeg", super::ffmpeg_audio::read(path, span))
}

fn finish(
    path: &Path,
    decoder: &'static str,
    decoded: Result<(super::timeline::Timeline, Option<f64>), Failure>,
) -> Result<Sound> {
    let checked = decoded.and_then(|(timeline, promised_end)| {
        let partial = timeline.finish(promised_end)?;
        Ok((timeline, partial))
    });
    let (timeline, partial) = checked.map_err(|failure| Error::Media { path: path.into(), failure })?;
    let start = timeline.start();
    let waveform = Waveform { sample_rate: timeline.sample_rate, samples: timeline.samples };
    Ok(Sound { span: [start, start + waveform.duration_seconds()], samples: timeline.decoded, waveform, partial, decoder })
}
