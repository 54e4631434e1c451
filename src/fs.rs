//! Every write of ours goes through here: under a temporary name, synced, renamed, folder synced. A file that has its name is whole.
//!
//! `MMDG_FAULT=kill:N` ends the process at its N-th write, sync or rename as a power cut would; `MMDG_FAULT=full:N` makes
//! that step fail as a full disk does. Tests walk N through a whole run.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Result};

/// Counts one step that changes the disk, and fails there if `MMDG_FAULT` says so.
fn step() -> io::Result<()> {
    static FAULT: OnceLock<Option<(bool, u64)>> = OnceLock::new();
    static STEPS: AtomicU64 = AtomicU64::new(0);
    let fault = FAULT.get_or_init(|| {
        let text = std::env::var("MMDG_FAULT").ok()?;
        let (kind, at) = text.split_once(':')?;
        Some((kind == "kill", at.parse().ok()?))
    });
    match *fault {
        Some((kill, at)) if STEPS.fetch_add(1, Ordering::Relaxed) + 1 == at => {
            if kill {
                std::process::abort();
            }
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        _ => Ok(()),
    }
}

/// Where a file is written before it has its name: `<name>.part`.
pub fn part(path: &Path) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".part");
    path.with_file_name(name)
}

/// A folder and those above it.
///
/// # Errors
/// [`Error::Io`].
pub fn create_dir_all(path: &Path) -> Result<()> {
    step().and_then(|()| std::fs::create_dir_all(path)).map_err(Error::io("create", path))
}

/// The whole file in one go: after a crash there is the old one or the new one.
///
/// # Errors
/// [`Error::Io`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = part(path);
    let write = || {
        step()?;
        std::fs::write(&part, bytes)?;
        step()?;
        File::open(&part)?.sync_all()
    };
    write().map_err(Error::io("write", path))?;
    publish(path)
}

/// The `.part` of `to` as a copy of `from`, or as another name of the same bytes.
///
/// # Errors
/// [`Error::Io`].
pub fn bring(from: &Path, to: &Path, link: bool) -> Result<()> {
    let part = part(to);
    remove(&part)?;
    if link {
        return step().and_then(|()| std::fs::hard_link(from, &part)).map_err(Error::io("link", from));
    }
    let copy = || {
        step()?;
        std::fs::copy(from, &part)?;
        step()?;
        File::open(&part)?.sync_all()
    };
    copy().map_err(Error::io("copy", from))
}

/// Gives a `.part` its name, once its bytes are on the disk.
///
/// # Errors
/// [`Error::Io`].
pub fn publish(path: &Path) -> Result<()> {
    let rename = || {
        step()?;
        std::fs::rename(part(path), path)?;
        step()?;
        File::open(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
    };
    rename().map_err(Error::io("rename", path))
}

/// Removes a file if it is there.
///
/// # Errors
/// [`Error::Io`].
pub fn remove(path: &Path) -> Result<()> {
    match step().and_then(|()| std::fs::remove_file(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The bytes of a file.
///
/// # Errors
/// [`Error::Io`] with the action "read".
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(Error::io("read", path))
}

/// The text of a file, without a byte-order mark.
///
/// # Errors
/// [`Error::Input`] that says what was expected where the file is missing or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| Error::input(path.display(), format!("cannot read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        Error::input(path.display(), format!("byte {}: not UTF-8; expected text", error.utf8_error().valid_up_to()))
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// A file while it is written piece by piece: under its temporary name until it is [published](Self::publish), and gone if it is not.
#[derive(Debug)]
pub struct Stream {
    file: Option<File>,
    path: PathBuf,
}

impl Stream {
    /// Starts the file that is going to be `path`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(path: &Path) -> Result<Self> {
        let file = step().and_then(|()| File::create(part(path))).map_err(Error::io("create", path))?;
        Ok(Self { file: Some(file), path: path.into() })
    }

    /// Gives the file its name, once its bytes are on the disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn publish(mut self) -> Result<()> {
        let path = self.path.clone();
        let sync = || step().and_then(|()| self.open()?.sync_all());
        sync().map_err(Error::io("sync", &path))?;
        publish(&path)?;
        self.file = None;
        Ok(())
    }

    fn open(&self) -> io::Result<&File> {
        self.file.as_ref().ok_or_else(|| io::Error::other("the file has its name already"))
    }
}

impl io::Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        step()?;
        self.open()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Seek for Stream {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.open()?.seek(to)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.file.is_some() {
            let _ = std::fs::remove_file(part(&self.path));
        }
    }
}

/// A file that rows are written into at their places.
#[derive(Debug)]
pub struct RowFile {
    file: File,
    path: PathBuf,
}

impl RowFile {
    /// Opens an existing file for writing.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(Error::io("open", path))?;
        Ok(Self { file, path: path.into() })
    }

    /// Makes a file of `bytes` zeros that take no room until they are written over. One of that name is replaced.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(path: &Path, bytes: u64) -> Result<Self> {
        let create = || {
            step()?;
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
            file.set_len(bytes).map(|()| file)
        };
        Ok(Self { file: create().map_err(Error::io("create", path))?, path: path.into() })
    }

    /// Reads bytes from `offset` on into all of `bytes`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<()> {
        self.file.read_exact_at(bytes, offset).map_err(Error::io("read", &self.path))
    }

    /// Writes `bytes` at `offset`; may be called from many threads at once.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        step().and_then(|()| self.file.write_all_at(bytes, offset)).map_err(Error::io("write", &self.path))
    }

    /// Makes a stretch zeros, where it is not yet.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn clear(&self, offset: u64, bytes: u64) -> Result<()> {
        let clear = || {
            let (zeros, mut there) = ([0; 1 << 16], [0; 1 << 16]);
            for start in (0..bytes).step_by(zeros.len()) {
                let length = (bytes - start).min(zeros.len() as u64) as usize;
                self.file.read_exact_at(&mut there[..length], offset + start)?;
                if there[..length] != zeros[..length] {
                    step()?;
                    self.file.write_all_at(&zeros[..length], offset + start)?;
                }
            }
            Ok(())
        };
        clear().map_err(Error::io("write", &self.path))
    }

    /// Waits until everything is on the disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sync(&self) -> Result<()> {
        step().and_then(|()| self.file.sync_all()).map_err(Error::io("sync", &self.path))
    }
}

/// Holds a folder for this process until dropped.
#[derive(Debug)]
pub struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // closing does not do: a process that was just forked off has the handle too, until it runs its program
        let _ = self.0.unlock();
    }
}

impl Lock {
    /// Takes the folder, which must exist.
    ///
    /// # Errors
    /// [`Error::Busy`] where another process holds it.
    pub fn take(folder: &Path) -> Result<Self> {
        let file = File::open(folder).map_err(Error::io("open", folder))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(std::fs::TryLockError::WouldBlock) => Err(Error::Busy { path: folder.into() }),
            Err(std::fs::TryLockError::Error(error)) => Err(Error::io("lock", folder)(error)),
        }
    }
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
        assert_eq!(read(&path).unwrap(), b"22");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_is_held_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        assert!(matches!(Lock::take(folder.path()), Err(Error::Busy { .. })));
        drop(lock);
        Lock::take(folder.path()).unwrap();
    }
}
