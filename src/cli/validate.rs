//! The verb `validate`.

use std::fmt::Display;

#[cfg(feature = "hdf5")]
use super::arguments::Depth;
#[cfg(feature = "hdf5")]
use super::pipeline::DecodingArguments;
use super::pipeline::PipelineArguments;
#[cfg(feature = "hdf5")]
use super::progress::Bar;
use super::world::{WELL, show};
#[cfg(feature = "hdf5")]
use super::world::{World, work};
use crate::Result;
use crate::validate::{Tell, Validation};

/// Annotations and files.
pub fn validate(arguments: &PipelineArguments) -> Result<i32> {
    let pipeline = arguments.open()?;
    told(|tell| crate::validate::validate(&pipeline, tell))
}

/// Rows too.
#[cfg(feature = "hdf5")]
pub fn decode(arguments: &PipelineArguments, decoding: &DecodingArguments, depth: Depth, world: World<'_>) -> Result<i32> {
    let pipeline = arguments.open()?;
    let bar = Bar::new("validate", "recordings", arguments.quiet);
    let progress = |progress: crate::pipeline::Progress| bar.show(progress.done, progress.total);
    told(|tell| crate::validate::decode(&pipeline, depth.into(), work(decoding, world, &progress), tell))
}

fn told(find: impl FnOnce(&mut Tell<'_>) -> Result<Validation>) -> Result<i32> {
    // a million lines one by one would take longer than finding them
    let mut lines = String::new();
    let mut tell = |fault: &dyn Display| {
        lines += &format!("{fault}\n");
        if lines.len() > 1 << 16 {
            show(format_args!("{lines}"))?;
            lines.clear();
        }
        Ok(())
    };
    let found = find(&mut tell)?;
    found.notes.iter().for_each(|note| lines += &format!("note: {note}\n"));
    show(format_args!("{lines}{} rows, {} files, {} faults\n", found.rows, found.files, found.faults))?;
    Ok(match found {
        _ if found.faults == 0 => WELL,
        _ if found.refused => 6,
        _ => 3,
    })
}
