//! Where the samples of one segment and modality come from.

use std::path::PathBuf;

/// A place on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The best stream of a container, or a sound file.
    File(PathBuf),
    /// Optical flow as two videos, one for each direction.
    FlowPair {
        /// Horizontal displacement.
        x: PathBuf,
        /// Vertical displacement.
        y: PathBuf,
    },
}

impl Source {
    /// The first file, for messages.
    pub fn path(&self) -> &std::path::Path {
        match self {
            Self::File(path) | Self::FlowPair { x: path, .. } => path,
        }
    }
}
