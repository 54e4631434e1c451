//! The verbs that make stores: `preprocess` and `extract`.

use std::path::Path;

#[cfg(feature = "onnx")]
use super::arguments::Origin;
use super::arguments::PipelineArguments;
use super::progress::Bar;
use super::show;
use super::verbs::{WELL, World, work};
use crate::config::{self, Pipeline};
use crate::pipeline::{Progress, Work};
use crate::store::writer::Summary;
use crate::{Error, Result, dataset};

/// Exit code of a verb that is done, with failures within the limit.
const WITH_FAILURES: i32 = 4;

pub fn preprocess(arguments: &PipelineArguments, pipeline: &Pipeline, world: World<'_>) -> Result<i32> {
    let settings = config::table(&pipeline.preprocess, "preprocess", &arguments.pipeline)?;
    let manifest = dataset::read(&pipeline.data)?;
    let summary =
        worked(arguments, "preprocess", world, |work| crate::preprocess::run(settings, &pipeline.data.dataset, &manifest, work))?;
    judge(arguments, &summary, &settings.store)
}

/// Tells what `preprocess` would do.
pub fn foresee(arguments: &PipelineArguments, pipeline: &Pipeline, world: World<'_>) -> Result<i32> {
    let settings = config::table(&pipeline.preprocess, "preprocess", &arguments.pipeline)?;
    let manifest = dataset::read(&pipeline.data)?;
    let outlook = crate::preprocess::outlook(settings, &pipeline.data.dataset, &manifest, work(arguments, world, &|_| ()))?;
    show(format_args!("{outlook}"))?;
    Ok(WELL)
}

#[cfg(feature = "onnx")]
pub fn extract(arguments: &PipelineArguments, pipeline: &Pipeline, from: Option<Origin>, world: World<'_>) -> Result<i32> {
    use crate::extract::From;
    let mut settings = config::table(&pipeline.extract, "extract", &arguments.pipeline)?.clone();
    if let Some(from) = from {
        settings.from = if from == Origin::Media { From::Media } else { From::Clips };
    }
    let clips = config::table(&pipeline.preprocess, "preprocess", &arguments.pipeline)?;
    let manifest = dataset::read(&pipeline.data)?;
    let summary = worked(arguments, "extract", world, |work| {
        crate::extract::run(&settings, clips, &pipeline.data.dataset, &manifest, work)
    })?;
    judge(arguments, &summary, &settings.store)
}

/// Runs a verb that makes a store, with its bar and its closing line.
fn worked(
    arguments: &PipelineArguments,
    verb: &'static str,
    world: World<'_>,
    run: impl FnOnce(Work<'_>) -> Result<Summary>,
) -> Result<Summary> {
    let bar = Bar::new(verb, "samples", arguments.quiet);
    let tell = |Progress { done, total }| bar.show(done, total);
    let summary = run(work(arguments, world, &tell))?;
    let failed: Vec<String> = summary.failed.iter().map(|(code, count)| format!("{count} {}", code.name())).collect();
    let failed = if failed.is_empty() { "none failed".to_owned() } else { format!("failed: {}", failed.join(", ")) };
    let text = format!("{} samples, {failed}, {} absent, {} partial", summary.samples, summary.absent, summary.partial);
    bar.finish(&text);
    Ok(summary)
}

fn judge(arguments: &PipelineArguments, summary: &Summary, store: &Path) -> Result<i32> {
    let (failed, total) = (summary.failures(), summary.samples);
    if arguments.max_failures.exceeded(failed, total) {
        let (allowed, list) = (arguments.max_failures.text().to_owned(), store.join("failures.jsonl"));
        return Err(Error::TooManyFailures { failed, total, allowed, list });
    }
    Ok(if failed > 0 { WITH_FAILURES } else { WELL })
}
