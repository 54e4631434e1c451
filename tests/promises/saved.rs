//! Saved models: they can be asked again, started from, and do without a modality in the way that is said.

use std::path::Path;

use mmdg::report::results::{DomainResult, RunResult};
use mmdg::task::Answer;
use mmdg::train::predict::{Fill, Lacking, Predictor};
use mmdg::train::saved::Saved;
use mmdg::train::{FeatureTable, Protocol, TrainSettings};

use crate::train::{compare, one_task, run, settings, small, table};

fn folder_of(out: &Path, result: &RunResult) -> std::path::PathBuf {
    out.join(&result.name).join(format!("{}-{}", result.target, result.seed))
}

fn model(out: &Path, result: &RunResult) -> std::path::PathBuf {
    folder_of(out, result).join("model.safetensors")
}

fn one(out: &Path) -> TrainSettings {
    TrainSettings { protocol: one_task("domain1"), ..settings(out) }
}

fn refused<T: std::fmt::Debug>(result: mmdg::Result<T>, parts: &[&str]) {
    let error = result.unwrap_err();
    let text = error.to_string();
    assert!(error.exit_code() == 3 && parts.iter().all(|part| text.contains(part)), "{text} should have {parts:?}");
}

#[test]
fn a_saved_model_says_again_what_its_run_said() {
    let folder = tempfile::tempdir().unwrap();
    let table = small();
    for result in run(&table, &one(folder.path())).unwrap() {
        let predictor = Predictor::open(&model(folder.path(), &result)).unwrap();
        let card = predictor.card().unwrap();
        assert_eq!((card.labels.classes(), &card.sources, &card.target), (&result.classes[..], &result.sources, &result.target));
        let target = |row: usize| table.domains()[table.domain()[row]] == result.target;
        let found = predictor.examine(&table, &Lacking::default(), target).unwrap();
        let wanted = result.on_target().unwrap().clone();
        assert_eq!(found.all, DomainResult { domain: "all".into(), part: "all".into(), ..wanted }, "{}", result.name);
        assert_eq!(found.domains.iter().map(|domain| domain.rows).sum::<u64>(), result.rows.target as u64);
        for said in predictor.predict(&table, &Lacking::default()).unwrap() {
            let said = said.unwrap();
            assert!((said.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-5);
            let largest = said.probabilities.iter().copied().fold(0.0, f64::max);
            assert_eq!(said.probabilities[said.predicted.and_then(Answer::class).unwrap()], largest);
        }
    }
}

/// With other values of one modality, where `valid` says so.
fn with_audio(table: &FeatureTable, value: impl Fn(usize) -> f32, valid: impl Fn(usize) -> bool) -> FeatureTable {
    let mut modalities = table.modalities().to_vec();
    let audio = &mut modalities[1];
    let width = audio.width;
    audio.values.iter_mut().enumerate().for_each(|(i, x)| *x = value(i % width));
    audio.valid.iter_mut().enumerate().for_each(|(row, there)| *there = valid(row));
    let (labels, domains) = (table.labels().clone(), table.domains().to_vec());
    FeatureTable::new(labels, domains, modalities, table.domain().to_vec(), table.split().to_vec()).unwrap()
}

#[test]
fn a_missing_modality_is_zeros_before_or_after_the_features_are_standardised() {
    let folder = tempfile::tempdir().unwrap();
    let table = small();
    let result = run(&table, &one(folder.path())).unwrap().remove(0);
    let file = model(folder.path(), &result);
    let predictor = Predictor::open(&file).unwrap();
    let mean = Saved::read(&file).unwrap().standard("audio", 5).unwrap().mean;
    let drop = |fill| Lacking { drop: vec!["audio".into()], fill: Some(fill) };
    let ask = |table: &FeatureTable, lacking: &Lacking| -> Vec<Vec<f64>> {
        predictor.predict(table, lacking).unwrap().into_iter().map(|said| said.unwrap().probabilities).collect()
    };
    let whole = Lacking::default();
    let all = |_: usize| true;
    let (zero, at_mean) = (ask(&table, &drop(Fill::Zero)), ask(&table, &drop(Fill::Mean)));
    assert_eq!(zero, ask(&with_audio(&table, |_| 0.0, all), &whole));
    let close = ask(&with_audio(&table, |d| mean[d] as f32, all), &whole);
    let apart = |a: &[Vec<f64>], b: &[Vec<f64>]| {
        a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    assert!(apart(&at_mean, &close) < 1e-5 && apart(&zero, &at_mean) > 1e-3 && apart(&zero, &ask(&table, &whole)) > 1e-3);

    // rows that lack it are left out, or filled like dropped ones
    let some = with_audio(&table, |_| f32::NAN, |_| false);
    assert!(predictor.predict(&some, &whole).unwrap().iter().all(Option::is_none));
    assert_eq!(ask(&some, &Lacking { drop: vec![], fill: Some(Fill::Mean) }), at_mean);
    refused(predictor.examine(&some, &whole, |_| true), &["no row to examine", "90 left out"]);

    let dropped = |names: &[&str], fill| Lacking { drop: names.iter().map(|name| (*name).into()).collect(), fill };
    refused(predictor.predict(&table, &dropped(&["smell"], Some(Fill::Zero))), &["smell", "video, audio"]);
    refused(predictor.predict(&table, &dropped(&["video", "audio"], Some(Fill::Zero))), &["every modality"]);
    refused(predictor.predict(&table, &dropped(&["audio"], None)), &["zero, mean or translate"]);
    refused(predictor.predict(&table, &dropped(&["audio"], Some(Fill::Translate))), &["\"erm\" translates no modality"]);
}

#[test]
fn a_model_that_has_learned_to_translates_what_a_row_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let table = small();
    let settings =
        TrainSettings { compare: vec![compare("name = 'x'\nmethod = 'sim-mmdg'\ntranslation-weight = 1")], ..one(folder.path()) };
    let result = run(&table, &settings).unwrap().remove(0);
    let predictor = Predictor::open(&model(folder.path(), &result)).unwrap();
    let ask = |table: &FeatureTable, drop: &[&str], fill| -> Vec<Vec<f64>> {
        let lacking = Lacking { drop: drop.iter().map(|name| (*name).into()).collect(), fill };
        predictor.predict(table, &lacking).unwrap().into_iter().map(|said| said.unwrap().outputs).collect()
    };
    let whole = ask(&table, &[], None);
    assert_eq!(ask(&table, &[], Some(Fill::Translate)), whole);
    let (translated, at_mean) = (ask(&table, &["audio"], Some(Fill::Translate)), ask(&table, &["audio"], Some(Fill::Mean)));
    assert!(translated.iter().flatten().all(|x| x.is_finite()));
    assert!(translated != at_mean && translated != whole);
    // whatever the values are that it lacks, and row by row
    let some = with_audio(&table, |_| 7.0, |row| row % 2 == 0);
    let mixed = ask(&some, &[], Some(Fill::Translate));
    assert!((0..table.len()).filter(|row| row % 2 == 1).all(|row| mixed[row] == translated[row]));
}

#[test]
fn features_that_do_not_fit_a_model_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let result = run(&small(), &one(folder.path())).unwrap().remove(0);
    let file = model(folder.path(), &result);
    let predictor = Predictor::open(&file).unwrap();
    let wide = table(&[("video", 6), ("audio", 7)], 3, 3, 10);
    refused(predictor.predict(&wide, &Lacking::default()), &["audio of width 5", "video (6), audio (7)"]);
    let many = table(&[("video", 6), ("audio", 5)], 4, 3, 10);
    refused(predictor.examine(&many, &Lacking::default(), |_| true), &["class \"class3\"", "class0, class1, class2"]);
    let other = folder.path().join("other.safetensors");
    std::fs::write(&other, b"what").unwrap();
    refused(Predictor::open(&other), &["other.safetensors", "expected a model.safetensors"]);
    let plain = [("x".to_owned(), tch::Tensor::from_slice(&[1.0f32]))];
    tch::Tensor::write_safetensors(&plain, &other).unwrap();
    refused(Predictor::open(&other), &["no metadata \"mmdg\""]);
}

