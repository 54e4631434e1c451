//! Only runs that are alike are compared, and none is lost to a command that would make another in its place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mmdg::report::results::RunResult;
use mmdg::report::{self, Comparison};
use mmdg::stop::Stop;
use mmdg::train::{self, Compare, Protocol, Runs, Selection, Subset, TrainSettings};

use crate::train::{compare, one_task, run, settings, small, table, walk};

fn columns(names: &[&str]) -> Vec<Compare> {
    names.iter().map(|name| compare(&format!("name = '{name}'\nbalance = '{name}'"))).collect()
}

fn few(out: &Path) -> TrainSettings {
    let protocol = Protocol { seeds: vec![0, 1], ..one_task("domain0") };
    TrainSettings { compare: columns(&["none", "gmp"]), epochs: 2, protocol, ..settings(out) }
}

/// Every file with its bytes and its time.
fn snapshot(out: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let all = [".json", ".toml", ".csv", ".safetensors", ".mmdg"].iter().flat_map(|ending| walk(out, ending));
    all.map(|path| {
        let time = std::fs::metadata(&path).unwrap().modified().unwrap();
        (path.clone(), (std::fs::read(&path).unwrap(), time))
    })
    .collect()
}

fn refused(settings: &TrainSettings, parts: &[&str]) {
    let before = snapshot(&settings.out);
    let error = run(&small(), settings).unwrap_err();
    let text = error.to_string();
    assert!(error.exit_code() == 3 && parts.iter().all(|part| text.contains(part)), "{text} should have {parts:?}");
    assert!(before == snapshot(&settings.out), "a file was touched");
}

#[test]
fn finished_runs_of_other_settings_are_refused_with_the_difference() {
    let folder = tempfile::tempdir().unwrap();
    let made = few(folder.path());
    run(&small(), &made).unwrap();
    let all = "4 such runs in all";
    let common = ["none/domain0-0: holds a run of other settings", "--overwrite", "another [train] out"];
    refused(&TrainSettings { epochs: 3, ..made.clone() }, &[&common[..], &["epochs was 2, is 3", all]].concat());
    refused(
        &TrainSettings { batch_size: 4, clip: 1.0, ..made.clone() },
        &["batch-size was 8, is 4", "clip was 0.0, is 1.0", all],
    );
    refused(&TrainSettings { learning_rate: 1e-2, ..made.clone() }, &["learning-rate was 0.001, is 0.01"]);
    refused(&TrainSettings { hidden: Some(15.into()), ..made.clone() }, &["hidden was 16, is 15"]);
    let protocol = Protocol { selection: Selection::Last, ..made.protocol.clone() };
    refused(&TrainSettings { protocol, ..made.clone() }, &["selection was source-val, is last"]);
    let protocol = Protocol { search: 1, ..made.protocol.clone() };
    refused(&TrainSettings { protocol, ..made.clone() }, &["configuration was not set, is searched"]);
    let mut changed = made.clone();
    changed.compare[1] = compare("name = 'gmp'\nbalance = 'gmp'\nalpha-k = 0.25");
    refused(&changed, &["gmp/domain0-0", "alpha-k was 0.5, is 0.25", "2 such runs in all"]);
    changed.compare[1] = compare("name = 'gmp'\nbalance = 'adversarial'");
    refused(&changed, &["balance was gmp, is adversarial"]);
    // other features
    let other = table(&[("video", 6), ("audio", 5)], 3, 3, 11);
    let error = run(&other, &made).unwrap_err().to_string();
    assert!(error.contains("features was "), "{error}");

    let anew = run(&small(), &TrainSettings { epochs: 3, overwrite: true, ..made.clone() }).unwrap();
    assert!(anew.iter().all(|run| run.curve.len() == 3));
    assert_eq!(run(&small(), &TrainSettings { out: folder.path().join("other"), ..made }).unwrap().len(), 4);
}

#[test]
fn a_run_with_a_checkpoint_of_other_settings_is_refused_too() {
    let folder = tempfile::tempdir().unwrap();
    let made = TrainSettings { epochs: 4, ..few(folder.path()) };
    let stop = Stop::default();
    let first = train::train(&small(), &made, &stop, &|progress| {
        if progress.epochs_done > 0 {
            stop.ask(15);
        }
    });
    assert!(first.is_err() && !walk(folder.path(), "checkpoint.safetensors").is_empty());
    refused(&TrainSettings { epochs: 5, ..made.clone() }, &["epochs was 4, is 5"]);
    // from another place it goes on
    let here = TrainSettings { trace: true, cohort: Runs::AtMost(1), ..made };
    assert_eq!(run(&small(), &here).unwrap().len(), 4);
}

