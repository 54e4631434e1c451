//! The only training loop: R runs of one shape side by side.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::average::Average;
use super::dropout::{elements, factors};
use super::evaluate::Evaluation;
use super::model::{Design, Inputs, Model, Moment};
use super::optimizer::{Descent, Rates};
use super::placed::Placed;
use super::recipe::{Numbers, Recipe};
use super::rehearsal;
use super::saved::Saved;
use super::schedule::{Plan, Turn};
use super::selection::Pick;
use super::table::Table;
use super::task::{Standard, Task};
use crate::balance::{Hyperparameters, RECORD};
use crate::objective::Params;
use crate::rng::Stream;

mod course;
mod judged;

pub use course::{Course, Trained};

/// What may differ between the runs of a cohort.
#[derive(Debug, Clone)]
pub struct Run {
    /// Sources, target and rows.
    pub task: Arc<Task>,
    /// Seed of every random number.
    pub seed: u64,
    /// Epochs to train, at least 1.
    pub epochs: usize,
    /// Learning rate.
    pub learning_rate: f64,
    /// Weight decay.
    pub weight_decay: f64,
    /// What else the recipe goes by.
    pub numbers: Numbers,
    /// The balancer's settings.
    pub hyperparameters: Hyperparameters,
    /// How the epoch is chosen.
    pub pick: Pick,
}

impl Run {
    fn rates(&self, recipe: Recipe, epoch: usize) -> Rates {
        let Numbers { momentum, clip, .. } = self.numbers;
        Rates {
            learning_rate: self.learning_rate * recipe.schedule.factor(epoch, self.epochs, &self.numbers),
            weight_decay: self.weight_decay,
            momentum,
            clip: if clip > 0.0 { clip } else { f64::INFINITY },
        }
    }
}

/// One epoch of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Mean fused classification loss over the steps' rows.
    pub train_loss: f64,
    /// Share of them that was right as seen.
    pub train_accuracy: f64,
    /// On the sources' validation rows, after the epoch.
    pub validation: Evaluation,
    /// Means of the balancer's record over the epoch's steps, by modality; NaN for figures that it does not have.
    pub record: Vec<[f64; RECORD.len()]>,
}

/// R runs, their parameters and the features on one device.
#[derive(Debug)]
pub struct Cohort {
    pub(super) runs: Vec<Run>,
    /// By run, the rows it learns from and those held out for its balancer.
    pub(super) rows: Vec<(Vec<usize>, Vec<usize>)>,
    pub(super) model: Model,
    recipe: Recipe,
    pub(super) optimizer: Descent,
    pub(super) average: Option<Average>,
    pub(super) batch: usize,
    dropout: f64,
    pub(super) flat: Tensor,
    /// Parameters of each run's best epoch so far, [R, P].
    best: Tensor,
    /// What came of each run so far.
    courses: Vec<Course>,
    /// The next epoch.
    next: usize,
    gradient: Tensor,
    pub(super) params: Params,
    heads: Params,
    gradients: Params,
    features: Vec<Tensor>,
    mean: Vec<Tensor>,
    scale: Vec<Tensor>,
    label: Tensor,
    domain: Tensor,
    /// Place of each domain among a run's sources, [R, domains].
    places: Tensor,
    elements: Tensor,
    /// By run, how much a row of each class counts in class losses, [R, classes]; none where all are alike.
    rarity: Option<Tensor>,
    classes: Vec<usize>,
    domains: Vec<usize>,
    /// Of the domains.
    names: Vec<String>,
}

/// Rows evaluated at once: always the same number, so that a run's figures do not depend on its neighbours.
pub(super) const EVALUATED: usize = 128;

impl Cohort {
    /// Puts the features on the device and draws every run's initial parameters. Runs must share the modalities and the
    /// numbers of classes and sources of `design`.
    pub fn new(
        table: &Table,
        design: &Design,
        recipe: impl Into<Recipe>,
        batch: usize,
        runs: Vec<Run>,
        kind: Kind,
        device: Device,
    ) -> Self {
        Self::on(table, &Placed::new(kind, device), design, recipe, batch, runs, None)
    }

