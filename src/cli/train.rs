//! The program `mmdg-train`: the verbs that train models or ask them.

use std::process::ExitCode;

use super::arguments::Verb;
use super::outdated::tell_of_features;
use super::pipeline::MakingArguments;
use super::process::{self, listen, threads};
use super::progress::Bar;
use super::training::Suite;
use super::world::{WELL, WITH_FAILURES, tell};
use super::{models, report, synth};
use crate::config::{self, Pipeline};
use crate::report::results::RowCounts;
use crate::stop::Stop;
use crate::{Error, Result};

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    process::program(|verb, stop| {
        listen(stop)?;
        threads()?;
        run(verb, stop)
    })
}

fn run(verb: Verb, stop: &Stop) -> Result<i32> {
    match verb {
        Verb::Run { pipeline: arguments, so_far } => {
            let (making, file) = (&arguments.making, &arguments.making.file);
            let pipeline = file.open()?;
            let code = so_far.unwrap_or(WELL).max(train(making, &pipeline, &[], stop)?);
            Ok(code.max(report::where_asked(&file.pipeline, &pipeline, file.quiet)?))
        }
        Verb::Train { pipeline: arguments, train: overrides } => {
            let mut pipeline = arguments.file.open()?;
            overrides.apply(&mut pipeline);
            train(&arguments, &pipeline, &[], stop)
        }
        Verb::BenchSuite { pipeline: arguments, train: overrides } => {
            let mut pipeline = arguments.file.open()?;
            let Suite { left_out, unnamed } = overrides.apply_to_suite(&mut pipeline);
            if !(left_out.is_empty() || arguments.file.quiet) {
                tell(format_args!(
                    "bench-suite: left out, method and balancer are no pair (mmdg methods): {}",
                    left_out.join(", ")
                ));
            }
            let code = train(&arguments, &pipeline, &unnamed, stop)?;
            Ok(code.max(report::where_asked(&arguments.file.pipeline, &pipeline, arguments.file.quiet)?))
        }
        Verb::Predict(arguments) => models::predict(&arguments),
        Verb::Eval(arguments) => models::eval(&arguments),
        Verb::Synth(arguments) => synth::check(&arguments, stop),
        _ => Err(process::not_here("mmdg-train")),
    }
}

/// Trains what the file says. Of the columns that nobody named those are left out that these features do not suit.
fn train(arguments: &MakingArguments, pipeline: &Pipeline, unnamed: &[String], stop: &Stop) -> Result<i32> {
    let settings = config::table(&pipeline.train, "train", &arguments.file.pipeline)?;
    let store = pipeline.trained_on().ok_or_else(|| {
        let problem = "no feature store; expected train.features, or extract.store";
        Error::input(arguments.file.pipeline.display(), problem)
    })?;
    let mut settings = settings.clone();
    // before features are read, which takes its time
    crate::train::ready(&settings)?;
    tell_of_features("train", &store, pipeline)?;
    let table = crate::train::FeatureTable::open(
        crate::store::Store::open(&store)?.trusted(arguments.trust),
        settings.features_in_memory,
    )?;
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
        tell(format_args!("train: task left out: {error}"));
    }
    settings.leave_out = true;
    if !unnamed.is_empty() {
        for (name, error) in crate::train::unsuited(&table, &settings, unnamed)? {
            tell(format_args!("bench-suite: left out: {error}"));
            settings.compare.retain(|column| column.name != name);
        }
    }
    let settings = &settings;
    if settings.out.is_dir() {
        for fault in crate::train::damaged(&settings.out)?.iter().take(NAMED) {
            tell(format_args!("train: damaged, its run is made anew if it is one of these: {fault}"));
        }
    }
    let bar = Bar::new("train", "epochs", arguments.file.quiet);
    let results = crate::train::train(&table, settings, stop, &|progress| bar.show(progress.epochs_done, progress.epochs))?;
    let runs = if results.len() == 1 { "1 run".into() } else { format!("{} runs", results.len()) };
    let search = settings.protocol.search;
    let chosen = if search > 0 { format!(" of the best of {} configurations", search + 1) } else { String::new() };
    bar.finish(&format!("{runs}{chosen}"));
    if settings.trace || settings.dump_steps > 0 {
        let (lacking, all) = crate::train::without_steps(&table, settings)?;
        if !lacking.is_empty() {
            let names: Vec<String> = lacking.iter().take(NAMED).map(|folder| folder.display().to_string()).collect();
            let (count, more) = (lacking.len(), if lacking.len() > NAMED { ", …" } else { "" });
            tell(format_args!(
                "train: {count} of {all} runs are without all that was to be kept of their steps, since they had ended or begun before it was asked for: {}{more}; another [train] out has it",
                names.join(", ")
            ));
        }
    }
    let most = |of: fn(&RowCounts) -> usize| results.iter().map(|run| of(&run.rows)).max().unwrap_or(0);
    for (count, what) in
        [(most(|rows| rows.left_out), "are left out"), (most(|rows| rows.masked), "stay, with zeros in its place")]
    {
        if count > 0 {
            tell(format_args!("train: rows that lack a modality {what}, up to {count} of a task"));
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
        tell(format_args!(
            "train: {count} of {all} runs diverged, their loss is not finite and they have no figures: {some}{more}"
        ));
    }
    Ok(if unfilled.is_empty() { WELL } else { WITH_FAILURES })
}

/// Runs that one line names, at most.
const NAMED: usize = 20;
