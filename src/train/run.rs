//! From settings to finished runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tch::{Device, Kind};

use super::cohort::{Cohort, Run};
use super::device;
use super::memory;
use super::model::Design;
use super::output::RunConfig;
use super::protocol::Task;
use super::settings::{Precision, Resolved, Settings, TargetSplit, is_folder_name};
use super::table::Table;
use crate::manifest::TestSet;
use crate::objective::Shape;
use crate::report::results::RunResult;
use crate::stop::Stop;
use crate::{Error, Result, fs};

/// How far training is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Runs that are finished, those of earlier calls among them.
    pub runs_done: usize,
    /// Runs in all.
    pub runs: usize,
    /// Epochs trained, summed over runs; those of runs finished earlier count as trained.
    pub epochs_done: usize,
    /// Epochs in all.
    pub epochs: usize,
}

/// Runs of one cohort at most: beyond this a cohort's buffers leave the caches and memory grows for nothing.
const COHORT: usize = 16;

/// One run to be made.
struct Planned {
    config: RunConfig,
    compare: Resolved,
    task: Arc<Task>,
    seed: u64,
    /// Its place among the results.
    place: usize,
}

/// Trains every combination of column, target and seed that is not already finished in `settings.out`, and gives all
/// results in that order. A run's folder appears whole: `results.json` is written last, and a run whose configuration or
/// features changed is made anew. On the CPU cohorts go to as many threads as there are cores, each one-threaded inside:
/// results do not depend on that.
///
/// # Errors
/// [`Error::Input`] for settings that do not fit the features, before anything is written; [`Error::Environment`] for a
/// device that is not there; [`Error::Busy`] where another process trains into the same folder; [`Error::Interrupted`]
/// where `stop` asked, between epochs; [`Error::Io`].
pub fn train(table: &Table, settings: &Settings, stop: &Stop, progress: &(dyn Fn(Progress) + Sync)) -> Result<Vec<RunResult>> {
    settings.check()?;
    let device = device::find(&settings.device)?;
    memory::keep();
    let planned = plan(table, settings)?;
    fs::create_dir_all(&settings.out)?;
    let _lock = fs::Lock::take(&settings.out)?;

    let mut results = vec![None; planned.len()];
    let mut left = Vec::new();
    for run in planned {
        match run.config.finished(&settings.out)? {
            Some(result) => results[run.place] = Some(result),
            None => left.push(run),
        }
    }
    // results of another configuration must not be compared with those to come, whenever this is interrupted
    left.iter().try_for_each(|run| run.config.prepare(&settings.out))?;
    let finished = results.iter().flatten().count();
    let runs = results.len();
    let counts = (AtomicUsize::new(finished), AtomicUsize::new(finished * settings.epochs));
    let tell = |runs_more: usize, epochs_more: usize| {
        let runs_done = counts.0.fetch_add(runs_more, Ordering::Relaxed) + runs_more;
        let epochs_done = counts.1.fetch_add(epochs_more, Ordering::Relaxed) + epochs_more;
        progress(Progress { runs_done, runs, epochs_done, epochs: runs * settings.epochs });
    };
    tell(0, 0);

    let threads = match device {
        Device::Cpu => std::thread::available_parallelism().map_or(1, usize::from),
        _ => 1,
    };
    let cohorts = Mutex::new(cohorts(left, threads).into_iter());
    let worker = || -> Result<Vec<(usize, RunResult)>> {
        tch::set_num_threads(1);
        let mut done = Vec::new();
        loop {
            let Some(cohort) = cohorts.lock().ok().and_then(|mut cohorts| cohorts.next()) else { return Ok(done) };
            done.extend(train_cohort(table, settings, device, cohort, stop, &tell)?);
        }
    };
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    for outcome in outcomes {
        for (place, result) in outcome.unwrap_or_else(|panic| Err(failed(panic.as_ref())))? {
            results[place] = Some(result);
        }
    }
    Ok(results.into_iter().flatten().collect())
}

/// libtorch ends a computation that it has no memory for, or cannot do on a device, with a panic.
fn failed(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let first = text.and_then(|text| text.lines().next()).unwrap_or("no message");
    Error::environment(format!("training ended in libtorch: {first}"), "try a smaller batch-size, or another device")
}

