//! A run whose loss is not finite: stopped, said to be so everywhere, chosen by nothing, and no one else's trouble.

use std::path::Path;

use mmdg::balance::BALANCERS;
use mmdg::report::results::RunResult;
use mmdg::report::{self, Comparison};
use mmdg::train::cohort::{Cohort, Run};
use mmdg::train::predict::Predictor;
use mmdg::train::{Averaging, Optimizer, Protocol, Recipe, Schedule, Selection, TrainSettings, Trained};
use tch::{Device, Kind};

use crate::train::{a_run, compare, design, hyperparameters, one_task, run, settings, small, task, walk};

/// A learning rate after which the next loss is none.
const TOO_LARGE: f64 = 1e30;

fn trained(runs: Vec<Run>, design: &mmdg::train::model::Design, recipe: Recipe, kind: Kind) -> Vec<Trained> {
    let mut cohort = Cohort::new(&small(), design, recipe, 8, runs, kind, Device::Cpu);
    while !cohort.is_done() {
        cohort.advance();
    }
    cohort.finish()
}

#[test]
fn a_run_that_diverges_stops_and_leaves_its_neighbours_bits_alone_with_every_balancer() {
    tch::set_num_threads(1);
    let table = small();
    let words = |name: &str| match name {
        "gmp" => vec!["", "variant = 'bench'"],
        "adversarial" => vec!["", "discriminator = 'modality'\nwarm-up = 'ramp'"],
        "gradient-blending" => vec!["super-epoch = 1"],
        "pcgrad" | "mgda" | "cagrad" | "aligned-mtl" | "nash-mtl" | "upgrad" | "grad-vac" | "grad-norm" => {
            vec!["", "objectives = 'unimodal'"]
        }
        _ => vec![""],
    };
    let plain = Recipe { optimizer: Optimizer::Adam, schedule: Schedule::Constant, average: Averaging::None };
    let averaged = Recipe { average: Averaging::Ema, ..plain };
    for entry in BALANCERS {
        for (i, words) in words(entry.name).into_iter().enumerate() {
            let (recipe, kind) = if i == 0 { (plain, Kind::Float) } else { (averaged, Kind::Double) };
            let design = design(&table, entry.name, 0.4);
            let takes =
                |words: &str| mmdg::hyperparameters::Hyperparameters::new(entry.takes, &toml::from_str(words).unwrap()).is_ok();
            let own = hyperparameters(entry.name, if takes(words) { words } else { "" }, &[]);
            let mut runs: Vec<Run> = (0..4).map(|i| a_run(task(&table, i % 3), i as u64, own.clone())).collect();
            runs[1].learning_rate = if kind == Kind::Double { 1e200 } else { TOO_LARGE };
            runs[3].epochs = 2;
            let together = trained(runs.clone(), &design, recipe, kind);
            let course = &together[1].course;
            assert_eq!((course.diverged, course.selected, course.curve.len()), (Some(0), None, 1), "{} {words}", entry.name);
            for r in [0, 2, 3] {
                let alone = trained(vec![runs[r].clone()], &design, recipe, kind).remove(0);
                let found = &together[r];
                assert_eq!(alone.parameters, found.parameters, "{} {words:?} run {r}", entry.name);
                // as text: figures that a balancer does not have are NaN, which equals nothing
                let all = |run: &Trained| format!("{:?} {:?} {:?}", run.course, run.test, run.domains);
                assert_eq!(all(&alone), all(found), "{} {words:?} run {r}", entry.name);
                assert!(found.course.diverged.is_none() && found.course.selected.is_some());
            }
        }
    }
}

/// Two columns of which one learns nothing but NaN.
fn half(out: &Path) -> Vec<RunResult> {
    let of = |name: &str, learning_rate: f64| {
        let compare = vec![compare(&format!("name = '{name}'\nbalance = '{name}'"))];
        let protocol = Protocol { seeds: vec![0, 1], ..Protocol::default() };
        run(&small(), &TrainSettings { compare, learning_rate, protocol, ..settings(out) }).unwrap()
    };
    let mut all = of("none", 1e-3);
    all.extend(of("gmp", TOO_LARGE));
    all
}

