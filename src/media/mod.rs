//! Bytes on disk to samples, and back for what this project renders itself. The only place that names FFmpeg and Symphonia.

pub mod audio;
mod clock;
#[cfg(feature = "video")]
mod colour;
#[cfg(feature = "video")]
mod container;
mod counter;
#[cfg(feature = "video")]
pub mod encode;
#[cfg(feature = "video")]
mod ffmpeg;
#[cfg(feature = "video")]
mod ffmpeg_audio;
pub mod frames;
#[cfg(feature = "video")]
mod h264;
#[cfg(feature = "video")]
mod jumps;
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