/// Every run that the settings ask for.
fn plan(table: &Table, settings: &Settings) -> Result<Vec<Planned>> {
    let names: Vec<String> = table.modalities().iter().map(|m| m.name.clone()).collect();
    let modalities = places("modalities", &settings.modalities, &names)?;
    let targets = places("targets", &settings.targets, table.domains())?;
    let compare = settings.resolve_compare()?;
    let of_recipe = table.test_set().map(|set| match set {
        TestSet::TargetTest => TargetSplit::Test,
        TestSet::TargetAll => TargetSplit::All,
    });
    let target_split = settings.target_split.or(of_recipe).unwrap_or(TargetSplit::All);
    let mut tasks = Vec::new();
    for &target in &targets {
        let name = &table.domains()[target];
        if !is_folder_name(name) {
            return Err(Error::input(format!("features: domain {name:?}"), "expected a name that can be a folder's"));
        }
        tasks.push(Arc::new(Task::leave_out(table, &modalities, target, target_split)?));
    }
    let digest = table.digest();
    let mut planned = Vec::new();
    for compare in &compare {
        for task in &tasks {
            for &seed in &settings.seeds {
                let config = RunConfig::new(table, &digest, settings, compare, task, seed);
                let place = planned.len();
                planned.push(Planned { config, compare: compare.clone(), task: task.clone(), seed, place });
            }
        }
    }
    Ok(planned)
}

/// Places of the wanted names; of all where none is asked for.
fn places(key: &str, wanted: &[String], names: &[String]) -> Result<Vec<usize>> {
    let input = format!("[train] {key}");
    for (i, name) in wanted.iter().enumerate() {
        if wanted[..i].contains(name) {
            return Err(Error::input(input, format!("{name:?} stands twice; expected each name once")));
        }
    }
    if wanted.is_empty() {
        return Ok((0..names.len()).collect());
    }
    let place = |name: &String| {
        let found = names.iter().position(|other| other == name);
        found.ok_or_else(|| {
            Error::input(&input, format!("{name:?} is not among the features; expected some of {}", names.join(", ")))
        })
    };
    wanted.iter().map(place).collect()
}

/// Runs of one shape go together, in parts that keep every thread busy.
fn cohorts(runs: Vec<Planned>, threads: usize) -> Vec<Vec<Planned>> {
    let mut shapes: BTreeMap<_, Vec<Planned>> = BTreeMap::new();
    for run in runs {
        let key = (run.compare.method.name, run.compare.balance.name, run.compare.hyperparameters.words().clone());
        shapes.entry(key).or_default().push(run);
    }
    let parts = threads.div_ceil(shapes.len().max(1));
    let mut cohorts = Vec::new();
    for mut runs in shapes.into_values() {
        let size = runs.len().div_ceil(parts).clamp(1, COHORT);
        while !runs.is_empty() {
            let rest = runs.split_off(size.min(runs.len()));
            cohorts.push(std::mem::replace(&mut runs, rest));
        }
    }
    cohorts
}

/// Trains and writes the runs of one cohort.
fn train_cohort(
    table: &Table,
    settings: &Settings,
    device: Device,
    planned: Vec<Planned>,
    stop: &Stop,
    tell: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<(usize, RunResult)>> {
    let Some(first) = planned.first() else { return Ok(Vec::new()) };
    let used: Vec<_> = first.task.modalities.iter().map(|&m| &table.modalities()[m]).collect();
    let design = Design {
        shape: Shape {
            modalities: used.iter().map(|m| m.name.clone()).collect(),
            embedding: settings.embedding as i64,
            classes: table.classes().len() as i64,
            domains: first.task.sources.len() as i64,
            hidden: settings.head_hidden as i64,
        },
        inputs: used.iter().map(|m| m.width as i64).collect(),
        hidden: settings.hidden as i64,
        dropout: settings.dropout,
        method: first.compare.method,
        balance: first.compare.balance,
    };
    let run = |run: &Planned| Run {
        task: run.task.clone(),
        seed: run.seed,
        epochs: settings.epochs,
        learning_rate: settings.learning_rate,
        weight_decay: settings.weight_decay,
        numbers: settings.numbers(),
        hyperparameters: run.compare.hyperparameters.clone(),
    };
    let kind = match settings.precision {
        Precision::F32 => Kind::Float,
        Precision::F64 => Kind::Double,
    };
    stop.check()?;
    let runs = planned.iter().map(run).collect();
    let mut cohort = Cohort::new(table, &design, settings.recipe(), settings.batch_size, runs, kind, device);
    let trained = cohort.train(|_| {
        tell(0, planned.len());
        stop.check()
    })?;
    let mut results = Vec::new();
    for (run, trained) in planned.iter().zip(trained) {
        let result = run.config.result(table, &run.task, &trained, cohort.model().balances());
        run.config.write(&settings.out, &run.task, cohort.model(), &trained, &result)?;
        tell(1, 0);
        results.push((run.place, result));
    }
    Ok(results)
}
