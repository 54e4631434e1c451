//! The verb `report`.

use std::path::Path;

#[cfg(feature = "torch")]
use super::outdated::{tell_of_features, tell_of_runs};
use super::world::{WELL, show, tell};
#[cfg(feature = "torch")]
use crate::Error;
use crate::config::{self, Pipeline};
use crate::{Result, report};

/// Of the runs that a pipeline file asks for.
pub fn of_pipeline(file: &Path, pipeline: &Pipeline, out: Option<&Path>, quiet: bool) -> Result<i32> {
    let settings = config::table(&pipeline.report, "report", file)?;
    let mut runs = settings.runs.clone();
    #[cfg(feature = "torch")]
    if let (true, Some(train)) = (runs.is_empty(), &pipeline.train) {
        runs.push(train.out.clone());
    }
    if runs.is_empty() {
        runs.push(settings.out.clone());
    }
    #[allow(unused_mut, reason = "without torch there is no [train] to ask")]
    let mut results = report::read(&runs)?;
    // what an earlier version of the file left in the folder is not part of this comparison
    #[cfg(feature = "torch")]
    if let (true, Some(train)) = (settings.runs.is_empty(), &pipeline.train) {
        let names: Vec<String> = train.columns()?.into_iter().map(|column| column.name).collect();
        results.retain(|run| names.contains(&run.name) && train.protocol.asks_for(run));
        let other = |run: &report::RunResult| Some((run.clone(), train.differences(run))).filter(|(_, found)| !found.is_empty());
        let others: Vec<_> = results.iter().filter_map(other).collect();
        if let Some((run, found)) = others.first() {
            let (count, all) = (others.len(), results.len());
            let problem = format!(
                "{count} of the {all} runs in {} are of other settings than this file says, such as {}: {}; expected runs of this file, or --set for what they were made with",
                train.out.display(),
                report::label(run),
                found.join(", ")
            );
            return Err(Error::input(file.display(), problem));
        }
        if let Some(features) = pipeline.trained_on() {
            tell_of_features("report", &features, pipeline)?;
            tell_of_runs(&results, &features);
        }
    }
    of_runs(&results, out.unwrap_or(&settings.out), quiet)
}

/// The same where the file asks for a report.
pub fn where_asked(file: &Path, pipeline: &Pipeline, quiet: bool) -> Result<i32> {
    if pipeline.report.is_some() { of_pipeline(file, pipeline, None, quiet) } else { Ok(WELL) }
}

/// Of these runs.
pub fn of_runs(results: &[report::RunResult], out: &Path, quiet: bool) -> Result<i32> {
    show(format_args!("{}", report::Comparison::new(results)?.to_terminal()))?;
    report::write(results, out)?;
    if !quiet {
        tell(format_args!("report: {}", out.join("report.html").display()));
    }
    Ok(WELL)
}
