//! Recordings that are no longer what a store was made of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::error::few;
use crate::media::identity::{Identities, Look, identity, look};
use crate::pipeline::Changed;
use crate::source::Identity;
use crate::store::sources;
use crate::{Error, Result, fs};

/// Where it stands how files looked when they were last found to be what they should: by it the look into them is skipped. No part of the store: not
/// in any record or hash, and not merged.
const SEEN: &str = "seen.json";

/// How the files of a store looked when they were found to be what they should.
pub(crate) type Looks = BTreeMap<String, Look>;

/// Files that are there and are not what the store at `folder` was made of, in order, and how the others look.
fn examined(folder: &Path) -> Result<(Vec<PathBuf>, Looks)> {
    let seen: Looks =
        std::fs::read(folder.join(SEEN)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let state = |(name, was): (String, BTreeSet<Identity>)| {
        let path = PathBuf::from(&name);
        let look = look(&path)?;
        // a folder's own look says nothing of the pictures in it
        let same = !path.is_dir() && seen.get(&name) == Some(&look);
        let is = if same { None } else { Some(identity(&path)?) };
        // of one that changed while the store was made, some rows are of the one and some of the other
        let changed = is.is_some_and(|is| was.iter().any(|was| is != *was));
        Some(if changed { Err(path) } else { Ok((name, look)) })
    };
    let (mut changed, mut looks) = (Vec::new(), Looks::new());
    for state in sources(folder)?.into_par_iter().filter_map(state).collect::<Vec<_>>() {
        match state {
            Ok((name, look)) => drop(looks.insert(name, look)),
            Err(path) => changed.push(path),
        }
    }
    changed.sort();
    Ok((changed, looks))
}

/// Files that are there and are not what the store at `folder` was made of, in order; nothing where there is no store.
///
/// # Errors
/// [`Error::Io`].
pub fn changed(folder: &Path) -> Result<Vec<PathBuf>> {
    examined(folder).map(|(changed, _)| changed)
}

/// Those whose rows are to be made again, and how the others look.
///
/// # Errors
/// [`Error::Input`] naming them, where they are to be refused; [`Error::Io`].
pub(crate) fn to_remake(folder: &Path, what: Changed) -> Result<(Vec<PathBuf>, Looks)> {
    match what {
        Changed::Ignore => Ok(Default::default()),
        Changed::Remake => examined(folder),
        Changed::Refuse => match examined(folder)? {
            (none, looks) if none.is_empty() => Ok((none, looks)),
            (some, _) => Err(refused(folder, &some)),
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

/// Remembers how the files of a store looked, so that the next look into them can be skipped: those that were as they should be at the beginning, and those
/// that were `read` since and are what the records say. Not where changed ones were ignored, which are to be told of again. Where it cannot be written it is not.
pub(crate) fn remember(folder: &Path, what: Changed, mut looks: Looks, read: Identities) {
    if what == Changed::Ignore {
        return;
    }
    let Ok(sources) = sources(folder) else { return };
    for (name, (look, identity)) in read.found() {
        let is = sources.get(&name).is_some_and(|was| was.iter().all(|was| *was == identity));
        if is {
            looks.insert(name, look)
        } else {
            looks.remove(&name)
        };
    }
    looks.retain(|name, _| sources.contains_key(name));
    if let Ok(text) = serde_json::to_vec(&looks) {
        // that of whoever is last: it only spares looks
        let _ = fs::write_among_others(&folder.join(SEEN), &text);
    }
}
