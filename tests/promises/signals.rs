//! Balancers that choose by confidences, accuracies and losses: exact, finite, and the same alone and in a cohort.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;

use mmdg::balance::{self, Balancer, EACH, Groups, Losses, Signals, TaskHeads, Update};
use mmdg::manifest::Split;
use mmdg::objective::{Batch, FusedClassification, Layout, Objective, Params, Role, Shape, Streams};
use mmdg::rng::Stream;
use mmdg::task::{Classification, Reading};
use mmdg::train::cohort::{Cohort, Run};
use mmdg::train::{FeatureTable, Optimizer};
use tch::{Device, Kind, Tensor};

use super::train::{a_run, alone_as_together, design, hyperparameters, small, table, task};

/// Balancer and the settings that its runs share.
pub(super) const KINDS: [(&str, &str); 7] = [
    ("ogm", ""),
    ("ogm-ge", ""),
    ("opm", ""),
    ("agm", ""),
    ("cggm", "form = 'code'"),
    ("cggm", "form = 'paper'"),
    ("gradient-blending", ""),
];

/// Three domains, one of them with fewer training rows, so that runs differ in steps an epoch.
fn uneven() -> FeatureTable {
    let full = small();
    let mut split = full.split().to_vec();
    (0..full.len()).filter(|&i| full.domain()[i] == 2 && i % 3 == 0).for_each(|i| split[i] = Split::Test);
    let (labels, domains) = (full.labels().clone(), full.domains().to_vec());
    FeatureTable::new(labels, domains, full.modalities().to_vec(), full.domain().to_vec(), split).unwrap()
}

#[test]
fn a_run_alone_and_in_a_cohort_of_eight_are_bit_equal() {
    tch::set_num_threads(1);
    let table = uneven();
    for (name, words) in KINDS {
        let design = design(&table, name, 0.4);
        let own = |i: usize| {
            let i = i as f64;
            let more = [
                ("alpha", 0.2 + 0.1 * i),
                ("first-epoch", i % 2.0),
                ("p-exe", 0.3 + 0.1 * i),
                ("lambda", 0.1 * i),
                ("super-epoch", 1.0 + i % 3.0),
                ("momentum", 0.1 * i),
                ("held-out", 0.1 + 0.05 * i),
            ];
            hyperparameters(name, words, &more)
        };
        let mut runs: Vec<Run> = (0..8).map(|i| a_run(task(&table, i % 3), i as u64 / 2, own(i))).collect();
        (runs[1].epochs, runs[4].epochs, runs[3].learning_rate) = (1, 2, 1e-4);
        alone_as_together(&table, &design, runs, &format!("{name} {words:?}"));
    }
}

#[test]
fn one_modality_and_three_train_and_stay_finite() {
    for modalities in [&[("video", 6)][..], &[("video", 6), ("audio", 5), ("flow", 4)]] {
        let table = table(modalities, 3, 3, 10);
        for (name, words) in KINDS {
            let runs = vec![a_run(task(&table, 0), 1, hyperparameters(name, words, &[("super-epoch", 1.0)]))];
            let mut cohort = Cohort::new(&table, &design(&table, name, 0.4), Optimizer::Adam, 8, runs, Kind::Float, Device::Cpu);
            for epoch in 0..3 {
                let done = cohort.epoch(epoch).remove(0).unwrap();
                assert!(done.train_loss.is_finite() && done.validation.loss.is_finite(), "{name} {words:?} {done:?}");
            }
            assert!(cohort.parameters().isfinite().all().int64_value(&[]) == 1, "{name} {words:?}");
        }
    }
}

#[derive(serde::Deserialize)]
struct Goldens {
    ogm: Vec<Ogm>,
    opm: Vec<Opm>,
    agm: Vec<Agm>,
    cggm: Vec<Cggm>,
    gradient_blending: Vec<Blending>,
}

#[derive(serde::Deserialize)]
struct Scores {
    scores: Vec<Vec<Vec<f64>>>,
    label: Vec<i64>,
}

