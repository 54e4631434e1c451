//! A child process: what it does, and how its parent speaks to it. A line of JSON each way.

use std::fs::File;
#[cfg(feature = "cli")]
use std::io::{BufRead, BufReader};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::carried::Carried;
#[cfg(feature = "cli")]
use super::perform;
use super::{Job, Session};
#[cfg(feature = "cli")]
use crate::Error;
use crate::Result;
#[cfg(feature = "cli")]
use crate::error::Action;
use crate::error::{Code, Failure};
#[cfg(feature = "cli")]
use crate::pipeline::panic_text;
use crate::pipeline::{Spawned, Spawner};
#[cfg(feature = "cli")]
use crate::preset::maker::makers;
use crate::sample::Made;

/// What a child answers.
#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    /// A row, by its place in the job.
    Row(usize, Result<Made, Failure>),
    /// All rows have had their answer.
    Done,
    /// What keeps all work from going on.
    Broken(Carried),
    /// A defect of ours.
    Panicked(String),
}

/// How a job ended without an answer for each of its rows.
#[derive(Debug)]
pub(super) enum Lost {
    /// Nothing was heard for this long.
    Silent(Duration),
    /// The process is gone.
    Gone,
    /// A panic, caught.
    Panicked(String),
}

impl From<Lost> for Failure {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Silent(patience) => {
                let message = format!("not decoded within {} s (--timeout-per-item)", patience.as_secs_f64());
                Self { code: Code::Timeout, message }
            }
            Lost::Gone => Self { code: Code::Crashed, message: "the process that decoded it died".into() },
            Lost::Panicked(text) => Self { code: Code::Internal, message: format!("a defect of mmdg: {text}") },
        }
    }
}

/// The life of a child: a session, then jobs until there are no more.
#[cfg(feature = "cli")]
pub(super) fn serve(jobs: File, mut answers: File) -> Option<()> {
    // a decoder takes about a megabyte, one a recording
    crate::allocator::keep_freed_memory();
    let mut lines = BufReader::new(jobs).lines();
    let session: Session = serde_json::from_str(&lines.next()?.ok()?).ok()?;
    let makers = makers(&session.modalities, &session.dataset).ok()?;
    for line in lines {
        let job: Job = serde_json::from_str(&line.ok()?).ok()?;
        let mut say = |answer: &Answer| {
            let mut line = serde_json::to_vec(answer).unwrap_or_default();
            line.push(b'\n');
            answers.write_all(&line)
        };
        let performed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            #[cfg(feature = "faults")]
            suffer(&job);
            perform(&makers, &job, &mut |place, outcome| {
                say(&Answer::Row(place, outcome)).map_err(|source| Error::Io {
                    path: "parent".into(),
                    action: Action::Write,
                    source,
                })
            })
        }));
        let last = match performed {
            Ok(Ok(())) => Answer::Done,
            Ok(Err(error)) => Answer::Broken(Carried::of(error)),
            Err(panic) => Answer::Panicked(panic_text(&*panic)),
        };
        say(&last).ok()?;
    }
    Some(())
}

/// Has decoding do what recordings that decoders cannot cope with do, where that was asked for.
#[cfg(all(feature = "cli", feature = "faults"))]
fn suffer(job: &Job) {
    use crate::fs::fault::{Fault, asked};
    let holds = |id: &String| job.segments.iter().any(|segment| segment.id == *id);
    match asked() {
        Ok(Some(Fault::Hang(id))) if holds(id) => loop {
            std::thread::sleep(Duration::from_secs(1));
        },
        Ok(Some(Fault::Crash(id))) if holds(id) => std::process::abort(),
        Ok(Some(Fault::Hoard(id))) if holds(id) => drop(vec![1u8; 1 << 40]),
        Ok(Some(Fault::Panic(id))) if holds(id) => std::panic::resume_unwind(Box::new("asked for by MMDG_FAULT")),
        Ok(Some(Fault::Stumble(id))) if holds(id) => {
            // three times: with the others, alone, and once more alone
            let stumbled = std::fs::OpenOptions::new().append(true).create(true).open("stumbled");
            let first = stumbled.is_ok_and(|mut file| {
                file.metadata().is_ok_and(|about| about.len() < 3) && std::io::Write::write_all(&mut file, b".").is_ok()
            });
            if first {
                std::process::abort();
            }
        }
        _ => {}
    }
}

