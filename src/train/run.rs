//! From settings to finished runs.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::campaign::Campaign;
use super::model::Model;
use super::output::{self, widths};
use super::placed::Placed;
use super::run_config::RunConfig;
use super::saved::{Card, Saved};
use super::settings::TrainSettings;
use super::table::FeatureTable;
use super::trial::Trial;
use super::workers::on_threads;
use super::{checkpoint, cohort, device};
use crate::provenance::Provenance;
use crate::report::record;
use crate::report::results::{EmbeddedRow, RunResult};
use crate::stop::Stop;
use crate::store::header::is_store;
use crate::{Error, Result, fs};

mod of_cohort;

/// How far training is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Runs that are finished, those of earlier calls among them.
    pub runs_done: usize,
    /// Runs in all.
    pub runs: usize,
    /// Epochs trained, summed over runs; those of earlier calls count as trained.
    pub epochs_done: usize,
    /// Epochs in all.
    pub epochs: usize,
}

/// Who hears of it.
pub type Hears<'a> = dyn Fn(Progress) + Sync + 'a;

/// Whether runs of these settings can be trained here, whatever the features; gives the device.
///
/// # Errors
/// [`Error::Input`] for settings out of range and for an `out` that is a store; [`Error::Environment`] for a device that is not there.
pub fn ready(settings: &TrainSettings) -> Result<tch::Device> {
    settings.check()?;
    for folder in settings.out.ancestors().filter(|folder| !folder.as_os_str().is_empty()) {
        if is_store(folder)? {
            let problem = format!("[train] out: {} is a store; expected another folder for runs", folder.display());
            return Err(Error::input(settings.out.display(), problem));
        }
    }
    device::find(&settings.device)
}

/// Makes every run that is not already finished in `settings.out`, and gives the results of those that are reported, by column, task and seed. First come the runs of searches and the inner
/// ones, by which configurations and epochs are chosen.
///
/// A run's folder appears whole: its record, `record.json`, is written last. A finished run that is not what its record says is made anew. A run that is finished, or has a checkpoint, with
/// other settings or features is refused before anything is written, unless [`overwrite`](TrainSettings::overwrite) is set. One that was interrupted goes on from its checkpoint, with the same
/// bytes in the end on the CPU. There cohorts go to as many threads as there are cores, each one-threaded inside: results do not depend on that, nor on what a cohort holds.
///
/// # Errors
/// [`Error::Input`] for settings that do not fit the features, before anything is written; [`Error::Environment`] for a device that is not there; [`Error::Busy`] where another process trains
/// into the same folder; [`Error::Interrupted`] where `stop` asked, between epochs; [`Error::Io`].
pub fn train(table: &FeatureTable, settings: &TrainSettings, stop: &Stop, progress: &Hears<'_>) -> Result<Vec<RunResult>> {
    let device = ready(settings)?;
    // a step takes and frees the same few large buffers: fresh pages would cost a seventh to a third of it
    crate::allocator::keep_freed_memory();
    let campaign = Campaign::plan(table, settings)?;
    let init = settings.init.as_deref().map(Saved::read).transpose()?;
    let runs = campaign.runs();
    let counts = (AtomicUsize::new(0), AtomicUsize::new(0));
    let tell = |runs_more: usize, epochs_more: usize| {
        let runs_done = counts.0.fetch_add(runs_more, Ordering::Relaxed) + runs_more;
        let epochs_done = counts.1.fetch_add(epochs_more, Ordering::Relaxed) + epochs_more;
        progress(Progress { runs_done, runs, epochs_done, epochs: runs * settings.epochs });
    };
    let kind = settings.precision.kind();
    let works = Works {
        table,
        digest: table.digest(),
        settings,
        shaping: settings.shaping()?,
        provenance: device::provenance()?,
        placed: Placed::new(kind, device),
        init,
        stop,
        failed: AtomicBool::new(false),
        tell: &tell,
    };

    let tried: Vec<Vec<Trial>> = (0..campaign.len()).map(|cell| campaign.tried(cell)).collect();
    let mut asked: Vec<&Trial> = tried.iter().flatten().collect();
    let reported: Vec<Trial> = (0..campaign.len()).flat_map(|cell| campaign.results(cell, &[])).collect();
    asked.extend(&reported);
    works.check_init(&asked)?;
    if !settings.overwrite {
        works.refuse_others(&asked)?;
    }
    fs::create_dir_all(&settings.out)?;
    let _lock = fs::Lock::take(&settings.out)?;
    // results of an earlier choice must not be compared with those to come, whenever this is interrupted
    for (cell, trials) in tried.iter().enumerate() {
        if trials.iter().any(|trial| works.finished(trial).is_none()) {
            for folder in campaign.result_folders(cell) {
                output::set_aside(&settings.out.join(folder))?;
            }
        }
    }
    let sizes: Vec<usize> = tried.iter().map(Vec::len).collect();
    let mut made = works.make(tried.into_iter().flatten().collect())?.into_iter();
    let tried: Vec<Vec<RunResult>> = sizes.iter().map(|&size| made.by_ref().take(size).collect()).collect();
    campaign.write_tried(&tried)?;
    works.make(tried.iter().enumerate().flat_map(|(cell, tried)| campaign.results(cell, tried)).collect())
}

