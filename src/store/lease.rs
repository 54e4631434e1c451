//! Who makes what of a store, where several processes make it, on one machine or on many: `<store>/.leases` holds a [pulse](super::pulse) for each of them and
//! a file for each thing that is done by one at a time.
//!
//! A lease says who does something, so that others do something else; it does not have to be right. One that is taken from somebody who was only stopped
//! costs the work of one shard: both make the same bytes, each under names of its own.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::pulse::{END, Pulse, PulseState, Watch};
use crate::error::Action;
use crate::fs::claim::{claim, claimed, seize};
use crate::fs::{self, Process};
use crate::{Error, Result};

/// Where all of that lies in a store.
pub(super) const FOLDER: &str = ".leases";
/// How the name of a lease ends.
pub(super) const LEASE: &str = ".lease";
/// How long one who makes a store may be silent, unless it is set.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);
/// Beats of a pulse in that time.
const BEATS: u32 = 4;
/// What two that take one lease over at the same moment need to see which of them has it.
const SETTLING: Duration = Duration::from_millis(10);

/// This process among those who make a store.
#[derive(Debug)]
pub(super) struct Leases {
    desk: Arc<Desk>,
    ended: Arc<(Mutex<bool>, Condvar)>,
    beating: Option<JoinHandle<()>>,
}

/// What leases need that are held.
#[derive(Debug)]
struct Desk {
    folder: PathBuf,
    name: String,
    pulse: Pulse,
    watch: Watch,
    /// What stands in the leases that are held.
    held: Mutex<HashSet<String>>,
}

/// Something that this process does and others leave, until dropped.
#[derive(Debug)]
pub(super) struct Held {
    desk: Arc<Desk>,
    path: PathBuf,
    text: String,
    /// Whether somebody who is gone had it.
    pub(super) taken_over: bool,
}

impl Held {
    /// Whether nobody has taken it over meanwhile.
    pub(super) fn is_ours(&self) -> Result<bool> {
        Ok(claimed(&self.path)?.is_some_and(|text| text == self.text))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.is_ours().unwrap_or(false) {
            let _ = fs::remove(&self.path);
        }
        // one that could not be removed is nobody's from here on
        self.desk.held().remove(&self.text);
    }
}

