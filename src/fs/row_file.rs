//! Rows at their places.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::step::step;
use crate::error::Action;
use crate::{Error, Result};

/// A file that rows are written into at their places.
#[derive(Debug)]
pub struct RowFile {
    file: File,
    path: PathBuf,
}

impl RowFile {
    /// Opens an existing file for writing.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(Error::io(Action::Open, path))?;
        Ok(Self { file, path: path.into() })
    }

    /// Makes a file of `bytes` zeros that take no room until they are written over. One of that name is replaced.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(path: &Path, bytes: u64) -> Result<Self> {
        let create = || {
            step()?;
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
            file.set_len(bytes).map(|()| file)
        };
        Ok(Self { file: create().map_err(Error::io(Action::Create, path))?, path: path.into() })
    }

    /// Reads bytes from `offset` on into all of `bytes`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<()> {
        self.file.read_exact_at(bytes, offset).map_err(Error::io(Action::Read, &self.path))
    }

    /// Writes `bytes` at `offset`; may be called from many threads at once.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        step().and_then(|()| self.file.write_all_at(bytes, offset)).map_err(Error::io(Action::Write, &self.path))
    }

    /// Makes a stretch zeros, where it is not yet.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn clear(&self, offset: u64, bytes: u64) -> Result<()> {
        let clear = || {
            let (zeros, mut there) = ([0; 1 << 16], [0; 1 << 16]);
            for start in (0..bytes).step_by(zeros.len()) {
                let length = (bytes - start).min(zeros.len() as u64) as usize;
                self.file.read_exact_at(&mut there[..length], offset + start)?;
                if there[..length] != zeros[..length] {
                    step()?;
                    self.file.write_all_at(&zeros[..length], offset + start)?;
                }
            }
            Ok(())
        };
        clear().map_err(Error::io(Action::Write, &self.path))
    }

    /// Waits until everything is on the disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sync(&self) -> Result<()> {
        step().and_then(|()| self.file.sync_all()).map_err(Error::io(Action::Sync, &self.path))
    }
}
