//! The command line: arguments in, library calls, messages and exit codes out. Three programs share it: `mmdg`, which hands over to
//! `mmdg-decode` and `mmdg-train` what it is not linked for.

mod arguments;
pub mod decode;
mod doctor;
mod exchange;
mod failures;
mod handover;
mod importing;
#[cfg(feature = "torch")]
mod methods;
#[cfg(feature = "torch")]
mod models;
#[cfg(any(feature = "hdf5", feature = "torch"))]
mod outdated;
mod pipeline;
mod process;
mod progress;
mod report;
#[cfg(feature = "hdf5")]
mod stores;
mod synth;
#[cfg(feature = "torch")]
pub mod train;
#[cfg(feature = "torch")]
mod training;
mod validate;
mod verbs;
mod world;

use std::process::ExitCode;

/// Runs the program `mmdg` with the process's arguments.
pub fn main() -> ExitCode {
    process::program(|verb, stop| {
        process::listen(stop)?;
        verbs::run(verb, stop)
    })
}
