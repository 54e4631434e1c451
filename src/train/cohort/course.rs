//! A cohort's way from its first epoch, or a checkpoint, to finished runs.

use std::path::Path;

use tch::Tensor;

use super::super::checkpoint::{self, CheckpointState};
use super::super::device::to_host;
use super::super::evaluate::Evaluation;
use super::super::plane;
use super::super::selection::Pick;
use super::{Cohort, Epoch, Run, Trained};
use crate::objective::Params;
use crate::report::results::{EmbeddedRow, TEST, VALIDATION};
use crate::task::Judged;
use crate::{Error, Result};

impl Cohort {
    /// Trains one epoch (from 0) and evaluates; nothing for a run that has finished.
    pub fn epoch(&mut self, epoch: usize) -> Vec<Option<Epoch>> {
        self.rehearse(epoch);
        let (sums, steps) = self.steps(epoch, usize::MAX);
        let (sums, record, modalities) = (to_host(&sums), self.model.records().len(), self.features.len());
        let width = 2 + modalities * record;
        let by_modality = |row: &[f64]| (0..modalities).map(|m| row[2 + m * record..][..record].to_vec()).collect::<Vec<_>>();
        // [R, steps, width]
        let kept = self.kept.as_mut().map(std::mem::take).filter(|kept| !kept.is_empty());
        let count = kept.as_ref().map_or(0, Vec::len);
        let kept = kept.map(|kept| to_host(&Tensor::stack(&kept, 1))).unwrap_or_default();
        let rows: Vec<&[usize]> = self.runs.iter().map(|run| &run.task.validation[..]).collect();
        let validation = self.evaluate(&self.weights(), &rows, false);
        let mut epochs = Vec::new();
        let of_runs = self.runs.iter().zip(validation).zip(steps.iter().zip(sums.chunks(width)));
        for (r, ((run, validation), (steps, sums))) in of_runs.enumerate() {
            let mean: Vec<f64> = sums.iter().map(|sum| sum / (*steps).max(1) as f64).collect();
            let each = kept.chunks(width).skip(r * count).take(count.min(*steps));
            let (record, steps) = (by_modality(&mean), each.map(by_modality).collect());
            let validation = Evaluation::of(self.model.shape.task.as_ref(), &validation.iter().collect::<Vec<_>>());
            let learning_rate = run.rates(self.recipe, epoch).learning_rate;
            let done = Epoch {
                train_loss: mean[0],
                train_score: mean[1] / run.task.label.scale,
                validation,
                record,
                steps,
                learning_rate,
            };
            epochs.push(self.trains(r, epoch).then_some(done));
        }
        epochs
    }

    /// Trains the next epoch of every run that has one left, and keeps the parameters of each run's best so far. A run whose loss
    /// is not finite has none left.
    pub fn advance(&mut self) {
        let epoch = self.next;
        let seen = self.epoch(epoch);
        let oracle = self.oracle();
        let weights = self.flat_weights().shallow_clone();
        for (r, seen) in seen.into_iter().enumerate() {
            let Some(seen) = seen else { continue };
            let score = self.runs[r].pick.score(self.model.shape.task.as_ref(), epoch, &seen, oracle[r]);
            let course = &mut self.courses[r];
            let better = score.is_finite() && (course.selected.is_none() || score >= course.score);
            match seen.is_finite() {
                true if better => (course.selected, course.score) = (Some(epoch), score),
                true => {}
                false => (course.selected, course.diverged) = (None, Some(epoch)),
            }
            if better || course.diverged.is_some() {
                self.best.get(r as i64).copy_(&weights.get(r as i64));
            }
            course.curve.push(seen);
        }
        self.next += 1;
    }

    /// What each run's [`Evaluation::rank`] is on its oracle's rows; only where a run is chosen by an oracle are they looked at.
    fn oracle(&self) -> Vec<f64> {
        let rows = |run: &Run| if run.pick == Pick::Oracle { run.task.oracle.clone() } else { Vec::new() };
        let rows: Vec<Vec<usize>> = self.runs.iter().map(rows).collect();
        if rows.iter().all(Vec::is_empty) {
            return vec![0.0; rows.len()];
        }
        let rows: Vec<&[usize]> = rows.iter().map(Vec::as_slice).collect();
        let task = self.model.shape.task.as_ref();
        let judged = self.evaluate(&self.weights(), &rows, false);
        judged.iter().map(|judged| Evaluation::of(task, &judged.iter().collect::<Vec<_>>()).rank(task)).collect()
    }

    /// Whether every run has had all of its epochs, or has diverged.
    pub fn is_done(&self) -> bool {
        (0..self.runs.len()).all(|run| !self.trains(run, self.next))
    }

    /// Whether a run has an epoch left that is this one.
    pub(in crate::train) fn trains(&self, run: usize, epoch: usize) -> bool {
        epoch < self.runs[run].epochs && self.courses[run].diverged.is_none()
    }

    /// Epochs that have been done, by the longest run.
    pub fn epochs_done(&self) -> usize {
        self.next
    }

