//! A wish to stop that reaches every worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::{Error, Result};

/// Set once by a signal, asked by every loop. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicI32>);

impl Stop {
    /// Asks everybody to stop because of a signal.
    pub fn ask(&self, signal: i32) {
        self.0.store(signal, Ordering::Relaxed);
    }

    /// For the top of a loop.
    ///
    /// # Errors
    /// [`Error::Interrupted`] after [`ask`](Self::ask).
    pub fn check(&self) -> Result<()> {
        match self.0.load(Ordering::Relaxed) {
            0 => Ok(()),
            signal => Err(Error::Interrupted { signal }),
        }
    }
}
