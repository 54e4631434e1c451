//! What can go wrong, told by which input and what was expected, and the exit code each kind ends in.

use std::fmt::Display;
use std::path::{Path, PathBuf};

mod action;
mod failure;

pub use action::Action;
pub use failure::{Cause, Code, Failure};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that ends a verb early. A single bad recording is not such an end: see [`Failure`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line does not make sense.
    #[error("{0}")]
    Usage(String),
    /// A file, table or setting that the user gave is wrong. `input` names it, `problem` says where and what was expected.
    #[error("{input}: {problem}")]
    Input {
        /// The file, with the line or key where there is one.
        input: String,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// One recording cannot be turned into a sample.
    #[error("{path}: {failure}", path = path.display())]
    Media {
        /// The recording.
        path: PathBuf,
        /// Why.
        failure: Failure,
    },
    /// The operating system refused to read or write.
    #[error("{path}: cannot {action}: {source}", path = named(path))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: Action,
        /// What the system said.
        source: std::io::Error,
    },
    /// A library, device or permission is missing on this machine.
    #[error("{problem}; {remedy}")]
    Environment {
        /// What is missing.
        problem: String,
        /// The one thing to do about it.
        remedy: String,
    },
    /// Stored bytes are not what their record says.
    #[error("{path}: {problem}", path = path.display())]
    Integrity {
        /// The damaged file.
        path: PathBuf,
        /// What does not fit.
        problem: String,
    },
    /// Another process works in the same folder.
    #[error("{path}: another mmdg is at work here; try again when it has ended", path = path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// More rows failed than `--max-failures` allows.
    #[error("{failed} of {total} samples failed, more than --max-failures {allowed} allows; see {list}", list = list.display())]
    TooManyFailures {
        /// Samples that failed.
        failed: usize,
        /// Samples in all.
        total: usize,
        /// The limit as it was given.
        allowed: String,
        /// Where they are listed.
        list: PathBuf,
    },
    /// A signal asked for the end; what is committed stays.
    #[error("stopped by a signal; the same command goes on from here")]
    Interrupted {
        /// The signal's number.
        signal: i32,
    },
}

/// Some of a list of names for a message, and how many more there are.
///
/// ```
/// assert_eq!(mmdg::error::few(&["a", "b"]), "\"a\", \"b\"");
/// assert_eq!(mmdg::error::few::<&str>(&[]), "none");
/// assert!(mmdg::error::few(&vec!["a"; 3000]).ends_with("and 2992 more"));
/// ```
pub fn few<T: AsRef<str>>(names: &[T]) -> String {
    const FEW: usize = 8;
    let shown: Vec<String> = names.iter().take(FEW).map(|name| format!("{:?}", name.as_ref())).collect();
    match names.len() {
        0 => "none".into(),
        count if count > FEW => format!("{} and {} more", shown.join(", "), count - FEW),
        _ => shown.join(", "),
    }
}

impl Error {
    /// Something that the user gave is wrong.
    pub fn input(input: impl Display, problem: impl Into<String>) -> Self {
        let input = Some(input.to_string()).filter(|input| !input.is_empty());
        Self::Input { input: input.unwrap_or_else(|| "\"\"".into()), problem: problem.into() }
    }

