//! Bytes on disk to samples, and back for what this project renders itself.

#[cfg(feature = "video")]
pub mod encode;
pub mod wav;