#[test]
fn a_run_that_diverged_has_no_figures_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let made = half(folder.path());
    let times = || -> Vec<_> {
        let time = |path: std::path::PathBuf| std::fs::metadata(path).unwrap().modified().unwrap();
        walk(folder.path(), "results.json").into_iter().map(time).collect()
    };
    let before = times();
    half(folder.path());
    assert_eq!(before, times(), "one that diverged is finished");
    for run in made.iter().filter(|run| run.name == "gmp") {
        assert_eq!((run.diverged, run.selected_epoch, run.curve.len(), run.epochs), (Some(0), None, 1, 3));
        assert!(run.target_score.is_nan() && run.source_validation_score.is_nan() && run.confusion.is_empty());
    }
    let read = report::read(&[folder.path().to_owned()]).unwrap();
    assert_eq!(read.iter().filter(|run| run.diverged.is_some()).count(), 6);
    let runs = Comparison::new(&read).unwrap();
    let text = runs.to_terminal();
    assert_eq!(text.matches("diverged (2 of 2)").count(), 2 * 4, "{text}");
    assert!(text.contains("Diverged, so in no mean and no test, 6 of 12 runs: gmp"), "{text}");
    assert!(!text.contains("NaN") && !text.contains("nan"), "{text}");
    report::write(&read, folder.path()).unwrap();
    for (file, mark) in [("report.html", "diverged in 0"), ("report.tex", "diverged (2 of 2)"), ("report.csv", ",2,gmp")] {
        let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(text.contains(mark) && !text.contains("NaN"), "{file}");
    }
}

#[test]
fn of_some_seeds_those_that_diverged_are_in_no_mean_and_no_test() {
    let folder = tempfile::tempdir().unwrap();
    let protocol = Protocol { seeds: vec![0, 1, 2], ..one_task("domain0") };
    let compare = ["name = 'none'", "name = 'gmp'\nbalance = 'gmp'"].map(compare).to_vec();
    let mut all = run(&small(), &TrainSettings { compare, protocol, ..settings(folder.path()) }).unwrap();
    let whole = Comparison::new(&all[..5]).unwrap().to_terminal();
    let lost = all.last_mut().unwrap();
    (lost.diverged, lost.selected_epoch, lost.target_score) = (Some(1), None, f64::NAN);
    (lost.source_validation_score, lost.confusion) = (f64::NAN, Vec::new());
    let text = Comparison::new(&all).unwrap().to_terminal();
    let figures = |text: &str| text.split("\n\nMean").next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(figures(&text), figures(&whole).replace("(2 of 3)", "(2 of 3, 1 diverged)"));
}

#[test]
fn nothing_is_chosen_that_diverged_and_nothing_asked_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let table = small();
    let made = half(folder.path());
    let lost = made.iter().find(|run| run.name == "gmp" && run.seed == 0).unwrap();
    let model = folder.path().join("gmp").join(format!("{}-0", lost.target)).join("model.safetensors");
    let error = Predictor::open(&model).unwrap_err();
    assert!(
        error.exit_code() == 3 && error.to_string().contains("its run diverged: the loss was not finite in epoch 0"),
        "{error}"
    );
    let start = TrainSettings { init: Some(model), ..settings(&folder.path().join("next")) };
    assert!(run(&table, &start).unwrap_err().to_string().contains("diverged"));

    // weights that are no numbers need no mark
    let poisoned = folder.path().join("poisoned.safetensors");
    tch::Tensor::write_safetensors(&[("encoder.x", tch::Tensor::from_slice(&[1.0f32, f32::NAN]))], &poisoned).unwrap();
    let error = mmdg::train::saved::Saved::read(&poisoned).unwrap_err().to_string();
    assert!(error.contains("encoder.x has numbers that are not finite"), "{error}");

    // of a search the configurations that diverge are skipped, the given one too
    for selection in [Selection::SourceVal, Selection::LeaveOneDomainOut] {
        for (given, drawn) in [(TOO_LARGE, 1e-3), (1e-3, TOO_LARGE)] {
            let out = folder.path().join(format!("{}-{given}", selection.name()));
            let ranges = [("learning-rate".to_owned(), [drawn, drawn])].into();
            let protocol = Protocol { search: 2, ranges, selection, ..one_task("domain1") };
            let compare = vec![compare("name = 'none'")];
            let found =
                run(&table, &TrainSettings { learning_rate: given, compare, protocol, ..settings(&out) }).unwrap().remove(0);
            assert_eq!(found.protocol.configuration == Some(0), given < 1.0, "{selection:?} {given}");
            assert!(found.diverged.is_none() && found.target_score.is_finite());
        }
    }
}