#[test]
fn what_is_added_only_adds_runs_and_the_place_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let made = few(folder.path());
    run(&small(), &made).unwrap();
    let before = snapshot(folder.path());
    let subset = |word: &str| Subset::Word(word.into());
    let protocol =
        Protocol { seeds: vec![0, 1, 2], targets: vec![], modalities: vec![subset("va"), subset("a")], ..made.protocol.clone() };
    let more = TrainSettings {
        compare: columns(&["ogm", "none", "gmp"]),
        protocol,
        cohort: Runs::AtMost(3),
        checkpoint_every: 1,
        max_memory: Some("4GiB".parse().unwrap()),
        trace: true,
        tsne: true,
        ..made
    };
    assert_eq!(run(&small(), &more).unwrap().len(), 3 * 3 * 2 * 3);
    let after = snapshot(folder.path());
    // an embedding is a file more, and the record's
    let stays = |path: &Path| !path.ends_with("record.json");
    assert!(before.iter().all(|(path, file)| !stays(path) || after.get(path) == Some(file)), "a finished run was made again");
    assert_eq!(walk(folder.path(), "embedding.csv").len(), 3 * 3 * 2 * 3);
}

#[test]
fn added_trials_keep_those_that_were_tried() {
    let folder = tempfile::tempdir().unwrap();
    let of = |search: usize| {
        let protocol = Protocol { search, seeds: vec![0, 1], ..one_task("domain0") };
        TrainSettings { compare: columns(&["none"]), protocol, ..few(folder.path()) }
    };
    run(&small(), &of(1)).unwrap();
    let before = snapshot(folder.path());
    let found = run(&small(), &of(3)).unwrap();
    let after = snapshot(folder.path());
    let tried = |path: &Path| path.components().any(|part| part.as_os_str() == "search");
    assert!(before.iter().all(|(path, file)| !tried(path) || after.get(path) == Some(file)));
    // where the choice is the same, so are the runs that it was made for
    if found[0].protocol.configuration <= Some(1) {
        let reported = before.iter().filter(|(path, _)| path.ends_with("results.json") && !tried(path));
        assert!(
            reported.into_iter().all(|(path, file)| after.get(path).map(|file| file.1) == Some(file.1)),
            "a choice was made anew"
        );
    }
    assert_eq!(walk(folder.path(), "results.json").len(), 4 + 2);
    refused(&TrainSettings { weight_decay: 0.1, ..of(3) }, &["search/domain0/0", "weight-decay was 0.0, is 0.1"]);
}

#[test]
fn results_say_what_shaped_them() {
    let folder = tempfile::tempdir().unwrap();
    let found = run(&small(), &few(folder.path())).unwrap().remove(3);
    let settings = &found.settings;
    assert_eq!(settings["features"], small().digest());
    let wanted = serde_json::json!({"batch-size": 8, "epochs": 2, "optimizer": "adam", "dropout": 0.5});
    for (key, value) in wanted.as_object().unwrap() {
        assert_eq!(&settings[key], value, "{key}");
    }
    assert_eq!(settings["hyperparameters"]["alpha-k"], 0.5);
    assert!(["device", "trace", "tsne", "seed"].iter().all(|key| !settings.contains_key(*key)));
}

#[test]
fn a_result_that_cannot_be_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let made = few(folder.path());
    run(&small(), &made).unwrap();
    let file = folder.path().join("none/domain0-0/results.json");
    let good = std::fs::read_to_string(&file).unwrap();
    let value: serde_json::Value = serde_json::from_str(&good).unwrap();
    let changes: [(&str, serde_json::Value); 6] = [
        ("target_score", 7.into()),
        ("target_score", serde_json::Value::Null),
        ("confusion", serde_json::json!([[1, 0, 0], [0, 1, 0], [0, 0, 1]])),
        ("curve", serde_json::json!([])),
        ("selected_epoch", 2.into()),
        ("source_validation_score", (-1).into()),
    ];
    for (key, changed) in changes {
        let mut bad = value.clone();
        bad[key] = changed;
        std::fs::write(&file, bad.to_string()).unwrap();
        assert!(
            report::read(&[folder.path().to_owned()]).unwrap_err().to_string().contains("none/domain0-0/results.json"),
            "{key}"
        );
        run(&small(), &made).unwrap();
        assert!(std::fs::read_to_string(&file).unwrap() == good, "{key}");
    }
}

