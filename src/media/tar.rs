//! Extracted frames in a tar, read where they lie: an index of their places is made once, the pictures are then read by offset.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::frames::{MAX_FILE, frame_number};
use crate::error::{Code, Failure};

/// Most entries of a tar.
const MAX_ENTRIES: usize = 1 << 23;
/// Indexes that are kept: those of the tars used last.
const KEPT: usize = 4;

/// Where the frames of one folder of a tar lie.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places(Vec<(u64, [u64; 2])>);

impl Places {
    /// Byte and length of a frame.
    pub fn get(&self, number: u64) -> Option<[u64; 2]> {
        let place = self.0.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some(self.0[place].1)
    }

    /// The highest number; 0 for no frames.
    pub fn last(&self) -> u64 {
        self.0.last().map_or(0, |(number, _)| *number)
    }
}

/// The frames of a tar, by folder. Entries of other names are passed over; of two with one name the later counts, as it
/// would after unpacking.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index(BTreeMap<String, Places>);

impl Index {
    /// The frames in `folder` (`""` is the top). Where there is no such folder but just one that ends so, those: some
    /// tars have a folder round everything.
    pub fn folder(&self, folder: &str) -> Option<&Places> {
        if let Some(found) = self.0.get(folder) {
            return Some(found);
        }
        let end = format!("/{folder}");
        let mut ending = self.0.iter().filter(|(name, _)| folder.is_empty() || name.ends_with(&end));
        match (ending.next(), ending.next()) {
            (Some((_, found)), None) => Some(found),
            _ => None,
        }
    }
}

/// A path in a tar without `.` and empty parts.
fn plain(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/")
}

/// Finds the frames of a tar (ustar, GNU or pax) of `length` bytes. Only headers are read.
///
/// # Errors
/// A sentence, for what is no tar, one that is cut off, and one of more than 8,388,608 entries.
pub fn tar_index(reader: impl Read + Seek, length: u64) -> Result<Index, String> {
    let mut tar = ::tar::Archive::new(reader);
    let mut index = Index::default();
    for (count, entry) in tar.entries_with_seek().map_err(|error| error.to_string())?.enumerate() {
        let entry = entry.map_err(|error| format!("entry {}: {error}", count + 1))?;
        if count >= MAX_ENTRIES {
            return Err(format!("more than {MAX_ENTRIES} entries; expected fewer"));
        }
        let place = [entry.raw_file_position(), entry.size()];
        if place[0].checked_add(place[1]).is_none_or(|end| end > length) {
            return Err(format!("cut off in entry {}: it ends past byte {length}", count + 1));
        }
        let path = entry.path_bytes();
        let (true, Ok(path)) = (entry.header().entry_type().is_file(), std::str::from_utf8(&path)) else { continue };
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if let Some(number) = frame_number(name) {
            index.0.entry(plain(folder)).or_default().0.push((number, place));
        }
    }
    for Places(places) in index.0.values_mut() {
        places.sort_by_key(|(number, _)| *number);
        places.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                *earlier = *later;
            }
            same
        });
        places.shrink_to_fit();
    }
    Ok(index)
}

/// One folder of an open tar.
pub(super) struct TarFolder {
    file: File,
    index: Arc<Index>,
    folder: String,
}

impl TarFolder {
    /// `path` is a tar, or a folder in it.
    pub(super) fn open(tar: &Path, folder: &Path) -> Result<Self, Failure> {
        let unreadable = |error: std::io::Error| Failure { code: Code::Refused, message: format!("cannot read: {error}") };
        let file = File::open(tar).map_err(unreadable)?;
        let about = file.metadata().map_err(unreadable)?;
        let key = Key { path: tar.into(), length: about.len(), modified: about.modified().ok() };
        let index = match recent(&key) {
            Some(index) => index,
            None => {
                let index = tar_index(&file, key.length)
                    .map_err(|problem| Failure { code: Code::Unreadable, message: format!("not a whole tar: {problem}") })?;
                let index = Arc::new(index);
                keep(key, index.clone());
                index
            }
        };
        let folder = plain(&folder.to_string_lossy());
        match index.folder(&folder) {
            Some(_) => Ok(Self { file, index, folder }),
            None => {
                let place = if folder.is_empty() { "in the tar".to_owned() } else { format!("in its folder {folder}") };
                Err(Failure { code: Code::Missing, message: format!("no frames {place}; expected frame_0000000001.jpg and on") })
            }
        }
    }