    /// The same on features that other cohorts use too, from given weights, which fit.
    pub fn on(
        table: &Table,
        placed: &Placed,
        design: &Design,
        recipe: impl Into<Recipe>,
        batch: usize,
        runs: Vec<Run>,
        init: Option<&Saved>,
    ) -> Self {
        let recipe = recipe.into();
        let (kind, device) = (placed.kind, placed.device);
        let hyperparameters: Vec<_> = runs.iter().map(|run| run.hyperparameters.clone()).collect();
        let model = Model::new(design, &hyperparameters, kind, device);
        let place = |tensor: Tensor| tensor.to_device(device);
        let start = |run: &Run| {
            let mut row = model.layout.initial(run.seed);
            init.map(|init| init.put(&model.layout, model.needed, &mut row));
            Tensor::from_slice(&row).to_kind(kind)
        };
        let initial: Vec<Tensor> = runs.iter().map(start).collect();
        let flat = place(Tensor::stack(&initial, 0));
        let gradient = flat.zeros_like();
        let params = Params::views(&model.layout, &flat);
        let (heads, gradients) = (params.leaves(), Params::views(&model.layout, &gradient));

        let used = runs.first().map(|run| run.task.modalities.clone()).unwrap_or_default();
        let (mut features, mut mean, mut scale) = (Vec::new(), Vec::new(), Vec::new());
        for (m, &modality) in used.iter().enumerate() {
            features.push(placed.features(table, modality));
            let stack = |of: fn(&Standard) -> &Vec<f64>| {
                let rows: Vec<Tensor> = runs.iter().map(|run| Tensor::from_slice(of(&run.task.standard[m]))).collect();
                place(Tensor::stack(&rows, 0)).to_kind(kind).unsqueeze(1)
            };
            mean.push(stack(|standard| &standard.mean));
            scale.push(stack(|standard| &standard.scale));
        }
        let indices = |values: &[usize]| place(Tensor::from_slice(&values.iter().map(|&i| i as i64).collect::<Vec<_>>()));
        let domains = table.domains().len();
        let places: Vec<usize> = runs
            .iter()
            .flat_map(|run| (0..domains).map(|d| run.task.sources.iter().position(|&source| source == d).unwrap_or(0)))
            .collect();
        let rows = |(r, run): (usize, &Run)| match model.rehearsals().get(r) {
            Some(of) => rehearsal::part(&run.task.train, of.held_out, run.seed),
            None => (run.task.train.clone(), Vec::new()),
        };
        let rows: Vec<_> = runs.iter().enumerate().map(rows).collect();
        let elements = elements(batch as i64, model.layout.dropout_width(), device);
        let rarity = design.class_weights.then(|| {
            let of = |(rows, _): &(Vec<usize>, Vec<usize>)| rarities(rows, table.label(), table.classes().len());
            let weights: Vec<f64> = rows.iter().flat_map(of).collect();
            place(Tensor::from_slice(&weights).to_kind(kind)).view([runs.len() as i64, -1])
        });
        Self {
            rarity,
            recipe,
            optimizer: Descent::new(recipe.optimizer, &flat),
            average: Average::new(recipe.average, &flat),
            batch,
            dropout: design.dropout,
            label: placed.label(table),
            domain: placed.domain(table),
            places: indices(&places).view([-1, domains as i64]),
            classes: table.label().to_vec(),
            domains: table.domain().to_vec(),
            names: table.domains().to_vec(),
            elements,
            rows,
            best: flat.copy(),
            courses: vec![Course::default(); runs.len()],
            next: 0,
            runs,
            model,
            flat,
            gradient,
            params,
            heads,
            gradients,
            features,
            mean,
            scale,
        }
    }

    /// The runs, in order.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The model, whose layout names the parameters.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// All parameters, [R, P].
    pub fn parameters(&self) -> &Tensor {
        &self.flat
    }

    /// Epochs of the longest run.
    pub fn epochs(&self) -> usize {
        self.runs.iter().map(|run| run.epochs).max().unwrap_or(0)
    }

    /// The weights that are evaluated and kept: all parameters or their averages.
    pub(super) fn weights(&self) -> Params {
        Params::views(&self.model.layout, self.average.as_ref().map_or(&self.flat, Average::weights))
    }

    fn plan(&self, epoch: usize) -> Plan {
        let mut turns = Vec::new();
        for (run, rows) in self.runs.iter().zip(&self.rows) {
            turns.push(Turn { rows: &rows.0, stream: Stream::new(run.seed), active: epoch < run.epochs });
        }
        Plan::new(&turns, self.batch, epoch, self.flat.kind(), self.flat.device())
    }

    /// The first `most` steps of an epoch (from 0): sums over each run's steps of loss, accuracy and the balancer's record,
    /// [R, 2 + M · record], and how many steps each run has taken.
    pub fn steps(&mut self, epoch: usize, most: usize) -> (Tensor, Vec<usize>) {
        let plan = self.plan(epoch);
        let width = 2 + self.features.len() * RECORD.len();
        let mut sums = Tensor::zeros([self.runs.len() as i64, width as i64], (self.flat.kind(), self.flat.device()));
        for step in 0..plan.active_runs.len().min(most) {
            let seen = self.step(&plan, epoch, step);
            sums += seen * plan.active.get(step as i64).unsqueeze(1);
        }
        (sums, plan.steps.iter().map(|&steps| steps.min(most)).collect())
    }

