//! What stands under a name: folders that are made, files that are there or are removed.

use std::io;
use std::path::Path;

use super::read::no_file;
use super::step::step;
use crate::error::Action;
use crate::{Error, Result};

/// A folder and those above it.
///
/// # Errors
/// [`Error::Input`] for an empty path; [`Error::Io`].
pub fn create_dir_all(path: &Path) -> Result<()> {
    if path.as_os_str().is_empty() {
        return Err(Error::input("\"\"", "an empty path; expected the name of a folder"));
    }
    if let Ok(about) = std::fs::metadata(path) {
        let there = |what| Error::input(path.display(), format!("it is {what}; expected a folder, or nothing"));
        return if about.is_dir() { Ok(()) } else { Err(there(no_file(&about).unwrap_or("a file"))) };
    }
    step().and_then(|()| std::fs::create_dir_all(path)).map_err(Error::io(Action::Create, path))
}

/// Removes a file if it is there.
///
/// # Errors
/// [`Error::Io`].
pub fn remove(path: &Path) -> Result<()> {
    // where nothing can be written, removing what is not there is an error of another kind
    if std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(());
    }
    match step().and_then(|()| std::fs::remove_file(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(Action::Remove, path)(error)),
        _ => Ok(()),
    }
}

/// Whether there is a file of this name.
///
/// # Errors
/// [`Error::Io`] where that cannot be told, such as in a folder that may not be entered.
pub fn is_file(path: &Path) -> Result<bool> {
    match std::fs::metadata(path) {
        Ok(about) => Ok(about.is_file()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(Error::io(Action::Read, path)(error)),
    }
}