    fn places(&self) -> Option<&Places> {
        self.index.folder(&self.folder)
    }

    pub(super) fn has(&self, number: u64) -> bool {
        self.places().is_some_and(|places| places.get(number).is_some())
    }

    pub(super) fn last(&self) -> u64 {
        self.places().map_or(0, Places::last)
    }

    /// The file of a frame; `None` where there is none.
    pub(super) fn read(&self, number: u64) -> std::io::Result<Option<Vec<u8>>> {
        let Some([offset, length]) = self.places().and_then(|places| places.get(number)) else { return Ok(None) };
        let mut bytes = vec![0; length.min(MAX_FILE + 1) as usize];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(Some(bytes))
    }
}

/// What tells a tar from another, and from itself after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    path: PathBuf,
    length: u64,
    modified: Option<SystemTime>,
}

/// The last used comes last.
static RECENT: Mutex<Vec<(Key, Arc<Index>)>> = Mutex::new(Vec::new());

fn recent(key: &Key) -> Option<Arc<Index>> {
    let mut kept = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    let place = kept.iter().position(|(other, _)| other == key)?;
    let found = kept.remove(place);
    let index = found.1.clone();
    kept.push(found);
    Some(index)
}

fn keep(key: Key, index: Arc<Index>) {
    let mut kept = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.retain(|(other, _)| other.path != key.path);
    if kept.len() >= KEPT {
        kept.remove(0);
    }
    kept.push((key, index));
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn packed(names: &[&str], header: fn() -> ::tar::Header) -> Vec<u8> {
        let mut tar = ::tar::Builder::new(Vec::new());
        for name in names {
            let mut header = header();
            header.set_size(name.len() as u64);
            // as `tar -C folder .` writes names, which `set_path` would tidy up
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            tar.append(&header, name.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn frames_are_found_by_folder_and_number() {
        for header in [::tar::Header::new_gnu, ::tar::Header::new_ustar] {
            let names = ["./frame_0000000002.jpg", "./frame_0000000001.jpg", "./u/frame_0000000007.jpg", "readme.txt"];
            let bytes = packed(&names, header);
            let index = tar_index(Cursor::new(&bytes), bytes.len() as u64).unwrap();
            let top = index.folder("").unwrap();
            assert_eq!((top.last(), top.get(3)), (2, None));
            let [offset, length] = top.get(1).unwrap().map(|n| n as usize);
            assert_eq!(bytes[offset..offset + length], *names[1].as_bytes());
            assert_eq!(index.folder("u").unwrap().last(), 7);
            assert_eq!(index.folder("v"), None);
        }
    }

    #[test]
    fn a_folder_round_everything_is_looked_through_and_the_later_of_two_counts() {
        let names = ["P01_01/u/frame_0000000001.jpg", "P01_01/v/frame_0000000001.jpg", "./P01_01//u/frame_0000000001.jpg"];
        let bytes = packed(&names, ::tar::Header::new_gnu);
        let index = tar_index(Cursor::new(&bytes), bytes.len() as u64).unwrap();
        let [offset, length] = index.folder("u").unwrap().get(1).unwrap().map(|n| n as usize);
        assert_eq!(bytes[offset..offset + length], *names[2].as_bytes());
        // two folders: neither is the top
        assert_eq!(index.folder(""), None);
    }

    #[test]
    fn what_is_no_whole_tar_is_refused() {
        let bytes = packed(&["./frame_0000000001.jpg", "./frame_0000000002.jpg"], ::tar::Header::new_gnu);
        let index = |bytes: &[u8]| tar_index(Cursor::new(bytes), bytes.len() as u64);
        for end in [1, 511, 513, 1025, 1500] {
            assert!(index(&bytes[..end]).is_err(), "{end}");
        }
        let mut damaged = bytes.clone();
        damaged[1024] ^= 1;
        assert!(index(&damaged).unwrap_err().starts_with("entry 2: "));
        assert_eq!(index(&[]), Ok(Index::default()));
    }
}