    /// A name that is in no table; those that are.
    pub fn not_known<'a>(input: impl Display, names: impl Iterator<Item = &'a str>) -> Self {
        Self::input(input, format!("not known; expected one of {}", names.collect::<Vec<_>>().join(", ")))
    }

    /// For `map_err` on a file operation.
    pub fn io<'a>(action: Action, path: &'a Path) -> impl FnOnce(std::io::Error) -> Self + 'a {
        move |source| Self::Io { path: path.into(), action, source }
    }

    /// A file that the user named cannot be read: [`Error::Io`] where the system refuses it, else [`Error::Input`] that says what was expected, if anything.
    pub fn unread(path: &Path, error: std::io::Error, expected: &str) -> Self {
        if error.kind() == std::io::ErrorKind::PermissionDenied {
            return Self::io(Action::Read, path)(error);
        }
        let expected = if expected.is_empty() { String::new() } else { format!("; expected {expected}") };
        Self::input(path.display(), format!("cannot read: {error}{expected}"))
    }

    /// One recording cannot be used.
    pub fn media(path: &Path, code: Code, message: impl Into<String>) -> Self {
        Self::Media { path: path.into(), failure: Failure { code, message: message.into() } }
    }

    /// This machine lacks something.
    pub fn environment(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Environment { problem: problem.into(), remedy: remedy.into() }
    }

    /// Stored bytes are damaged.
    pub fn integrity(path: &Path, problem: impl Into<String>) -> Self {
        Self::Integrity { path: path.into(), problem: problem.into() }
    }

    /// The exit code of a verb that ends in this error: 2 usage; 3 input invalid, nothing done; 5 too many failures;
    /// 6 environment; 7 integrity; 75 try again; 130 and 143 for signals.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Usage(_) => 2,
            Self::Input { .. } | Self::Media { .. } => 3,
            Self::Io { action, source, .. }
                if *action == Action::Read && source.kind() != std::io::ErrorKind::PermissionDenied =>
            {
                3
            }
            Self::TooManyFailures { .. } => 5,
            Self::Io { .. } | Self::Environment { .. } => 6,
            Self::Integrity { .. } => 7,
            Self::Busy { .. } => 75,
            Self::Interrupted { signal } => 128 + signal,
        }
    }
}

/// A path as messages have it, which is never nothing.
fn named(path: &Path) -> String {
    if path.as_os_str().is_empty() { "\"\"".into() } else { path.display().to_string() }
}

/// What a reader of TOML or JSON says of a value, without Rust's names of types.
#[cfg_attr(not(any(feature = "cli", feature = "media", feature = "torch")), allow(dead_code, reason = "nothing is read"))]
pub(crate) fn plain_types(message: &str) -> String {
    const NAMES: [(&str, &str); 9] = [
        ("usize", "a whole number of at least 0"),
        ("u64", "a whole number of at least 0"),
        ("u32", "a whole number of at least 0"),
        ("u16", "a whole number of at least 0"),
        ("i64", "a whole number"),
        ("f64", "a number"),
        ("f32", "a number"),
        ("path string", "text"),
        ("a boolean", "true or false"),
    ];
    let mut message = message.replace("expected a sequence", "expected a list").replace("expected a map", "expected a table");
    if let Some((before, after)) = message.split_once("expected struct ") {
        let rest = after.split_once(|c: char| !c.is_alphanumeric()).map_or(String::new(), |(_, rest)| format!(" {rest}"));
        message = format!("{before}expected a table{rest}");
    }
    for (name, plain) in NAMES {
        let from = format!("expected {name}");
        let whole = |at: usize| message[at + from.len()..].chars().next().is_none_or(|c| !c.is_alphanumeric());
        if let Some(at) = message.find(&from).filter(|&at| whole(at)) {
            message.replace_range(at..at + from.len(), &format!("expected {plain}"));
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::plain_types;

    #[test]
    fn types_are_told_in_words() {
        for (said, plain) in [
            ("invalid type: string \"x\", expected usize", "invalid type: string \"x\", expected a whole number of at least 0"),
            ("invalid type: null, expected f64 at line 3 column 4", "invalid type: null, expected a number at line 3 column 4"),
            ("invalid type: map, expected a sequence", "invalid type: map, expected a list"),
            ("invalid type: integer `3`, expected struct Settings", "invalid type: integer `3`, expected a table"),
            ("unknown field `epoch`, expected `out`", "unknown field `epoch`, expected `out`"),
            ("floating point `NaN`, expected path string", "floating point `NaN`, expected text"),
        ] {
            assert_eq!(plain_types(said), plain);
        }
    }
}