#[cfg(all(feature = "cli", feature = "hdf5"))]
#[test]
fn the_terminal_names_runs_that_diverged() {
    let folder = tempfile::tempdir().unwrap();
    let mmdg = |arguments: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mmdg"));
        let output = command.current_dir(folder.path()).args(arguments.split(' ')).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(mmdg("synth features --rows 60 --classes 3 -q").0, Some(0));
    let text = "[train]\nfeatures = 'features'\nepochs = 2\nbatch-size = 8\nhidden = 8\nembedding = 8\nhead-hidden = 8\nlearning-rate = 1e30\n";
    std::fs::write(folder.path().join("p.toml"), text).unwrap();
    let (code, said) = mmdg("train p.toml --balance none --targets target --seeds 3");
    assert_eq!(code, Some(0));
    assert!(said.contains("1 of 1 runs diverged") && said.contains("none on target, seed 3, quick+slow (epoch 0)"), "{said}");
    for verb in
        ["predict runs/none/target-3/model.safetensors features said.csv", "eval runs/none/target-3/model.safetensors features"]
    {
        let (code, said) = mmdg(verb);
        assert!(code == Some(3) && said.contains("its run diverged"), "{code:?} {said}");
    }
    assert!(!folder.path().join("said.csv").exists());
}

#[test]
fn a_search_that_is_stopped_goes_on_around_runs_that_diverged() {
    let (calm, rough) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let table = small();
    let of = |out: &Path| {
        let ranges = [("learning-rate".to_owned(), [TOO_LARGE, TOO_LARGE])].into();
        let protocol = Protocol { search: 2, ranges, ..one_task("domain1") };
        TrainSettings { epochs: 4, checkpoint_every: 1, compare: vec![compare("name = 'none'")], protocol, ..settings(out) }
    };
    let wanted = run(&table, &of(calm.path())).unwrap();
    for after in [3, 5] {
        let stop = mmdg::stop::Stop::default();
        let stopped = mmdg::train::train(&table, &of(rough.path()), &stop, &|progress| {
            if progress.epochs_done >= after {
                stop.ask(15);
            }
        });
        assert!(stopped.is_err(), "{after}");
    }
    assert!(run(&table, &of(rough.path())).unwrap() == wanted);
    assert_eq!((wanted[0].protocol.configuration, wanted[0].diverged), (Some(0), None));
    let files = |out: &Path| {
        let mut files = walk(out, ".json");
        files.extend(walk(out, ".csv"));
        files.sort();
        files
            .into_iter()
            .map(|file| (file.strip_prefix(out).unwrap().to_owned(), std::fs::read(&file).unwrap()))
            .collect::<Vec<_>>()
    };
    assert!(files(calm.path()) == files(rough.path()));
    let search = std::fs::read_to_string(calm.path().join("search.csv")).unwrap();
    assert_eq!(search.matches(",diverged,diverged,").count(), 2, "{search}");
    assert!(walk(rough.path(), "checkpoint.safetensors").is_empty());
}
