//! Each verb: settings from the pipeline file, a call into the library, a line about what came of it.

use std::path::Path;

use super::arguments::{ExtractArguments, Verb};
use super::exchange;
#[cfg(feature = "torch")]
use super::outdated::{tell_of_features, tell_of_runs};
#[cfg(not(all(feature = "hdf5", feature = "onnx")))]
use super::pipeline::StoreArguments;
use super::pipeline::{MakingArguments, PipelineArguments};
#[cfg(any(feature = "torch", feature = "video"))]
use super::progress::Bar;
use super::world::{self, WELL, World, show};
#[cfg(feature = "torch")]
use crate::Error;
use crate::config::{self, Pipeline};
use crate::stop::Stop;
use crate::{Result, report};

pub fn run(verb: Verb, world: World<'_>) -> Result<i32> {
    match verb {
        Verb::Run(arguments) => {
            let (making, file) = (&arguments.making, &arguments.making.file);
            let pipeline = open(file)?;
            let mut code = WELL;
            if pipeline.preprocess.is_some() && !from_media(&pipeline) {
                code = code.max(preprocess(&arguments, &pipeline, world)?);
            }
            if pipeline.extract.is_some() {
                code = code.max(extract(&arguments, &pipeline, &ExtractArguments::default(), world)?);
            }
            if pipeline.train.is_some() {
                code = code.max(train(making, &pipeline, world.stop)?);
            }
            if pipeline.report.is_some() {
                code = code.max(report(&file.pipeline, &pipeline, None, file.quiet)?);
            }
            Ok(code)
        }
        Verb::Preprocess { pipeline: arguments, dry_run: true } => foresee(&arguments, &open(&arguments.making.file)?, world),
        Verb::Preprocess { pipeline: arguments, dry_run: false } => preprocess(&arguments, &open(&arguments.making.file)?, world),
        Verb::Validate { pipeline: arguments, decoding, decode } => {
            super::validate::validate(&arguments, &decoding, &open(&arguments)?, decode, world)
        }
        Verb::Extract { pipeline: arguments, extract: overrides } => {
            extract(&arguments, &open(&arguments.making.file)?, &overrides, world)
        }
        #[cfg(feature = "torch")]
        Verb::Train { pipeline: arguments, train: overrides } => {
            let mut pipeline = open(&arguments.file)?;
            overrides.apply(&mut pipeline);
            train(&arguments, &pipeline, world.stop)
        }
        #[cfg(feature = "torch")]
        Verb::BenchSuite { pipeline: arguments, train: overrides } => {
            let mut pipeline = open(&arguments.file)?;
            let left_out = overrides.apply_to_suite(&mut pipeline);
            if !(left_out.is_empty() || arguments.file.quiet) {
                eprintln!("bench-suite: left out, method and balancer have the same losses: {}", left_out.join(", "));
            }
            let code = train(&arguments, &pipeline, world.stop)?;
            Ok(if pipeline.report.is_some() {
                code.max(report(&arguments.file.pipeline, &pipeline, None, arguments.file.quiet)?)
            } else {
                code
            })
        }
        #[cfg(not(feature = "torch"))]
        Verb::Train { .. } | Verb::BenchSuite { .. } => Err(world::not_built("train", "torch")),
        Verb::Report(arguments) => match &arguments.runs[..] {
            [file] if file.is_file() => {
                report(file, &config::read(file, &arguments.set)?, arguments.out.as_deref(), arguments.quiet)
            }
            runs => report_of(&report::read(runs)?, arguments.out.as_deref().unwrap_or("report".as_ref()), arguments.quiet),
        },
        #[cfg(feature = "torch")]
        Verb::Predict(arguments) => super::models::predict(&arguments),
        #[cfg(feature = "torch")]
        Verb::Eval(arguments) => super::models::eval(&arguments),
        Verb::Inspect { store, json, mean } => exchange::inspect(&store, json, mean),
        Verb::Verify { store, quiet } => exchange::verify(&store, quiet, world.stop),
        #[cfg(all(feature = "exchange", feature = "hdf5"))]
        Verb::Import(arguments) => exchange::import(&arguments, world.stop),
        #[cfg(not(all(feature = "exchange", feature = "hdf5")))]
        Verb::Import(_) => Err(world::not_built("import", "exchange and hdf5")),
        #[cfg(feature = "exchange")]
        Verb::Export { store, out, format, modalities, domains, splits, trust, quiet } => {
            let selection = exchange::selection(modalities, domains, &splits, trust);
            exchange::export(&store, &out, format, &selection, quiet, world.stop)
        }
        #[cfg(not(feature = "exchange"))]
        Verb::Export { .. } => Err(world::not_built("export", "exchange")),
        #[cfg(feature = "hdf5")]
        Verb::Merge { out, stores, link, quiet } => exchange::merge(&out, &stores, link, quiet, world.stop),
        #[cfg(not(feature = "hdf5"))]
        Verb::Merge { .. } => Err(world::not_built("merge", "hdf5")),
        Verb::DemoData { folder, seed, clips_per_class } => demo_data(&folder, seed, clips_per_class, world.stop),
        Verb::Synth(arguments) => super::synth::synth(&arguments, world.stop),
        #[cfg(feature = "torch")]
        Verb::Methods { name } => {
            let text = name.map_or_else(|| Ok(super::methods::all()), |name| super::methods::one(&name))?;
            show(format_args!("{text}")).map(|()| WELL)
        }
        #[cfg(not(feature = "torch"))]
        Verb::Methods { .. } => Err(world::not_built("methods", "torch")),
        Verb::Doctor => {
            let (text, well) = super::doctor();
            show(format_args!("{text}"))?;
            Ok(if well { WELL } else { 6 })
        }
    }
}

