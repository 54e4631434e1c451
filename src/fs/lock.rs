//! Who works in a folder.

use std::fs::File;
use std::path::Path;

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

impl Lock {
    /// Takes the folder, which must exist.
    ///
    /// # Errors
    /// [`Error::Busy`] where another process holds it.
    pub fn take(folder: &Path) -> Result<Self> {
        let file = File::open(folder).map_err(Error::io("open", folder))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(std::fs::TryLockError::WouldBlock) => Err(Error::Busy { path: folder.into() }),
            Err(std::fs::TryLockError::Error(error)) => Err(Error::io("lock", folder)(error)),
        }
    }
}