impl Leases {
    /// Joins those who make the store in `store`; `None` where nothing can be written, and so nobody writes.
    pub(super) fn join(store: &Path, timeout: Duration) -> Result<Option<Self>> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let folder = store.join(FOLDER);
        let name = format!("{}-{}", Process::this().name(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut tries = 0;
        let pulse = loop {
            match fs::create_dir_all(&folder).and_then(|()| Pulse::new(&folder, &name, timeout)) {
                Ok(pulse) => break pulse,
                Err(Error::Io { source, .. })
                    if matches!(source.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied) =>
                {
                    return Ok(None);
                }
                // the last one to leave takes the folder away
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound && tries < 100 => tries += 1,
                Err(error) => return Err(error),
            }
        };
        let desk = Arc::new(Desk { watch: Watch::new(&folder, timeout), folder, name, pulse, held: Mutex::default() });
        let ended = Arc::new((Mutex::new(false), Condvar::new()));
        let mut leases = Self { desk: desk.clone(), ended: ended.clone(), beating: None };
        let beat = move || desk.beat(&ended, timeout / BEATS);
        let started = std::thread::Builder::new().name("pulse".into()).spawn(beat);
        let refused =
            |error| Error::environment(format!("cannot start a thread: {error}"), "end some of the processes that run here");
        leases.beating = Some(started.map_err(refused)?);
        Ok(Some(leases))
    }

    /// Takes the lease of this name; `None` where another one has it who is there.
    pub(super) fn take(&self, name: &str) -> Result<Option<Held>> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let desk = &self.desk;
        let path = desk.lease(name);
        let text = format!("{} {}\n", desk.name, COUNT.fetch_add(1, Ordering::Relaxed));
        let held = |taken_over| {
            desk.held().insert(text.clone());
            Held { desk: desk.clone(), path: path.clone(), text: text.clone(), taken_over }
        };
        // as long as it goes away between two looks
        for _ in 0..100 {
            match claim(&path, &text) {
                Ok(true) => return Ok(Some(held(false))),
                Ok(false) => {}
                // this one was stopped for so long that others took it for gone, and left
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                    desk.pulse.beat()?;
                    continue;
                }
                Err(error) => return Err(error),
            }
            let Some(other) = claimed(&path)? else { continue };
            if other == text {
                return Ok(Some(held(false)));
            }
            if !desk.is_gone(name, &other)? || claimed(&path)? != Some(other) {
                return Ok(None);
            }
            seize(&path, &text)?;
            // of several that came to the same end the last one has it
            std::thread::sleep(SETTLING);
            return Ok((claimed(&path)?.as_deref() == Some(&text)).then(|| held(true)));
        }
        Ok(None)
    }

    /// Whether [`take`](Self::take) would have it.
    pub(super) fn is_free(&self, name: &str) -> Result<bool> {
        match claimed(&self.desk.lease(name))? {
            None => Ok(true),
            Some(other) => self.desk.is_gone(name, &other),
        }
    }

    /// Takes it, whoever has it now: once he has done with it.
    pub(super) fn wait(&self, name: &str) -> Result<Held> {
        let mut pause = Pause::default();
        loop {
            if let Some(held) = self.take(name)? {
                return Ok(held);
            }
            pause.pass();
        }
    }

    /// Says that this one has nothing to make any more.
    pub(super) fn at_end(&self) -> Result<()> {
        self.desk.pulse.is(PulseState::AtEnd)
    }

    /// Whether others have.
    pub(super) fn others_work(&self) -> Result<bool> {
        for name in self.desk.watch.names()? {
            if name != self.desk.name && self.desk.watch.look(&name)? == PulseState::AtWork {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes what those left that are gone, their leases aside, which stay for whoever [takes](Self::take) them: their names.
    pub(super) fn sweep(&self) -> Result<Vec<String>> {
        let desk = &self.desk;
        let (mut there, mut leases, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        for name in desk.watch.names()? {
            if name == desk.name || desk.watch.look(&name)? != PulseState::Gone {
                there.push(name);
            } else {
                fs::remove(&desk.folder.join(format!("{name}{END}")))?;
            }
        }
        for entry in std::fs::read_dir(&desk.folder).map_err(Error::io(Action::List, &desk.folder))? {
            let name = entry.map_err(Error::io(Action::List, &desk.folder))?.file_name().to_string_lossy().into_owned();
            if let Some(lease) = name.strip_suffix(LEASE) {
                let other = claimed(&desk.folder.join(&name))?;
                if other.is_some_and(|other| desk.is_gone(lease, &other).unwrap_or(false)) {
                    leases.push(lease.to_owned());
                }
            } else if name.ends_with(".part") {
                parts.push(name);
            }
        }
        // those of a process that is there are in use
        let made_by = |name: &String| name.rsplit_once('-').map_or(String::new(), |(process, _)| format!(".{process}-"));
        let makers: Vec<String> = there.iter().map(made_by).collect();
        for part in parts.iter().filter(|part| !makers.iter().any(|maker| part.contains(maker))) {
            fs::remove(&desk.folder.join(part))?;
        }
        Ok(leases)
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        *self.ended.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ended.1.notify_all();
        if let Some(beating) = self.beating.take() {
            let _ = beating.join();
        }
        self.desk.pulse.end();
        // where others are, it is not empty
        let _ = std::fs::remove_dir(&self.desk.folder);
    }
}

impl Desk {
    fn held(&self) -> MutexGuard<'_, HashSet<String>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lease(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{LEASE}"))
    }

    /// Whether the one is gone who left this text in the lease of this name.
    fn is_gone(&self, lease: &str, text: &str) -> Result<bool> {
        match text.strip_suffix('\n').and_then(|text| text.split_once(' ')) {
            Some((name, _)) if name == self.name => Ok(!self.held().contains(text)),
            Some((name, _)) => Ok(self.watch.look(name)? == PulseState::Gone),
            // of a file system that cannot make it whole at once
            None => Ok(self.watch.is_silent(&format!("{lease}{LEASE}"), text.into(), Duration::ZERO)),
        }
    }

    /// The life of the thread that keeps the pulse, and an eye on the others, so that it is known at once at the end who has been silent all along.
    fn beat(&self, (ended, bell): &(Mutex<bool>, Condvar), every: Duration) {
        let mut guard = ended.lock().unwrap_or_else(PoisonError::into_inner);
        while !*guard {
            guard = bell.wait_timeout(guard, every).unwrap_or_else(PoisonError::into_inner).0;
            if !*guard {
                // what cannot be written now may be the next time; at worst others do the work once more
                let _ = self.pulse.beat();
                let names = self.watch.names().unwrap_or_default();
                names.iter().for_each(|name| drop(self.watch.look(name)));
            }
        }
    }
}

/// A wait between two looks, longer each time.
#[derive(Debug)]
pub(super) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(Duration::from_millis(2))
    }
}

impl Pause {
    pub(super) fn pass(&mut self) {
        std::thread::sleep(self.0);
        self.0 = (self.0 * 2).min(Duration::from_millis(250));
    }
}
