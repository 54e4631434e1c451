//! Kinds of encoders, fusions, losses and ways to descend: each trains, a run alone as among others, and what does not fit is
//! refused.

use mmdg::method;
use mmdg::objective::{Fusion, Heads, Shape};
use mmdg::task::Classification;
use mmdg::train::cohort::{Cohort, Epoch, Run};
use mmdg::train::model::Design;
use mmdg::train::{Averaging, Numbers, Optimizer, Recipe, Schedule, TrainSettings, Widths};
use tch::{Device, Kind};

use super::train::{a_run, design, hyperparameters, table, task};

#[test]
fn every_kind_trains_a_run_alone_as_among_others() {
    tch::set_num_threads(1);
    let table = table(&[("video", 6), ("audio", 5)], 3, 3, 10);
    let modality = "discriminator = 'modality'\nwarm-up = 'ramp'";
    for (fusion, optimizer, schedule, average, balance, words) in [
        (Fusion::Concat, Optimizer::Sgd, Schedule::Cosine, Averaging::Ema, "adversarial", modality),
        (Fusion::Sum, Optimizer::Adamw, Schedule::Step, Averaging::Mean, "adversarial", "warm-up = 'ramp'"),
        (Fusion::Film, Optimizer::Adam, Schedule::Constant, Averaging::None, "gmp", ""),
        (Fusion::Gated, Optimizer::Sgd, Schedule::Constant, Averaging::Mean, "none", ""),
    ] {
        let base = design(&table, balance, 0.4);
        let heads = Heads { fusion, unimodal: 0.5 };
        let task_of = Classification { smoothing: 0.1, ..Classification::of(base.shape.task.outputs()) };
        let design = Design {
            shape: Shape { heads, task: std::sync::Arc::new(task_of), ..base.shape },
            hidden: vec![12, 10],
            layer_norm: true,
            class_weights: true,
            method: method::builder("unimodal").unwrap(),
            ..base
        };
        let own = hyperparameters(balance, words, &[]);
        let mut runs: Vec<Run> = (0..3).map(|i| a_run(task(&table, i), i as u64, own.clone())).collect();
        for (i, run) in runs.iter_mut().enumerate() {
            let numbers = Numbers { clip: i as f64, step_epochs: 1, average_from: i, ..Numbers::default() };
            (run.learning_rate, run.numbers) = (0.01, numbers);
        }
        runs[1].epochs = 2;
        let train = |runs: Vec<Run>| {
            let mut cohort =
                Cohort::new(&table, &design, Recipe { optimizer, schedule, average }, 8, runs, Kind::Float, Device::Cpu);
            let epochs: Vec<Vec<Option<Epoch>>> = (0..3).map(|epoch| cohort.epoch(epoch)).collect();
            (cohort.parameters().copy(), epochs)
        };
        let (together, epochs) = train(runs.clone());
        assert!(together.isfinite().all().int64_value(&[]) == 1, "{fusion:?}");
        for (r, run) in runs.into_iter().enumerate() {
            let (alone, own) = train(vec![run]);
            assert_eq!(alone.get(0), together.get(r as i64), "{fusion:?} run {r}");
            assert!(
                own.iter()
                    .zip(&epochs)
                    .all(|(own, all)| own[0].as_ref().map(|e| e.train_loss) == all[r].as_ref().map(|e| e.train_loss))
            );
        }
        let loss = |epoch: usize| epochs[epoch][0].as_ref().unwrap().train_loss;
        assert!(loss(0).is_finite() && loss(0) != loss(2), "{fusion:?}: nothing was trained");
    }
}

#[test]
fn hidden_widths_are_a_number_or_a_list() {
    let widths = |text: &str| toml::from_str::<TrainSettings>(text).unwrap().widths();
    assert_eq!(widths(""), Widths(vec![512]));
    assert_eq!(widths("hidden = 0"), Widths(vec![]));
    assert_eq!(widths("hidden = 64"), Widths(vec![64]));
    assert_eq!(widths("hidden = [64, 32]"), Widths(vec![64, 32]));
    assert_eq!(widths("encoder = 'linear'"), Widths(vec![]));
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    for (text, problem) in [
        ("encoder = 'linear'\nhidden = 8", "[train] hidden: [8]; expected none with encoder = \"linear\""),
        ("hidden = [8, 0]", "[train] hidden: [8, 0]; expected up to 16 whole numbers from 1 to 1048576, or 0 alone"),
        (
            "layer-norm = true\nhidden = 0",
            "[train] layer-norm: true; expected false with linear encoders, which have no hidden layer",
        ),
        ("clip = -1.0", "[train] clip: -1; expected a number of at least 0"),
        ("momentum = 1.0", "[train] momentum: 1; expected a share of at least 0 and below 1"),
        ("label-smoothing = 1.0", "[train] label-smoothing: 1; expected a share of at least 0 and below 1"),
        ("step-epochs = 0", "[train] step-epochs: 0; expected a whole number from 1 to 1048576"),
        ("average = 'mean'\naverage-from = 20", "[train] average-from: 20; expected an epoch below epochs = 20"),
        (
            "[[compare]]\nname = 'x'\nmethod = 'unimodal'\nbalance = 'gmp'\nvariant = 'bench'",
            "[[train.compare]] \"x\": method \"unimodal\" and balance \"gmp\" both have heads named unimodal: their losses are the same; expected another pair",
        ),
    ] {
        let settings: TrainSettings = toml::from_str(text).unwrap();
        let error = settings.check().and_then(|()| settings.columns().map(|_| ())).unwrap_err();
        assert_eq!(error.to_string(), problem);
    }
    for text in ["encoder = 'cnn'", "fusion = 'product'", "optimizer = 'lion'", "schedule = 'linear'", "average = 'swa'"] {
        assert!(toml::from_str::<TrainSettings>(text).is_err(), "{text}");
    }
}
