//! Files before they have their names.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::folder::remove;
use super::process::Process;
use super::read::holds;
use super::step::step;
use crate::error::Action;
use crate::{Error, Result};

/// A file under its temporary name. Dropped before it has its own it is gone: what has no room, or is given up, is not left to lie about.
#[derive(Debug)]
pub struct Part {
    place: PathBuf,
    path: PathBuf,
    stays: bool,
}

impl Part {
    /// `<name>.part`, where one process at a time writes: what a killed one left is written over.
    pub fn new(path: &Path) -> Self {
        Self { place: part(path), path: path.into(), stays: false }
    }

    /// `<name>.<pid>-<hash>-<n>.part`, a name that no other part ever has, where several processes may write the same file.
    pub fn unique(path: &Path) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let end = format!(".{}-{number}.part", Process::this().name());
        Self { place: with_end(path, &end), path: path.into(), stays: false }
    }

    /// One that lies at `place` already.
    pub fn left(place: &Path, path: &Path) -> Self {
        Self { place: place.into(), path: path.into(), stays: false }
    }

    /// Where it is now.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Where it is going to be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Has it be these bytes, on the disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        let write = || {
            step()?;
            std::fs::write(&self.place, bytes)?;
            step()?;
            File::open(&self.place)?.sync_all()
        };
        write().map_err(Error::io(Action::Write, &self.path))
    }

    /// Has it be a copy of `from`, or another name of the same bytes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn bring(&self, from: &Path, link: bool) -> Result<()> {
        remove(&self.place)?;
        if link {
            return step().and_then(|()| std::fs::hard_link(from, &self.place)).map_err(Error::io(Action::Link, from));
        }
        let copy = || {
            step()?;
            // a file of its own, which may be written whatever the other's mode
            let mut copy = File::create(&self.place)?;
            io::copy(&mut File::open(from)?, &mut copy)?;
            step()?;
            copy.sync_all()
        };
        copy().map_err(Error::io(Action::Copy, from))
    }

    /// Gives it its name, once its bytes are on the disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn publish(mut self) -> Result<()> {
        let mut rename = || {
            step()?;
            std::fs::rename(&self.place, &self.path)?;
            self.stays = true;
            step()?;
            sync_folder_of(&self.path)
        };
        rename().map_err(Error::io(Action::Rename, &self.path.clone()))
    }

    /// It stays where it is: whoever comes next ends what was begun.
    pub fn keep(&mut self) {
        self.stays = true;
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.stays {
            drop(std::fs::remove_file(&self.place));
        }
    }
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(end);
    path.with_file_name(name)
}

/// Where a file is written before it has its name, by the one process that writes in its folder: `<name>.part`.
pub fn part(path: &Path) -> PathBuf {
    with_end(path, ".part")
}

/// Gives the [`part`] of `path` its name, once its bytes are on the disk. On an error it stays where it is.
///
/// # Errors
/// [`Error::Io`].
pub fn publish(path: &Path) -> Result<()> {
    let rename = || {
        step()?;
        std::fs::rename(part(path), path)?;
        step()?;
        sync_folder_of(path)
    };
    rename().map_err(Error::io(Action::Rename, path))
}

/// The whole file in one go: after a crash there is the old one or the new one. Where it holds these bytes already nothing is written, so that what is
/// complete may lie where nothing can be.
///
/// # Errors
/// [`Error::Io`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, bytes, Part::new)
}

/// As [`write()`], where other processes may write the same file at the same time.
///
/// # Errors
/// [`Error::Io`].
pub fn write_among_others(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, bytes, Part::unique)
}

fn replace(path: &Path, bytes: &[u8], part: impl Fn(&Path) -> Part) -> Result<()> {
    if holds(path, bytes) {
        return Ok(());
    }
    let part = part(path);
    part.write(bytes)?;
    part.publish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_leaves_no_part_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write(&path, b"1").unwrap();
        write(&path, b"22").unwrap();
        write_among_others(&path, b"333").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"333");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn parts_of_one_file_do_not_meet() {
        let (one, other) = (Part::unique("a/00000.h5".as_ref()), Part::unique("a/00000.h5".as_ref()));
        assert_ne!(one.place(), other.place());
        for part in [one, other] {
            let name = part.place().file_name().unwrap().to_str().unwrap();
            assert!(name.starts_with(&format!("00000.h5.{}-", std::process::id())) && name.ends_with(".part"), "{name}");
        }
    }
}
