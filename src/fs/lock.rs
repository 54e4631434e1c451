//! Who works in a folder.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::Action;
use crate::{Error, Result};

/// Holds a folder for this process until dropped.
#[derive(Debug)]
pub struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // closing does not do: a process that was just forked off has the handle too, until it runs its program
        let _ = self.0.unlock();
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let number = |about: std::io::Result<Metadata>| about.map(|about| (about.dev(), about.ino())).ok();
    number(file.metadata()) == number(std::fs::metadata(path))
}

impl Lock {
    /// Takes the folder, which must exist.
    ///
    /// # Errors
    /// [`Error::Busy`] where another process holds it.
    pub fn take(folder: &Path) -> Result<Self> {
        let file = File::open(folder).map_err(Error::io(Action::Open, folder))?;
        match file.try_lock() {
            // the one that was waited for may be gone, and another have its name
            Ok(()) if is_at(&file, folder) => Ok(Self(file)),
            Ok(()) => Err(Error::Busy { path: folder.into() }),
            Err(std::fs::TryLockError::WouldBlock) => Err(Error::Busy { path: folder.into() }),
            Err(std::fs::TryLockError::Error(error)) => Err(Error::io(Action::Lock, folder)(error)),
        }
    }
}