#[derive(serde::Deserialize)]
struct Ogm {
    #[serde(flatten)]
    scores: Scores,
    alpha: f64,
    rho: Vec<f64>,
    k: Vec<f64>,
}

#[derive(serde::Deserialize)]
struct Opm {
    #[serde(flatten)]
    scores: Scores,
    seed: u64,
    q_base: f64,
    lambda: f64,
    p_exe: f64,
    rho: Vec<f64>,
    mask: Vec<Vec<f64>>,
    /// With widths of 3, 5 and 4.
    factors: Vec<Vec<f64>>,
}

#[derive(serde::Deserialize)]
struct Agm {
    alpha: f64,
    steps: Vec<AgmStep>,
}

#[derive(serde::Deserialize)]
struct AgmStep {
    #[serde(flatten)]
    scores: Scores,
    r: Vec<f64>,
    scale: Vec<f64>,
}

#[derive(serde::Deserialize)]
struct Cggm {
    form: String,
    clamp: f64,
    rho: f64,
    lambda: f64,
    params: BTreeMap<String, Vec<f64>>,
    steps: Vec<CggmStep>,
}

#[derive(serde::Deserialize)]
struct CggmStep {
    embeddings: Vec<Vec<f64>>,
    label: Vec<i64>,
    scale: Vec<f64>,
    steer: Vec<Vec<f64>>,
}

#[derive(serde::Deserialize)]
struct Blending {
    momentum: f64,
    estimates: Vec<Estimate>,
}

#[derive(serde::Deserialize)]
struct Estimate {
    train: [Vec<f64>; 2],
    held_out: [Vec<f64>; 2],
    weights: Vec<f64>,
}

fn goldens() -> Goldens {
    serde_json::from_str(include_str!("../reference/signals.json")).unwrap()
}

impl Scores {
    fn reading(&self) -> Reading {
        let scores: Vec<f64> = self.scores.iter().flatten().flatten().copied().collect();
        let shape = [1, self.scores.len() as i64, self.label.len() as i64, -1];
        let share = Tensor::full([1, shape[2]], 1.0 / shape[2] as f64, (Kind::Double, Device::Cpu));
        Reading::new(
            &Classification::of(2),
            &Tensor::from_slice(&scores).view(shape),
            &Tensor::from_slice(&self.label).unsqueeze(0),
            &share,
        )
    }
}

/// One run's step with two objectives.
fn signals(class: Option<Reading>) -> Signals {
    Signals {
        loss: Tensor::zeros([1, 2], (Kind::Double, Device::Cpu)),
        class,
        domain: None,
        gramian: None,
        groups: groups(),
        active: Tensor::from_slice(&[1.0]),
        states: Tensor::zeros([1, 2], (Kind::Int, Device::Cpu)),
        epoch: 0,
        done: None,
    }
}

fn groups() -> Groups {
    Groups::new(EACH, &[Role::Task, Role::Unimodal])
}

fn build(name: &str, words: &str, more: &[(&str, f64)]) -> Box<dyn Balancer> {
    (balance::builder(name).unwrap().build)(&[hyperparameters(name, words, more)], Kind::Double, Device::Cpu)
}

fn shape(modalities: usize) -> Shape {
    let widths = vec![3; modalities];
    let modalities = ["video", "audio", "flow"][..modalities].iter().map(|name| (*name).into()).collect();
    Shape { modalities, widths, task: Classification::task(4), domains: 2, hidden: 5, heads: mmdg::objective::Heads::default() }
}

/// Relative to the largest wanted number.
fn close(found: &Tensor, wanted: &[f64], tolerance: f64) {
    let found = Vec::<f64>::try_from(found.flatten(0, -1).contiguous()).unwrap();
    let largest = wanted.iter().fold(1e-3, |a: f64, b| a.max(b.abs()));
    assert_eq!(found.len(), wanted.len());
    assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < tolerance * largest), "{found:?} {wanted:?}");
}

