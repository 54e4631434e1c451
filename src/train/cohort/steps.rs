//! A cohort's steps: which they are, each one, and how many a second.

use std::time::{Duration, Instant};

use tch::Tensor;

use super::super::device::to_host;
use super::super::dropout::factors;
use super::super::features::BatchRows;
use super::super::model::{Inputs, Moment};
use super::super::optimizer::Rates;
use super::super::recipe::{Numbers, Recipe};
use super::super::schedule::EpochPlan;
use super::{Cohort, Run};
use crate::method::Branch;
use crate::objective::Streams;

impl Run {
    pub(super) fn rates(&self, recipe: Recipe, epoch: usize) -> Rates {
        let Numbers { momentum, clip, .. } = self.numbers;
        Rates {
            learning_rate: self.learning_rate * recipe.schedule.factor(epoch, self.epochs, &self.numbers),
            weight_decay: self.weight_decay,
            momentum,
            clip: if clip > 0.0 { clip } else { f64::INFINITY },
        }
    }
}

impl Cohort {
    /// The first `most` steps of an epoch (from 0): sums over each run's steps of loss, score and the balancer's record,
    /// [R, 2 + M · record], and how many steps each run has taken.
    pub fn steps(&mut self, epoch: usize, most: usize) -> (Tensor, Vec<usize>) {
        let plan = self.plan(epoch);
        let width = 2 + self.features.len() * self.model.records().len();
        let mut sums = Tensor::zeros([self.runs.len() as i64, width as i64], self.options());
        for step in 0..plan.active_runs.len().min(most) {
            let before = self.before_step(&plan, epoch, step);
            let seen = self.step(&plan, epoch, step);
            if let Some(before) = before {
                self.after_step(before, &plan, epoch, step);
            }
            if let Some(kept) = &mut self.kept {
                kept.push(seen.shallow_clone());
            }
            // nothing is read back to the host before the epoch ends, which would wait for the device in each step
            sums += seen * plan.active.get(step as i64).unsqueeze(1);
        }
        (sums, plan.steps.iter().map(|&steps| steps.min(most)).collect())
    }

    /// Plans an epoch and gathers the batches of its first `most` steps, without training on them: for who measures what reading
    /// costs.
    pub fn read(&self, epoch: usize, most: usize) {
        let plan = self.plan(epoch);
        for step in 0..plan.active_runs.len().min(most) {
            let _inputs = self.gather(&plan.rows(step), plan.share.get(step as i64), Vec::new());
        }
    }

    /// Standardised features, labels and domains of rows [R, B]; zeros for a modality that a row lacks.
    pub(in crate::train) fn gather(&self, rows: &BatchRows<'_>, share: Tensor, masks: Vec<Option<Tensor>>) -> Inputs {
        let ((kind, device), runs, flat) = (self.options(), self.runs.len() as i64, rows.index.view([-1]));
        let take = |of: &Tensor| of.index_select(0, &flat).view([runs, -1]);
        let mut features = Vec::with_capacity(self.features.len());
        let present = (!self.valid.is_empty()).then(|| Tensor::stack(&self.valid.iter().map(take).collect::<Vec<_>>(), 2));
        for (m, ((of, mean), scale)) in self.features.iter().zip(&self.mean).zip(&self.scale).enumerate() {
            let rows = of.gather(rows, kind, device);
            let mut x = rows.view([runs, -1, rows.size()[1]]);
            x -= mean;
            x *= scale;
            // after standardising: zero then is the mean, and what the row has instead of features is none
            if let Some(present) = &present {
                x *= present.narrow(2, m as i64, 1);
            }
            features.push(x);
        }
        // a discriminator tells a run's sources apart, whatever places they have in the store
        let domain = self.places.gather(1, &take(&self.domain), false);
        let label = take(&self.label);
        let label = match &self.label_scale {
            Some([mean, scale]) => (label - mean) * scale,
            None => label,
        };
        Inputs { features, label, domain, share, present, weight: None, masks }
    }

    /// Dropout factors of a step by branch: the first one's from the step's random state itself, the others' from what it gives for
    /// their places.
    pub(super) fn masks(&self, states: &Tensor) -> Vec<Option<Tensor>> {
        let (kind, _) = self.options();
        let of = |(place, branch): (usize, &Branch)| {
            (branch.dropout && self.dropout > 0.0).then(|| match place {
                0 => factors(states, &self.elements, self.dropout, kind),
                _ => factors(&Streams::new(states).with(&format!("branch {place}")).state(), &self.elements, self.dropout, kind),
            })
        };
        self.model.branches().iter().enumerate().map(of).collect()
    }

    /// One step of every active run; what it saw, [R, 2 + M · record].
    pub(in crate::train) fn step(&mut self, plan: &EpochPlan, epoch: usize, step: usize) -> Tensor {
        let at = step as i64;
        let inputs = self.gather(&plan.rows(step), plan.share.get(at), self.masks(&plan.states.get(at)));
        let inputs = Inputs { weight: self.rarity.as_ref().map(|rarity| rarity.gather(1, &inputs.label, false)), ..inputs };
        let done = plan.done.as_ref().map(|done| done.get(at));
        let late = plan.late.as_ref().map(|late| late.get(at));
        let moment = Moment { active: plan.active.get(at), states: plan.states.get(at), epoch, done, late };
        let seen = self.model.gradients(&mut self.sets, &self.gradients, inputs, moment);
        let (rates, active) = (self.rates(epoch), &plan.active_runs[step]);
        plan.anew.get(step).into_iter().for_each(|anew| self.optimizer.forget(anew));
        let ahead = plan.numbers.as_ref().map(|numbers| numbers.get(at));
        self.optimizer.step(&mut self.sets.live.flat, &mut self.gradient, &rates, active, ahead.as_ref());
        if let Some(average) = &mut self.average {
            let ahead = plan.averaged.as_ref().map(|shares| shares.get(at));
            average.step(&self.sets.live.flat, active, epoch, ahead.as_ref());
        }
        let ahead: Vec<Tensor> = plan.beside.iter().map(|shares| shares.get(at)).collect();
        self.sets.take_in(active, plan.since.get(step), &ahead);
        let runs = self.runs.len() as i64;
        let record = match seen.record {
            Some(record) => record.view([runs, -1]),
            None => Tensor::zeros([runs, (self.features.len() * self.model.records().len()) as i64], self.options()),
        };
        Tensor::cat(&[seen.loss.unsqueeze(1), seen.score.unsqueeze(1), record], 1)
    }

