//! Runs set side by side: a row for each name, a column for each task.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

pub use super::entry::{ComparedTask, Entry};
use super::identity::differing;
use super::read::label;
use super::statistics::mean;
use super::table::ReportTable;
use super::{RunResult, entry, markup};
use crate::measure::Measure;
use crate::{Error, Result};

/// Results by entry, task and seed.
#[derive(Debug)]
pub struct Comparison<'a> {
    entries: Vec<Entry>,
    tasks: Vec<ComparedTask>,
    seeds: Vec<u64>,
    runs: BTreeMap<(usize, usize, u64), &'a RunResult>,
    metrics: Vec<Measure>,
}

/// A figure of a run as it is shown; none where the run has no such figure.
pub type Figure<'f> = &'f dyn Fn(&RunResult) -> Option<f64>;

impl<'a> Comparison<'a> {
    /// Entries and tasks stand in order of first appearance, entries of balance `none` (of the most modalities) first; seeds
    /// ascend. Runs of one name whose settings differ are entries of their own.
    ///
    /// # Errors
    /// [`Error::Input`] for no result at all, and where figures would not be comparable: one run given twice, runs of one
    /// name with two methods or balancers, runs of one task with other classes, and runs
    /// that are judged by other figures.
    pub fn new(results: &'a [RunResult]) -> Result<Self> {
        if results.is_empty() {
            return Err(Error::input("report", "no results; expected at least one finished run"));
        }
        if let Some(run) = results.iter().find(|run| run.metrics != results[0].metrics) {
            let [own, first] = [run, &results[0]].map(|run| run.metrics.iter().map(Measure::axis).collect::<Vec<_>>().join("; "));
            let problem = format!("judged by {own}, while {} is by {first}; expected one task in a report", label(&results[0]));
            return Err(Error::input(label(run), problem));
        }
        let (mut entries, mut tasks, mut firsts) = (Vec::<Entry>::new(), Vec::<ComparedTask>::new(), Vec::new());
        for run in results {
            match tasks.iter().position(|task| task.is_of(run)) {
                Some(task) => agree(run, firsts[task])?,
                None => {
                    tasks.push(ComparedTask::new(run));
                    firsts.push(run);
                }
            }
            let of_name = |e: &&Entry| (&e.name, &e.modalities, &e.selection) == (&run.name, &run.modalities, &run.selection);
            match entries.iter().find(of_name) {
                Some(e) if (&e.method, &e.balance) != (&run.method, &run.balance) => {
                    let [a, b] = [format!("{} and {}", e.method, e.balance), format!("{} and {}", run.method, run.balance)];
                    return Err(Error::input(
                        label(run),
                        format!("{b}; another run of this name has {a}; expected one name for each"),
                    ));
                }
                _ if entries.iter().any(|entry| entry.is_of(run)) => {}
                _ => entries.push(Entry::new(run)),
            }
        }
        entries.sort_by_key(|e| if e.is_joint() { (0, Reverse(e.modalities.len())) } else { (1, Reverse(0)) });
        entry::name(&mut entries);
        entry::tell_apart(&mut tasks);
        let mut runs = BTreeMap::new();
        for run in results {
            let places = (entries.iter().position(|e| e.is_of(run)), tasks.iter().position(|t| t.is_of(run)));
            let (Some(entry), Some(task)) = places else { continue };
            if runs.insert((entry, task, run.seed), run).is_some() {
                return Err(Error::input(label(run), "given twice; expected one result a run"));
            }
        }
        let seeds = results.iter().map(|run| run.seed).collect::<BTreeSet<_>>().into_iter().collect();
        Ok(Self { entries, tasks, seeds, runs, metrics: results[0].metrics.clone() })
    }

    /// What is compared, bases first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What it is compared on.
    pub fn tasks(&self) -> &[ComparedTask] {
        &self.tasks
    }

    /// Every seed of any run, ascending.
    pub fn seeds(&self) -> &[u64] {
        &self.seeds
    }

    /// By which figures all runs are judged, the score first.
    pub fn metrics(&self) -> &[Measure] {
        &self.metrics
    }

