//! Two kinds of work on each other's heels: parts are made, and a whole is taken once all its parts are there.

use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{DECODE_THREAD, panic_text};
use crate::stop::Stop;
use crate::{Error, Result};

mod desk;

use desk::{Desk, FlowState};

/// What is made in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowPart {
    /// The wholes that it holds something of.
    pub wholes: Range<usize>,
    /// Bytes that it takes up until these are taken.
    pub bytes: u64,
}

/// A flow of parts into wholes, both in order: a part holds something of the wholes that the part before it ended in, or of later ones.
#[derive(Debug, Clone, Copy)]
pub struct Flow<'a> {
    /// Those that are made. A whole without any is there from the start.
    pub parts: &'a [FlowPart],
    /// Bytes of each whole.
    pub wholes: &'a [u64],
    /// No part is begun while this many bytes are made or being made and not yet taken. At least the largest whole counts.
    pub limit: u64,
    /// Threads that make.
    pub makers: usize,
    /// Threads that take.
    pub takers: usize,
    /// Whether a whole is taken only after all before it; else whichever is there.
    pub in_order: bool,
    /// Asked ten times a second.
    pub stop: &'a Stop,
}

impl Flow<'_> {
    /// Makes every part and takes every whole; `take` is told which of the takers it is, `name` says what a whole is called.
    ///
    /// # Errors
    /// The first of either; [`Error::Interrupted`] after a stop; [`Error::Environment`] if threads cannot be started, and for a panic, with the name
    /// of the whole that it was about.
    pub fn run(
        self,
        name: impl Fn(usize) -> String + Sync,
        make: impl Fn(usize) -> Result<()> + Sync,
        take: impl Fn(usize, usize) -> Result<()> + Sync,
    ) -> Result<()> {
        let make = |part: usize| caught(|| name(self.parts[part].wholes.start), || make(part));
        let take = |taker: usize, whole: usize| caught(|| name(whole), || take(taker, whole));
        let mut lacking = vec![0; self.wholes.len()];
        for part in self.parts {
            lacking[part.wholes.clone()].iter_mut().for_each(|count| *count += 1);
        }
        let ready = (0..lacking.len()).filter(|&whole| lacking[whole] == 0).collect();
        let (makers, takers) = (self.makers.clamp(1, self.parts.len().max(1)), self.takers.clamp(1, self.wholes.len().max(1)));
        let state =
            FlowState { next: 0, lacking, ready, begun: 0, held: 0, working: makers + takers, problem: None, closed: false };
        let desk = Desk { state: Mutex::new(state), changed: Condvar::new() };
        let limit = self.limit.max(self.wholes.iter().copied().max().unwrap_or(0));
        std::thread::scope(|scope| {
            let start = |name: String, work: &mut dyn FnMut(std::thread::Builder) -> std::io::Result<()>| {
                if let Err(error) = work(std::thread::Builder::new().name(name)) {
                    let mut state = desk.lock();
                    state.working -= 1;
                    let problem = format!("cannot start {} threads: {error}", makers + takers);
                    desk.close(&mut state, Some(Error::environment(problem, "use fewer --workers")));
                }
            };
            for maker in 0..makers {
                start(format!("{DECODE_THREAD}{maker}"), &mut |thread| {
                    thread.spawn_scoped(scope, || desk.work(|state| self.make(&desk, state, limit, make))).map(drop)
                });
            }
            for taker in 0..takers {
                let (desk, take) = (&desk, &take);
                start(format!("take-{taker}"), &mut |thread| {
                    let work = move || desk.work(|state| self.take(desk, state, taker, take));
                    thread.spawn_scoped(scope, work).map(drop)
                });
            }
            let mut state = desk.lock();
            while state.working > 0 {
                if let (Err(stopped), false) = (self.stop.check(), state.closed) {
                    desk.close(&mut state, Some(stopped));
                }
                // woken now and then to see a stop
                let waited = desk.changed.wait_timeout(state, Duration::from_millis(100));
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        });
        desk.state.into_inner().unwrap_or_else(PoisonError::into_inner).problem.map_or(Ok(()), Err)
    }

    /// Makes one part; `None` once there are no more.
    fn make<'d>(
        &self,
        desk: &'d Desk,
        mut state: MutexGuard<'d, FlowState>,
        limit: u64,
        make: impl Fn(usize) -> Result<()>,
    ) -> Option<MutexGuard<'d, FlowState>> {
        if state.next == self.parts.len() {
            return None;
        }
        if state.held >= limit {
            return Some(desk.wait(state));
        }
        let number = state.next;
        let part = &self.parts[number];
        state.next += 1;
        state.held += part.bytes;
        drop(state);
        let made = make(number);
        let mut state = desk.lock();
        if let Err(problem) = made {
            desk.close(&mut state, Some(problem));
        }
        for whole in part.wholes.clone() {
            state.lacking[whole] -= 1;
            if state.lacking[whole] == 0 {
                state.ready.insert(whole);
            }
        }
        desk.changed.notify_all();
        Some(state)
    }

    /// Takes one whole; `None` once there are no more.
    fn take<'d>(
        &self,
        desk: &'d Desk,
        mut state: MutexGuard<'d, FlowState>,
        taker: usize,
        take: impl Fn(usize, usize) -> Result<()>,
    ) -> Option<MutexGuard<'d, FlowState>> {
        if state.begun == self.wholes.len() {
            return None;
        }
        let next = state.ready.first().copied().filter(|&whole| !self.in_order || whole == state.begun);
        let Some(whole) = next else { return Some(desk.wait(state)) };
        state.ready.remove(&whole);
        state.begun += 1;
        drop(state);
        let taken = take(taker, whole);
        let mut state = desk.lock();
        if let Err(problem) = taken {
            desk.close(&mut state, Some(problem));
        }
        state.held = state.held.saturating_sub(self.wholes[whole]);
        desk.changed.notify_all();
        Some(state)
    }
}

