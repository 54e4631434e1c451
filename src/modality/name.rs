//! Names of modalities.

use crate::{Error, Result};

/// What else stands beside modalities in samples, exports and tables, under this name.
const TAKEN: [&str; 20] = [
    "row", "rows", "id", "ids", "label", "labels", "class", "classes", "domain", "domains", "split", "splits", "path", "paths",
    "start", "starts", "end", "ends", "span", "valid",
];

/// Checks that `name` can name a modality, which is also a folder: lower-case letters, digits and `-`, a letter first; and no name of what stands beside modalities, such as `label`.
///
/// # Errors
/// [`Error::Input`] that names `place`.
///
/// ```
/// assert!(mmdg::modality::check_name("audio-24k", "[modalities]").is_ok());
/// assert!(mmdg::modality::check_name("../audio", "[modalities]").is_err());
/// assert!(mmdg::modality::check_name("label", "[modalities]").is_err());
/// ```
pub fn check_name(name: &str, place: &str) -> Result<()> {
    allowed(name).map_err(|problem| Error::input(place, format!("modality {name:?}: {problem}")))
}

/// Why `name` cannot name a modality, where it cannot.
pub(crate) fn allowed(name: &str) -> Result<(), String> {
    let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 64
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !fits {
        return Err("expected lower-case letters, digits and '-', a letter first".into());
    }
    if TAKEN.contains(&name) {
        return Err(format!("rows have a {name:?} beside their modalities; expected another name, such as \"{name}-features\""));
    }
    Ok(())
}