fn part<'t>(text: &'t str, begins: &str) -> Option<&'t str> {
    text.split("\n\n").find(|part| part.starts_with(begins))
}

#[test]
fn no_difference_is_taken_between_runs_that_are_not_alike() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let of = |out: &Path, names: &[&str], epochs: usize| -> Vec<RunResult> {
        run(&small(), &TrainSettings { compare: columns(names), epochs, ..few(out) }).unwrap()
    };
    let (none, gmp) = (of(one.path(), &["none"], 3), of(other.path(), &["gmp"], 2));
    let both = [none.clone(), gmp].concat();
    let runs = Comparison::new(&both).unwrap();
    let text = runs.to_terminal();
    assert!(part(&text, "Difference").is_none() && !text.contains(" p 0"), "{text}");
    assert!(text.contains("none [epochs 3]") && text.contains("gmp [epochs 2]"), "{text}");
    assert!(text.contains("Not all runs were made alike, they differ in epochs (3; 2)."), "{text}");
    report::write(&both, one.path()).unwrap();
    let page = std::fs::read_to_string(one.path().join("report.html")).unwrap();
    assert!(page.contains("Not all runs were made alike, they differ in epochs (3; 2)."));

    // columns of one name and other settings are two; each is held against the base that was made as it was
    let more = of(other.path(), &["none", "gmp"], 2);
    let all = [none, more].concat();
    let text = Comparison::new(&all).unwrap().to_terminal();
    let difference = part(&text, "Difference").unwrap();
    let line = |name: &str| difference.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
    assert!(line("gmp [epochs 2]").contains('[') && line("none [epochs 2]").contains("base"), "{text}");
    assert!(line("none [epochs 3]").trim_end().ends_with('–'), "{text}");
    // read from two folders too
    let read = report::read(&[one.path().to_owned(), other.path().to_owned()]).unwrap();
    assert_eq!(Comparison::new(&read).unwrap().entries().len(), 3);

    // what a balancer is set to is its column's own: compared with the base, but not one column
    let mut set = few(&other.path().join("set"));
    set.compare = vec![compare("name = 'gmp'\nbalance = 'gmp'\nalpha-k = 0.25")];
    let set = run(&small(), &set).unwrap();
    let two: Vec<RunResult> = all.into_iter().filter(|run| run.epochs == 2).collect();
    let all = [two, set].concat();
    let text = Comparison::new(&all).unwrap().to_terminal();
    let difference = part(&text, "Difference").unwrap();
    assert!(difference.contains("gmp [alpha-k 0.25]") && difference.contains("gmp [alpha-k 0.5]"), "{text}");
    assert!(!text.contains("Not all runs"), "{text}");
}

#[cfg(all(feature = "cli", feature = "hdf5"))]
#[test]
fn a_report_of_a_pipeline_is_of_its_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mmdg = |arguments: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mmdg"));
        let output = command.current_dir(folder.path()).args(arguments.split(' ')).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(mmdg("synth features --rows 60 --classes 3 -q").0, Some(0));
    let text = "[protocol]\nseeds = [0, 1]\ntargets = ['target']\n[train]\nfeatures = 'features'\nepochs = 2\nbatch-size = 8\nhidden = 8\n\
        embedding = 8\nhead-hidden = 8\n[[train.compare]]\nname = 'none'\n[[train.compare]]\nname = 'gmp'\nbalance = 'gmp'\n[report]\nout = 'report'\n";
    std::fs::write(folder.path().join("p.toml"), text).unwrap();
    assert_eq!(mmdg("train p.toml").0, Some(0));
    assert_eq!(mmdg("report p.toml").0, Some(0));
    let (code, said) = mmdg("report p.toml --set train.epochs=3");
    assert!(code == Some(3) && said.contains("4 of the 4 runs in runs") && said.contains("epochs was 2, is 3"), "{said}");
    let (code, said) = mmdg("train p.toml --set train.epochs=3");
    assert!(code == Some(3) && said.contains("epochs was 2, is 3") && said.contains("4 such runs"), "{said}");
    assert_eq!(mmdg("train p.toml --set train.epochs=3 --overwrite").0, Some(0));
    let (code, said) = mmdg("report p.toml");
    assert!(code == Some(3) && said.contains("epochs was 3, is 2"), "{said}");
    assert_eq!(mmdg("report p.toml --set train.epochs=3").0, Some(0));
}