fn open(arguments: &PipelineArguments) -> Result<Pipeline> {
    config::read(&arguments.pipeline, &arguments.set)
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

#[cfg(feature = "torch")]
fn train(arguments: &MakingArguments, pipeline: &Pipeline, stop: &Stop) -> Result<i32> {
    let settings = config::table(&pipeline.train, "train", &arguments.file.pipeline)?;
    let store = pipeline.trained_on().ok_or_else(|| {
        let problem = "no feature store; expected train.features, or extract.store";
        Error::input(arguments.file.pipeline.display(), problem)
    })?;
    let mut settings = settings.clone();
    // before features are read, which takes its time
    crate::train::ready(&settings)?;
    tell_of_features("train", &store, pipeline)?;
    let table =
        crate::train::Table::open(crate::store::Store::open(&store)?.trusted(arguments.trust), settings.features_in_memory)?;
    let (unfilled, tasks) = crate::train::unfilled(&table, &settings)?;
    if arguments.max_failures.exceeded(unfilled.len(), tasks) {
        let count = unfilled.len();
        let first = unfilled.into_iter().next();
        return Err(first.map_or_else(
            || Error::Usage("--max-failures".into()),
            |error| match error {
                Error::Input { input, problem } => Error::input(
                    input,
                    format!("{problem} ({count} of {tasks} tasks cannot be filled; --max-failures {count} leaves them out)"),
                ),
                other => other,
            },
        ));
    }
    for error in &unfilled {
        eprintln!("train: task left out: {error}");
    }
    settings.leave_out = true;
    let settings = &settings;
    if settings.out.is_dir() {
        for fault in crate::train::damaged(&settings.out)?.iter().take(NAMED) {
            eprintln!("train: damaged, its run is made anew if it is one of these: {fault}");
        }
    }
    let bar = Bar::new("train", "epochs", arguments.file.quiet);
    let results = crate::train::train(&table, settings, stop, &|progress| bar.show(progress.epochs_done, progress.epochs))?;
    let runs = if results.len() == 1 { "1 run".into() } else { format!("{} runs", results.len()) };
    let search = settings.protocol.search;
    let chosen = if search > 0 { format!(" of the best of {} configurations", search + 1) } else { String::new() };
    bar.finish(&format!("{runs}{chosen}"));
    let most = |of: fn(&report::results::RowCounts) -> usize| results.iter().map(|run| of(&run.rows)).max().unwrap_or(0);
    for (count, what) in
        [(most(|rows| rows.left_out), "are left out"), (most(|rows| rows.masked), "stay, with zeros in its place")]
    {
        if count > 0 {
            eprintln!("train: rows that lack a modality {what}, up to {count} of a task");
        }
    }
    let lost = results.iter().filter_map(|run| {
        Some(format!("{} on {}, seed {}, {} (epoch {})", run.name, run.task(), run.seed, run.modalities.join("+"), run.diverged?))
    });
    let lost: Vec<String> = lost.collect();
    if !lost.is_empty() {
        let more = if lost.len() > NAMED { format!("; and {} more", lost.len() - NAMED) } else { String::new() };
        let some = lost.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
        let (count, all) = (lost.len(), results.len());
        eprintln!("train: {count} of {all} runs diverged, their loss is not finite and they have no figures: {some}{more}");
    }
    Ok(if unfilled.is_empty() { WELL } else { world::WITH_FAILURES })
}

/// Runs that one line names, at most.
#[cfg(feature = "torch")]
const NAMED: usize = 20;

#[cfg(not(feature = "torch"))]
fn train(_: &MakingArguments, _: &Pipeline, _: &Stop) -> Result<i32> {
    Err(world::not_built("train", "torch"))
}

fn report(file: &Path, pipeline: &Pipeline, out: Option<&Path>, quiet: bool) -> Result<i32> {
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
        let names: Vec<String> = train.resolve_compare()?.into_iter().map(|asked| asked.column.name).collect();
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
    report_of(&results, out.unwrap_or(&settings.out), quiet)
}

fn report_of(results: &[report::RunResult], out: &Path, quiet: bool) -> Result<i32> {
    show(format_args!("{}", report::Comparison::new(results)?.to_terminal()))?;
    report::write(results, out)?;
    if !quiet {
        eprintln!("report: {}", out.join("report.html").display());
    }
    Ok(WELL)
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
