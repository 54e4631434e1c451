//! Whether those who make a store are still there. Each has a file that it changes every so often. One that has ended is known at once by a process of the
//! same boot and name space; of others, and of one that was stopped, all there is to see is that its file has not changed for so long, by the clock of
//! the one who looks: clocks of machines are not compared.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Action;
use crate::fs::claim::{claimed, renew, seize};
use crate::fs::{self, Process};
use crate::{Error, Result};

/// How the name of such a file ends.
pub(super) const END: &str = ".pulse";

/// What somebody is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PulseState {
    /// Makes shards, or is going to.
    AtWork,
    /// Has none to make any more, and waits for the others.
    AtEnd,
    /// Has ended, or was not seen to do anything for too long.
    Gone,
}

/// This one's own file: a line that says who it is and how long it may be silent, and one of what it is about, and a number that rises.
#[derive(Debug)]
pub(super) struct Pulse {
    folder: PathBuf,
    path: PathBuf,
    who: String,
    now: Mutex<(PulseState, u64)>,
}

impl Pulse {
    /// Makes the file.
    pub(super) fn new(folder: &Path, name: &str, timeout: Duration) -> Result<Self> {
        let who = format!("{} {}\n", Process::this().line(), timeout.as_secs_f64());
        let path = folder.join(format!("{name}{END}"));
        let pulse = Self { folder: folder.into(), path, who, now: Mutex::new((PulseState::AtWork, 0)) };
        seize(&pulse.path, &pulse.text(PulseState::AtWork, 0))?;
        Ok(pulse)
    }

    fn text(&self, state: PulseState, count: u64) -> String {
        let word = if state == PulseState::AtEnd { "end" } else { "work" };
        format!("{}{word:4} {count:020}\n", self.who)
    }

    /// Says that this one is there.
    pub(super) fn beat(&self) -> Result<()> {
        self.say(None)
    }

    /// Says that it is about something else now.
    pub(super) fn is(&self, state: PulseState) -> Result<()> {
        self.say(Some(state))
    }

    fn say(&self, next: Option<PulseState>) -> Result<()> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = (next.unwrap_or(now.0), now.1 + 1);
        let text = self.text(now.0, now.1);
        // in its place: whoever reads it meanwhile sees that it has changed, whatever else it sees
        if renew(&self.path, self.who.len() as u64, &text[self.who.len()..])? {
            return Ok(());
        }
        // it was stopped for so long that others took it for gone, and may have left since
        fs::create_dir_all(&self.folder)?;
        seize(&self.path, &text)
    }

    /// Takes it away.
    pub(super) fn end(&self) {
        let _ = fs::remove(&self.path);
    }
}

/// What was seen of the others, and when it was first seen so.
#[derive(Debug)]
pub(super) struct Watch {
    folder: PathBuf,
    timeout: Duration,
    seen: Mutex<HashMap<String, (String, Instant)>>,
}

impl Watch {
    /// Over the pulses in `folder`; who is silent for `timeout`, or for longer where he said so, is gone.
    pub(super) fn new(folder: &Path, timeout: Duration) -> Self {
        Self { folder: folder.into(), timeout, seen: Mutex::default() }
    }

    /// Those who have a pulse, by name.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        let list = |error| Error::io(Action::List, &self.folder)(error);
        let entries = match std::fs::read_dir(&self.folder) {
            // the last one to leave took it away
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(list)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            names.extend(entry.map_err(list)?.file_name().to_string_lossy().strip_suffix(END).map(str::to_owned));
        }
        Ok(names)
    }

    /// What one is about.
    pub(super) fn look(&self, name: &str) -> Result<PulseState> {
        let Some(text) = self.text(name)? else { return Ok(PulseState::Gone) };
        if has_ended(&text) == Some(true) {
            return Ok(PulseState::Gone);
        }
        let own = who(&text).and_then(|(_, seconds)| Duration::try_from_secs_f64(seconds.parse().ok()?).ok()).unwrap_or_default();
        let state = if text.contains("\nend ") { PulseState::AtEnd } else { PulseState::AtWork };
        Ok(if self.is_silent(name, text, own) { PulseState::Gone } else { state })
    }

    /// Whether one is a process that can be seen from here, and is there.
    pub(super) fn is_here(&self, name: &str) -> Result<bool> {
        Ok(self.text(name)?.is_some_and(|text| has_ended(&text) == Some(false)))
    }

    fn text(&self, name: &str) -> Result<Option<String>> {
        claimed(&self.folder.join(format!("{name}{END}")))
    }

    /// Whether something has been this very text for too long.
    pub(super) fn is_silent(&self, name: &str, text: String, own: Duration) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get(name) {
            Some((before, since)) if *before == text => since.elapsed() > self.timeout.max(own),
            _ => {
                seen.insert(name.to_owned(), (text, Instant::now()));
                false
            }
        }
    }
}

/// The process that a pulse is of, and how long it may be silent, as they stand in it.
fn who(text: &str) -> Option<(&str, &str)> {
    text.lines().next()?.rsplit_once(' ')
}

fn has_ended(text: &str) -> Option<bool> {
    Process::read(who(text)?.0)?.has_ended()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_cannot_be_seen_is_judged_by_his_silence() {
        let folder = tempfile::tempdir().unwrap();
        let watch = Watch::new(folder.path(), Duration::from_millis(60));
        let say = |name: &str, own: &str, rest: &str| {
            std::fs::write(folder.path().join(format!("{name}{END}")), format!("elsewhere pid:[1] 7 1 {own}\n{rest}\n")).unwrap();
        };
        let looks = || ["short", "long", "none"].map(|name| watch.look(name).unwrap());
        say("short", "0.01", "work 1");
        say("long", "600", "end  1");
        assert_eq!(looks(), [PulseState::AtWork, PulseState::AtEnd, PulseState::Gone]);
        // silent, of two one who said that he may be
        std::thread::sleep(Duration::from_millis(80));
        assert_eq!(looks(), [PulseState::Gone, PulseState::AtEnd, PulseState::Gone]);
        // heard of again
        say("short", "0.01", "work 2");
        assert_eq!(looks()[0], PulseState::AtWork);
        let mut names = watch.names().unwrap();
        names.sort();
        assert_eq!(names, ["long", "short"]);
    }

    #[test]
    fn a_pulse_beats_in_its_place_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let (leases, watch) = (folder.path().join("leases"), Watch::new(&folder.path().join("leases"), Duration::from_secs(60)));
        fs::create_dir_all(&leases).unwrap();
        let pulse = Pulse::new(&leases, "me", Duration::from_secs(9)).unwrap();
        let text = || claimed(&leases.join("me.pulse")).unwrap().unwrap();
        let first = text();
        pulse.beat().unwrap();
        assert!(text() != first && text().len() == first.len());
        assert_eq!(watch.look("me").unwrap(), PulseState::AtWork);
        pulse.is(PulseState::AtEnd).unwrap();
        assert_eq!((watch.look("me").unwrap(), text().len()), (PulseState::AtEnd, first.len()));
        assert!(watch.is_here("me").unwrap());
        std::fs::remove_dir_all(&leases).unwrap();
        assert_eq!(watch.look("me").unwrap(), PulseState::Gone);
        pulse.beat().unwrap();
        assert_eq!(watch.look("me").unwrap(), PulseState::AtEnd);
        pulse.end();
        assert!(watch.names().unwrap().is_empty());
    }
}