/// Tells the others when a thread ends in any way but the good one.
struct Fuse<'a> {
    blown: &'a AtomicBool,
    intact: bool,
}

impl Drop for Fuse<'_> {
    fn drop(&mut self) {
        if !self.intact {
            self.blown.store(true, Ordering::Relaxed);
        }
    }
}

/// A run that is not finished.
pub(super) struct PlannedRun {
    pub trial: Trial,
    config: RunConfig,
    /// Epochs that its checkpoint has.
    pub epochs: usize,
    /// Its place among the results.
    place: usize,
}

/// What all runs of a training share.
pub(super) struct Works<'a> {
    pub table: &'a FeatureTable,
    digest: String,
    pub settings: &'a TrainSettings,
    shaping: toml::Table,
    provenance: Provenance,
    /// The features.
    pub placed: Placed,
    /// Weights that every run starts from.
    pub init: Option<Saved>,
    stop: &'a Stop,
    /// Whether something went wrong on some thread: then nobody goes on.
    failed: AtomicBool,
    /// Hears of runs and epochs done.
    tell: &'a (dyn Fn(usize, usize) + Sync),
}

impl Works<'_> {
    fn config(&self, trial: &Trial) -> RunConfig {
        RunConfig::new(self.table, &self.digest, self.settings, self.shaping.clone(), trial, self.init.as_ref())
    }

    fn card(&self, trial: &Trial) -> Result<Card> {
        let (table, task) = (self.table, &trial.task);
        let domain = |d: usize| table.domains()[d].clone();
        let sources = task.sources.iter().copied().map(domain).collect();
        Card::new(
            self.settings,
            trial.column(),
            (table.labels().space(), task.label),
            widths(table, task),
            sources,
            domain(task.target),
        )
    }

    fn finished(&self, trial: &Trial) -> Option<RunResult> {
        self.config(trial).finished(&self.settings.out.join(&trial.folder))
    }

    /// That no run of other settings would be lost.
    fn refuse_others(&self, trials: &[&Trial]) -> Result<()> {
        let mut lost: Vec<(&Trial, Vec<String>)> = Vec::new();
        for trial in trials {
            let differences = self.config(trial).differences(&self.settings.out.join(&trial.folder));
            if !differences.is_empty() {
                lost.push((trial, differences));
            }
        }
        let Some((trial, differences)) = lost.first() else { return Ok(()) };
        let more = if lost.len() > 1 { format!(", {} such runs in all", lost.len()) } else { String::new() };
        Err(Error::input(
            self.settings.out.join(&trial.folder).display(),
            format!(
                "holds a run of other settings: {}{more}; expected the same settings, another [train] out, or --overwrite of train, \
                 which makes them anew",
                differences.join(", ")
            ),
        ))
    }

    /// The results of these runs, in order.
    fn make(&self, trials: Vec<Trial>) -> Result<Vec<RunResult>> {
        let mut results = vec![None; trials.len()];
        let (mut left, mut bare) = (Vec::new(), Vec::new());
        for (place, trial) in trials.into_iter().enumerate() {
            let (config, folder) = (self.config(&trial), self.settings.out.join(&trial.folder));
            output::put_back(&folder)?;
            results[place] = config.finished(&folder);
            if let Some(result) = &results[place] {
                checkpoint::remove(&folder)?; // it may have been killed just before that
                if config.lacks_embedding(&folder, result)? {
                    bare.push(PlannedRun { trial, config, epochs: 0, place });
                }
            } else {
                let epochs = checkpoint::epochs(&folder, |other| config.is(other)).unwrap_or(0);
                left.push(PlannedRun { trial, config, epochs, place });
            }
        }
        let finished = results.iter().flatten().count();
        let started: usize = left.iter().map(|run| run.epochs).sum();
        (self.tell)(finished, finished * self.settings.epochs + started);
        for run in &left {
            let folder = self.settings.out.join(&run.trial.folder);
            fs::create_dir_all(&folder)?;
            // an older result is gone before anything else in the folder changes
            fs::remove(&folder.join(record::NAME))?;
            fs::remove(&folder.join("results.json"))?;
            if run.epochs == 0 {
                cohort::clear(&folder)?;
            }
        }

        let queue = self.queue(left)?;
        let (threads, cohorts) = (queue.threads, Mutex::new(queue.cohorts.into_iter()));
        let worker = || -> Result<Vec<(usize, RunResult)>> {
            tch::set_num_threads(1);
            let mut fuse = Fuse { blown: &self.failed, intact: false };
            let mut done = Vec::new();
            let next = || cohorts.lock().ok().and_then(|mut cohorts| cohorts.next());
            while let (false, Some(cohort)) = (self.failed.load(Ordering::Relaxed), next()) {
                done.extend(self.train(&cohort)?);
            }
            fuse.intact = true;
            Ok(done)
        };
        let outcomes = on_threads(threads, worker)?;
        for outcome in outcomes {
            for (place, result) in outcome.unwrap_or_else(|panic| Err(device::failed(panic.as_ref())))? {
                results[place] = Some(result);
            }
        }
        for (place, embedding) in self.lay_out(&bare)? {
            results[place].iter_mut().for_each(|result| result.embedding.clone_from(&embedding));
        }
        Ok(results.into_iter().flatten().collect())
    }

    /// Lays out rows of runs that were finished before anybody asked for it, by their saved models.
    fn lay_out(&self, finished: &[PlannedRun]) -> Result<Vec<(usize, Vec<EmbeddedRow>)>> {
        let left = Mutex::new(finished.iter());
        let worker = || -> Result<Vec<(usize, Vec<EmbeddedRow>)>> {
            tch::set_num_threads(1);
            let mut done = Vec::new();
            while let Some(run) = left.lock().ok().and_then(|mut left| left.next()) {
                self.stop.check()?;
                let folder = self.settings.out.join(&run.trial.folder);
                let saved = Saved::read(&folder.join(output::MODEL))?;
                let cohort = self.cohort(std::slice::from_ref(run), Some(&saved))?;
                let embedding = cohort.lay_out()?.into_iter().next().unwrap_or_default();
                output::add_embedding(&folder, &embedding)?;
                done.push((run.place, embedding));
            }
            Ok(done)
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let outcomes = on_threads(cores.min(finished.len()), worker)?.into_iter();
        let done = outcomes.map(|outcome| outcome.unwrap_or_else(|panic| Err(device::failed(panic.as_ref()))));
        Ok(done.collect::<Result<Vec<_>>>()?.concat())
    }

    /// That the weights to start from fit the model of every run.
    fn check_init(&self, trials: &[&Trial]) -> Result<()> {
        let Some(init) = &self.init else { return Ok(()) };
        for trial in trials {
            let column = trial.column();
            let own = std::slice::from_ref(&column.hyperparameters);
            let model = Model::new(&self.design(trial)?, own, self.placed.kind, tch::Device::Cpu);
            let mut row = vec![0.0; model.layout.len() as usize];
            let at = |error: Error| Error::input(format!("[train] init, for {:?}", column.name), error.to_string());
            init.put(&model.layout, model.needed, &mut row).map_err(at)?;
        }
        Ok(())
    }
}
