//! The verbs that look at stores and carry them in and out: `inspect`, `verify`.

use std::path::Path;
#[cfg(feature = "hdf5")]
use std::path::PathBuf;

use super::progress::Bar;
use super::verbs::WELL;
use crate::stop::Stop;
use crate::{Error, Result};

/// Exit code where stored bytes are not what their record says.
const DAMAGED: i32 = 7;

pub fn inspect(store: &Path, json: bool, mean: bool) -> Result<i32> {
    let found = crate::inspect::inspect(store, mean)?;
    if json {
        let text = serde_json::to_string_pretty(&found).map_err(|error| Error::integrity(store, error.to_string()))?;
        println!("{text}");
    } else {
        print!("{found}");
    }
    Ok(WELL)
}

pub fn verify(store: &Path, quiet: bool, stop: &Stop) -> Result<i32> {
    let bar = Bar::new("verify", "MiB", quiet);
    let found = crate::verify::verify(store, stop, &|done, total| bar.show((done >> 20) as usize, (total >> 20) as usize))?;
    let (shards, mib) = (found.shards, found.bytes as f64 / f64::from(1 << 20));
    bar.finish(&format!("{shards} of {} shards, {mib:.1} MiB, {} faults", found.shards_planned, found.faults.len()));
    for fault in &found.faults {
        println!("{fault}");
    }
    match (found.faults.is_empty(), found.whole) {
        (false, _) => Ok(DAMAGED),
        (true, true) => Ok(WELL),
        (true, false) => Err(Error::input(store.display(), "this store is not whole yet; what is there is sound")),
    }
}

#[cfg(feature = "hdf5")]
pub fn merge(out: &Path, stores: &[PathBuf], link: bool, quiet: bool, stop: &Stop) -> Result<i32> {
    let bar = Bar::new("merge", "shards", quiet);
    let work = crate::merge::Work { link, stop, progress: &|done, total| bar.show(done, total) };
    let summary = crate::merge::merge(out, stores, work)?;
    bar.finish(&format!("{} samples, {} failed, {} absent", summary.samples, summary.failures(), summary.absent));
    Ok(WELL)
}
