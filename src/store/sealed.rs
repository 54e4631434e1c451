//! JSON files that carry their own hash.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};

use crate::error::Action;
use crate::{Error, Result, fs};

/// The key of a JSON file's own hash.
const SEAL: &str = "seal";

/// Reads a JSON file of a store, and holds it against the hash that it carries.
///
/// # Errors
/// [`Error::Integrity`] naming file and line where it does not fit, and for a file that is not there; [`Error::Io`].
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    if !fs::is_file(path)? {
        return Err(Error::integrity(path, "it is missing"));
    }
    let bytes = fs::read(path)?;
    let wrong = |error: serde_json::Error| Error::integrity(path, error.to_string());
    let mut value: serde_json::Value = serde_json::from_slice(&bytes).map_err(wrong)?;
    match value.as_object_mut().and_then(|object| object.remove(SEAL)) {
        // of an earlier version
        None => serde_json::from_slice(&bytes).map_err(wrong),
        Some(seal) if seal == seal_of(&value) => serde_json::from_value(value).map_err(wrong),
        Some(_) => Err(Error::integrity(path, "its hash is not the one that it carries")),
    }
}

fn seal_of(value: &serde_json::Value) -> String {
    blake3::hash(value.to_string().as_bytes()).to_hex().to_string()
}

/// Writes one, readable and ending in a newline, with its own hash as the last entry.
///
/// # Errors
/// [`Error::Io`].
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    fs::write_among_others(path, sealed(path, value)?.as_bytes())
}

/// Writes one under a temporary name.
///
/// # Errors
/// [`Error::Io`].
#[cfg(feature = "hdf5")]
pub(super) fn prepare_json<T: Serialize>(path: &Path, value: &T) -> Result<fs::Part> {
    let part = fs::Part::unique(path);
    part.write(sealed(path, value)?.as_bytes())?;
    Ok(part)
}

fn sealed<T: Serialize>(path: &Path, value: &T) -> Result<String> {
    let wrong = |error: serde_json::Error| Error::integrity(path, error.to_string());
    let mut text = serde_json::to_string_pretty(value).map_err(wrong)?;
    // as it will be read
    let seal = seal_of(&serde_json::from_str(&text).map_err(wrong)?);
    let end = text.trim_end_matches('}').trim_end().len();
    text.truncate(end);
    Ok(format!("{text},\n  \"{SEAL}\": \"{seal}\"\n}}\n"))
}

/// Nothing but a file of a store is opened: a pipe would be waited for.
///
/// # Errors
/// [`Error::Integrity`] for what is none or is gone; [`Error::Io`] where this user may not look.
pub fn open_regular(path: &Path) -> Result<File> {
    let open = |about: Metadata| about.is_file().then(|| File::open(path)).transpose();
    match std::fs::metadata(path).and_then(open) {
        Ok(Some(file)) => Ok(file),
        Ok(None) => Err(Error::integrity(path, "not a file; expected one")),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(Error::io(Action::Open, path)(error)),
        Err(error) => Err(Error::integrity(path, format!("cannot open: {error}"))),
    }
}
