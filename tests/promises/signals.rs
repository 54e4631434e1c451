//! Balancers that choose by confidences, accuracies and losses: exact, finite, and the same alone and in a cohort.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use mmdg::manifest::Split;
use mmdg::train::cohort::{Cohort, Epoch, Run};
use mmdg::train::{Optimizer, Table};
use tch::{Device, Kind};

use super::train::{a_run, design, hyperparameters, small, table, task};

/// Balancer and the settings that its runs share.
const KINDS: [(&str, &str); 7] = [
    ("ogm", ""),
    ("ogm-ge", ""),
    ("opm", ""),
    ("agm", ""),
    ("cggm", "form = 'code'"),
    ("cggm", "form = 'paper'"),
    ("gradient-blending", ""),
];

/// Three domains, one of them with fewer training rows, so that runs differ in steps an epoch.
fn uneven() -> Table {
    let full = small();
    let mut split = full.split().to_vec();
    (0..full.len()).filter(|&i| full.domain()[i] == 2 && i % 3 == 0).for_each(|i| split[i] = Split::Test);
    let (classes, domains) = (full.classes().to_vec(), full.domains().to_vec());
    Table::new(classes, domains, full.modalities().to_vec(), full.label().to_vec(), full.domain().to_vec(), split).unwrap()
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
        let train = |runs: Vec<Run>| {
            let mut cohort = Cohort::new(&table, &design, Optimizer::Adam, 8, runs, Kind::Float, Device::Cpu);
            let epochs: Vec<Vec<Option<Epoch>>> = (0..3).map(|epoch| cohort.epoch(epoch)).collect();
            (cohort.parameters().copy(), epochs)
        };
        let (together, epochs) = train(runs.clone());
        for (r, run) in runs.into_iter().enumerate() {
            let (alone, own) = train(vec![run]);
            assert_eq!(alone.get(0), together.get(r as i64), "{name} {words:?} run {r}");
            for (own, all) in own.iter().zip(&epochs) {
                assert_eq!(format!("{:?}", own[0]), format!("{:?}", all[r]), "{name} {words:?} run {r}");
            }
        }
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
