//! What every program does around a verb: arguments, signals, messages, exit code.

use std::process::ExitCode;

use clap::Parser;

use super::arguments::{Arguments, Verb};
use super::world::tell;
use crate::pipeline::DECODE_THREAD;
use crate::stop::Stop;
use crate::{Error, Result};

/// Runs the verb that the process was asked for.
pub fn program(run: impl FnOnce(Verb, &Stop) -> Result<i32>) -> ExitCode {
    // one that comes before there is anybody to listen waits for them
    hold_signals(true);
    let arguments = Arguments::parse();
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // what goes wrong with one recording is that recording's failure, and stands in the list of failures
        if !std::thread::current().name().is_some_and(|name| name.starts_with(DECODE_THREAD)) {
            told(panic);
        }
    }));
    let stop = Stop::default();
    let run = || {
        #[cfg(feature = "faults")]
        crate::fs::fault::asked()?;
        run(arguments.verb, &stop)
    };
    let code = run().unwrap_or_else(|error| {
        tell(format_args!("mmdg: {error}"));
        error.exit_code()
    });
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// Has SIGINT and SIGTERM wait, or come. For this thread and those that it starts.
pub fn hold_signals(hold: bool) {
    // SAFETY: an all-zero set is room for one; the calls fill it and change this thread's mask.
    unsafe {
        let mut signals: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut signals);
        libc::sigaddset(&raw mut signals, libc::SIGINT);
        libc::sigaddset(&raw mut signals, libc::SIGTERM);
        libc::pthread_sigmask(if hold { libc::SIG_BLOCK } else { libc::SIG_UNBLOCK }, &raw const signals, std::ptr::null_mut());
    }
}

/// Starts the threads that much of the work is shared out to, which would otherwise be started where nothing can be said of it.
pub fn threads() -> Result<()> {
    rayon::ThreadPoolBuilder::new().build_global().map_err(|error| {
        Error::environment(
            format!("cannot start threads: {error}"),
            "allow this user more processes (ulimit -u), or ask for fewer threads (RAYON_NUM_THREADS=1)",
        )
    })
}

/// How long after a signal it is said that an end takes its time.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

/// The first SIGINT or SIGTERM asks for an end at the next sample or epoch, the second ends the process on the spot.
pub fn listen(stop: &Stop) -> Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let failed = |error: std::io::Error| Error::environment(format!("cannot listen to signals: {error}"), "try again");
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    let stop = stop.clone();
    let listen = move || {
        let mut asked = false;
        for signal in signals.forever() {
            if asked {
                // without what is done at an end: libtorch's own would run under threads that are at work
                // SAFETY: ends the process
                unsafe { libc::_exit(128 + signal) };
            }
            asked = true;
            stop.ask(signal);
            // whoever waits longer than most work in hand takes may take it for lost; where no thread can be started nothing is said
            let _ = std::thread::Builder::new().spawn(|| {
                std::thread::sleep(PATIENCE);
                tell(format_args!("mmdg: stopping, once the work in hand is done; a second signal ends it on the spot"));
            });
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(listen).map(drop).map_err(failed)?;
    hold_signals(false);
    Ok(())
}

/// Of a program that was asked for what another does.
pub fn not_here(program: &str) -> Error {
    Error::Usage(format!("{program} is a part of mmdg and has no such verb; run mmdg"))
}