    /// The results, each with the parameters of the chosen epoch.
    pub fn finish(&mut self) -> Vec<Trained> {
        let params = Params::views(&self.model.layout, &self.best);
        let judge = |of: fn(&Run) -> &[usize]| self.evaluate(&params, &self.runs.iter().map(of).collect::<Vec<_>>(), true);
        let (validation, test) = (judge(|run| &run.task.validation), judge(|run| &run.task.test));
        let trained = |(r, (validation, test)): (usize, (Vec<Judged>, Vec<Judged>))| {
            let mut domains = self.by_domain(VALIDATION, &validation);
            domains.extend(self.by_domain(TEST, &test));
            let test = Evaluation::of(self.model.shape.task.as_ref(), &test.iter().collect::<Vec<_>>());
            let mut course = self.courses[r].clone();
            if course.selected.is_none() || !test.loss.is_finite() {
                let last = course.curve.len().saturating_sub(1);
                course.diverged = course.diverged.or(course.selected.take()).or(Some(last));
            }
            Trained { course, test, domains, embedding: Vec::new(), parameters: params.of_run(r as i64) }
        };
        validation.into_iter().zip(test).enumerate().map(trained).collect()
    }

    /// Lays the fused embeddings of some validation and target rows out in the plane, for each finished run.
    ///
    /// # Errors
    /// [`Error::Environment`] where no thread can be started.
    pub fn lay_out(&self) -> Result<Vec<Vec<EmbeddedRow>>> {
        let params = Params::views(&self.model.layout, &self.best);
        let of = |run: &Run| plane::some(&[&run.task.validation[..], &run.task.test[..]].concat(), run.seed);
        let rows: Vec<Vec<usize>> = self.runs.iter().map(of).collect();
        let found = self.embeddings(&params, &rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let of = |((run, rows), points): ((&Run, &Vec<usize>), &Vec<f32>)| {
            let places = plane::layout(points, points.len() / rows.len().max(1), run.seed)?;
            let row = |(&row, [x, y]): (&usize, [f64; 2])| EmbeddedRow {
                row,
                domain: self.names[self.domains[row]].clone(),
                part: if run.task.test.contains(&row) { TEST } else { VALIDATION }.into(),
                class: self.labels.text(row),
                x,
                y,
            };
            Ok(rows.iter().zip(places).map(row).collect())
        };
        self.runs.iter().zip(&rows).zip(&found).map(of).collect()
    }

    /// Everything that runs carry from step to step, by name, [R, …] each.
    fn state(&mut self) -> Vec<(String, &mut Tensor)> {
        let (live, averages) = self.sets.state();
        let mut state = vec![("parameters".to_owned(), live), ("best".into(), &mut self.best)];
        state.extend(self.optimizer.state().map(|(name, tensor)| (format!("optimizer.{name}"), tensor)));
        state.extend(self.average.as_mut().map(|average| ("average".into(), average.state().0)));
        state.extend(averages.into_iter().map(|(branch, tensor)| (format!("average.{branch}"), tensor)));
        let (of_balancer, of_method) = self.model.state();
        state.extend(of_balancer.into_iter().map(|(name, tensor)| (format!("balance.{name}"), tensor)));
        state.extend(of_method.into_iter().map(|(name, tensor)| (format!("method.{name}"), tensor)));
        state
    }

    /// Writes where a run stands into `folder`; `config` is what it must have to go on from there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&mut self, run: usize, folder: &Path, config: String) -> Result<()> {
        let (epochs, steps) = (self.next.min(self.runs[run].epochs), self.optimizer.steps[run]);
        let averaged = self.average.as_mut().map_or(0, |average| average.state().1[run]);
        let state_of_run = CheckpointState { config, epochs, steps, averaged, course: self.courses[run].clone() };
        let state = self.state().into_iter().map(|(name, tensor)| (name, tensor.get(run as i64).copy())).collect();
        checkpoint::write(folder, &state_of_run, state)
    }

    /// Goes on from what [`save`](Self::save) wrote; all runs of a cohort go on from one epoch.
    ///
    /// # Errors
    /// [`Error::Integrity`] where the file is damaged or of another model.
    pub fn load(&mut self, run: usize, folder: &Path) -> Result<()> {
        let wrong = |problem: &str| Error::integrity(&checkpoint::path(folder), format!("{problem}; delete it to start anew"));
        let (state_of_run, saved) = checkpoint::read(folder).ok_or_else(|| wrong("not a whole checkpoint"))?;
        for (name, tensor) in self.state() {
            let saved = saved.iter().find(|(other, _)| *other == name).map(|(_, saved)| saved);
            let mut row = tensor.get(run as i64);
            match saved.filter(|saved| saved.size() == row.size() && saved.kind() == row.kind()) {
                Some(saved) => row.copy_(saved),
                None => return Err(wrong(&format!("{name} is not as expected"))),
            }
        }
        self.optimizer.steps[run] = state_of_run.steps;
        if let Some(average) = &mut self.average {
            average.state().1[run] = state_of_run.averaged;
        }
        self.courses[run] = state_of_run.course;
        self.next = state_of_run.epochs;
        Ok(())
    }
}