    /// Trains one epoch (from 0) and evaluates; nothing for a run that has finished.
    pub fn epoch(&mut self, epoch: usize) -> Vec<Option<Epoch>> {
        self.rehearse(epoch);
        let (sums, steps) = self.steps(epoch, usize::MAX);
        let (sums, record) = (to_host(&sums), RECORD.len());
        let width = 2 + self.features.len() * record;
        let rows: Vec<&[usize]> = self.runs.iter().map(|run| &run.task.validation[..]).collect();
        let validation = self.evaluate(&self.weights(), &rows, false);
        let mut epochs = Vec::new();
        for ((run, validation), (steps, sums)) in self.runs.iter().zip(validation).zip(steps.iter().zip(sums.chunks(width))) {
            let mean: Vec<f64> = sums.iter().map(|sum| sum / (*steps).max(1) as f64).collect();
            let record = mean[2..].chunks(record).map(|chunk| std::array::from_fn(|i| chunk[i])).collect();
            let validation = Evaluation::from_rows(self.model.shape.classes as usize, &validation);
            let done = Epoch { train_loss: mean[0], train_accuracy: mean[1], validation, record };
            epochs.push((epoch < run.epochs).then_some(done));
        }
        epochs
    }

    /// Standardised features, labels and domains of rows [R, B].
    pub(super) fn gather(&self, rows: &Tensor, share: Tensor, masks: Option<Tensor>) -> Inputs {
        let (runs, flat) = (self.runs.len() as i64, rows.view([-1]));
        let take = |of: &Tensor| of.index_select(0, &flat).view([runs, -1]);
        let mut features = Vec::with_capacity(self.features.len());
        for ((of, mean), scale) in self.features.iter().zip(&self.mean).zip(&self.scale) {
            let mut x = of.index_select(0, &flat).view([runs, -1, of.size()[1]]);
            x -= mean;
            x *= scale;
            features.push(x);
        }
        let domain = self.places.gather(1, &take(&self.domain), false);
        Inputs { features, label: take(&self.label), domain, share, weight: None, masks }
    }

    /// One step of every active run; what it saw, [R, 2 + M · record].
    pub(super) fn step(&mut self, plan: &Plan, epoch: usize, step: usize) -> Tensor {
        let at = step as i64;
        let masks = (self.dropout > 0.0).then(|| factors(&plan.states.get(at), &self.elements, self.dropout, self.flat.kind()));
        let inputs = self.gather(&plan.rows.get(at), plan.share.get(at), masks);
        let inputs = Inputs { weight: self.rarity.as_ref().map(|rarity| rarity.gather(1, &inputs.label, false)), ..inputs };
        let share = |(run, &steps): (&Run, &usize)| {
            let done = epoch as f64 + step as f64 / steps.max(1) as f64;
            (done / run.epochs.max(1) as f64).min(1.0)
        };
        let done: Vec<f64> = self.runs.iter().zip(&plan.steps).map(share).collect();
        let done = Some(Tensor::from_slice(&done).to_kind(self.flat.kind()).to_device(self.flat.device()));
        let moment = Moment { active: plan.active.get(at), states: plan.states.get(at), epoch, done };
        let seen = self.model.gradients(&self.params, &self.heads, &self.gradients, inputs, moment);
        let rates: Vec<_> = self.runs.iter().map(|run| run.rates(self.recipe, epoch)).collect();
        self.optimizer.step(&mut self.flat, &self.gradient, &rates, &plan.active_runs[step]);
        if let Some(average) = &mut self.average {
            let numbers: Vec<_> = self.runs.iter().map(|run| run.numbers).collect();
            average.step(&self.flat, &numbers, &plan.active_runs[step], epoch);
        }
        let runs = self.runs.len() as i64;
        let record = match seen.record {
            Some(record) => record.view([runs, -1]),
            None => Tensor::zeros([runs, (self.features.len() * RECORD.len()) as i64], (self.flat.kind(), self.flat.device())),
        };
        Tensor::cat(&[seen.loss.unsqueeze(1), seen.accuracy.unsqueeze(1), record], 1)
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

/// N / (classes · N_c) of N rows, by class; 0 for a class that is not there.
fn rarities(rows: &[usize], label: &[usize], classes: usize) -> Vec<f64> {
    let mut counts = vec![0usize; classes];
    rows.iter().for_each(|&row| counts[label[row]] += 1);
    let weight = |&count: &usize| if count > 0 { rows.len() as f64 / (classes * count) as f64 } else { 0.0 };
    counts.iter().map(weight).collect()
}

/// The elements in order, as f64.
fn to_host(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor.to_kind(Kind::Double).to_device(Device::Cpu).contiguous();
    let mut values = vec![0.0; flat.numel()];
    flat.view([-1]).copy_data(&mut values, flat.numel());
    values
}