#[test]
fn every_run_starts_from_given_weights() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let table = small();
    let results = run(&table, &one(first.path())).unwrap();
    let of = |name: &str| model(first.path(), results.iter().find(|run| run.name == name).unwrap());
    let columns = [compare("name = 'joint'"), compare("name = 'gmp'\nbalance = 'gmp'")];
    // steps that change nothing: the weights that come out are those that went in
    let still = |init: &str| TrainSettings {
        init: Some(of(init)),
        epochs: 1,
        learning_rate: 1e-30,
        compare: columns.to_vec(),
        protocol: Protocol { seeds: vec![5, 6], ..one_task("domain1") },
        ..settings(second.path())
    };
    let started = run(&table, &still("joint")).unwrap();
    let read = |path: &Path| tch::Tensor::read_safetensors(path).unwrap();
    let given = read(&of("joint"));
    for result in &started {
        let found = read(&model(second.path(), result));
        for (name, wanted) in given.iter().filter(|(name, _)| !name.starts_with("input.")) {
            let (_, found) = found.iter().find(|(other, _)| other == name).unwrap();
            assert_eq!(found, wanted, "{} {name}", result.name);
        }
        let config = std::fs::read_to_string(folder_of(second.path(), result).join("config.toml")).unwrap();
        assert!(config.contains(&Saved::read(&of("joint")).unwrap().digest));
    }
    assert_eq!(started.len(), 4);

    refused(run(&table, &still("gmp")), &["\"joint\"", "has discriminator.0.bias", "classifier.0.weight"]);
    let narrow = TrainSettings { hidden: Some(15.into()), compare: columns[..1].to_vec(), ..still("joint") };
    refused(run(&table, &narrow), &["encoder.video.0.weight has shape [16, 6] there and [15, 6] in the model"]);
    let fewer = crate::train::table(&[("video", 6), ("audio", 5), ("flow", 2)], 3, 3, 10);
    refused(run(&fewer, &still("joint")), &["lacks encoder.flow.0.weight", "encoder.audio.0.bias"]);
}

