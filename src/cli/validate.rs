//! The verb `validate`.

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
    let found = find(pipeline, decode.map(|depth| (depth.into(), work(decoding, world, &progress))))?;
    for fault in &found.faults {
        show(format_args!("{fault}\n"))?;
    }
    for note in &found.notes {
        show(format_args!("note: {note}\n"))?;
    }
    show(format_args!("{} rows, {} files, {} faults\n", found.rows, found.files, found.faults.len()))?;
    Ok(match found {
        _ if found.faults.is_empty() => WELL,
        _ if found.refused => 6,
        _ => 3,
    })
}
