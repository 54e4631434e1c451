//! The first steps of each run, written out: what a reference in another language needs to follow along.

use std::path::{Path, PathBuf};

use tch::Tensor;

use super::super::checkpoint::write_tensors;
use super::super::model::Inputs;
use super::super::schedule::EpochPlan;
use super::Cohort;
use crate::objective::Params;
use crate::rng::Stream;
use crate::{Error, Result, fs};

/// Which steps are written where.
#[derive(Debug)]
pub(super) struct Dump {
    steps: usize,
    /// By run.
    folders: Vec<PathBuf>,
    failed: Option<Error>,
}

/// What a step starts from.
pub(super) struct Before {
    /// Runs whose step is written.
    runs: Vec<usize>,
    inputs: Inputs,
    flat: Tensor,
    /// Of the method.
    averages: Vec<Tensor>,
    /// The balancer's.
    state: Vec<(&'static str, Tensor)>,
}

/// The folder in a run's folder.
pub const STEPS: &str = "steps";

fn place(folder: &Path) -> PathBuf {
    folder.join(STEPS)
}

/// Removes what an earlier run left in `folder`.
///
/// # Errors
/// [`Error::Io`].
pub fn clear(folder: &Path) -> Result<()> {
    let steps = place(folder);
    let Ok(entries) = std::fs::read_dir(&steps) else { return Ok(()) };
    for entry in entries.flatten() {
        if entry.path().extension().is_some_and(|ending| ending == "safetensors") {
            fs::remove(&entry.path())?;
        }
    }
    Ok(())
}

impl Cohort {
    /// From here on, writes the first `steps` steps of each run into `steps/000000.safetensors` and so on in that run's
    /// folder. Weights are [out, in].
    ///
    /// - `epoch`, `rows` \[B\] of the feature store, `share` \[B\], `label` \[B\], `domain` \[B\] (place among the sources),
    ///   `features.<modality>` [B, D] as standardised, `present` [B, M] where rows may lack a modality;
    /// - `random`, the state of the step's random stream, which noise and masks are made from; `dropout` [B, W], the factors,
    ///   in the order in which layers use them, `dropout.1` those of a second branch; `fusion` [B, M], the balancer's factors on
    ///   embeddings, `mask.1` [B, Σ E_m] the method's in a second branch;
    /// - `before.<parameter>`, `gradient.<parameter>` (what the optimizer gets), `after.<parameter>`, and the same before and after of
    ///   a method's average, `average.1.before.<parameter>`;
    /// - what the balancer saw: `loss` \[T\], `class.*` and `domain.*` \[M\], `gramian` [M, T, T], and `state.*`, what it had
    ///   carried here from the step before;
    /// - what it decided: `weights` [M, T], `heads` \[T\], `owned` [M, T], `noise` \[M\], `record.*` \[M\].
    pub fn dump(&mut self, steps: usize, folders: Vec<PathBuf>) {
        self.dump = Some(Dump { steps, folders, failed: None });
    }

    /// Whether all steps so far could be written.
    ///
    /// # Errors
    /// [`Error::Io`], once.
    pub fn dumped(&mut self) -> Result<()> {
        self.dump.as_mut().and_then(|dump| dump.failed.take()).map_or(Ok(()), Err)
    }

    /// What a step starts from, where it is to be written for some run.
    pub(super) fn before_step(&mut self, plan: &EpochPlan, epoch: usize, step: usize) -> Option<Before> {
        let steps = self.dump.as_ref()?.steps;
        let due = |&r: &usize| plan.active_runs[step][r] && epoch * plan.steps[r] + step < steps;
        let runs: Vec<usize> = (0..self.runs.len()).filter(due).collect();
        if runs.is_empty() {
            return None;
        }
        self.model.watch();
        let at = step as i64;
        let inputs = self.gather(&plan.rows(step), plan.share.get(at), self.masks(&plan.states.get(at)));
        let state = self.model.state().0.into_iter().map(|(name, tensor)| (name, tensor.copy())).collect();
        let [flat, averages @ ..] = &self.sets.snapshot()[..] else { return None };
        let averages = averages.iter().map(Tensor::shallow_clone).collect();
        Some(Before { runs, inputs, flat: flat.shallow_clone(), averages, state })
    }

    /// Writes the step that has been taken since.
    pub(super) fn after_step(&mut self, before: Before, plan: &EpochPlan, epoch: usize, step: usize) {
        let Before { runs, inputs, flat, averages, state } = before;
        let mut shared = vec![("rows".to_owned(), plan.rows(step).index), ("share".into(), inputs.share)];
        shared.extend([("label".into(), inputs.label), ("domain".into(), inputs.domain)]);
        let names = self.model.shape.modalities.iter().map(|name| format!("features.{name}"));
        shared.extend(names.zip(inputs.features));
        shared.extend(inputs.present.map(|present| ("present".into(), present)));
        for (branch, masks) in inputs.masks.into_iter().enumerate() {
            let name = if branch == 0 { "dropout".to_owned() } else { format!("dropout.{branch}") };
            shared.extend(masks.map(|masks| (name, masks)));
        }
        shared.extend(state.into_iter().map(|(name, tensor)| (format!("state.{name}"), tensor)));
        shared.extend(self.model.watched());
        for (when, flat) in [("before", &flat), ("after", &self.sets.live.flat)] {
            shared.extend(Params::views(&self.model.layout, flat).named(when, &self.model.layout));
        }
        for ((branch, average), before) in self.sets.state().1.into_iter().zip(&averages) {
            for (when, flat) in [("before", before), ("after", &*average)] {
                let named = Params::views(&self.model.layout, flat).named(when, &self.model.layout);
                shared.extend(named.into_iter().map(|(name, tensor)| (format!("average.{branch}.{name}"), tensor)));
            }
        }
        for r in runs {
            let row = |tensor: &Tensor| tensor.get(r as i64);
            let mut tensors: Vec<(String, Tensor)> = shared.iter().map(|(name, tensor)| (name.clone(), row(tensor))).collect();
            let random = Stream::new(self.runs[r].seed).with("dropout").at(epoch as u32).at(step as u32).state();
            tensors.push(("epoch".into(), Tensor::from_slice(&[epoch as i64])));
            tensors.push(("random".into(), Tensor::from_slice(&random.map(i64::from))));
            let Some(dump) = &mut self.dump else { return };
            let folder = place(&dump.folders[r]);
            let path = folder.join(format!("{:06}.safetensors", epoch * plan.steps[r] + step));
            let written = fs::create_dir_all(&folder).and_then(|()| write_tensors(&path, &tensors));
            dump.failed = dump.failed.take().or(written.err());
        }
    }
}
