//! What the threads of a flow share.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::Error;

/// How far the flow is.
pub(super) struct FlowState {
    /// The next part to make.
    pub next: usize,
    /// Parts that each whole still lacks.
    pub lacking: Vec<usize>,
    /// Wholes that can be taken.
    pub ready: BTreeSet<usize>,
    /// Wholes that somebody has begun to take.
    pub begun: usize,
    /// Bytes made or being made and not yet taken.
    pub held: u64,
    /// Threads at work.
    pub working: usize,
    /// The first thing that went wrong.
    pub problem: Option<Error>,
    /// Nobody begins anything any more.
    pub closed: bool,
}

/// What the threads share.
pub(super) struct Desk {
    pub state: Mutex<FlowState>,
    pub changed: Condvar,
}

impl Desk {
    pub(super) fn lock(&self) -> MutexGuard<'_, FlowState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait<'d>(&self, state: MutexGuard<'d, FlowState>) -> MutexGuard<'d, FlowState> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn close(&self, state: &mut FlowState, problem: Option<Error>) {
        state.closed = true;
        state.problem = state.problem.take().or(problem);
        self.changed.notify_all();
    }

    /// The life of a thread.
    pub(super) fn work<'d>(&'d self, step: impl Fn(MutexGuard<'d, FlowState>) -> Option<MutexGuard<'d, FlowState>>) {
        let leave = Leave(self);
        loop {
            let state = self.lock();
            if state.closed || step(state).is_none() {
                break;
            }
        }
        drop(leave);
    }
}

/// Says that a thread has ended.
struct Leave<'d>(&'d Desk);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.working -= 1;
        self.0.changed.notify_all();
    }
}
