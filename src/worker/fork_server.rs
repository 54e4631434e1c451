//! A process forked off at the very start, before there are threads, that forks decoding children on request: they share its pages,
//! so one costs a millisecond and hardly any memory, where starting the program anew costs a third of a second of loading libraries.
//!
//! Both speak over a socket that keeps messages apart. A request with two descriptors asks for a child that has these, and its number is the answer; one
//! without asks for the end of the child whose number it is. This process alone takes leave of children, so no number means another process by then.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::cmsg_space;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::pipe::{PipeFlags, pipe_with};

use super::child::serve;
use crate::pipeline::{Spawned, Spawner};
use crate::{Error, Result};

/// Bytes of memory of its own that a decoding process may have: room for the largest pictures that are decoded, and no more.
const MEMORY: u64 = 4 << 30;

/// How long its end is waited for.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long it may take over a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// The process that forks. Dropping it ends it, and waits for that, so that the time its children used is counted as this process's.
#[derive(Debug)]
pub struct ForkServer {
    /// None once it has failed to answer.
    requests: Mutex<Option<OwnedFd>>,
    process: i32,
}

fn cannot(what: &str) -> impl Fn(Errno) -> Error {
    move |error| {
        Error::environment(
            format!("cannot {what}: {}", std::io::Error::from(error)),
            "are there too many processes or open files?",
        )
    }
}

impl ForkServer {
    /// Forks it. To be called while this process has one thread.
    ///
    /// # Errors
    /// [`Error::Environment`].
    pub fn start() -> Result<Self> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .map_err(cannot("make a socket"))?;
        let parent = own();
        // SAFETY: there is one thread, so the copy holds no lock of another.
        match unsafe { libc::fork() } {
            -1 => Err(cannot("start a process")(last_error())),
            0 => {
                drop(ours);
                leave_with(parent);
                // a terminal sends its signals to all; it is for the parent to end the work in order
                // SAFETY: sets dispositions only.
                unsafe {
                    libc::signal(libc::SIGINT, libc::SIG_IGN);
                    libc::signal(libc::SIGTERM, libc::SIG_IGN);
                }
                breed(theirs);
                exit();
            }
            process => {
                // one that somebody has stopped holds nobody up
                for way in [Timeout::Recv, Timeout::Send] {
                    set_socket_timeout(&ours, way, Some(PATIENCE)).map_err(cannot("set up a socket"))?;
                }
                Ok(Self { requests: Mutex::new(Some(ours)), process })
            }
        }
    }
}

impl Drop for ForkServer {
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

impl Spawner for ForkServer {
    fn start(&self) -> Result<Spawned> {
        let (theirs_in, jobs) = pipe_with(PipeFlags::CLOEXEC).map_err(cannot("make a pipe"))?;
        let (answers, theirs_out) = pipe_with(PipeFlags::CLOEXEC).map_err(cannot("make a pipe"))?;
        // a child that was stopped does not read
        fcntl_setfl(&jobs, OFlags::NONBLOCK).map_err(cannot("set up a pipe"))?;
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let socket = requests.as_ref().ok_or(Errno::PIPE);
        let asked = socket.and_then(|socket| ask(socket, [theirs_in.as_fd(), theirs_out.as_fd()]));
        match asked {
            Ok(process) if process > 0 => Ok(Spawned { jobs: File::from(jobs), answers: File::from(answers), process }),
            Ok(error) => Err(cannot("start a decoding process")(Errno::from_raw_os_error(-error))),
            Err(error) => {
                // what it answers later is no answer to the next request
                requests.take();
                let text = if error == Errno::AGAIN { "timed out".into() } else { std::io::Error::from(error).to_string() };
                let problem = format!("the process that starts decoding processes does not answer: {text}");
                Err(Error::environment(problem, "was it stopped or killed? Run the same command again"))
            }
        }
    }

