//! Bytes on disk to samples, and back for what this project renders itself. The only place that names FFmpeg and Symphonia.

use std::path::Path;

use crate::error::{Code, Failure};

/// Number of the way in which recordings become pictures, sound and times; raised whenever equal rows of equal recordings come out otherwise for another reason
/// than FFmpeg's own.
pub const ALGORITHM: u32 = 1;

pub mod audio;
pub mod canvas;
mod clock;
#[cfg(feature = "video")]
mod colour;
#[cfg(feature = "video")]
mod container;
mod counter;
pub mod decode;
#[cfg(feature = "video")]
pub mod encode;
mod ends;
#[cfg(feature = "video")]
mod ffmpeg;
#[cfg(feature = "video")]
mod ffmpeg_audio;
pub mod frames;
#[cfg(feature = "video")]
mod h264;
pub mod identity;
#[cfg(feature = "video")]
mod jumps;
#[cfg(feature = "video")]
mod mix_down;
pub mod movie;
#[cfg(feature = "video")]
mod painter;
#[cfg(feature = "video")]
mod pass;
pub mod pictures;
#[cfg(feature = "video")]
mod scale;
mod sniff;
mod sound;
#[cfg(feature = "video")]
mod survey;
#[cfg(feature = "video")]
mod surveyed;
mod symphonia;
pub mod tar;
mod timeline;
#[cfg(feature = "video")]
pub mod version;
#[cfg(feature = "video")]
mod video;
pub mod wav;
#[cfg(feature = "hdf5")]
mod waveform;

/// That a file of a recording is there and may be read.
fn there(path: &Path) -> Result<(), Failure> {
    let failed = |code, message: String| Err(Failure { code, message });
    let about = match std::fs::metadata(path) {
        Ok(about) => about,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return failed(Code::Missing, "no such file".into());
        }
        Err(error) => return failed(Code::Refused, format!("cannot read: {error}")),
    };
    if let Some(what) = crate::fs::no_file(&about) {
        return failed(Code::Unreadable, format!("{what}; expected a file"));
    }
    match std::fs::File::open(path) {
        Ok(_) => Ok(()),
        Err(error) => failed(Code::Refused, format!("cannot read: {error}")),
    }
}