#[cfg(all(feature = "cli", feature = "hdf5"))]
#[test]
fn the_verbs_predict_and_eval_speak_of_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let table = crate::test_sets::features(&folder.path().join("store"), serde_json::json!({"clips": {}}));
    let settings = TrainSettings { batch_size: 4, protocol: one_task("q"), ..settings(folder.path()) };
    let result = run(&table, &settings).unwrap().remove(0);
    let file = model(folder.path(), &result);
    let mmdg = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mmdg"));
        command.current_dir(folder.path()).arg(arguments[0]).arg(&file).arg("store").args(&arguments[1..]).output().unwrap()
    };
    let output = mmdg(&["eval", "--json", "--domain", "q"]);
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["all"]["metrics"]["accuracy"], result.target_score);
    assert_eq!((said["left_out"].as_u64(), said["domains"].as_array().unwrap().len()), (Some(0), 2));
    let text = String::from_utf8(mmdg(&["eval", "--split", "test"]).stdout).unwrap();
    assert!(text.lines().count() == 4 && text.contains("macro-F1"), "{text}");
    assert_eq!(mmdg(&["eval", "--drop", "audio"]).status.code(), Some(2));
    assert_eq!(mmdg(&["eval", "--drop", "audio", "--fill", "mean"]).status.code(), Some(3));

    assert!(mmdg(&["predict", "said.csv"]).status.success());
    let text = std::fs::read_to_string(folder.path().join("said.csv")).unwrap();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines[0], ["id", "domain", "split", "class", "predicted", "p(run)", "p(eat)"]);
    let right = lines.iter().filter(|line| line[1] == "q" && line[3] == line[4]).count();
    assert_eq!((lines.len(), right as f64 / 16.0), (33, result.target_score));
    assert_eq!(mmdg(&["predict", "said.csv"]).status.code(), Some(3), "it is there already");
    assert_eq!(mmdg(&["predict", "said.txt"]).status.code(), Some(2));
    let whole = std::fs::read(&file).unwrap();
    for length in [0, 100, whole.len() - 20] {
        std::fs::write(&file, &whole[..length]).unwrap();
        let output = mmdg(&["eval"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(7) && said.contains("expected a model.safetensors as it was written"),
            "{length}: {said}"
        );
    }
    std::fs::write(&file, &whole).unwrap();
    // a folder of both: every run and every store is looked at
    let verify = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mmdg"));
        command.args(["verify", "."]).current_dir(folder.path()).output().unwrap()
    };
    let output = verify();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("4 finished runs, 0 faults") && said.contains("./store: 1 of 1 shards"), "{said}");
    let manifest = folder.path().join("store/manifest.csv");
    let segments = std::fs::read(&manifest).unwrap();
    std::fs::write(&manifest, "").unwrap();
    let output = verify();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.code() == Some(7) && said.starts_with("./store/manifest.csv: "), "{output:?}");
    std::fs::write(&manifest, segments).unwrap();
    #[cfg(feature = "exchange")]
    {
        assert!(mmdg(&["predict", "said.npz"]).status.success());
        let mut archive = mmdg::npy::Archive::open(&folder.path().join("said.npz")).unwrap();
        let shape = |archive: &mut mmdg::npy::Archive, name: &str| archive.array(name).unwrap().unwrap().header().shape.clone();
        assert_eq!((shape(&mut archive, "ids"), shape(&mut archive, "probabilities")), (vec![32], vec![32, 2]));
    }
}