/// Does it; a panic is an error that names what it was about.
fn caught(name: impl FnOnce() -> String, work: impl FnOnce() -> Result<()>) -> Result<()> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let problem = format!("a defect of mmdg, in {}: {}", name(), panic_text(&*panic));
        Err(Error::environment(problem, "please report it"))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn named(whole: usize) -> String {
        whole.to_string()
    }

    /// Rows of one byte: `parts` of so many rows each, wholes of `rows`.
    fn parts(sizes: &[u64], rows: u64) -> (Vec<FlowPart>, Vec<u64>) {
        let mut first = 0;
        let mut parts = Vec::new();
        for &size in sizes {
            let end = first + size;
            parts.push(FlowPart { wholes: (first / rows) as usize..end.div_ceil(rows) as usize, bytes: size });
            first = end;
        }
        (parts, (0..first.div_ceil(rows)).map(|whole| rows.min(first - whole * rows)).collect())
    }

    #[test]
    fn every_whole_is_taken_once_after_all_its_parts_and_within_the_limit() {
        let sizes: Vec<u64> = (0..200).map(|i| 1 + i * 7 % 5).collect();
        for (rows, limit) in [(1, 1), (4, 4), (4, 16), (7, 20), (1000, 1)] {
            let (parts, wholes) = parts(&sizes, rows);
            let (held, most) = (AtomicU64::new(0), AtomicU64::new(0));
            let made: Vec<AtomicU64> = parts.iter().map(|_| AtomicU64::new(0)).collect();
            let taken: Vec<AtomicU64> = wholes.iter().map(|_| AtomicU64::new(0)).collect();
            let flow =
                Flow { parts: &parts, wholes: &wholes, limit, makers: 3, takers: 2, in_order: false, stop: &Stop::default() };
            let make = |part: usize| {
                let now = held.fetch_add(parts[part].bytes, Ordering::SeqCst) + parts[part].bytes;
                most.fetch_max(now, Ordering::SeqCst);
                std::thread::yield_now();
                made[part].store(1, Ordering::SeqCst);
                Ok(())
            };
            let take = |taker: usize, whole: usize| {
                assert!(taker < 2);
                for (part, made) in parts.iter().zip(&made) {
                    assert!(!part.wholes.contains(&whole) || made.load(Ordering::SeqCst) == 1);
                }
                taken[whole].fetch_add(1, Ordering::SeqCst);
                held.fetch_sub(wholes[whole], Ordering::SeqCst);
                Ok(())
            };
            flow.run(named, make, take).unwrap();
            assert!(taken.iter().all(|times| times.load(Ordering::SeqCst) == 1));
            assert!(most.load(Ordering::SeqCst) <= limit.max(*wholes.iter().max().unwrap()) + 5, "{rows} {limit}: {most:?}");
        }
    }

    #[test]
    fn wholes_without_parts_are_there_at_once_and_nothing_is_nothing() {
        let (stop, taken) = (Stop::default(), AtomicU64::new(0));
        let flow = Flow { parts: &[], wholes: &[1, 1, 1], limit: 0, makers: 1, takers: 8, in_order: false, stop: &stop };
        let take = |_: usize, whole: usize| {
            taken.fetch_add(1 << whole, Ordering::SeqCst);
            Ok(())
        };
        flow.run(named, |_| Ok(()), take).unwrap();
        assert_eq!(taken.load(Ordering::SeqCst), 7);
        Flow { wholes: &[], ..flow }.run(named, |_| Ok(()), take).unwrap();
    }

    #[test]
    fn errors_and_stops_end_the_flow() {
        let stop = Stop::default();
        let (parts, wholes) = parts(&[1; 1000], 4);
        let flow = Flow { parts: &parts, wholes: &wholes, limit: 8, makers: 2, takers: 2, in_order: false, stop: &stop };
        let fail = |at: usize, now: usize| if at == now { Err(Error::Usage("this".into())) } else { Ok(()) };
        assert!(matches!(flow.run(named, |part| fail(17, part), |_, _| Ok(())), Err(Error::Usage(_))));
        assert!(matches!(flow.run(named, |_| Ok(()), |_, whole| fail(17, whole)), Err(Error::Usage(_))));
        stop.ask(15);
        let slow = |_: usize| {
            std::thread::sleep(Duration::from_millis(5));
            Ok(())
        };
        assert!(matches!(flow.run(named, slow, |_, _| Ok(())), Err(Error::Interrupted { signal: 15 })));
    }
}
