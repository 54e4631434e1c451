//! What the stores and runs that a pipeline file names are made of, where that is another by now.

use std::path::Path;

use super::world::tell;
use crate::Result;
use crate::config::Pipeline;
#[cfg(feature = "torch")]
use crate::report::RunResult;
#[cfg(any(feature = "hdf5", feature = "torch"))]
use crate::store::header::read_header;
use crate::store::outdated;

/// Names a feature store whose clips were made again since, or with other parameters than the file has. One that is made of recordings has no clips.
pub fn tell_of_features(verb: &str, features: &Path, pipeline: &Pipeline) -> Result<()> {
    let Some(clips) = pipeline.clips() else { return Ok(()) };
    #[cfg(feature = "hdf5")]
    if let (Some(settings), Some(data)) = (&pipeline.preprocess, &pipeline.data)
        && let Ok((header, _)) = read_header(features)
        && let Some(list) = crate::preprocess::contradiction(settings, &data.dataset, &header.recipe)?
    {
        let features = features.display();
        tell(format_args!(
            "{verb}: {features} is of clips that were made with other parameters than the pipeline file has: {list}"
        ));
    }
    let shards = outdated(features, &clips)?;
    if shards > 0 {
        let (features, clips) = (features.display(), clips.display());
        tell(format_args!(
            "{verb}: {features} is outdated: {shards} of its shards are of rows that were made again in {clips} since; `mmdg extract` makes these shards again, and what was trained on them is outdated too"
        ));
    }
    Ok(())
}

/// Names runs whose features are others now.
#[cfg(feature = "torch")]
pub fn tell_of_runs(runs: &[RunResult], features: &Path) {
    let Ok((header, _)) = read_header(features) else { return };
    let digest = header.digest();
    let old = runs.iter().filter(|run| run.store.as_ref().is_some_and(|store| *store != digest)).count();
    if old > 0 {
        let (all, features) = (runs.len(), features.display());
        tell(format_args!(
            "report: {old} of {all} runs are outdated: they were trained on other features than {features} holds now; `mmdg train --overwrite` makes them anew"
        ));
    }
}
