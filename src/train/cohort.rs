//! The only training loop: R runs of one shape side by side.

use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::average::Average;
use super::copies;
use super::dropout::elements;
use super::features::Features;
use super::model::{Design, Model};
use super::optimizer::Descent;
use super::placed::Placed;
use super::plain::in_large_pages;
use super::recipe::{Numbers, Recipe};
use super::saved::Saved;
use super::selection::Pick;
use super::sets::Sets;
use super::settings::TrainSettings;
use super::table::FeatureTable;
use super::task::{Absent, DomainTask, Standard};
use super::trial::Trial;
use crate::hyperparameters::Hyperparameters;
use crate::manifest::Labels;
use crate::method::Batches;
use crate::objective::Params;

mod course;
mod dump;
mod epoch;
mod judged;
mod plan;
mod steps;

pub(super) use dump::{STEPS, clear};
pub use epoch::{Course, Epoch, Trained};

/// What may differ between the runs of a cohort.
#[derive(Debug, Clone)]
pub struct Run {
    /// Sources, target and rows.
    pub task: Arc<DomainTask>,
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
    /// The run that a trial is, with these settings.
    pub(super) fn of(trial: &Trial, settings: &TrainSettings) -> Self {
        let Trial { configuration, task, seed, pick, .. } = trial;
        Self {
            task: task.clone(),
            seed: *seed,
            epochs: settings.epochs,
            learning_rate: configuration.learning_rate,
            weight_decay: configuration.weight_decay,
            numbers: settings.numbers(),
            hyperparameters: configuration.column.hyperparameters.clone(),
            pick: *pick,
        }
    }
}

/// R runs, their parameters and the features on one device.
///
/// Heads are so small that a single run's step is mostly the overhead of calling libtorch. Side by side R runs make the same calls, with a
/// leading axis of R; whatever could mix runs, a reduction over that axis or a product whose blocks depend on R, is avoided, so that a run's
/// bits are those that it has alone.
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
    batches: Batches,
    dropout: f64,
    /// Parameters, by branch.
    pub(super) sets: Sets,
    /// Parameters of each run's best epoch so far, [R, P].
    best: Tensor,
    /// What came of each run so far.
    courses: Vec<Course>,
    /// The next epoch.
    next: usize,
    /// What each step of the epoch saw, where that is kept.
    kept: Option<Vec<Tensor>>,
    gradient: Tensor,
    gradients: Params,
    features: Vec<Features>,
    /// By modality, 1 where a row has it, \[N\]; none where rows that lack one are no part of the tasks.
    valid: Vec<Tensor>,
    mean: Vec<Tensor>,
    scale: Vec<Tensor>,
    label: Tensor,
    /// Mean and scale of each run's labels, [R, 1] each, where they are values.
    label_scale: Option<[Tensor; 2]>,
    domain: Tensor,
    /// Place of each domain among a run's sources, [R, domains].
    places: Tensor,
    elements: Tensor,
    dump: Option<dump::Dump>,
    /// By run, how much a row of each class counts in class losses, [R, classes]; none where all are alike.
    rarity: Option<Tensor>,
    labels: Labels,
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
        table: &FeatureTable,
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
        table: &FeatureTable,
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
        let mut model = Model::new(design, &hyperparameters, kind, device);
        let place = |tensor: Tensor| tensor.to_device(device);
        let start = |run: &Run| {
            let mut row = model.layout.initial(run.seed);
            init.map(|init| init.put(&model.layout, model.needed, &mut row));
            Tensor::from_slice(&row).to_kind(kind)
        };
        let initial: Vec<Tensor> = runs.iter().map(start).collect();
        let flat = in_large_pages(place(Tensor::stack(&initial, 0)));
        // one buffer for all parameters, which the optimizer goes through once; layers and heads are views of it
        let gradient = in_large_pages(flat.zeros_like());
        let gradients = Params::views(&model.layout, &gradient);

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
        let lacking = |m: &usize| table.modalities()[*m].valid.contains(&false);
        let masks = runs.iter().any(|run| run.task.absent == Absent::Mask) && used.iter().any(lacking);
        let valid = used.iter().filter(|_| masks).map(|&modality| placed.valid(table, modality)).collect();
        let indices = |values: &[usize]| place(Tensor::from_slice(&values.iter().map(|&i| i as i64).collect::<Vec<_>>()));
        let domains = table.domains().len();
        let places: Vec<usize> = runs
            .iter()
            .flat_map(|run| (0..domains).map(|d| run.task.sources.iter().position(|&source| source == d).unwrap_or(0)))
            .collect();
        let copies = model.copies();
        let rows = |(r, run): (usize, &Run)| match copies.get(r) {
            Some(of) => copies::part(&run.task.train, of.held_out, run.seed),
            None => (run.task.train.clone(), Vec::new()),
        };
        let rows: Vec<_> = runs.iter().enumerate().map(rows).collect();
        let elements = elements(batch as i64, model.layout.dropout_width(), device);
        let rarity = design.class_weights.then(|| {
            let of = |(rows, _): &(Vec<usize>, Vec<usize>)| table.rarity(rows);
            let weights: Vec<f64> = rows.iter().flat_map(of).collect();
            place(Tensor::from_slice(&weights).to_kind(kind)).view([runs.len() as i64, -1])
        });
        Self {
            rarity,
            recipe,
            optimizer: Descent::new(recipe.optimizer, &flat).by(model.parts()),
            average: Average::new(recipe.average, &flat, runs.iter().map(|run| run.numbers).collect()),
            batch,
            batches: design.batches.unwrap_or(design.method.entry.batches),
            dropout: design.dropout,
            label_scale: placed.label_scale(table, runs.iter().map(|run| run.task.label)),
            label: placed.label(table),
            domain: placed.domain(table),
            places: indices(&places).view([-1, domains as i64]),
            labels: table.labels().clone(),
            domains: table.domain().to_vec(),
            names: table.domains().to_vec(),
            elements,
            dump: None,
            rows,
            best: flat.copy(),
            courses: vec![Course::default(); runs.len()],
            next: 0,
            kept: None,
            runs,
            sets: model.sets(flat),
            model,
            gradient,
            gradients,
            features,
            valid,
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
        &self.sets.live.flat
    }

    /// Type and device of the parameters.
    pub(super) fn options(&self) -> (Kind, Device) {
        (self.sets.live.flat.kind(), self.sets.live.flat.device())
    }

    /// The weights that are judged and kept, [R, P].
    pub fn judged_parameters(&self) -> &Tensor {
        self.flat_weights()
    }

    /// Whether the balancer's record of each step is kept.
    pub fn keep_steps(&mut self, keep: bool) {
        self.kept = keep.then(Vec::new);
    }

    /// Epochs of the longest run.
    pub fn epochs(&self) -> usize {
        self.runs.iter().map(|run| run.epochs).max().unwrap_or(0)
    }

    /// The weights that are evaluated and kept: all parameters or their averages, by the recipe or the method.
    pub(super) fn weights(&self) -> Params {
        Params::views(&self.model.layout, self.flat_weights())
    }

    /// The same as one buffer, [R, P].
    fn flat_weights(&self) -> &Tensor {
        self.average.as_ref().map_or(&self.sets.at(self.model.judged()).flat, Average::weights)
    }
}