/// The same weight for every objective, these for the modalities.
fn close_weights(update: &Update, wanted: &[f64], tolerance: f64) {
    for t in 0..2 {
        close(&update.weights.select(2, t), wanted, tolerance);
    }
}

#[test]
fn ogm_slows_down_as_the_reference() {
    for case in goldens().ogm {
        let update = build("ogm", "", &[("alpha", case.alpha)]).weigh(&signals(Some(case.scores.reading()))).unwrap();
        close_weights(&update, &case.k, 1e-12);
        close(update.record.get("rho").unwrap(), &case.rho, 1e-12);
    }
}

#[test]
fn opm_drops_what_the_reference_drops() {
    for case in goldens().opm {
        let modalities = case.rho.len();
        let shape = Shape { widths: [3, 5, 4][..modalities].into(), ..shape(modalities) };
        let of = |words: &str| {
            let mut opm = build("opm", words, &[("q-base", case.q_base), ("lambda", case.lambda), ("p-exe", case.p_exe)]);
            opm.prepare(&shape, &Layout::default(), 0..0, Groups::new(EACH, &[Role::Task]));
            opm
        };
        let states = Streams::states(&[Stream::new(case.seed)]);
        for (words, wanted) in [("", &case.factors), ("rescale = 'no'", &case.mask)] {
            close(&of(words).dropping().unwrap().factors(&case.scores.reading(), &states, 0), &wanted.concat(), 1e-12);
        }
        let mut opm = of("");
        let update = opm.weigh(&signals(Some(case.scores.reading()))).unwrap();
        close(update.record.get("rho").unwrap(), &case.rho, 1e-12);
        close_weights(&update, &vec![1.0; case.rho.len()], 1e-12);
    }
}

#[test]
fn agm_scales_as_the_reference() {
    for case in goldens().agm {
        let mut agm = build("agm", "", &[("alpha", case.alpha)]);
        agm.prepare(&shape(case.steps[0].r.len()), &Layout::default(), 0..0, groups());
        for step in case.steps {
            let update = agm.weigh(&signals(Some(step.scores.reading()))).unwrap();
            close(update.record.get("rho").unwrap(), &step.r, 1e-11);
            close_weights(&update, &step.scale, 1e-11);
        }
    }
}

#[test]
fn cggm_scales_and_steers_as_the_reference() {
    for case in goldens().cggm {
        let shape = shape(case.steps[0].scale.len());
        let words = format!("form = '{}'", case.form);
        let mut cggm = build("cggm", &words, &[("rho", case.rho), ("lambda", case.lambda), ("clamp", case.clamp)]);
        let mut layout = Layout::default();
        let fused = FusedClassification::declare(&shape, &mut layout);
        let guide = cggm.terms(&shape, &mut layout, &[Role::Task]).remove(0).objective;
        cggm.prepare(&shape, &layout, fused.entries(), groups());
        let flat: Vec<f64> = layout.entries().iter().flat_map(|entry| case.params[&entry.name].clone()).collect();
        let params = Params::views(&layout, &Tensor::from_slice(&flat).unsqueeze(0)).leaves();
        for step in &case.steps {
            let rows = step.label.len() as i64;
            let embeddings = Tensor::from_slice(&step.embeddings.concat()).view([1, rows, -1]);
            let label = Tensor::from_slice(&step.label).unsqueeze(0);
            let share = Tensor::full([1, rows], 1.0 / rows as f64, (Kind::Double, Device::Cpu));
            let batch = Batch {
                embeddings: &embeddings,
                label: &label,
                domain: &label,
                share: &share,
                present: None,
                weight: None,
                mixed: None,
                states: None,
                masks: None,
            };
            let (whole, own) = (fused.forward(&params, &batch), guide.forward(&params, &batch));
            let class = own.class.unwrap();
            let steer = cggm.steering().unwrap().steer(&TaskHeads {
                fused: &whole.last[0],
                probes: &own.last.iter().collect::<Vec<_>>(),
                class: &class,
                heads: params.range(fused.entries()),
                batch: &batch,
                active: &Tensor::from_slice(&[1.0]),
            });
            // sums of changes that are 0 but for rounding stand in a denominator
            close(&steer.unwrap(), &step.steer.concat(), 1e-6);
            close_weights(&cggm.weigh(&signals(Some(class))).unwrap(), &step.scale, 1e-6);
        }
    }
}

