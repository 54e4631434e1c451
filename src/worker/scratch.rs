//! Memory that other processes write rows into.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use crate::error::Action;
use crate::store::Target;
use crate::{Error, Result};

/// Rows in memory, with a path to them for other processes. Only rows that were written and not yet freed take memory.
#[derive(Debug)]
pub struct Scratch {
    file: File,
    target: Target,
    rows: u64,
}

impl Scratch {
    /// Room for rows of `data_bytes`, each with views of `views_bytes`.
    ///
    /// # Errors
    /// [`Error::Environment`].
    pub fn new(rows: u64, data_bytes: u64, views_bytes: u64) -> Result<Self> {
        // SAFETY: the name is ended by zero, the descriptor becomes ours.
        let file = unsafe {
            match libc::memfd_create(c"mmdg".as_ptr(), libc::MFD_CLOEXEC) {
                -1 => return Err(fail(std::io::Error::last_os_error())),
                descriptor => File::from(OwnedFd::from_raw_fd(descriptor)),
            }
        };
        file.set_len(rows * (data_bytes + views_bytes)).map_err(fail)?;
        let path = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()));
        let target = Target { path, data: 0, data_bytes, views: rows * data_bytes, views_bytes, jpeg: None };
        Ok(Self { file, target, rows })
    }

    /// Where rows go.
    pub fn target(&self) -> Target {
        self.target.clone()
    }

    /// Reads a row's data.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read(&self, row: u64, data: &mut [u8]) -> Result<()> {
        self.file.read_exact_at(data, row * self.target.data_bytes).map_err(Error::io(Action::Read, &self.target.path))
    }

    /// Gives back the memory of the rows `from..to`, which are not read any more.
    ///
    /// # Errors
    /// [`Error::Environment`].
    pub fn free(&self, from: u64, to: u64) -> Result<()> {
        let to = to.min(self.rows);
        let Target { data_bytes, views, views_bytes, .. } = self.target;
        for (start, bytes) in [(0, data_bytes), (views, views_bytes)] {
            let (offset, length) = (start + from * bytes, to.saturating_sub(from) * bytes);
            if length == 0 {
                continue;
            }
            let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
            // SAFETY: the descriptor is open; the stretch becomes zeros.
            if unsafe { libc::fallocate(self.file.as_raw_fd(), mode, offset as i64, length as i64) } != 0 {
                return Err(fail(std::io::Error::last_os_error()));
            }
        }
        Ok(())
    }
}

fn fail(error: std::io::Error) -> Error {
    Error::environment(format!("cannot have a file in memory: {error}"), "is there memory left?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs;

    #[test]
    fn rows_are_there_until_they_are_freed() {
        let scratch = Scratch::new(4, 10_000, 100).unwrap();
        let target = scratch.target();
        let file = fs::RowFile::open(&target.path).unwrap();
        for row in 0..4 {
            target.put(&file, row, 0, &[row as u8 + 1; 10_100][..10_000]).unwrap();
            target.put(&file, row, 10_000, &[9; 100]).unwrap();
        }
        scratch.free(1, 3).unwrap();
        let mut data = vec![0; 10_000];
        for (row, value) in [(0, 1), (1, 0), (2, 0), (3, 4)] {
            scratch.read(row, &mut data).unwrap();
            assert!(data.iter().all(|&byte| byte == value), "{row}");
        }
    }
}