    fn end(&self, process: i32) {
        if let Some(socket) = &*self.requests.lock().unwrap_or_else(PoisonError::into_inner) {
            let request = process.to_ne_bytes();
            // where it is gone, so are its children
            let _ = sendmsg(socket, &[IoSlice::new(&request)], &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL);
        }
    }
}

/// The number of a new child, or that of an error, negated.
fn ask(socket: &OwnedFd, ends: [std::os::fd::BorrowedFd<'_>; 2]) -> Result<i32, Errno> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(2))];
    let mut with = SendAncillaryBuffer::new(&mut space);
    with.push(SendAncillaryMessage::ScmRights(&ends));
    retry_on_intr(|| sendmsg(socket, &[IoSlice::new(&[0; 4])], &mut with, SendFlags::NOSIGNAL))?;
    let mut answer = [0; 4];
    let mut none = RecvAncillaryBuffer::default();
    let found = retry_on_intr(|| recvmsg(socket, &mut [IoSliceMut::new(&mut answer)], &mut none, RecvFlags::empty()))?;
    if found.bytes == answer.len() { Ok(i32::from_ne_bytes(answer)) } else { Err(Errno::PIPE) }
}

fn last_error() -> Errno {
    Errno::from_raw_os_error(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
}

/// The number of this process.
fn own() -> i32 {
    // SAFETY: asks for a property of this process.
    unsafe { libc::getpid() }
}

/// Ends this process without what a parent would do at its end.
fn exit() -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(0) }
}

/// Has the system end this process when its parent, whose number this is, ends; ends it at once where that has been already, of
/// which the system would tell nothing.
fn leave_with(parent: i32) {
    // SAFETY: sets a property of this process, and asks for another.
    let now = unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::getppid()
    };
    if now != parent {
        exit();
    }
}

/// Takes leave of children that have ended; of all, where that is waited for.
fn reap(living: &mut Vec<i32>, all: bool) {
    loop {
        // SAFETY: waits for children of this process.
        let process = unsafe { libc::waitpid(-1, std::ptr::null_mut(), if all { 0 } else { libc::WNOHANG }) };
        if process <= 0 {
            return;
        }
        living.retain(|other| *other != process);
    }
}

/// Forks a child for each request until there are no more.
fn breed(requests: OwnedFd) {
    let (mut living, parent) = (Vec::new(), own());
    loop {
        let (mut request, mut space) = ([0; 4], [MaybeUninit::uninit(); cmsg_space!(ScmRights(2))]);
        let mut with = RecvAncillaryBuffer::new(&mut space);
        let came = retry_on_intr(|| recvmsg(&requests, &mut [IoSliceMut::new(&mut request)], &mut with, RecvFlags::CMSG_CLOEXEC));
        if !came.is_ok_and(|found| found.bytes == request.len()) {
            break;
        }
        reap(&mut living, false);
        let rights = |message| match message {
            RecvAncillaryMessage::ScmRights(ends) => Some(ends),
            _ => None,
        };
        let ends: Vec<OwnedFd> = with.drain().filter_map(rights).flatten().collect();
        let Ok([jobs, answers]) = <[OwnedFd; 2]>::try_from(ends) else {
            let process = i32::from_ne_bytes(request);
            if living.contains(&process) {
                // SAFETY: ends a child of this process that has not been waited for.
                unsafe { libc::kill(process, libc::SIGKILL) };
            }
            continue;
        };
        // SAFETY: this process has one thread.
        let answer = match unsafe { libc::fork() } {
            0 => {
                leave_with(parent);
                drop(requests);
                be_child(File::from(jobs), File::from(answers));
                exit();
            }
            -1 => -last_error().raw_os_error(),
            process => {
                living.push(process);
                process
            }
        };
        drop((jobs, answers));
        let answer = answer.to_ne_bytes();
        let _ = sendmsg(&requests, &[IoSlice::new(&answer)], &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL);
    }
    reap(&mut living, true);
}

fn be_child(jobs: File, answers: File) {
    let limit = |what, most: u64| {
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: lowers a limit of this process.
        unsafe { libc::setrlimit(what, &raw const limit) };
    };
    limit(libc::RLIMIT_DATA, MEMORY);
    limit(libc::RLIMIT_CORE, 0);
    // what goes wrong with a recording is told in its answer
    std::panic::set_hook(Box::new(|_| ()));
    let _ = serve(jobs, answers);
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_child_whose_parent_was_gone_before_it_said_so_ends() {
        let (mut read, write) = std::io::pipe().unwrap();
        // SAFETY: what the copies do until they end is to ask the system alone.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                let parent = own();
                if libc::fork() == 0 {
                    while libc::getppid() == parent {
                        libc::sched_yield();
                    }
                    leave_with(parent);
                    libc::write(std::os::fd::AsRawFd::as_raw_fd(&write), b"!".as_ptr().cast(), 1);
                }
                exit();
            }
            libc::waitpid(child, std::ptr::null_mut(), 0);
        }
        drop(write);
        let mut said = Vec::new();
        read.read_to_end(&mut said).unwrap();
        assert!(said.is_empty(), "it is still there");
    }
}