#[test]
fn gradient_blending_weighs_as_the_reference() {
    for case in goldens().gradient_blending {
        let mut blending = build("gradient-blending", "", &[("momentum", case.momentum)]);
        let modalities = case.estimates[0].weights.len() - 1;
        blending.prepare(&shape(modalities), &Layout::default(), 0..0, groups());
        let fused_and_own = |blending: &mut Box<dyn Balancer>| {
            let update = blending.weigh(&signals(None)).unwrap();
            let own = update.weights.select(2, 1);
            let fused = update.weights.select(2, 0);
            assert!((&fused - fused.select(1, 0)).abs().max().double_value(&[]) == 0.0);
            assert!((update.heads.unwrap().select(1, 0) - fused.select(1, 0)).abs().max().double_value(&[]) == 0.0);
            Tensor::cat(&[own, fused.narrow(1, 0, 1)], 1)
        };
        close(&fused_and_own(&mut blending), &vec![1.0 / (modalities + 1) as f64; modalities + 1], 1e-12);
        for estimate in case.estimates {
            let row = |values: &[f64]| Tensor::from_slice(values).unsqueeze(0);
            let [before, after] = [0, 1].map(|i| Losses { train: row(&estimate.train[i]), held_out: row(&estimate.held_out[i]) });
            blending.look_ahead().unwrap().learn(&before, &after, &Tensor::from_slice(&[0.0]));
            blending.look_ahead().unwrap().learn(&before, &after, &Tensor::from_slice(&[1.0]));
            close(&fused_and_own(&mut blending), &estimate.weights, 1e-10);
        }
    }
}

#[test]
fn extreme_scores_give_finite_weights_and_equal_modalities_equal_ones() {
    for (name, words) in KINDS {
        for modalities in 1..=3 {
            for (i, scores) in [[1e4, -1e4, 1e4], [-1e4, 1e4, 0.0], [0.0; 3], [2.0; 3]].into_iter().enumerate() {
                let mut balancer = build(name, words, &[]);
                balancer.prepare(&shape(modalities), &Layout::default(), 0..0, groups());
                // the truth's score against 0 in two rows
                let of = |m: usize| vec![vec![scores[m], 0.0]; 2];
                let scores = Scores { scores: (0..modalities).map(of).collect(), label: vec![0, 0] };
                for _ in 0..3 {
                    let update = balancer.weigh(&signals(Some(scores.reading()))).unwrap();
                    assert_eq!(update.weights.isfinite().all().int64_value(&[]), 1, "{name} {words:?}");
                    let record = update.record.tensor().unwrap();
                    assert_eq!(record.isinf().any().int64_value(&[]), 0, "{name} {words:?}");
                    if i > 1 {
                        let spread = (&update.weights - update.weights.select(1, 0).unsqueeze(1)).abs().max();
                        assert!(spread.double_value(&[]) < 1e-12, "{name} {words:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn copies_that_train_ahead_leave_the_run_as_it_was() {
    // weights that stay as they were: what copies learn must not show
    let table = small();
    let train = |more: &[(&str, f64)]| {
        let own = hyperparameters("gradient-blending", "", more);
        let runs = vec![a_run(task(&table, 0), 1, own)];
        let mut cohort =
            Cohort::new(&table, &design(&table, "gradient-blending", 0.4), Optimizer::Adam, 8, runs, Kind::Float, Device::Cpu);
        (0..2).for_each(|epoch| _ = cohort.epoch(epoch));
        cohort.parameters().copy()
    };
    assert_eq!(train(&[("momentum", 1.0), ("super-epoch", 1.0)]), train(&[("momentum", 1.0), ("super-epoch", 2.0)]));
    assert_ne!(train(&[("super-epoch", 1.0)]), train(&[("super-epoch", 2.0)]));
}
