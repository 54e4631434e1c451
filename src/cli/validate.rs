//! The verb `validate`.

use super::arguments::PipelineArguments;
#[cfg(feature = "hdf5")]
use super::progress::Bar;
use super::verbs::{WELL, World};
use crate::Result;
use crate::config::Pipeline;
use crate::pipeline::{Progress, Work};
use crate::validate::validate as find;

pub fn validate(arguments: &PipelineArguments, pipeline: &Pipeline, decode: bool, world: World<'_>) -> Result<i32> {
    #[cfg(feature = "hdf5")]
    let bar = Bar::new("validate", "recordings", arguments.quiet || !decode);
    let progress = |Progress { done, total }: Progress| {
        #[cfg(feature = "hdf5")]
        bar.show(done, total);
        #[cfg(not(feature = "hdf5"))]
        let _ = (done, total);
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let work = Work {
        workers: arguments.workers.map_or(cores, usize::from),
        stop: world.stop,
        progress: &progress,
        breeder: world.breeder,
        patience: std::time::Duration::from_secs_f64(arguments.timeout_per_item),
    };
    let found = find(pipeline, decode.then_some(work))?;
    for fault in &found.faults {
        println!("{fault}");
    }
    for note in &found.notes {
        println!("note: {note}");
    }
    println!("{} rows, {} files, {} faults", found.rows, found.files, found.faults.len());
    Ok(if found.faults.is_empty() { WELL } else { 3 })
}
