//! The programs beside this one. A program that does not train is not linked to libtorch, one that does not decode not to FFmpeg:
//! what they would load takes longer than most verbs.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::hold_signals;
use super::world::not_built;
use crate::stop::Stop;
use crate::{Error, Result, loaded};

/// What decodes recordings and runs backbones.
pub const DECODE: &str = "mmdg-decode";

/// What trains models and asks them.
pub const TRAIN: &str = "mmdg-train";

/// How whoever builds programs gets all of them.
const REMEDY: &str = "build all programs: cargo build --release --bins";

/// Has [`DECODE`] go on with this verb.
///
/// # Errors
/// As [`hand_over`].
pub fn decode(stop: &Stop) -> Result<i32> {
    hand_over(DECODE, &[], stop)
}

/// Has [`TRAIN`] go on with this verb, told `more` than this program was.
///
/// # Errors
/// As [`hand_over`], and [`Error::Environment`] in a build that has no such program.
pub fn train(verb: &str, more: &[String], stop: &Stop) -> Result<i32> {
    if cfg!(feature = "torch") { hand_over(TRAIN, more, stop) } else { Err(not_built(verb, "torch")) }
}

/// Becomes the program of that name in this one's folder: its process, arguments, signals, environment and open files stay. Comes
/// back only where it cannot.
///
/// # Errors
/// [`Error::Environment`] where it is not there, lacks a library or does not start; [`Error::Interrupted`].
fn hand_over(program: &str, more: &[String], stop: &Stop) -> Result<i32> {
    let path = beside(program)?;
    complete(&path)?;
    stop.check()?;
    let mut arguments = std::env::args_os();
    let mut command = Command::new(&path);
    command.arg0(arguments.next().unwrap_or_else(|| "mmdg".into())).args(arguments).args(more);
    // one that comes now waits for the other program to listen
    hold_signals(true);
    let error = command.exec();
    hold_signals(false);
    Err(Error::environment(format!("{} does not start: {error}", path.display()), REMEDY))
}

/// The program of that name in this one's folder.
///
/// # Errors
/// [`Error::Environment`] where it is not there.
pub fn beside(program: &str) -> Result<PathBuf> {
    let own = std::env::current_exe();
    let own = own.map_err(|error| Error::environment(format!("cannot find this program: {error}"), "try again"))?;
    let path = own.with_file_name(program);
    if path.is_file() { Ok(path) } else { Err(Error::environment(format!("there is no {}", path.display()), REMEDY)) }
}

/// Says which library is not there in words, where the system's linker would end the process with its own.
fn complete(program: &Path) -> Result<()> {
    let lacking: Vec<String> =
        loaded::libraries_of(program).into_iter().filter(|library| library.path.is_none()).map(|library| library.name).collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let problem = format!("{} needs {}, which the system's linker does not find", program.display(), lacking.join(", "));
    Err(Error::environment(problem, "run ./setup.sh, or put the folder of the library into LD_LIBRARY_PATH"))
}
