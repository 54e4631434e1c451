//! Asking for many files, few of which may be there.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Asks the system for files. What lies below a folder that is not there is told without it, where it is asked for one after the other.
#[derive(Debug, Default)]
pub struct Asked {
    /// The folder that was found to be absent last.
    absent: Option<PathBuf>,
}

impl Asked {
    /// What the system says of a file or folder.
    ///
    /// # Errors
    /// The system's.
    pub fn about(&mut self, path: &Path) -> io::Result<Metadata> {
        if self.absent.as_ref().is_some_and(|absent| below(path, absent)) {
            return Err(ErrorKind::NotFound.into());
        }
        let about = std::fs::metadata(path);
        if is_absent(&about) {
            let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
            self.absent = folders.take_while(|folder| is_absent(&std::fs::metadata(folder))).last().map(PathBuf::from);
        }
        about
    }
}

fn is_absent(about: &io::Result<Metadata>) -> bool {
    about.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// Whether a path goes through a folder, by its letters.
fn below(path: &Path, folder: &Path) -> bool {
    let rest = path.as_os_str().as_bytes().strip_prefix(folder.as_os_str().as_bytes());
    rest.is_some_and(|rest| rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_the_system_says() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("there")).unwrap();
        std::fs::write(folder.path().join("there/a"), "a").unwrap();
        let mut asked = Asked::default();
        for _ in 0..2 {
            for name in [
                "there/a",
                "there/b",
                "there/c",
                "nowhere/a",
                "nowhere/b",
                "nowhere/deep/er/a",
                "nowhere/deep/b",
                "nowhere",
                "nowhere-else",
                "there/a",
                "there/a/b",
                "there/a/c",
                "there",
            ] {
                let path = folder.path().join(name);
                let said = asked.about(&path).map(|about| about.len()).map_err(|error| error.kind());
                assert_eq!(said, std::fs::metadata(&path).map(|about| about.len()).map_err(|error| error.kind()), "{name}");
            }
        }
        assert!(asked.about(Path::new("")).is_err() && asked.about(Path::new("/")).is_ok());
    }
}
