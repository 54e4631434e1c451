//! Threads that train: all that are asked for, or none.

use std::sync::{PoisonError, RwLock};
use std::thread::{Builder, Result as Joined, ScopedJoinHandle};

use crate::{Error, Result};

/// Does the same work on so many threads, and gives what each came to.
///
/// # Errors
/// [`Error::Environment`] if one of them cannot be started; then nothing was done.
pub fn on_threads<T: Send>(threads: usize, work: impl Fn() -> T + Sync) -> Result<Vec<Joined<T>>> {
    let all = RwLock::new(false);
    // those that are there wait for the last, by the lock
    let begin = || all.read().is_ok_and(|all| *all).then(&work);
    let done = std::thread::scope(|scope| {
        let started: std::io::Result<Vec<ScopedJoinHandle<'_, Option<T>>>> = {
            let mut all = all.write().unwrap_or_else(PoisonError::into_inner);
            let start = |i| Builder::new().name(format!("train-{i}")).spawn_scoped(scope, begin);
            let started: std::io::Result<Vec<_>> = (0..threads).map(start).collect();
            *all = started.is_ok();
            started
        };
        started.map(|started| started.into_iter().map(ScopedJoinHandle::join).collect::<Vec<_>>())
    });
    let failed = |error| {
        let problem = format!("cannot start {threads} threads: {error}");
        Error::environment(problem, "allow this user more processes (ulimit -u)")
    };
    // each began, since all did
    Ok(done.map_err(failed)?.into_iter().filter_map(Joined::transpose).collect())
}
