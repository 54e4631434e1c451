//! A process forked off at the very start, before there are threads, that forks decoding children on request: they share its pages,
//! so one costs a millisecond and hardly any memory, where starting the program anew costs a third of a second of loading libraries.

use std::ffi::CString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::child::serve;
use crate::pipeline::{Breeder, Offspring};
use crate::{Error, Result};

/// Bytes of memory of its own that a decoding process may have: room for the largest pictures that are decoded, and no more.
const MEMORY: u64 = 4 << 30;

/// How long its end is waited for.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The process that forks. Dropping it ends it, and waits for that, so that the time its children used is counted as this process's.
#[derive(Debug)]
pub struct Nursery {
    requests: Mutex<Option<File>>,
    process: i32,
}

fn last_error(what: &str) -> Error {
    Error::environment(
        format!("cannot {what}: {}", std::io::Error::last_os_error()),
        "are there too many processes or open files?",
    )
}

/// Read end and write end.
fn pipe() -> Result<(File, File)> {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors, which become ours.
    unsafe {
        if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) != 0 {
            return Err(last_error("make a pipe"));
        }
        let [read, write] = ends.map(|end| File::from(OwnedFd::from_raw_fd(end)));
        Ok((read, write))
    }
}

impl Nursery {
    /// Forks it. To be called while this process has one thread.
    ///
    /// # Errors
    /// [`Error::Environment`].
    pub fn start() -> Result<Self> {
        let (requests, to) = pipe()?;
        // SAFETY: there is one thread, so the copy holds no lock of another.
        match unsafe { libc::fork() } {
            -1 => Err(last_error("start a process")),
            0 => {
                drop(to);
                leave_with_parent();
                // a terminal sends its signals to all; it is for the parent to end the work in order
                // SAFETY: sets dispositions only.
                unsafe {
                    libc::signal(libc::SIGINT, libc::SIG_IGN);
                    libc::signal(libc::SIGTERM, libc::SIG_IGN);
                }
                breed(requests);
                exit();
            }
            process => Ok(Self { requests: Mutex::new(Some(to)), process }),
        }
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        drop(self.requests.lock().unwrap_or_else(PoisonError::into_inner).take());
        // it ends when there are no more requests; one that somebody has stopped does not
        let deadline = Instant::now() + LAST_WORDS;
        // SAFETY: waits for a child of this process, and ends it.
        unsafe {
            while libc::waitpid(self.process, std::ptr::null_mut(), libc::WNOHANG) == 0 {
                if Instant::now() >= deadline {
                    libc::kill(self.process, libc::SIGKILL);
                    libc::waitpid(self.process, std::ptr::null_mut(), 0);
                    return;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// Takes leave of children that have ended; of all, when there are no more requests.
fn reap(all: bool) {
    let how = if all { 0 } else { libc::WNOHANG };
    // SAFETY: waits for children of this process.
    while unsafe { libc::waitpid(-1, std::ptr::null_mut(), how) } > 0 {}
}

impl Breeder for Nursery {
    fn start(&self) -> Result<Offspring> {
        let (theirs_in, jobs) = pipe()?;
        let (mut answers, theirs_out) = pipe()?;
        let request = format!("{} {} {}\n", std::process::id(), theirs_in.as_raw_fd(), theirs_out.as_raw_fd());
        let sent = match &mut *self.requests.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(requests) => requests.write_all(request.as_bytes()),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        };
        let mut process = [0; 4];
        // the child opens our ends before it says who it is, so they are closed only then
        sent.and_then(|()| wait(&answers)).and_then(|()| answers.read_exact(&mut process)).map_err(|error| {
            Error::environment(format!("a decoding process does not start: {error}"), "is /proc mounted, and is there memory?")
        })?;
        Ok(Offspring { jobs, answers, process: i32::from_ne_bytes(process) })
    }
}

/// Up to ten seconds for the first word.
fn wait(answers: &File) -> std::io::Result<()> {
    let mut wait = libc::pollfd { fd: answers.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one descriptor, which is open.
    match unsafe { libc::poll(&raw mut wait, 1, 10_000) } {
        1 => Ok(()),
        0 => Err(std::io::ErrorKind::TimedOut.into()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Ends this process without what a parent would do at its end.
fn exit() -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(0) }
}

/// Has the system end this process when its parent ends.
fn leave_with_parent() {
    // SAFETY: sets a property of this process.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

/// Forks a child for each request until there are no more.
fn breed(requests: File) {
    for line in BufReader::new(requests).lines().map_while(std::io::Result::ok) {
        reap(false);
        // SAFETY: this process has one thread. Where it fails, the request is not answered and times out.
        if unsafe { libc::fork() } == 0 {
            leave_with_parent();
            let _ = be_child(&line);
            exit();
        }
    }
    reap(true);
}

fn be_child(request: &str) -> Option<()> {
    let mut words = request.split(' ');
    let parent: u32 = words.next()?.parse().ok()?;
    let mut open = |flags: i32| {
        let end: i32 = words.next()?.parse().ok()?;
        let path = CString::new(format!("/proc/{parent}/fd/{end}")).ok()?;
        // SAFETY: the path is ended by zero, the descriptor becomes ours.
        unsafe {
            let opened = libc::open(path.as_ptr(), flags | libc::O_CLOEXEC);
            (opened >= 0).then(|| File::from(OwnedFd::from_raw_fd(opened)))
        }
    };
    let (jobs, mut answers) = (open(libc::O_RDONLY)?, open(libc::O_WRONLY)?);
    let limit = |what, most: u64| {
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: lowers a limit of this process.
        unsafe { libc::setrlimit(what, &raw const limit) };
    };
    limit(libc::RLIMIT_DATA, MEMORY);
    limit(libc::RLIMIT_CORE, 0);
    // what goes wrong with a recording is told in its answer
    std::panic::set_hook(Box::new(|_| ()));
    answers.write_all(&(std::process::id() as i32).to_ne_bytes()).ok()?;
    serve(jobs, answers)
}
