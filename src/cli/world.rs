//! What verbs have from the process that they run in, and what they give back to it.

use std::io::Write;

#[cfg(feature = "hdf5")]
use super::pipeline::DecodingArguments;
use crate::error::Action;
use crate::pipeline::Spawner;
#[cfg(feature = "hdf5")]
use crate::pipeline::{Progress, Work};
use crate::stop::Stop;
use crate::{Error, Result};

/// Exit code of a verb that is done.
pub const WELL: i32 = 0;

/// Exit code of a verb that is done, with failures within the limit.
#[cfg(any(feature = "hdf5", feature = "torch"))]
pub const WITH_FAILURES: i32 = 4;

/// What verbs have from the process that they run in.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// Set by signals.
    pub stop: &'a Stop,
    /// Starts the processes that decode.
    #[cfg_attr(not(feature = "hdf5"), allow(dead_code, reason = "nothing decodes"))]
    pub spawner: Option<&'a dyn Spawner>,
}

/// How wide, how long and for whom, by the arguments.
#[cfg(feature = "hdf5")]
pub fn work<'a>(arguments: &DecodingArguments, world: World<'a>, progress: &'a (dyn Fn(Progress) + Sync)) -> Work<'a> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Work {
        progress,
        spawner: world.spawner,
        patience: std::time::Duration::from_secs_f64(arguments.timeout_per_item),
        ..Work::new(arguments.workers.map_or(cores, usize::from), world.stop)
    }
}

/// Prints a verb's result. Whoever reads it may have seen enough, such as `head`.
pub fn show(text: std::fmt::Arguments<'_>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_fmt(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::io(Action::Write, "standard output".as_ref())(error))
        }
        _ => Ok(()),
    }
}

/// Tells whoever sits there a line. What it is about goes on where nobody can be told.
pub fn tell(text: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Tables that this build has no verb for.
#[allow(dead_code, reason = "used where a feature is off")]
pub fn not_built(verb: &str, feature: &str) -> Error {
    Error::environment(format!("this build has no verb {verb}"), format!("build with the feature {feature}"))
}
