//! The bounded queue between those who make samples and the one who takes them.

mod flow;

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Code, Failure};
use crate::stop::Stop;
use crate::{Error, Result};
pub use flow::{Flow, Part};

/// How the names of decoding threads begin.
pub const DECODE_THREAD: &str = "decode-";

/// How a verb works: how wide, until when, and who is told.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// Threads that decode.
    pub workers: usize,
    /// Asked between samples.
    pub stop: &'a Stop,
    /// Told about every finished sample.
    pub progress: &'a (dyn Fn(Progress) + Sync),
    /// Starts the processes that decode; without it, this one does.
    pub breeder: Option<&'a dyn Breeder>,
    /// How long a sample may take, where other processes decode.
    pub patience: Duration,
    /// How often rows that failed for a cause outside their recording are tried again at the end.
    pub retries: u32,
    /// Whether rows that failed in an earlier run are made again whatever the cause.
    pub retry_failed: bool,
    /// What becomes of rows whose recordings have changed since they were made.
    pub changed: Changed,
    /// Whether shards of a store that is read are taken for what their records say, unseen.
    pub trust: bool,
}

/// What becomes of a store whose recordings have changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Changed {
    /// Nothing is done.
    #[default]
    Refuse,
    /// Their rows are made anew.
    Remake,
    /// Their rows stay as they are.
    Ignore,
}

impl<'a> Work<'a> {
    /// In this process, with nobody told.
    pub fn new(workers: usize, stop: &'a Stop) -> Self {
        Self {
            workers,
            stop,
            progress: &|_| (),
            breeder: None,
            patience: Duration::from_secs(600),
            retries: 2,
            retry_failed: false,
            changed: Changed::default(),
            trust: false,
        }
    }
}

/// Starts child processes that decode.
pub trait Breeder: Sync {
    /// A new child: what it reads, what it answers, and its process.
    ///
    /// # Errors
    /// [`crate::Error::Environment`].
    fn start(&self) -> Result<Offspring>;

    /// Ends a child, if it is still there.
    fn end(&self, process: i32);
}

/// A new child process.
#[derive(Debug)]
pub struct Offspring {
    /// Jobs go in here; where there is no room for one, writing does not wait.
    pub jobs: std::fs::File,
    /// Answers come out here.
    pub answers: std::fs::File,
    /// Its number, to end it by.
    pub process: i32,
}

/// How far a verb is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Samples that are there, from earlier runs too.
    pub done: usize,
    /// Samples in all.
    pub total: usize,
}

struct Queue<T> {
    /// The next item to make.
    next: usize,
    /// Items taken so far.
    taken: usize,
    made: BTreeMap<usize, T>,
    /// Nobody starts anything any more.
    closed: bool,
}

/// Makes the items `0..count` on `workers` threads and hands them to `take`, on this thread and in order. At most `ahead`
/// items are made and not yet taken.
///
/// # Errors
/// The first that `take` gives; [`Error::Interrupted`] after a stop; [`Error::Environment`] if threads cannot be started.
pub fn in_order<T: Send>(
    count: usize,
    workers: usize,
    ahead: usize,
    stop: &Stop,
    make: impl Fn(usize) -> T + Sync,
    mut take: impl FnMut(usize, T) -> Result<()>,
) -> Result<()> {
    let workers = workers.clamp(1, count.max(1));
    let ahead = ahead.max(workers);
    let queue = Mutex::new(Queue { next: 0, taken: 0, made: BTreeMap::new(), closed: false });
    let changed = Condvar::new();
    let lock = || queue.lock().unwrap_or_else(PoisonError::into_inner);
    let wait = |guard| changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
    let work = || {
        let mut state = lock();
        while !state.closed && state.next < count {
            if state.next >= state.taken + ahead {
                state = wait(state);
                continue;
            }
            let item = state.next;
            state.next += 1;
            drop(state);
            let made = make(item);
            state = lock();
            state.made.insert(item, made);
            changed.notify_all();
        }
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(workers)
        .thread_name(|i| format!("{DECODE_THREAD}{i}"))
        .build()
        .map_err(|error| Error::environment(format!("cannot start {workers} threads: {error}"), "use fewer --workers"))?;
    pool.in_place_scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|_| work());
        }
        let mut run = || {
            for item in 0..count {
                let mut state: MutexGuard<'_, Queue<T>> = lock();
                let made = loop {
                    stop.check()?;
                    match state.made.remove(&item) {
                        Some(made) => break made,
                        // woken now and then to see a stop
                        None => {
                            let waited = changed.wait_timeout(state, std::time::Duration::from_millis(100));
                            state = waited.unwrap_or_else(PoisonError::into_inner).0;
                        }
                    }
                };
                state.taken = item + 1;
                drop(state);
                changed.notify_all();
                take(item, made)?;
            }
            Ok(())
        };
        let outcome = run();
        lock().closed = true;
        changed.notify_all();
        outcome
    })
}

/// Runs the maker of one sample: what goes wrong in it, a panic too, is the failure of that sample alone. An error that is not
/// about the sample ends the verb.
///
/// # Errors
/// Errors that are not [`Error::Media`].
pub fn guarded<T>(make: impl FnOnce() -> Result<T>) -> Result<Result<T, Failure>> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(make)) {
        Ok(Ok(made)) => Ok(Ok(made)),
        Ok(Err(Error::Media { failure, .. })) => Ok(Err(failure)),
        Ok(Err(error)) => Err(error),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let message = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Ok(Err(Failure { code: Code::Internal, message: format!("a defect of mmdg: {message}") }))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn items_come_in_order_and_not_too_many_wait() {
        let (made, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let make = |i: usize| {
            let waiting = made.fetch_add(1, Ordering::SeqCst) + 1 - taken.load(Ordering::SeqCst);
            assert!(waiting <= 9, "{waiting}");
            i * i
        };
        let mut seen = Vec::new();
        in_order(100, 4, 8, &Stop::default(), make, |i, square| {
            taken.fetch_add(1, Ordering::SeqCst);
            seen.push((i, square));
            Ok(())
        })
        .unwrap();
        assert!(seen.into_iter().eq((0..100).map(|i| (i, i * i))));
    }

    #[test]
    fn errors_and_stops_end_the_work() {
        let stop = Stop::default();
        let refused = in_order(1000, 2, 4, &stop, |i| i, |i, _| if i == 3 { Err(Error::Usage("3".into())) } else { Ok(()) });
        assert!(matches!(refused, Err(Error::Usage(_))));
        stop.ask(15);
        assert!(matches!(in_order(1000, 2, 4, &stop, |i| i, |_, _| Ok(())), Err(Error::Interrupted { signal: 15 })));
    }

    #[test]
    fn a_panic_is_the_failure_of_one_sample() {
        let outcome = guarded(|| -> Result<()> { panic!("row {}", 7) }).unwrap();
        assert_eq!(outcome.unwrap_err().code, Code::Internal);
    }
}
