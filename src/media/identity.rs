//! What tells a recording from another of the same name: cheap to look at, however long it is.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::frames;
use crate::source::Identity;

/// Looked at from either end of a file.
const END: u64 = 1 << 20;

/// Of a file its size and the hash of its first and its last MiB; of a folder of extracted frames the highest number, and the hash of its first and last
/// picture. `None` where it cannot be read.
pub fn identity(path: &Path) -> Option<Identity> {
    let mut hasher = blake3::Hasher::new();
    if path.is_dir() {
        let (last, pictures) = frames::ends(path)?;
        for picture in pictures {
            hasher.update(&std::fs::read(picture).ok()?);
        }
        return Some(Identity { size: last, ends_blake3: hasher.finalize().to_hex().to_string() });
    }
    // a pipe would be waited for
    let about = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    let file = File::open(path).ok()?;
    let size = about.len();
    let mut bytes = vec![0; END.min(size) as usize];
    file.read_exact_at(&mut bytes, 0).ok()?;
    hasher.update(&bytes);
    // a shorter one has been hashed whole
    if size > END {
        file.read_exact_at(&mut bytes, size - END).ok()?;
        hasher.update(&bytes);
    }
    Some(Identity { size, ends_blake3: hasher.finalize().to_hex().to_string() })
}

/// How a file looks from outside: size, time of its last change in nanoseconds, number in its file system.
pub type Look = (u64, i64, u64);

/// [`Look`] at a file; `None` where there is none.
pub fn look(path: &Path) -> Option<Look> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.len(), about.mtime() * 1_000_000_000 + about.mtime_nsec(), about.ino()))
}

/// What files are, each looked at once.
#[derive(Debug, Default)]
pub struct Identities(Mutex<HashMap<PathBuf, Option<(Look, Identity)>>>);

impl Identities {
    /// [`identity`], by the first look.
    pub fn of(&self, path: &Path) -> Option<Identity> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known().get(path).cloned();
        // not under the lock: it takes a while; and from outside first, so that what changes meanwhile looks otherwise later
        let found = before.unwrap_or_else(|| look(path).zip(identity(path)));
        known().entry(path.into()).or_insert(found).clone().map(|(_, identity)| identity)
    }

    /// All of them that are there, by path.
    pub fn found(self) -> BTreeMap<String, (Look, Identity)> {
        let all = self.0.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter();
        all.filter_map(|(path, found)| Some((path.display().to_string(), found?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_at_either_end_or_in_length_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut bytes = vec![7u8; 3 << 20];
        let mut of = |change: &dyn Fn(&mut Vec<u8>)| {
            change(&mut bytes);
            std::fs::write(&path, &bytes).unwrap();
            identity(&path).unwrap()
        };
        let all =
            [of(&|_| ()), of(&|bytes| bytes[0] = 1), of(&|bytes| *bytes.last_mut().unwrap() = 1), of(&|bytes| bytes.push(7))];
        assert!(all.iter().enumerate().all(|(place, one)| all[..place].iter().all(|other| other != one)), "{all:?}");
        assert_eq!(of(&|_| ()), all[3]);
        std::fs::write(&path, "").unwrap();
        assert_eq!(identity(&path).unwrap().size, 0);
        assert_eq!(identity(&folder.path().join("b")), None);
    }
}
