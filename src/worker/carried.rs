//! Errors on their way from a child process.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::{Action, Failure};

/// An error on its way from a child, which ends there as what it was: of its kind, with its path and its exit code.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Carried {
    Io { path: PathBuf, action: Action, code: Option<i32>, text: String },
    Media { path: PathBuf, failure: Failure },
    Input { input: String, problem: String },
    Environment { problem: String, remedy: String },
    Integrity { path: PathBuf, problem: String },
    Busy { path: PathBuf },
    Interrupted { signal: i32 },
    Usage(String),
}

impl Carried {
    #[cfg(any(feature = "cli", test))]
    pub(super) fn of(error: Error) -> Self {
        match error {
            Error::Io { path, action, source } => {
                Self::Io { path, action, code: source.raw_os_error(), text: source.to_string() }
            }
            Error::Media { path, failure } => Self::Media { path, failure },
            Error::Input { input, problem } => Self::Input { input, problem },
            Error::Environment { problem, remedy } => Self::Environment { problem, remedy },
            Error::Integrity { path, problem } => Self::Integrity { path, problem },
            Error::Busy { path } => Self::Busy { path },
            Error::Interrupted { signal } => Self::Interrupted { signal },
            error => Self::Usage(error.to_string()),
        }
    }

    /// The error that it was.
    pub(super) fn error(self) -> Error {
        match self {
            Self::Io { path, action, code, text } => {
                let source = code.map_or_else(|| std::io::Error::other(text), std::io::Error::from_raw_os_error);
                Error::Io { path, action, source }
            }
            Self::Media { path, failure } => Error::Media { path, failure },
            Self::Input { input, problem } => Error::Input { input, problem },
            Self::Environment { problem, remedy } => Error::Environment { problem, remedy },
            Self::Integrity { path, problem } => Error::Integrity { path, problem },
            Self::Busy { path } => Error::Busy { path },
            Self::Interrupted { signal } => Error::Interrupted { signal },
            Self::Usage(text) => Error::Usage(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn errors_stay_what_they_are_on_their_way() {
        let io = |code| Error::Io { path: "a/b".into(), action: Action::Read, source: std::io::Error::from_raw_os_error(code) };
        for error in [
            io(libc::ENOSPC),
            io(libc::EACCES),
            Error::media("a.mp4".as_ref(), Code::Limit, "too much"),
            Error::input("table.csv", "line 3"),
            Error::environment("no memory", "buy some"),
            Error::integrity("x.h5".as_ref(), "flipped"),
            Error::Busy { path: "store".into() },
            Error::Interrupted { signal: 15 },
            Error::Usage("what".into()),
        ] {
            let (text, code) = (error.to_string(), error.exit_code());
            let line = serde_json::to_string(&Carried::of(error)).unwrap();
            let there = serde_json::from_str::<Carried>(&line).unwrap().error();
            assert_eq!((there.to_string(), there.exit_code()), (text, code));
        }
    }
}
