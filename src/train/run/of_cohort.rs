//! How the runs of one cohort are trained and written.

use std::sync::atomic::Ordering;

use super::super::cohort::{Cohort, Run};
use super::super::model::Design;
use super::super::output::widths;
use super::super::saved::Saved;
use super::super::trial::Trial;
use super::{PlannedRun, Works};
use crate::Result;
use crate::report::results::{Purpose, RunResult};

impl Works<'_> {
    /// These runs side by side, before their first step, with these weights if any. They are of one shape.
    ///
    /// # Errors
    /// As [`Design::new`].
    pub fn cohort(&self, planned: &[PlannedRun], init: Option<&Saved>) -> Result<Cohort> {
        let settings = self.settings;
        let design = self.design(&planned[0].trial)?;
        let runs = planned.iter().map(|planned| Run::of(&planned.trial, settings)).collect();
        let mut cohort = Cohort::on(self.table, &self.placed, &design, settings.recipe(), settings.batch_size, runs, init);
        cohort.keep_steps(settings.trace);
        Ok(cohort)
    }

    /// What runs like `trial` have in common.
    ///
    /// # Errors
    /// As [`Design::new`].
    pub fn design(&self, trial: &Trial) -> Result<Design> {
        let task = &trial.task;
        Design::new(self.settings, trial.column(), &widths(self.table, task), &self.table.labels().space(), task.sources.len())
    }

    /// Trains and writes the runs of one cohort.
    pub(super) fn train(&self, planned: &[PlannedRun]) -> Result<Vec<(usize, RunResult)>> {
        let Some(first) = planned.first() else { return Ok(Vec::new()) };
        let settings = self.settings;
        self.stop.check()?;
        let mut cohort = self.cohort(planned, self.init.as_ref())?;
        let folder = |planned: &PlannedRun| settings.out.join(&planned.trial.folder);
        if first.epochs > 0 {
            for (r, run) in planned.iter().enumerate() {
                cohort.load(r, &folder(run))?;
            }
        }
        if settings.dump_steps > 0 {
            cohort.dump(settings.dump_steps, planned.iter().map(folder).collect());
        }
        while !cohort.is_done() {
            cohort.advance();
            cohort.dumped()?;
            (self.tell)(0, planned.len());
            let asked = self.stop.check();
            let failed = self.failed.load(Ordering::Relaxed);
            let due = settings.checkpoint_every > 0 && cohort.epochs_done().is_multiple_of(settings.checkpoint_every);
            if !cohort.is_done() && (asked.is_err() || failed || due) {
                for (r, run) in planned.iter().enumerate() {
                    cohort.save(r, &folder(run), run.config.text()?)?;
                }
            }
            asked?;
            if failed && !cohort.is_done() {
                return Ok(Vec::new());
            }
        }
        // epochs that a run which diverged has not needed
        let rest = settings.epochs.saturating_sub(cohort.epochs_done());
        (self.tell)(0, rest * planned.len());
        let mut results = Vec::new();
        let mut trained = cohort.finish();
        if settings.tsne && first.trial.purpose == Purpose::Result {
            for (trained, embedding) in trained.iter_mut().zip(cohort.lay_out()?) {
                trained.embedding = embedding;
            }
        }
        for (run, trained) in planned.iter().zip(trained) {
            let result = run.config.result(self.table, &run.trial, &trained, cohort.model());
            let result = RunResult { provenance: self.provenance.clone(), ..result };
            run.config.write(&folder(run), &self.card(&run.trial)?, &run.trial.task, cohort.model(), &trained, &result)?;
            (self.tell)(1, 0);
            results.push((run.place, result));
        }
        Ok(results)
    }
}
