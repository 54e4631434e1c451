//! Faults on request, for tests: in builds with the feature `faults` alone, by the environment.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Result};

/// What `MMDG_FAULT` can ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// `kill:N`: the process ends at its N-th write, sync or rename, as in a power cut.
    Kill(u64),
    /// `full:N`: that step fails as on a full disk.
    Full(u64),
    /// `hang:ID`: decoding the segment never ends.
    Hang(String),
    /// `crash:ID`: decoding the segment ends the process.
    Crash(String),
    /// `stumble:ID`: the same three times, counted in the file `stumbled` of the working folder.
    Stumble(String),
    /// `hoard:ID`: decoding the segment asks for absurd memory.
    Hoard(String),
    /// `panic:ID`: decoding the segment panics.
    Panic(String),
    /// `host:NAME`: the process takes itself for one of another machine.
    Host(String),
}

fn parse(text: &str) -> Option<Fault> {
    let (kind, of) = text.split_once(':')?;
    let id = || of.to_owned();
    Some(match kind {
        "kill" => Fault::Kill(of.parse().ok()?),
        "full" => Fault::Full(of.parse().ok()?),
        "hang" => Fault::Hang(id()),
        "crash" => Fault::Crash(id()),
        "stumble" => Fault::Stumble(id()),
        "hoard" => Fault::Hoard(id()),
        "panic" => Fault::Panic(id()),
        "host" => Fault::Host(id()),
        _ => return None,
    })
}

/// What is asked for in this process.
///
/// # Errors
/// [`Error::Usage`] for what is none of these.
pub fn asked() -> Result<Option<&'static Fault>> {
    static ASKED: OnceLock<Result<Option<Fault>, String>> = OnceLock::new();
    let read = || match std::env::var("MMDG_FAULT") {
        Err(_) => Ok(None),
        Ok(text) => parse(&text).map(Some).ok_or(text),
    };
    match ASKED.get_or_init(read) {
        Ok(fault) => Ok(fault.as_ref()),
        Err(text) => Err(Error::Usage(format!(
            "MMDG_FAULT {text:?}; expected kill:N, full:N, hang:ID, crash:ID, stumble:ID, hoard:ID, panic:ID or host:NAME"
        ))),
    }
}

/// Counts one step that changes the disk, and fails there if that is asked for.
pub(super) fn step() -> io::Result<()> {
    static STEPS: AtomicU64 = AtomicU64::new(0);
    let (Ok(Some(fault @ (Fault::Kill(at) | Fault::Full(at)))), step) = (asked(), STEPS.fetch_add(1, Ordering::Relaxed) + 1)
    else {
        return Ok(());
    };
    match fault {
        _ if step != *at => Ok(()),
        Fault::Kill(_) => std::process::abort(),
        _ => Err(io::ErrorKind::StorageFull.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_by_one_parser() {
        assert_eq!(parse("kill:12"), Some(Fault::Kill(12)));
        assert_eq!(parse("hang:a:b"), Some(Fault::Hang("a:b".into())));
        for wrong in ["", "kill", "kill:x", "drown:1", "full:-1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
