//! The verbs that make stores: `preprocess` and `extract`.

use std::path::Path;
use std::time::Duration;

#[cfg(feature = "onnx")]
use super::arguments::{ExtractArguments, ExtractFrom};
use super::outdated::tell_of_features;
use super::pipeline::StoreArguments;
use super::progress::Bar;
use super::world::{self, WELL, WITH_FAILURES, World, show, tell};
use crate::config::{self, Pipeline};
use crate::pipeline::{Progress, Work};
#[cfg(feature = "onnx")]
use crate::preprocess::PreprocessSettings;
#[cfg(feature = "onnx")]
use crate::sample::Dtype;
#[cfg(feature = "onnx")]
use crate::store::header::read_header;
use crate::store::writer::Summary;
use crate::{Error, Result, dataset};

pub fn preprocess(arguments: &StoreArguments, pipeline: &Pipeline, world: World<'_>) -> Result<i32> {
    let settings = config::table(&pipeline.preprocess, "preprocess", &arguments.making.file.pipeline)?;
    let data = config::table(&pipeline.data, "data", &arguments.making.file.pipeline)?;
    let manifest = dataset::read(data)?;
    let summary =
        worked(arguments, "preprocess", world, |work| crate::preprocess::run(settings, &data.dataset, &manifest, work))?;
    if let Some(features) = pipeline.features() {
        tell_of_features("preprocess", &features, pipeline)?;
    }
    judge(arguments, &summary, &settings.store)
}

/// Tells what `preprocess` would do.
pub fn foresee(arguments: &StoreArguments, pipeline: &Pipeline, world: World<'_>) -> Result<i32> {
    let settings = config::table(&pipeline.preprocess, "preprocess", &arguments.making.file.pipeline)?;
    let data = config::table(&pipeline.data, "data", &arguments.making.file.pipeline)?;
    let manifest = dataset::read(data)?;
    let dry_run = crate::preprocess::dry_run(settings, &data.dataset, &manifest, work(arguments, world, &|_| ()))?;
    show(format_args!("{dry_run}"))?;
    Ok(WELL)
}

#[cfg(feature = "onnx")]
pub fn extract(arguments: &StoreArguments, pipeline: &Pipeline, overrides: &ExtractArguments, world: World<'_>) -> Result<i32> {
    use crate::extract::{Extracted, From, from_clips, from_media};
    let mut settings = config::table(&pipeline.extract, "extract", &arguments.making.file.pipeline)?.clone();
    overrides.apply(&mut settings)?;
    let clips = config::table(&pipeline.preprocess, "preprocess", &arguments.making.file.pipeline)?;
    let mut agreements = Vec::new();
    let mut kept = |made: Extracted| {
        agreements = made.agreements;
        made.summary
    };
    let summary = match settings.from {
        // a clip store knows its segments: nothing of the data set is read
        From::Clips => {
            refuse_other_clips(clips, pipeline)?;
            worked(arguments, "extract", world, |work| from_clips(&settings, &clips.store, work).map(&mut kept))?
        }
        From::Media => {
            let data = config::table(&pipeline.data, "data", &arguments.making.file.pipeline)?;
            let manifest = dataset::read(data)?;
            worked(arguments, "extract", world, |work| {
                from_media(&settings, clips, &data.dataset, &manifest, work).map(&mut kept)
            })?
        }
    };
    for (name, of) in &agreements {
        tell(format_args!(
            "extract: {name}: cosine to f32 of ONNX Runtime's own kernels at least {:.7}, distance at most {:.1e} of the length, over {} clips",
            of.cosine, of.apart, of.clips
        ));
    }
    judge(arguments, &summary, &settings.store)
}

/// Refuses clips that other settings than the file's own have made: features of them would be taken for those of the file.
#[cfg(feature = "onnx")]
fn refuse_other_clips(clips: &PreprocessSettings, pipeline: &Pipeline) -> Result<()> {
    let Some(data) = &pipeline.data else { return Ok(()) };
    let (header, _) = read_header(&clips.store)?;
    match crate::preprocess::contradiction(clips, &data.dataset, &header.recipe)? {
        None => Ok(()),
        Some(list) => {
            let problem = format!(
                "these clips were made with other parameters: {list}; expected those of the pipeline file, or another [preprocess] store"
            );
            Err(Error::input(clips.store.display(), problem))
        }
    }
}

#[cfg(feature = "onnx")]
impl ExtractArguments {
    fn apply(&self, settings: &mut crate::extract::ExtractSettings) -> Result<()> {
        use crate::extract::From;
        let usage = |flag: &str, problem: String| Error::Usage(format!("--{flag}: {problem}"));
        if let Some(from) = self.from {
            settings.from = if from == ExtractFrom::Media { From::Media } else { From::Clips };
        }
        if let Some(device) = &self.device {
            settings.device = Some(device.parse().map_err(|problem| usage("device", problem))?);
        }
        if let Some(word) = &self.provider {
            settings.provider = Some(word.parse().map_err(|problem| usage("provider", problem))?);
        }
        if let Some(word) = &self.compute {
            settings.compute = word.parse().map_err(|problem| usage("compute", problem))?;
        }
        if let Some(size) = &self.batch_size {
            settings.batch_size = size.parse().map_err(|problem| usage("batch-size", problem))?;
        }
        settings.dtype = match self.dtype.as_deref() {
            None => settings.dtype,
            Some("f32" | "float32") => Dtype::F32,
            Some("f16" | "float16") => Dtype::F16,
            Some(other) => return Err(usage("dtype", format!("{other:?}; expected f32 or f16"))),
        };
        settings.check |= self.check;
        Ok(())
    }
}

fn work<'a>(arguments: &StoreArguments, world: World<'a>, progress: &'a (dyn Fn(Progress) + Sync)) -> Work<'a> {
    Work {
        retries: arguments.retries,
        retry_failed: arguments.retry_failed,
        changed: arguments.changed.map(Into::into).unwrap_or_default(),
        lease_timeout: Duration::from_secs_f64(arguments.lease_timeout),
        trust: arguments.making.trust,
        ..world::work(&arguments.decoding, world, progress)
    }
}

/// Runs a verb that makes a store, with its bar and its closing line.
fn worked(
    arguments: &StoreArguments,
    verb: &'static str,
    world: World<'_>,
    run: impl FnOnce(Work<'_>) -> Result<Summary>,
) -> Result<Summary> {
    let bar = Bar::new(verb, "samples", arguments.making.file.quiet);
    let shown = |Progress { done, total }| bar.show(done, total);
    let summary = run(work(arguments, world, &shown))?;
    let failed: Vec<String> = summary.failed.iter().map(|(code, count)| format!("{count} {}", code.name())).collect();
    let failed = if failed.is_empty() { "none failed".to_owned() } else { format!("failed: {}", failed.join(", ")) };
    let text = format!("{} samples, {failed}, {} absent, {} partial", summary.samples, summary.absent, summary.partial);
    bar.finish(&text);
    for path in &summary.remade {
        tell(format_args!("{verb}: {} was damaged or gone, and was made anew", path.display()));
    }
    Ok(summary)
}

fn judge(arguments: &StoreArguments, summary: &Summary, store: &Path) -> Result<i32> {
    let (failed, total) = (summary.failures(), summary.samples);
    if arguments.making.max_failures.exceeded(failed, total) {
        let (allowed, list) = (arguments.making.max_failures.text().to_owned(), store.join("failures.jsonl"));
        return Err(Error::TooManyFailures { failed, total, allowed, list });
    }
    Ok(if failed > 0 { WITH_FAILURES } else { WELL })
}
