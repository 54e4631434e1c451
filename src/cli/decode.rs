//! The program `mmdg-decode`: the verbs that decode recordings or run backbones.

use std::path::Path;
use std::process::ExitCode;

use super::arguments::{ExtractArguments, Verb};
#[cfg(not(all(feature = "hdf5", feature = "onnx")))]
use super::pipeline::StoreArguments;
use super::process::{self, listen, threads};
#[cfg(feature = "video")]
use super::progress::Bar;
#[cfg(not(all(feature = "hdf5", feature = "onnx", feature = "video")))]
use super::world;
use super::world::{WELL, World};
use super::{handover, report};
use crate::Result;
use crate::config::Pipeline;
use crate::stop::Stop;
#[cfg(feature = "hdf5")]
use crate::worker::fork_server::ForkServer;

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    process::program(|verb, stop| {
        // before there is a second thread
        #[cfg(feature = "hdf5")]
        let fork_server = fork_server(&verb)?;
        listen(stop)?;
        threads()?;
        #[cfg(feature = "hdf5")]
        let spawner = fork_server.as_ref().map(|fork_server| fork_server as &dyn crate::pipeline::Spawner);
        #[cfg(not(feature = "hdf5"))]
        let spawner = None;
        let then = run(verb, World { stop, spawner })?;
        // it ends its processes before this one becomes another program
        #[cfg(feature = "hdf5")]
        drop(fork_server);
        match then {
            Then::End(code) => Ok(code),
            Then::Train(code) => handover::train("train", &[format!("--so-far={code}")], stop),
        }
    })
}

/// What starts decoding processes, for the verbs that decode.
#[cfg(feature = "hdf5")]
fn fork_server(verb: &Verb) -> Result<Option<ForkServer>> {
    let decodes = matches!(
        verb,
        Verb::Run { .. } | Verb::Preprocess { .. } | Verb::Extract { .. } | Verb::Validate { decode: Some(_), .. }
    );
    decodes.then(ForkServer::start).transpose()
}

/// What comes after all that is decoded.
enum Then {
    /// Nothing, with this exit code.
    End(i32),
    /// Training, with this exit code so far.
    Train(i32),
}

fn run(verb: Verb, world: World<'_>) -> Result<Then> {
    let code = match verb {
        Verb::Run { pipeline: arguments, .. } => {
            let file = &arguments.making.file;
            let pipeline = file.open()?;
            let mut code = WELL;
            if pipeline.preprocess.is_some() && !from_media(&pipeline) {
                code = code.max(preprocess(&arguments, &pipeline, world)?);
            }
            if pipeline.extract.is_some() {
                code = code.max(extract(&arguments, &pipeline, &ExtractArguments::default(), world)?);
            }
            if pipeline.train.is_some() {
                return Ok(Then::Train(code));
            }
            code.max(report::where_asked(&file.pipeline, &pipeline, file.quiet)?)
        }
        Verb::Preprocess { pipeline: arguments, dry_run: true } => foresee(&arguments, &arguments.making.file.open()?, world)?,
        Verb::Preprocess { pipeline: arguments, dry_run: false } => {
            preprocess(&arguments, &arguments.making.file.open()?, world)?
        }
        Verb::Extract { pipeline: arguments, extract: overrides } => {
            extract(&arguments, &arguments.making.file.open()?, &overrides, world)?
        }
        #[cfg(feature = "hdf5")]
        Verb::Validate { pipeline: arguments, decoding, decode: Some(depth) } => {
            super::validate::decode(&arguments, &decoding, depth, world)?
        }
        #[cfg(not(feature = "hdf5"))]
        Verb::Validate { .. } => return Err(world::not_built("validate --decode", "hdf5")),
        Verb::DemoData { folder, seed, clips_per_class } => demo_data(&folder, seed, clips_per_class, world.stop)?,
        _ => return Err(process::not_here("mmdg-decode")),
    };
    Ok(Then::End(code))
}

#[cfg(all(feature = "hdf5", feature = "onnx"))]
fn from_media(pipeline: &Pipeline) -> bool {
    pipeline.extract.as_ref().is_some_and(|extract| extract.from == crate::extract::From::Media)
}

#[cfg(not(all(feature = "hdf5", feature = "onnx")))]
fn from_media(_: &Pipeline) -> bool {
    false
}

#[cfg(feature = "hdf5")]
use super::stores::{foresee, preprocess};

#[cfg(not(feature = "hdf5"))]
fn preprocess(_: &StoreArguments, _: &Pipeline, _: World<'_>) -> Result<i32> {
    Err(world::not_built("preprocess", "hdf5"))
}

#[cfg(not(feature = "hdf5"))]
fn foresee(_: &StoreArguments, _: &Pipeline, _: World<'_>) -> Result<i32> {
    Err(world::not_built("preprocess", "hdf5"))
}

#[cfg(all(feature = "hdf5", feature = "onnx"))]
use super::stores::extract;

#[cfg(not(all(feature = "hdf5", feature = "onnx")))]
fn extract(_: &StoreArguments, _: &Pipeline, _: &ExtractArguments, _: World<'_>) -> Result<i32> {
    Err(world::not_built("extract", "hdf5 and onnx"))
}

#[cfg(feature = "video")]
fn demo_data(folder: &Path, seed: u64, clips_per_class: usize, stop: &Stop) -> Result<i32> {
    let bar = Bar::new("demo-data", "clips", false);
    let options = crate::synthetic::demo::DemoOptions { seed, clips_per_class };
    crate::synthetic::demo::write(folder, &options, stop, &|done, total| bar.show(done, total))?;
    bar.finish(&format!("{}", folder.display()));
    Ok(WELL)
}

#[cfg(not(feature = "video"))]
fn demo_data(_: &Path, _: u64, _: usize, _: &Stop) -> Result<i32> {
    Err(world::not_built("demo-data", "video"))
}
