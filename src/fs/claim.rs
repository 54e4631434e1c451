//! Small files by which processes agree who does what. They are there with their bytes or not there, whoever looks, from another machine too; after a
//! power cut nobody is bound by them, so nothing waits for the disk.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use super::part::Part;
use super::step::step;
use crate::error::Action;
use crate::{Error, Result};

/// Makes the file, unless there is one: of all that try, on all machines, one does.
///
/// # Errors
/// [`Error::Io`].
pub fn claim(path: &Path, text: &str) -> Result<bool> {
    let part = Part::unique(path);
    let claim = || {
        step()?;
        std::fs::write(part.place(), text)?;
        step()?;
        match std::fs::hard_link(part.place(), path) {
            Ok(()) => Ok(true),
            // a network may lose the answer to a link that was made, and ask once more
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(std::fs::metadata(part.place())?.nlink() > 1),
            // a file system without links
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => alone(path, text),
            Err(error) => Err(error),
        }
    };
    claim().map_err(Error::io(Action::Create, path))
}

fn alone(path: &Path, text: &str) -> io::Result<bool> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes the file, whoever made the one that is there.
///
/// # Errors
/// [`Error::Io`].
pub fn seize(path: &Path, text: &str) -> Result<()> {
    let mut part = Part::unique(path);
    let seize = || {
        step()?;
        std::fs::write(part.place(), text)?;
        step()?;
        std::fs::rename(part.place(), path)
    };
    seize().map_err(Error::io(Action::Create, path))?;
    part.keep();
    Ok(())
}

/// What stands in it; `None` where it is not there, or not any more.
///
/// # Errors
/// [`Error::Io`].
pub fn claimed(path: &Path) -> Result<Option<String>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(Error::io(Action::Read, path)(error)),
    }
}

/// Writes over the end of one, from byte `at` on; whether it is there.
///
/// # Errors
/// [`Error::Io`].
pub fn renew(path: &Path, at: u64, text: &str) -> Result<bool> {
    // no step of those that tests count: how often it happens is for the clock to say
    match OpenOptions::new().write(true).open(path).and_then(|file| file.write_all_at(text.as_bytes(), at)) {
        Ok(()) => Ok(true),
        Err(error) if is_gone(&error) => Ok(false),
        Err(error) => Err(Error::io(Action::Write, path)(error)),
    }
}

/// Whether a file was not there, or was removed on another machine while it was open here.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::StaleNetworkFileHandle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_that_claim_one_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lease");
        let claims = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8)
                .map(|i| {
                    (
                        i,
                        scope.spawn({
                            let path = &path;
                            move || claim(path, &i.to_string()).unwrap()
                        }),
                    )
                })
                .collect();
            all.into_iter().filter_map(|(i, thread)| thread.join().unwrap().then_some(i)).collect::<Vec<u32>>()
        });
        assert_eq!(claims.len(), 1);
        assert_eq!(claimed(&path).unwrap(), Some(claims[0].to_string()));
        assert!(!alone(&path, "x").unwrap());
        seize(&path, "seized").unwrap();
        assert!(renew(&path, 5, "r").unwrap());
        assert_eq!(claimed(&path).unwrap().as_deref(), Some("seizer"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::remove_file(&path).unwrap();
        assert!(claimed(&path).unwrap().is_none() && !renew(&path, 0, "r").unwrap());
        assert!(alone(&path, "y").unwrap());
    }
}
