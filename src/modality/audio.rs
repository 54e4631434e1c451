//! Sound.

use std::path::{Path, PathBuf};

use super::column::{Column, Field};
use super::kind::{Definition, Kind, Recording};
use super::media::Media;
use crate::source::SourceRef;

impl Kind {
    /// Sound: of its own file if there is one, else of the recording.
    pub const AUDIO: Self = Self(&AUDIO);
}

static AUDIO: Definition = Definition {
    name: "audio",
    about: "sound of a recording, of a file beside it, or of a waveform in HDF5",
    columns: &[
        Column { name: "audio_path", field: Field::Path(0) },
        Column { name: "audio_key", field: Field::Key },
        Column { name: "audio_rate", field: Field::SampleRate },
        Column { name: "audio_track", field: Field::Track },
    ],
    check,
    source,
    beside: Some(wav_beside),
    axes: &["HW", "TD", "D", "S"],
    channels: 1,
    layout: "NCHW",
    dataset: Some("audio_features"),
};

fn check(media: &Media) -> Result<(), String> {
    match (&media.key, media.rate, media.paths.is_empty()) {
        (None, None, _) | (Some(_), Some(_), false) => Ok(()),
        _ => Err("audio_key, audio_rate; expected both and an audio_path, or none".into()),
    }
}

fn source(recording: Recording<'_>) -> Result<SourceRef<'_>, &'static str> {
    let own = recording.media(Kind::AUDIO);
    let sound = |path| SourceRef::Sound { path, track: own.and_then(|media| media.track.as_ref()).unwrap_or(recording.track) };
    let Some(path) = own.and_then(|media| media.paths.first()) else {
        return if recording.is_frames() { Err("no sound beside the extracted frames") } else { Ok(sound(recording.path)) };
    };
    match own.and_then(|media| media.key.as_deref().zip(media.rate)) {
        // a whole number: `Field::SampleRate`
        Some((key, rate)) => Ok(SourceRef::Waveform { path, key, sample_rate: rate as u32 }),
        None => Ok(sound(path)),
    }
}

/// Where a recording's sound would lie beside it: `X.wav` for `X.mp4`, for a folder `X` of extracted frames and for `X.tar`.
///
/// ```
/// use mmdg::modality::wav_beside;
/// use std::path::Path;
/// assert_eq!(wav_beside(Path::new("a/drinking_54 .mp4"), false), Path::new("a/drinking_54 .wav"));
/// assert_eq!(wav_beside(Path::new("rgb/v1.2"), true), Path::new("rgb/v1.2.wav"));
/// ```
pub fn wav_beside(path: &Path, frames: bool) -> PathBuf {
    let ends = |end: &str| path.extension().is_some_and(|extension| extension == end);
    if frames && !ends("tar") {
        let mut name = path.as_os_str().to_owned();
        name.push(".wav");
        return name.into();
    }
    path.with_extension("wav")
}