    /// Run-steps a second over some of the first steps, which are trained for nothing else.
    pub fn rate(mut self) -> f64 {
        let plan = self.plan(0);
        let mut seen = self.step(&plan, 0, 0);
        to_host(&seen);
        let (start, mut steps) = (Instant::now(), 0);
        while steps < 4 || start.elapsed() < Duration::from_millis(50) {
            seen = self.step(&plan, 0, steps % plan.active_runs.len());
            steps += 1;
        }
        to_host(&seen); // the device is done
        (steps * self.runs.len()) as f64 / start.elapsed().as_secs_f64()
    }
}

/// Whether steps wait for the device that they run on.
#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use tch::{Cuda, Kind, Tensor};

    use super::super::super::device;
    use super::super::super::model::Design;
    use super::super::super::recipe::Optimizer;
    use super::super::super::table::{FeatureTable, TableModality};
    use super::super::super::task::DomainTask;
    use super::super::super::{Numbers, Pick, TargetSplit};
    use super::super::{Cohort, Run};
    use crate::balance::BUILDERS;
    use crate::hyperparameters::Hyperparameters;
    use crate::manifest::{Labels, Split};
    use crate::method;
    use crate::objective::Shape;
    use crate::rng::Stream;

    const STEPS: usize = 20;

    fn table() -> FeatureTable {
        let (rows, width) = (64 * (STEPS + 2), 256);
        let modality = |name: &str| {
            let values = (0..(rows * width) as u32).map(|i| Stream::new(0).with(name).uniform(i)).collect();
            TableModality::new(name, width, values, vec![true; rows])
        };
        let names = |names: &[&str]| names.iter().copied().map(String::from).collect();
        let domain = |i: usize| if i < 16 { 2 } else { i / 4 % 2 };
        let split = |i: usize| if i < 64 { Split::Test } else { Split::Train };
        FeatureTable::new(
            Labels::classes(names(&["a", "b", "c", "d"]), (0..rows).map(|i| i % 4)),
            names(&["one", "two", "target"]),
            vec![modality("video"), modality("audio")],
            (0..rows).map(domain).collect(),
            (0..rows).map(split).collect(),
        )
        .unwrap()
    }

    #[test]
    #[ignore = "needs a CUDA device: benches/gpu.sh runs it"]
    fn twenty_steps_on_cuda_return_before_the_work_queued_ahead_is_done() {
        let device = device::find("cuda").unwrap();
        let table = table();
        let task = Arc::new(DomainTask::leave_out(&table, &[0, 1], 2, TargetSplit::All).unwrap());
        let filler = Tensor::randn([8192, 8192], (Kind::Float, device)) / 8192.0;
        let fill = |times: usize| (0..times).fold(filler.shallow_clone(), |x, _| x.matmul(&filler));
        let _warm = fill(2);
        Cuda::synchronize(0);
        let start = Instant::now();
        let _measured = fill(4);
        Cuda::synchronize(0);
        let times = (4.0 * 0.3 / start.elapsed().as_secs_f64()).ceil() as usize;
        for balance in BUILDERS {
            let entry = balance.entry;
            let own = Hyperparameters::new(entry.takes, &Default::default()).unwrap();
            let design = Design {
                shape: Shape {
                    modalities: vec!["video".into(), "audio".into()],
                    widths: vec![128; 2],
                    task: crate::task::Classification::task(4),
                    domains: 2,
                    hidden: 64,
                    heads: crate::objective::Heads::default(),
                },
                inputs: vec![256, 256],
                hidden: vec![128],
                layer_norm: false,
                class_weights: false,
                dropout: 0.5,
                products: Default::default(),
                batches: None,
                method: method::builder("erm").unwrap(),
                balance,
            };
            let run = |seed| Run {
                task: task.clone(),
                seed,
                epochs: 1,
                learning_rate: 1e-3,
                weight_decay: 0.0,
                numbers: Numbers::default(),
                hyperparameters: own.clone(),
                pick: Pick::Validation,
            };
            let runs = (0..8).map(run).collect();
            let mut cohort = Cohort::new(&table, &design, Optimizer::Adam, 64, runs, Kind::Float, device);
            let plan = cohort.plan(0);
            let _first = cohort.step(&plan, 0, 0);
            Cuda::synchronize(0);
            let start = Instant::now();
            let _queued = fill(times);
            let queued = start.elapsed();
            let mut seen = Vec::new();
            for step in 1..=STEPS {
                seen.push(cohort.step(&plan, 0, step % plan.active_runs.len()));
            }
            let returned = start.elapsed() - queued;
            Cuda::synchronize(0);
            let done = start.elapsed();
            println!("{}: {STEPS} steps returned after {returned:?}, the device was done after {done:?}", entry.name);
            assert!(queued < Duration::from_millis(100) && done > Duration::from_millis(300), "{queued:?} {done:?}");
            assert!(returned < Duration::from_millis(50), "{}: {returned:?}", entry.name);
        }
    }
}
