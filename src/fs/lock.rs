//! Who works in a folder, on this machine.

use std::fs::{File, Metadata, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::Action;
use crate::{Error, Result};

/// Holds a folder for this process, or for it and others that share it, until dropped.
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
    /// Takes the folder, which must exist, for this process alone.
    ///
    /// # Errors
    /// [`Error::Busy`] where another process holds it, or shares it.
    pub fn take(folder: &Path) -> Result<Self> {
        Self::with(folder, File::try_lock)
    }

    /// Takes the folder, which must exist, beside others that share it.
    ///
    /// # Errors
    /// [`Error::Busy`] where another process holds it for itself.
    pub fn share(folder: &Path) -> Result<Self> {
        Self::with(folder, |file| match file.try_lock_shared() {
            // where the file system knows no locks, leases are all there is
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => Ok(()),
            shared => shared,
        })
    }

    fn with(folder: &Path, lock: impl Fn(&File) -> Result<(), TryLockError>) -> Result<Self> {
        let file = File::open(folder).map_err(Error::io(Action::Open, folder))?;
        match lock(&file) {
            // the one that was waited for may be gone, and another have its name
            Ok(()) if is_at(&file, folder) => Ok(Self(file)),
            Ok(()) => Err(Error::Busy { path: folder.into() }),
            Err(TryLockError::WouldBlock) => Err(Error::Busy { path: folder.into() }),
            Err(TryLockError::Error(error)) => Err(Error::io(Action::Lock, folder)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_by_one_at_a_time_or_shared() {
        let folder = tempfile::tempdir().unwrap();
        let busy = |lock: Result<Lock>| matches!(lock, Err(Error::Busy { .. }));
        let lock = Lock::take(folder.path()).unwrap();
        assert!(busy(Lock::take(folder.path())) && busy(Lock::share(folder.path())));
        drop(lock);
        let shared = [Lock::share(folder.path()).unwrap(), Lock::share(folder.path()).unwrap()];
        assert!(busy(Lock::take(folder.path())));
        drop(shared);
        Lock::take(folder.path()).unwrap();
    }
}