    /// All runs, by entry, task and seed.
    pub fn runs(&self) -> impl Iterator<Item = &'a RunResult> {
        self.runs.values().copied()
    }

    /// The same with their entry and task.
    pub fn rows(&self) -> impl Iterator<Item = (&Entry, &ComparedTask, &'a RunResult)> {
        self.runs.iter().map(|(&(entry, task, _), run)| (&self.entries[entry], &self.tasks[task], *run))
    }

    /// The runs of one entry and task, by seed.
    pub fn at(&self, entry: usize, task: usize) -> Vec<&'a RunResult> {
        self.runs.range((entry, task, 0)..=(entry, task, u64::MAX)).map(|(_, run)| *run).collect()
    }

    /// What an entry is compared with: of those with its modalities, selection and settings the one of its method that is trained jointly,
    /// for such a one that of the plain method, else the first.
    pub fn base(&self, entry: usize) -> usize {
        let own = &self.entries[entry];
        let place = |of: &dyn Fn(&Entry) -> bool| self.entries.iter().position(|e| e.is_beside(own) && e.is_joint() && of(e));
        let first = || self.entries.iter().position(|e| e.is_beside(own));
        let same = place(&|e| e.method == own.method).filter(|base| *base != entry);
        same.or_else(|| place(&|e| e.plain.method)).or_else(first).unwrap_or(entry)
    }

    /// The entry with the same losses as this one whose gradients meet as they are, where there is one beside the base.
    pub fn base_of_losses(&self, entry: usize) -> Option<usize> {
        let own = &self.entries[entry];
        let plain = |e: &Entry| e.plain.balance && e.method == own.method && e.losses == own.losses;
        let found = self.entries.iter().position(|e| e.is_beside(own) && !own.losses.is_empty() && plain(e))?;
        (found != entry && found != self.base(entry)).then_some(found)
    }

    /// Combinations of entry, task and seed without a result: entry, task, seeds.
    pub fn missing(&self) -> Vec<(usize, usize, Vec<u64>)> {
        let cells = (0..self.entries.len()).flat_map(|e| (0..self.tasks.len()).map(move |t| (e, t)));
        let seeds = |(e, t)| self.seeds.iter().copied().filter(|&s| !self.runs.contains_key(&(e, t, s))).collect();
        cells.map(|(e, t)| (e, t, seeds((e, t)))).filter(|(.., seeds): &(_, _, Vec<u64>)| !seeds.is_empty()).collect()
    }

    /// The tasks, and where there are several, none for their mean.
    pub fn places(&self) -> Vec<Option<usize>> {
        let mean = (self.tasks.len() > 1).then_some(None);
        (0..self.tasks.len()).map(Some).chain(mean).collect()
    }

    /// Name of a place.
    pub fn place(&self, place: Option<usize>) -> &str {
        place.map_or("mean", |task| &self.tasks[task].label)
    }

    /// A figure of an entry by seed, at a task or in the mean over all; seeds without it are left out, and so are runs that
    /// diverged.
    pub fn figures(&self, entry: usize, place: Option<usize>, of: Figure<'_>) -> Vec<(u64, f64)> {
        let at = |task: usize, seed: u64| {
            let run = self.runs.get(&(entry, task, seed)).filter(|run| run.diverged.is_none())?;
            of(run).filter(|figure| figure.is_finite())
        };
        let over = |seed: u64| match place {
            Some(task) => at(task, seed),
            None => mean(&(0..self.tasks.len()).map(|task| at(task, seed)).collect::<Option<Vec<f64>>>()?),
        };
        self.seeds.iter().filter_map(|&seed| Some((seed, over(seed)?))).collect()
    }

    /// Differences of the target's score, as it is shown, between two entries, by seed; in the mean over all tasks, of the tasks' differences.
    pub fn differences(&self, entry: usize, base: usize, place: Option<usize>) -> Vec<f64> {
        let score: Figure<'_> = &|run| Some(run.measure().shown(run.target_score));
        let at = |task: usize, seed: u64| {
            let of = |entry| self.runs.get(&(entry, task, seed)).and_then(|run| score(run));
            Some(of(entry)? - of(base)?).filter(|difference| difference.is_finite())
        };
        let over = |seed: u64| match place {
            Some(task) => at(task, seed),
            None => mean(&(0..self.tasks.len()).map(|task| at(task, seed)).collect::<Option<Vec<f64>>>()?),
        };
        self.seeds.iter().filter_map(|&seed| over(seed)).collect()
    }

    /// Seeds with a run of one of these entries that diverged, at a task or at any.
    pub fn diverged(&self, entries: &[usize], place: Option<usize>) -> usize {
        let tasks = place.map_or(0..self.tasks.len(), |task| task..task + 1);
        let lost = |key: (usize, usize, u64)| self.runs.get(&key).is_some_and(|run| run.diverged.is_some());
        let at = |task: usize, seed: u64| entries.iter().any(|&entry| lost((entry, task, seed)));
        self.seeds.iter().filter(|&&seed| tasks.clone().any(|task| at(task, seed))).count()
    }

    /// What is to be known before anything is compared, a sentence or two each: settings that not all runs share, and runs that
    /// diverged.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let keys = differing(self.entries.iter().map(|entry| &entry.shared));
        if !keys.is_empty() {
            let keys: Vec<String> = keys.iter().map(|(key, values)| format!("{key} ({})", values.join("; "))).collect();
            warnings.push(format!(
                "Not all runs were made alike, they differ in {}. Differences and tests stand only between runs that were.",
                keys.join(", ")
            ));
        }
        let mut lost = BTreeMap::<(usize, usize), Vec<u64>>::new();
        for (&(entry, task, seed), _) in self.runs.iter().filter(|(_, run)| run.diverged.is_some()) {
            lost.entry((entry, task)).or_default().push(seed);
        }
        if !lost.is_empty() {
            let count: usize = lost.values().map(Vec::len).sum();
            let names: Vec<String> = lost.iter().map(|(&(entry, task), seeds)| self.named(entry, task, seeds)).collect();
            let all = self.runs.len();
            warnings.push(format!("Diverged, so in no mean and no test, {count} of {all} runs: {}.", names.join("; ")));
        }
        warnings
    }

    /// Runs of an entry and task in words.
    fn named(&self, entry: usize, task: usize, seeds: &[u64]) -> String {
        let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
        format!("{} on {} (seed {})", self.entries[entry].label, self.tasks[task].label, seeds.join(", "))
    }

    /// What the tables average over, in a line.
    pub fn caption(&self) -> String {
        let spread = match self.seeds.len() {
            1 => "One seed: no standard deviation.".into(),
            n => format!("Mean ± standard deviation over {n} seeds."),
        };
        let oracle = self.entries.iter().any(|entry| entry.selection == "oracle");
        let warning =
            if oracle { " With oracle, the target itself chose the epoch: an upper bound, no fair figure." } else { "" };
        spread + warning
    }

    /// How many runs there are, and which are missing, in a line.
    pub fn completeness(&self) -> String {
        let missing = self.missing();
        let all = self.entries.len() * self.tasks.len() * self.seeds.len();
        if missing.is_empty() {
            return format!("All {all} runs are there.");
        }
        let names: Vec<String> = missing.iter().map(|(entry, task, seeds)| self.named(*entry, *task, seeds)).collect();
        format!("Missing runs, {} of {all}: {}.", all - self.runs.len(), names.join("; "))
    }

    /// The tables for a terminal, aligned, without colour.
    pub fn to_terminal(&self) -> String {
        let tables: Vec<String> = self.tables().iter().map(ReportTable::to_terminal).collect();
        let lines = [self.caption(), self.completeness()].into_iter().chain(self.warnings());
        let lines: String = lines.map(|line| markup::plain(&line) + "\n").collect();
        format!("{}\n{lines}", tables.join("\n"))
    }
}

/// That two runs of one task tell the same classes apart.
fn agree(run: &RunResult, first: &RunResult) -> Result<()> {
    if run.classes == first.classes {
        return Ok(());
    }
    let [own, others] = [run, first].map(|run| run.classes.join(", "));
    let problem = format!("classes {own}, while {} has {others}; expected the same for one task", label(first));
    Err(Error::input(label(run), problem))
}
