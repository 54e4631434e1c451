//! What a process needs to write rows of a shard that another one makes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::spool::Slots;
use crate::{Error, Result, fs};

/// Where the rows of a shard lie in its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The file.
    pub path: PathBuf,
    /// Byte at which the first row's data begins.
    pub data: u64,
    /// Bytes of a row's data.
    pub data_bytes: u64,
    /// Byte at which the first row's views begin.
    pub views: u64,
    /// Bytes of a row's views; 0 for none.
    pub views_bytes: u64,
    /// Where frames become JPEGs, the slots that those go to; pixels are counted as above.
    pub jpeg: Option<Slots>,
}

impl Target {
    /// Writes bytes of the row that is `row` rows after the first, from its byte `at` on; views follow on data.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Integrity`] for anything but whole frames where they become JPEGs.
    pub fn put(&self, file: &fs::RowFile, row: u64, at: u64, bytes: &[u8]) -> Result<()> {
        if let Some(slots) = &self.jpeg {
            return slots.put(file, &self.path, row, at, bytes);
        }
        let place = match at.checked_sub(self.data_bytes) {
            Some(in_views) => self.views + row * self.views_bytes + in_views,
            None => self.data + row * self.data_bytes + at,
        };
        file.write_at(bytes, place)
    }

    /// Writes a row as JPEGs that are there already, one a frame; pixels that become JPEGs would lose once more.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Integrity`] where the shard keeps none, and for one that is larger than any of such a frame.
    pub fn put_jpegs<'f>(&self, file: &fs::RowFile, row: u64, frames: impl Iterator<Item = &'f [u8]>) -> Result<()> {
        let none = || Error::integrity(&self.path, "JPEGs of a row; expected its elements");
        self.jpeg.as_ref().ok_or_else(none)?.put_jpegs(file, &self.path, row, frames)
    }
}
