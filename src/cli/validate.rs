//! The verb `validate`.

use std::fmt::Display;

use super::arguments::Depth;
use super::pipeline::{DecodingArguments, PipelineArguments};
#[cfg(feature = "hdf5")]
use super::progress::Bar;
use super::world::{WELL, World, show, work};
use crate::Result;
use crate::config::Pipeline;
use crate::pipeline::Progress;
use crate::validate::validate as find;

pub fn validate(
    arguments: &PipelineArguments,
    decoding: &DecodingArguments,
    pipeline: &Pipeline,
    decode: Option<Depth>,
    world: World<'_>,
) -> Result<i32> {
    #[cfg(feature = "hdf5")]
    let bar = Bar::new("validate", "recordings", arguments.quiet || decode.is_none());
    let progress = |Progress { done, total }: Progress| {
        #[cfg(feature = "hdf5")]
        bar.show(done, total);
        #[cfg(not(feature = "hdf5"))]
        let _ = (done, total, arguments);
    };
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
    let found = find(pipeline, decode.map(|depth| (depth.into(), work(decoding, world, &progress))), &mut tell)?;
    found.notes.iter().for_each(|note| lines += &format!("note: {note}\n"));
    show(format_args!("{lines}{} rows, {} files, {} faults\n", found.rows, found.files, found.faults))?;
    Ok(match found {
        _ if found.faults == 0 => WELL,
        _ if found.refused => 6,
        _ => 3,
    })
}
