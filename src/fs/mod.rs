//! Every write of ours goes through here: under a temporary name, synced, renamed, folder synced. A file that has its name is whole.
//! With the feature `faults`, tests have each of these steps fail in turn.

mod asked;
#[cfg(feature = "faults")]
pub mod fault;
mod lock;
mod row_file;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use crate::error::Action;
use crate::{Error, Result};
pub use asked::Asked;
pub use lock::Lock;
pub use row_file::RowFile;

/// One step that changes the disk.
fn step() -> io::Result<()> {
    #[cfg(feature = "faults")]
    fault::step()?;
    Ok(())
}

/// Files under their temporary names, gone when this is dropped: what has no room, or is given up, is not left to lie about.
#[derive(Debug)]
pub struct Unfinished(Vec<PathBuf>);

impl Unfinished {
    /// These, whether they are there by now or not.
    pub fn new(parts: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(parts.into_iter().collect())
    }

    /// They stay: they have their names, or whoever comes next ends what was begun.
    pub fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.0.iter().for_each(|part| drop(std::fs::remove_file(part)));
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

/// The whole file in one go: after a crash there is the old one or the new one. Where it holds these bytes already nothing is written, so that what is
/// complete may lie where nothing can be.
///
/// # Errors
/// [`Error::Io`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if holds(path, bytes) {
        return Ok(());
    }
    let unfinished = Unfinished::new([part(path)]);
    prepare(path, bytes)?;
    publish(path)?;
    unfinished.keep();
    Ok(())
}

/// The whole file under its temporary name, on the disk.
///
/// # Errors
/// [`Error::Io`].
pub fn prepare(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = part(path);
    let write = || {
        step()?;
        std::fs::write(&part, bytes)?;
        step()?;
        File::open(&part)?.sync_all()
    };
    write().map_err(Error::io(Action::Write, path))
}

/// The `.part` of `to` as a copy of `from`, or as another name of the same bytes.
///
/// # Errors
/// [`Error::Io`].
pub fn bring(from: &Path, to: &Path, link: bool) -> Result<()> {
    let part = part(to);
    remove(&part)?;
    if link {
        return step().and_then(|()| std::fs::hard_link(from, &part)).map_err(Error::io(Action::Link, from));
    }
    let copy = || {
        step()?;
        // a file of its own, which may be written whatever the other's mode
        let mut copy = File::create(&part)?;
        io::copy(&mut File::open(from)?, &mut copy)?;
        step()?;
        copy.sync_all()
    };
    copy().map_err(Error::io(Action::Copy, from))
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
    rename().map_err(Error::io(Action::Rename, path))
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

/// A file while it is written piece by piece: under its temporary name until it is [published](Self::publish), and gone if it is not.
#[derive(Debug)]
pub struct Stream {
    file: File,
    path: PathBuf,
    unfinished: Unfinished,
}

impl Stream {
    /// Starts the file that is going to be `path`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(path: &Path) -> Result<Self> {
        let file = step().and_then(|()| File::create(part(path))).map_err(Error::io(Action::Create, path))?;
        Ok(Self { file, path: path.into(), unfinished: Unfinished::new([part(path)]) })
    }

    /// Gives the file its name, once its bytes are on the disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn publish(self) -> Result<()> {
        step().and_then(|()| self.file.sync_all()).map_err(Error::io(Action::Sync, &self.path))?;
        publish(&self.path)?;
        self.unfinished.keep();
        Ok(())
    }
}

impl io::Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        step()?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Seek for Stream {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
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
