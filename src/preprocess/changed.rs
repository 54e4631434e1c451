//! Recordings that are no longer what a store was made of.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::error::few;
use crate::media::identity::identity;
use crate::pipeline::Changed;
use crate::source::Identity;
use crate::store::sources;
use crate::{Error, Result, fs};

/// Where it stands how files looked when they were last found to be what they should: by it the look into them is skipped. No part of the store: not
/// in any record or hash, and not merged.
const SEEN: &str = "seen.json";

/// How a file looks from outside: size, time of its last change in nanoseconds, number in its file system.
type Look = (u64, i64, u64);

fn look(path: &Path) -> Option<Look> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.len(), about.mtime() * 1_000_000_000 + about.mtime_nsec(), about.ino()))
}

/// Files that are there and are not what the store at `folder` was made of, in order; nothing where there is no store.
///
/// # Errors
/// [`Error::Io`].
pub fn changed(folder: &Path) -> Result<Vec<PathBuf>> {
    let sources = sources(folder)?;
    let seen: BTreeMap<String, Look> =
        std::fs::read(folder.join(SEEN)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let differs = |(name, was): (&String, &Identity)| {
        let path = Path::new(name);
        let look = look(path)?;
        // a folder's own look says nothing of the pictures in it
        let same = !path.is_dir() && seen.get(name) == Some(&look);
        (!same && identity(path).is_some_and(|is| is != *was)).then(|| path.to_owned())
    };
    let mut found: Vec<PathBuf> = sources.par_iter().filter_map(differs).collect();
    found.sort();
    Ok(found)
}

/// Those whose rows are to be made again.
///
/// # Errors
/// [`Error::Input`] naming them, where they are to be refused; [`Error::Io`].
pub(crate) fn to_remake(folder: &Path, what: Changed) -> Result<Vec<PathBuf>> {
    match what {
        Changed::Ignore => Ok(Vec::new()),
        Changed::Remake => changed(folder),
        Changed::Refuse => match changed(folder)? {
            none if none.is_empty() => Ok(none),
            some => Err(refused(folder, &some)),
        },
    }
}

fn refused(folder: &Path, changed: &[PathBuf]) -> Error {
    let names: Vec<String> = changed.iter().map(|path| path.display().to_string()).collect();
    let count = changed.len();
    let problem = format!(
        "{count} recordings have changed since the store was made of them: {}; expected them as they were, --changed remake, which makes their rows anew, or \
         --changed ignore, which keeps these",
        few(&names)
    );
    Error::input(folder.display(), problem)
}

/// Remembers how the files of a store look, so that the next look into them can be skipped; not where changed ones were ignored, which are to be told of
/// again. Where that cannot be written it is not.
pub(crate) fn remember(folder: &Path, what: Changed) {
    if what == Changed::Ignore {
        return;
    }
    let Ok(sources) = sources(folder) else { return };
    let seen: BTreeMap<&String, Look> = sources.keys().filter_map(|name| Some((name, look(Path::new(name))?))).collect();
    if let Ok(text) = serde_json::to_vec(&seen) {
        let _ = fs::write(&folder.join(SEEN), &text);
    }
}
