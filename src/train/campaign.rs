//! Every run that settings ask for: first those that something is chosen by, then those that are reported.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::by_domain;
use super::cohort::STEPS;
use super::compare::{Column, is_folder_name};
use super::output::BALANCE_STEPS;
use super::search::{self, Configuration};
use super::selection::{Choice, Pick};
use super::settings::TrainSettings;
use super::table::FeatureTable;
use super::task::DomainTask;
use super::trial::{Trial, task_name};
use crate::report::results::{EpochResult, Purpose, RunResult};
use crate::{Error, Result, fs};

/// A column on a task.
#[derive(Debug)]
struct Cell {
    column: Column,
    task: Arc<DomainTask>,
    /// The task without one of its sources each; none unless those choose the epoch.
    inner: Vec<Arc<DomainTask>>,
    configurations: Vec<Configuration>,
    /// [`task_name`].
    name: String,
}

/// All runs, by column, task and seed.
#[derive(Debug)]
pub struct Campaign<'a> {
    settings: &'a TrainSettings,
    table: &'a FeatureTable,
    cells: Vec<Cell>,
}

impl<'a> Campaign<'a> {
    /// Looks everything up.
    ///
    /// # Errors
    /// [`Error::Input`] for settings that do not fit the features.
    pub fn plan(table: &'a FeatureTable, settings: &'a TrainSettings) -> Result<Self> {
        let protocol = &settings.protocol;
        let columns = settings.columns()?;
        settings.check_labels(&table.labels().space(), &columns)?;
        search::check(protocol, &columns)?;
        let known = |name: &str| name.is_empty() || table.modalities().iter().any(|modality| modality.name == name);
        if let Some((name, _)) = settings.embedding.each().find(|(name, _)| !known(name)) {
            let names: Vec<&str> = table.modalities().iter().map(|modality| modality.name.as_str()).collect();
            let problem = format!("not among the features; expected some of {}", names.join(", "));
            return Err(Error::input(format!("[train] embedding: {name:?}"), problem));
        }
        if let Some(name) = table.domains().iter().find(|name| !is_folder_name(name)) {
            return Err(Error::input(format!("features: domain {name:?}"), "expected a name that can be a folder's"));
        }
        let (mut tasks, mut unfilled) = (Vec::new(), None);
        for task in protocol.tasks(table, settings.absent)? {
            match task {
                Ok(task) => tasks.push(task),
                Err(error) if settings.leave_out => unfilled = unfilled.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        if let Some(error) = unfilled.filter(|_| tasks.is_empty()) {
            return Err(error);
        }
        let mut cells = Vec::new();
        for column in &columns {
            for (task, inner) in &tasks {
                inner.iter().chain([task]).try_for_each(|task| by_domain::check(task, table, settings, column))?;
                cells.push(Cell {
                    column: column.clone(),
                    task: task.clone(),
                    inner: inner.clone(),
                    configurations: search::configurations(settings, column),
                    name: task_name(table, task, protocol.kind),
                });
            }
        }
        let campaign = Self { settings, table, cells };
        let mut folders = BTreeSet::new();
        for folder in (0..campaign.cells.len()).flat_map(|cell| campaign.result_folders(cell)) {
            if let Some(twice) = folders.replace(folder) {
                return Err(Error::input("[protocol]", format!("two runs have the folder {}; rename a domain", twice.display())));
            }
        }
        Ok(campaign)
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Runs in all.
    pub fn runs(&self) -> usize {
        let seeds = self.settings.protocol.seeds.len();
        self.cells.iter().enumerate().map(|(cell, _)| self.tried(cell).len() + seeds).sum()
    }

    fn trial(&self, task: &Arc<DomainTask>, seed: u64, configuration: &Configuration) -> Trial {
        let protocol = &self.settings.protocol;
        Trial {
            configuration: configuration.clone(),
            task: task.clone(),
            seed,
            pick: protocol.selection.pick(),
            purpose: Purpose::Result,
            kind: protocol.kind,
            folder: PathBuf::new(),
        }
    }

    /// The runs that a cell's configuration, or its epoch, is chosen by; of each seed or configuration those without one source
    /// stand together.
    pub fn tried(&self, cell: usize) -> Vec<Trial> {
        let (protocol, here) = (&self.settings.protocol, &self.cells[cell]);
        let mut trials = Vec::new();
        let mut add = |purpose: Purpose, seed: u64, configuration: &Configuration, leaf: String| {
            let below = Path::new(&here.column.name).join(if purpose == Purpose::Search { "search" } else { "inner" });
            if here.inner.is_empty() {
                let trial = self.trial(&here.task, seed, configuration);
                trials.push(Trial { purpose, folder: below.join(&here.name).join(leaf), ..trial });
                return;
            }
            for task in &here.inner {
                let leaf = format!("{leaf}-{}", self.table.domains()[task.target]);
                let trial = self.trial(task, seed, configuration);
                trials.push(Trial { purpose, folder: below.join(&here.name).join(leaf), ..trial });
            }
        };
        if protocol.search > 0 {
            for (i, configuration) in here.configurations.iter().enumerate() {
                add(Purpose::Search, search::seed(protocol, i), configuration, i.to_string());
            }
        } else if !here.inner.is_empty() {
            for (&seed, configuration) in protocol.seeds.iter().zip(here.configurations.iter().cycle()) {
                add(Purpose::Inner, seed, configuration, seed.to_string());
            }
        }
        trials
    }

    /// Folders of the runs of a cell that are reported.
    pub fn result_folders(&self, cell: usize) -> Vec<PathBuf> {
        let here = &self.cells[cell];
        let folder = |seed: &u64| Path::new(&here.column.name).join(format!("{}-{seed}", here.name));
        self.settings.protocol.seeds.iter().map(folder).collect()
    }

    /// The number of the chosen configuration, and by what it and the epoch of each seed were chosen. `tried` are the results of
    /// [`tried`](Self::tried).
    fn choose(&self, cell: usize, tried: &[RunResult]) -> (usize, Vec<Option<Choice>>) {
        let (protocol, here) = (&self.settings.protocol, &self.cells[cell]);
        let inner = !here.inner.is_empty();
        let choices: Vec<Option<Choice>> = match inner {
            true => tried.chunks(here.inner.len()).map(Choice::of_inner).collect(),
            false => tried.iter().map(Choice::of_search).collect(),
        };
        if protocol.search == 0 {
            return (0, choices);
        }
        // a configuration that diverged is none; the given one where all did
        let lost = |i: usize| tried.iter().skip(i * here.inner.len().max(1)).take(here.inner.len().max(1));
        let lost = |i: usize| lost(i).any(|run| run.diverged.is_some());
        let mut best: Option<(usize, Choice)> = None;
        for (i, choice) in choices.iter().enumerate() {
            let Some(choice) = choice.filter(|_| !lost(i)) else { continue };
            if best.is_none_or(|(_, so_far)| choice.beats(&so_far)) {
                best = Some((i, choice));
            }
        }
        let best = best.map_or(0, |(i, _)| i);
        let epoch = choices.get(best).copied().flatten().filter(|_| inner);
        (best, vec![epoch; protocol.seeds.len()])
    }

    /// The runs of a cell that are reported, given the results of [`tried`](Self::tried).
    pub fn results(&self, cell: usize, tried: &[RunResult]) -> Vec<Trial> {
        let here = &self.cells[cell];
        let (best, epochs) = self.choose(cell, tried);
        let mut trials = Vec::new();
        for (i, (&seed, folder)) in self.settings.protocol.seeds.iter().zip(self.result_folders(cell)).enumerate() {
            let mut trial = self.trial(&here.task, seed, &here.configurations[best]);
            if let Some(choice) = epochs.get(i).copied().flatten() {
                trial.pick = Pick::Chosen(choice);
            }
            trials.push(Trial { folder, ..trial });
        }
        trials
    }

    /// Writes `search.csv`: every configuration that was tried, the chosen ones marked. Nothing where there was no search.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_tried(&self, tried: &[Vec<RunResult>]) -> Result<()> {
        if self.settings.protocol.search == 0 {
            return Ok(());
        }
        let keys: BTreeSet<&str> = self
            .cells
            .iter()
            .flat_map(|cell| &cell.configurations)
            .flat_map(|of| of.column.hyperparameters.numbers().keys().copied())
            .collect();
        let mut csv = csv::Writer::from_writer(Vec::new());
        let head = "name,method,balance,modalities,task,configuration,seed,chosen,selection_score,selection_loss,learning-rate,weight-decay";
        let failed = |error: csv::Error| Error::input("search.csv", error.to_string());
        csv.write_record(head.split(',').chain(keys.iter().copied())).map_err(failed)?;
        for (cell, (here, tried)) in self.cells.iter().zip(tried).enumerate() {
            let (best, _) = self.choose(cell, tried);
            let each = here.inner.len().max(1);
            for (i, (configuration, runs)) in here.configurations.iter().zip(tried.chunks(each)).enumerate() {
                let Some(first) = runs.first() else { continue };
                let choice = if here.inner.is_empty() { Choice::of_search(first) } else { Choice::of_inner(runs) };
                let choice = choice.filter(|_| runs.iter().all(|run| run.diverged.is_none()));
                let sign = first.selected_by().sign();
                let (score, loss) = choice.map_or((f64::NAN, f64::NAN), |choice| (sign * choice.rank, choice.loss));
                let of_task = [first.name.clone(), first.method.clone(), first.balance.clone(), first.modalities.join("+")];
                let of_run = [here.name.clone(), i.to_string(), first.seed.to_string(), u8::from(i == best).to_string()];
                let lost = runs.iter().any(|run| run.diverged.is_some());
                let found = [score, loss].map(|x| if lost { "diverged".into() } else { x.to_string() });
                let numbers =
                    found.into_iter().chain([configuration.learning_rate, configuration.weight_decay].map(|x| x.to_string()));
                let own = configuration.column.hyperparameters.numbers();
                let own = keys.iter().map(|key| own.get(key).map(f64::to_string).unwrap_or_default());
                csv.write_record(of_task.into_iter().chain(of_run).chain(numbers).chain(own)).map_err(failed)?;
            }
        }
        let text = csv.into_inner().map_err(|error| Error::input("search.csv", error.to_string()))?;
        fs::write(&self.settings.out.join("search.csv"), &text)
    }
}

/// What is wrong with each task that the features cannot fill, and how many tasks there are.
///
/// # Errors
/// [`Error::Input`] for names that the features do not have, and where there is no task at all.
pub fn unfilled(table: &FeatureTable, settings: &TrainSettings) -> Result<(Vec<Error>, usize)> {
    let tasks = settings.protocol.tasks(table, settings.absent)?;
    let count = tasks.len();
    Ok((tasks.into_iter().filter_map(Result::err).collect(), count))
}

/// Which of the columns of these names cannot be trained on the features, and why: for labels that they do not predict, or for want of source
/// domains to compare.
///
/// # Errors
/// As [`unfilled`], and for columns that say nothing.
pub fn unsuited(table: &FeatureTable, settings: &TrainSettings, names: &[String]) -> Result<Vec<(String, Error)>> {
    let (space, tasks) = (table.labels().space(), settings.protocol.tasks(table, settings.absent)?);
    let tasks: Vec<_> = tasks.into_iter().filter_map(Result::ok).collect();
    let suits = |column: &Column| {
        settings.check_labels(&space, std::slice::from_ref(column))?;
        let mut all = tasks.iter().flat_map(|(task, inner)| inner.iter().chain([task]));
        all.try_for_each(|task| by_domain::check(task, table, settings, column))
    };
    let named = settings.columns()?.into_iter().filter(|column| names.contains(&column.name));
    Ok(named.filter_map(|column| suits(&column).err().map(|error| (column.name, error))).collect())
}

/// Folders of reported runs in `settings.out` without what was to be kept of each step, and how many runs there are: what had ended, or
/// begun, before that was asked for is not trained again for it.
///
/// # Errors
/// [`Error::Input`] for settings that do not fit the features.
pub fn without_steps(table: &FeatureTable, settings: &TrainSettings) -> Result<(Vec<PathBuf>, usize)> {
    let campaign = Campaign::plan(table, settings)?;
    let folders: Vec<PathBuf> = (0..campaign.len()).flat_map(|cell| campaign.result_folders(cell)).collect();
    let runs = folders.len();
    let lacks = |folder: &PathBuf| {
        let has = |name: &str| settings.out.join(folder).join(name).exists();
        settings.trace && !has(BALANCE_STEPS) || settings.dump_steps > 0 && !has(STEPS)
    };
    Ok((folders.into_iter().filter(lacks).collect(), runs))
}

impl Choice {
    /// The epoch with the best mean score of inner runs.
    fn of_inner(runs: &[RunResult]) -> Option<Self> {
        let point = |run: &RunResult| {
            let rank = |e: &EpochResult| run.selected_by().sign() * e.on_validation(&run.selected_by().name);
            run.curve.iter().map(|e| (rank(e), e.validation_loss)).collect()
        };
        Self::of_mean(&runs.iter().map(point).collect::<Vec<_>>())
    }

    /// The epoch that a run of a search chose itself; none of a run that diverged. Of equal scores, the loss on source
    /// validation decides.
    fn of_search(run: &RunResult) -> Option<Self> {
        let epoch = run.selected_epoch?;
        let loss = run.curve.get(epoch).map_or(f64::NAN, |epoch| epoch.validation_loss);
        Some(Self { epoch, rank: run.selected_by().sign() * run.protocol.selection_score, loss })
    }
}