/// A running child, as its parent sees it. Ends with the handle.
pub(super) struct Child<'a> {
    spawner: &'a dyn Spawner,
    process: i32,
    jobs: File,
    answers: Answers,
}

impl<'a> Child<'a> {
    /// A new one. Where it is gone before its first job, that job finds out.
    pub(super) fn start(spawner: &'a dyn Spawner, session: &Session, patience: Duration) -> Result<Self> {
        let Spawned { jobs, answers, process } = spawner.start()?;
        let mut child = Self { spawner, process, jobs, answers: Answers { file: answers, read: Vec::new() } };
        let _ = child.send(session, patience);
        Ok(child)
    }

    /// Whether a message was taken within `patience`.
    fn send<T: Serialize>(&mut self, message: &T, patience: Duration) -> std::io::Result<bool> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        let deadline = Instant::now() + patience;
        let mut left = &line[..];
        while !left.is_empty() {
            match self.jobs.write(left) {
                Ok(length) => left = &left[length..],
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    if !ready(&self.jobs, libc::POLLOUT, deadline)? {
                        return Ok(false);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Has the job done; `told` gets the answers as they come. After [`Lost::Silent`] and [`Lost::Gone`] the child is of no more use.
    pub(super) fn perform(
        &mut self,
        job: &Job,
        patience: Duration,
        told: &mut dyn FnMut(usize, Result<Made, Failure>) -> Result<()>,
    ) -> Result<Option<Lost>> {
        match self.send(job, patience) {
            Ok(true) => {}
            Ok(false) => return Ok(Some(Lost::Silent(patience))),
            Err(_) => return Ok(Some(Lost::Gone)),
        }
        loop {
            let line = match self.answers.line(patience) {
                Ok(Some(line)) => line,
                Ok(None) => return Ok(Some(Lost::Silent(patience))),
                Err(_) => return Ok(Some(Lost::Gone)),
            };
            match serde_json::from_slice(&line) {
                Ok(Answer::Row(place, outcome)) => told(place, outcome)?,
                Ok(Answer::Done) => return Ok(None),
                Ok(Answer::Panicked(text)) => return Ok(Some(Lost::Panicked(text))),
                Ok(Answer::Broken(carried)) => return Err(carried.error()),
                Err(_) => return Ok(Some(Lost::Gone)),
            }
        }
    }
}

impl Drop for Child<'_> {
    fn drop(&mut self) {
        // an idle one would end by itself when `jobs` closes
        self.spawner.end(self.process);
    }
}

/// Whether something can be read or written before the deadline, as far as there is one that the clock can tell.
fn ready(file: &File, what: i16, deadline: Instant) -> std::io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut wait = libc::pollfd { fd: file.as_raw_fd(), events: what, revents: 0 };
        let milliseconds = i32::try_from(left.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: one descriptor, which is open.
        match unsafe { libc::poll(&raw mut wait, 1, milliseconds) } {
            0 => return Ok(false),
            -1 => match std::io::Error::last_os_error() {
                error if error.kind() == std::io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
            _ => return Ok(true),
        }
    }
}

/// Lines from a pipe, with a limit to how long one is waited for.
struct Answers {
    file: File,
    read: Vec<u8>,
}

impl Answers {
    /// The next line; `None` when nothing came within `patience`.
    fn line(&mut self, patience: Duration) -> std::io::Result<Option<Vec<u8>>> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(end) = self.read.iter().position(|&byte| byte == b'\n') {
                let rest = self.read.split_off(end + 1);
                return Ok(Some(std::mem::replace(&mut self.read, rest)));
            }
            if !ready(&self.file, libc::POLLIN, deadline)? {
                return Ok(None);
            }
            let mut part = [0; 1 << 14];
            match self.file.read(&mut part)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                length => self.read.extend_from_slice(&part[..length]),
            }
        }
    }
}
