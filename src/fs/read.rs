//! Files that are read.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use crate::error::Action;
use crate::{Error, Result};

/// Blake3 of a file, in hex.
///
/// # Errors
/// [`Error::Io`] with the action `Read`.
pub fn hash(path: &Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_mmap_rayon(path).map_err(Error::io(Action::Read, path))?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Whether a file holds just these bytes.
pub fn holds(path: &Path, bytes: &[u8]) -> bool {
    std::fs::metadata(path).is_ok_and(|about| about.is_file() && about.len() == bytes.len() as u64)
        && std::fs::read(path).is_ok_and(|there| there == bytes)
}

/// What stands where a file should: a folder, or what would be waited for without an end.
pub fn no_file(about: &std::fs::Metadata) -> Option<&'static str> {
    let kind = about.file_type();
    match () {
        () if kind.is_file() => None,
        () if kind.is_dir() => Some("a folder"),
        () if kind.is_fifo() => Some("a pipe"),
        () if kind.is_socket() => Some("a socket"),
        () => Some("a device"),
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    match no_file(&std::fs::metadata(path)?) {
        None => File::open(path),
        Some(what) => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}"))),
    }
}

/// Opens a file that the user named, `expected` to be one of some kind, such as "a .npy file".
///
/// # Errors
/// [`Error::unread`].
pub fn open(path: &Path, expected: &str) -> Result<File> {
    open_file(path).map_err(|error| Error::unread(path, error, expected))
}

/// The bytes of a file that the user named.
///
/// # Errors
/// [`Error::unread`].
pub fn read_named(path: &Path, expected: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, expected)?.read_to_end(&mut bytes).map_err(|error| Error::unread(path, error, expected))?;
    Ok(bytes)
}

/// The bytes of a file.
///
/// # Errors
/// [`Error::Io`] with the action `Read`; [`Error::Input`] for what is no file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match open_file(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Err(Error::unread(path, error, "a file")),
        Err(error) => Err(Error::io(Action::Read, path)(error)),
    }
}

/// The text of a file, without a byte-order mark.
///
/// # Errors
/// [`Error::Input`] that says what was expected where the file is missing or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = read_named(path, "a file")?;
    let text = String::from_utf8(bytes).map_err(|error| {
        Error::input(path.display(), format!("byte {}: not UTF-8; expected text", error.utf8_error().valid_up_to()))
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
