//! Files that are written piece by piece.

use std::fs::File;
use std::io;
use std::path::Path;

use super::part::Part;
use super::step::step;
use crate::error::Action;
use crate::{Error, Result};

/// A file while it is written piece by piece: under its temporary name until it is [published](Self::publish), and gone if it is not.
#[derive(Debug)]
pub struct Stream {
    file: File,
    part: Part,
}

impl Stream {
    /// Starts the file that is going to be `path`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(path: &Path) -> Result<Self> {
        let part = Part::new(path);
        let file = step().and_then(|()| File::create(part.place())).map_err(Error::io(Action::Create, path))?;
        Ok(Self { file, part })
    }

    /// Gives the file its name, once its bytes are on the disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn publish(self) -> Result<()> {
        step().and_then(|()| self.file.sync_all()).map_err(Error::io(Action::Sync, self.part.path()))?;
        self.part.publish()
    }
}

impl io::Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        step()?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Seek for Stream {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
