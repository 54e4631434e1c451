//! The bounded queue between those who make samples and the one who takes them.

mod flow;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Code, Failure};
use crate::stop::Stop;
use crate::{Error, Result};
pub use flow::{Flow, FlowPart};

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
    pub spawner: Option<&'a dyn Spawner>,
    /// How long a sample may take, where other processes decode.
    pub patience: Duration,
    /// How often rows that failed for a cause outside their recording are tried again at the end.
    pub retries: u32,
    /// Whether rows that failed in an earlier run are made again whatever the cause.
    pub retry_failed: bool,
    /// What becomes of rows whose recordings have changed since they were made.
    pub changed: Changed,
    /// How long another process that makes the same store may be silent before it is taken for gone.
    pub lease_timeout: Duration,
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
            spawner: None,
            patience: Duration::from_secs(600),
            retries: 2,
            retry_failed: false,
            changed: Changed::default(),
            lease_timeout: Duration::from_secs(60),
            trust: false,
        }
    }
}

/// Starts child processes that decode.
pub trait Spawner: Sync {
    /// A new child: what it reads, what it answers, and its process.
    ///
    /// # Errors
    /// [`crate::Error::Environment`].
    fn start(&self) -> Result<Spawned>;

    /// Ends a child, if it is still there.
    fn end(&self, process: i32);
}

/// A new child process.
#[derive(Debug)]
pub struct Spawned {
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

/// Makes the items `0..count` on `workers` threads and hands them to `take`, in order and one at a time. At most `ahead` items are made and not yet
/// taken. `name` says which item a panic was about.
///
/// # Errors
/// The first that `take` gives; [`Error::Interrupted`] after a stop; [`Error::Environment`] if threads cannot be started, and for a panic.
pub fn in_order<T: Send>(
    count: usize,
    workers: usize,
    ahead: usize,
    stop: &Stop,
    name: impl Fn(usize) -> String + Sync,
    make: impl Fn(usize) -> T + Sync,
    take: impl FnMut(usize, T) -> Result<()> + Send,
) -> Result<()> {
    let items: Vec<FlowPart> = (0..count).map(|item| FlowPart { wholes: item..item + 1, bytes: 1 }).collect();
    let flow = Flow {
        parts: &items,
        wholes: &vec![1; count],
        limit: ahead.max(workers) as u64,
        makers: workers,
        takers: 1,
        in_order: true,
        stop,
    };
    let made: Vec<Mutex<Option<T>>> = (0..count).map(|_| Mutex::default()).collect();
    let take = Mutex::new(take);
    fn own<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
        of.lock().unwrap_or_else(PoisonError::into_inner)
    }
    let make = |item: usize| {
        *own(&made[item]) = Some(make(item));
        Ok(())
    };
    let take = |_: usize, item: usize| {
        stop.check()?;
        let made = own(&made[item]).take();
        made.map_or(Ok(()), |made| own(&take)(item, made))
    };
    flow.run(name, make, take)
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
        Err(panic) => Ok(Err(Failure { code: Code::Internal, message: format!("a defect of mmdg: {}", panic_text(&*panic)) })),
    }
}

/// What a panic said.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn named(item: usize) -> String {
        format!("clip {item}")
    }

    #[test]
    fn a_panic_ends_the_work_and_names_its_item() {
        let make = |item: usize| if item == 17 { panic!("what a defect says") } else { item };
        let error = in_order(1000, 3, 8, &Stop::default(), named, make, |_, _| Ok(())).unwrap_err().to_string();
        assert!(error.contains("clip 17") && error.contains("what a defect says"), "{error}");
        let take = |item, _| if item == 5 { panic!("in taking") } else { Ok(()) };
        let error = in_order(1000, 3, 8, &Stop::default(), named, |item| item, take).unwrap_err().to_string();
        assert!(error.contains("clip 5") && error.contains("in taking"), "{error}");
    }

    #[test]
    fn items_come_in_order_and_not_too_many_wait() {
        let (made, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let make = |i: usize| {
            let waiting = made.fetch_add(1, Ordering::SeqCst) + 1 - taken.load(Ordering::SeqCst);
            assert!(waiting <= 9, "{waiting}");
            i * i
        };
        let mut seen = Vec::new();
        in_order(100, 4, 8, &Stop::default(), named, make, |i, square| {
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
        let refused =
            in_order(1000, 2, 4, &stop, named, |i| i, |i, _| if i == 3 { Err(Error::Usage("3".into())) } else { Ok(()) });
        assert!(matches!(refused, Err(Error::Usage(_))));
        stop.ask(15);
        assert!(matches!(in_order(1000, 2, 4, &stop, named, |i| i, |_, _| Ok(())), Err(Error::Interrupted { signal: 15 })));
    }

    #[test]
    fn a_panic_is_the_failure_of_one_sample() {
        let outcome = guarded(|| -> Result<()> { panic!("row {}", 7) }).unwrap();
        assert_eq!(outcome.unwrap_err().code, Code::Internal);
    }
}
