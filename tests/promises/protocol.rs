//! Protocols: which runs there are, what may choose among them, and that stopping changes nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use mmdg::balance::BALANCERS;
use mmdg::manifest::Labels;
use mmdg::report::Comparison;
use mmdg::report::results::{Purpose, RunResult};
use mmdg::stop::Stop;
use mmdg::train::{self, Compare, FeatureTable, Protocol, ProtocolKind, Runs, Selection, Subset, TrainSettings};
use mmdg::{Error, report};

use crate::train::{classes_of, compare, one_task, run, settings, small, table, walk};

/// One column without any balancing, one seed.
fn plain(out: &Path, protocol: Protocol) -> TrainSettings {
    TrainSettings { compare: vec![compare("name = 'none'")], epochs: 2, protocol, ..settings(out) }
}

fn tasks(results: &[RunResult]) -> Vec<String> {
    results.iter().map(|run| format!("{} [{}]", run.task(), run.modalities.join("+"))).collect()
}

/// Bytes of the files that runs leave, by path below `out`.
fn files(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |path: std::path::PathBuf| {
        (path.strip_prefix(out).unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap())
    };
    [".json", ".toml", ".csv", ".safetensors"].iter().flat_map(|ending| walk(out, ending)).map(read).collect()
}

#[test]
fn kinds_of_protocol_make_their_tasks_and_subsets_their_columns() {
    let folder = tempfile::tempdir().unwrap();
    let table = small();
    let words = |words: &[&str]| words.iter().map(|word| Subset::Word((*word).into())).collect();
    let of = |protocol: Protocol| run(&table, &plain(folder.path(), Protocol { seeds: vec![3], ..protocol })).unwrap();

    let single = of(Protocol { kind: ProtocolKind::SingleSource, ..Protocol::default() });
    let pairs = ["1 → 0", "2 → 0", "0 → 1", "2 → 1", "0 → 2", "1 → 2"];
    let named = pairs.map(|pair| format!("domain{} [video+audio]", pair.replace("→ ", "→ domain")));
    assert_eq!(tasks(&single), named);
    assert!(single.iter().all(|run| run.sources.len() == 1 && run.protocol.kind == "single-source"));
    assert_eq!(Comparison::new(&single).unwrap().tasks().len(), 6);
    assert!(folder.path().join("none/domain1_to_domain0-3/results.json").exists());

    let some =
        Protocol { targets: vec!["domain1".into()], sources: vec!["domain2".into(), "domain1".into()], ..Protocol::default() };
    assert_eq!(of(Protocol { kind: ProtocolKind::SingleSource, ..some.clone() })[0].sources, ["domain2"]);
    assert_eq!(of(some)[0].sources, ["domain2"]);

    let subsets = of(Protocol { modalities: words(&["v", "av", "video+audio"][..2]), ..one_task("domain0") });
    assert_eq!(tasks(&subsets), ["domain0 [video]", "domain0 [audio+video]"]);
    assert!(folder.path().join("none/domain0-video-3/results.json").exists());
    assert_eq!(Comparison::new(&subsets).unwrap().entries().len(), 2);

    let asked = Protocol { modalities: words(&["va"]), seeds: vec![3], ..one_task("domain0") };
    assert_eq!(subsets.iter().map(|run| asked.asks_for(run)).collect::<Vec<_>>(), [false, true]);
    assert!(!single.iter().any(|run| asked.asks_for(run)));

    let names = |names: &[&str]| Subset::Names(names.iter().map(|name| (*name).into()).collect());
    let toml: Protocol = toml::from_str("kind = 'in-domain'\nmodalities = ['va', ['audio']]\nseeds = [3]").unwrap();
    assert_eq!(toml.modalities, [Subset::Word("va".into()), names(&["audio"])]);

    // the only test rows of these features are made here
    let mut split = table.split().to_vec();
    (0..table.len()).filter(|i| i % 4 == 1).for_each(|i| split[i] = mmdg::manifest::Split::Test);
    let tested = with(&table, classes_of(&table), split);
    let inside = run(&tested, &plain(&folder.path().join("inside"), toml)).unwrap();
    assert_eq!(inside.len(), 6);
    for run in &inside {
        assert_eq!((&run.sources[..], run.task()), (&[run.target.clone()][..], format!("{} (in-domain)", run.target)));
        assert_eq!(run.rows.train + run.rows.validation + run.rows.target, tested.len() / 3);
    }
    assert_eq!(report::read(&[folder.path().join("inside")]).unwrap().len(), 6);

    let refused = |protocol: Protocol, expected: &str| {
        let error = run(&table, &plain(folder.path(), protocol)).unwrap_err();
        assert!(matches!(error, Error::Input { .. }) && error.to_string().contains(expected), "{error} should have {expected:?}");
    };
    refused(Protocol { modalities: words(&["va", "av"]), ..Protocol::default() }, "stand twice");
    refused(Protocol { sources: vec!["mars".into()], ..Protocol::default() }, "[protocol] sources: \"mars\"");
    let only = Protocol { sources: vec!["domain0".into()], targets: vec!["domain0".into()], ..Protocol::default() };
    refused(only, "at least one other");
    refused(Protocol { ranges: [("alpha".into(), [0.0, 1.0])].into(), search: 1, ..Protocol::default() }, "learning-rate");
    refused(Protocol { ranges: [("learning-rate".into(), [0.0, 1.0])].into(), ..Protocol::default() }, "within");
    let one = Protocol { kind: ProtocolKind::SingleSource, selection: Selection::LeaveOneDomainOut, ..Protocol::default() };
    refused(one, "at least two");
}

fn with(table: &FeatureTable, label: Vec<usize>, split: Vec<mmdg::manifest::Split>) -> FeatureTable {
    let (labels, domains) = (Labels::classes(table.classes().to_vec(), label), table.domains().to_vec());
    FeatureTable::new(labels, domains, table.modalities().to_vec(), table.domain().to_vec(), split).unwrap()
}

#[test]
fn one_source_switches_the_domain_branch_off() {
    let folder = tempfile::tempdir().unwrap();
    let table = small();
    let single = Protocol { kind: ProtocolKind::SingleSource, seeds: vec![0], ..one_task("domain2") };
    let results = run(&table, &TrainSettings { dropout: 0.0, protocol: single, ..settings(folder.path()) }).unwrap();
    assert_eq!(results.len(), 8);
    for run in results.iter().filter(|run| run.balance == "gmp") {
        let signals = run.curve.iter().flat_map(|epoch| epoch.balance.values());
        assert!(
            signals.into_iter().all(|b| ["sigma", "p", "conflict"].map(|name| b.get(name)) == [1.0, 1.0, 0.0].map(Some)),
            "{}",
            run.name
        );
    }
    // with no domain to work against, adversarial training is joint training to the last bit
    let read = |name: &str| {
        let file = folder.path().join(name).join("domain0_to_domain2-0/model.safetensors");
        tch::Tensor::read_safetensors(file).unwrap().into_iter().collect::<BTreeMap<_, _>>()
    };
    let (joint, adversarial) = (read("joint"), read("adversarial"));
    assert!(adversarial.len() > joint.len());
    assert!(joint.iter().all(|(name, tensor)| *tensor == adversarial[name]));
}

#[test]
fn scrambled_target_labels_change_no_checkpoint_but_an_oracles() {
    let table = table(&[("video", 6), ("audio", 5)], 3, 3, 12);
    let mut label = classes_of(&table);
    (0..table.len()).filter(|&i| table.domain()[i] == 2).for_each(|i| label[i] = (label[i] + 1 + i % 2) % 3);
    let scrambled = with(&table, label, table.split().to_vec());
    let rules = [Selection::SourceVal, Selection::Last, Selection::LeaveOneDomainOut, Selection::Oracle];
    let mut oracle_differs = false;
    for (rule, search) in rules.into_iter().flat_map(|rule| [(rule, 0), (rule, 2)]) {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let of = |out: &Path| {
            let protocol = Protocol { seeds: vec![0, 1], selection: rule, search, ..one_task("domain2") };
            let compare = ["name = 'joint'", "name = 'gmp'\nbalance = 'gmp'"].map(compare).to_vec();
            TrainSettings { epochs: 4, learning_rate: 1e-2, compare, protocol, ..settings(out) }
        };
        let plain = run(&table, &of(one.path())).unwrap();
        let changed = run(&scrambled, &of(other.path())).unwrap();
        assert!(plain.iter().zip(&changed).any(|(a, b)| a.target_score != b.target_score));
        assert!(plain.iter().all(|run| run.selection == rule.name() && run.protocol.purpose == Purpose::Result));
        let equal = plain.iter().all(|run| {
            let file = Path::new(&run.name).join(format!("domain2-{}", run.seed)).join("model.safetensors");
            std::fs::read(one.path().join(&file)).unwrap() == std::fs::read(other.path().join(&file)).unwrap()
        });
        assert!(equal || rule == Selection::Oracle, "{rule:?} {search}");
        oracle_differs |= !equal;
        assert!(rule != Selection::Last || plain.iter().all(|run| run.selected_epoch == Some(3)));
    }
    assert!(oracle_differs);
}

#[test]
fn inner_runs_choose_the_epoch_with_the_best_mean() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(&[("video", 6), ("audio", 5)], 3, 4, 10);
    let protocol = Protocol { selection: Selection::LeaveOneDomainOut, ..one_task("domain1") };
    let result =
        run(&table, &TrainSettings { epochs: 5, learning_rate: 1e-2, ..plain(folder.path(), protocol) }).unwrap().remove(0);
    let mut sum = [0.0; 5];
    for out in [0, 2, 3] {
        let file = folder.path().join(format!("none/inner/domain1/0-domain{out}/results.json"));
        let inner: RunResult = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!((inner.protocol.purpose, inner.target, inner.sources.len()), (Purpose::Inner, format!("domain{out}"), 2));
        assert_eq!((inner.rows.train, inner.rows.validation), (48, 30));
        sum.iter_mut().zip(&inner.curve).for_each(|(sum, epoch)| *sum += epoch.validation["accuracy"]);
    }
    let best = sum.iter().copied().fold(0.0, f64::max);
    assert_eq!(result.selected_epoch, sum.iter().rposition(|&mean| mean == best));
    assert!((result.protocol.selection_score - best / 3.0).abs() < 1e-12);
    assert_eq!(report::read(&[folder.path().to_owned()]).unwrap().len(), 1);
}

#[test]
fn a_search_keeps_the_configuration_that_the_sources_like_best() {
    let folder = tempfile::tempdir().unwrap();
    let table = small();
    let ranges = [("learning-rate".into(), [1e-3, 1e-1])].into();
    let protocol = Protocol { search: 3, seeds: vec![5, 6], ranges, targets: vec!["domain0".into()], ..Protocol::default() };
    let settings = TrainSettings { protocol, ..settings(folder.path()) };
    let results = run(&table, &settings).unwrap();
    assert_eq!(results.len(), 4 * 2);
    let text = std::fs::read_to_string(folder.path().join("search.csv")).unwrap();
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let rows: Vec<BTreeMap<&str, &str>> = lines.map(|line| head.iter().copied().zip(line.split(',')).collect()).collect();
    assert_eq!(rows.len(), 4 * 4);
    for column in rows.chunks(4) {
        let key = |row: &BTreeMap<&str, &str>| {
            (row["selection_score"].parse::<f64>().unwrap(), -row["selection_loss"].parse::<f64>().unwrap())
        };
        let chosen: Vec<usize> = (0..4).filter(|&i| column[i]["chosen"] == "1").collect();
        assert_eq!(chosen.len(), 1);
        assert!((0..4).all(|i| key(&column[i]) < key(&column[chosen[0]]) || i >= chosen[0]));
        assert_eq!(column[0]["learning-rate"].parse::<f64>().unwrap(), settings.learning_rate);
        for run in results.iter().filter(|run| run.name == column[0]["name"]) {
            assert_eq!(run.protocol.configuration, Some(chosen[0]));
            assert!(column.iter().all(|row| row["seed"].parse::<u64>().unwrap() != run.seed));
            let file = folder.path().join(format!("{}/domain0-{}/config.toml", run.name, run.seed));
            let config: toml::Table = std::fs::read_to_string(file).unwrap().parse().unwrap();
            assert_eq!(config["learning-rate"].as_float().unwrap(), column[chosen[0]]["learning-rate"].parse::<f64>().unwrap());
        }
    }
    // the same learning rates for every column, its own numbers for each balancer
    let drawn = |at: usize, key: &str| rows[at][key].parse::<f64>().ok();
    assert!((1..4).all(|i| drawn(i, "learning-rate") == drawn(i + 4, "learning-rate") && drawn(i, "lambda").is_none()));
    assert!((1..4).all(|i| (1e-3..=1e-1).contains(&drawn(i, "learning-rate").unwrap())));
    assert!(drawn(5, "lambda") != drawn(6, "lambda") && (0.0..=1.0).contains(&drawn(5, "lambda").unwrap()));
    assert_eq!(report::read(&[folder.path().to_owned()]).unwrap().len(), 8);
}

/// Every balancer, and what changes with words.
fn everything() -> Vec<Compare> {
    let names: Vec<String> = BALANCERS.iter().map(|entry| entry.name.to_owned()).collect();
    let mut all = Compare::product(&[], &names);
    all.push(compare("name = 'gmp (bench)'\nbalance = 'gmp'\nvariant = 'bench'"));
    all
}

#[test]
fn stopped_runs_go_on_to_the_same_bytes() {
    let (calm, rough) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let table = small();
    let of = |out: &Path, seeds: &[u64], cohort: usize| {
        let protocol =
            Protocol { seeds: seeds.to_vec(), targets: vec!["domain0".into(), "domain2".into()], ..Protocol::default() };
        TrainSettings { epochs: 5, compare: everything(), cohort: Runs::AtMost(cohort), protocol, ..settings(out) }
    };
    run(&table, &of(calm.path(), &[0, 1, 2], 16)).unwrap();
    // stopped when some epochs are done, of a seed more each time and in cohorts of other sizes, so that runs are at
    // different epochs and with other neighbours each time
    for (seeds, cohort, epochs) in [(&[1][..], 2, 3), (&[1, 0], 3, 40), (&[1, 0, 2], 1, 90), (&[2, 1, 0], 16, 30)] {
        let (stop, done) = (Stop::default(), AtomicUsize::new(0));
        let stopped = train::train(&table, &of(rough.path(), seeds, cohort), &stop, &|_| {
            if done.fetch_add(1, Ordering::Relaxed) > epochs / cohort {
                stop.ask(15);
            }
        });
        assert!(matches!(stopped, Err(Error::Interrupted { signal: 15 })), "{seeds:?}");
    }
    assert!(!walk(rough.path(), "checkpoint.safetensors").is_empty());
    run(&table, &of(rough.path(), &[0, 1, 2], 4)).unwrap();
    let (calm, rough) = (files(calm.path()), files(rough.path()));
    assert_eq!(calm.keys().collect::<Vec<_>>(), rough.keys().collect::<Vec<_>>());
    for (file, bytes) in calm {
        assert!(rough[&file] == bytes, "{file}");
    }
}

#[test]
fn a_killed_run_goes_on_from_its_last_checkpoint_unless_something_changed() {
    let (calm, rough) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let table = small();
    let of = |out: &Path, epochs: usize, checkpoint_every: usize| TrainSettings {
        epochs,
        checkpoint_every,
        ..plain(out, one_task("domain0"))
    };
    let wanted = run(&table, &of(calm.path(), 6, 0)).unwrap();
    // what a kill after the fifth epoch leaves: the checkpoint of the fourth
    let copy = rough.path().join("copy");
    let file = rough.path().join("none/domain0-0/checkpoint.safetensors");
    let epochs_of = |settings: &TrainSettings| {
        let first = std::sync::Mutex::new(None);
        let told =
            |progress: train::Progress| _ = first.lock().unwrap().get_or_insert((progress.runs_done, progress.epochs_done));
        let ends = AtomicUsize::new(0);
        let results = train::train(&table, settings, &Stop::default(), &|progress| {
            told(progress);
            if file.exists() && ends.fetch_add(1, Ordering::Relaxed) == 0 {
                std::fs::copy(&file, &copy).unwrap();
            }
        });
        let started = *first.lock().unwrap();
        (results.unwrap(), started)
    };
    epochs_of(&of(rough.path(), 6, 4));
    let restore = || {
        std::fs::remove_file(rough.path().join("none/domain0-0/results.json")).unwrap();
        std::fs::copy(&copy, &file).unwrap();
    };
    restore();
    let (results, _) = epochs_of(&of(rough.path(), 6, 4));
    assert!(results == wanted && !file.exists());
    assert!(files(calm.path()).iter().all(|(name, bytes)| files(rough.path())[name] == *bytes));
    // another number of epochs: the checkpoint is of no use, and only lost where that is asked for
    restore();
    let (results, _) = epochs_of(&TrainSettings { overwrite: true, ..of(rough.path(), 3, 0) });
    assert!(results == run(&table, &of(&calm.path().join("three"), 3, 0)).unwrap());
    // damaged: of no use either
    restore();
    let bytes = std::fs::read(&file).unwrap();
    let damaged = String::from_utf8_lossy(&bytes).find("optimizer.first").unwrap();
    let mut changed = bytes.clone();
    changed[damaged] = b'p';
    std::fs::write(&file, changed).unwrap();
    assert_eq!(train::damaged(rough.path()).unwrap().iter().filter(|fault| fault.file == file).count(), 1);
    let (results, started) = epochs_of(&of(rough.path(), 6, 4));
    assert!(results == wanted && started == Some((0, 0)), "{started:?}");
}

#[test]
fn memory_bounds_cohorts_and_their_size_changes_nothing() {
    let table = small();
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let of = |i: usize| settings(folders[i].path());
    run(&table, &of(0)).unwrap();
    run(&table, &TrainSettings { cohort: Runs::Auto, ..of(1) }).unwrap();
    let error = run(&table, &TrainSettings { max_memory: Some(1000.into()), ..of(2) }).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    let text = error.to_string();
    assert!(
        text.starts_with("[train] max-memory: ") && text.contains("expected at least") && text.contains("MiB a run"),
        "{text}"
    );
    run(&table, &TrainSettings { max_memory: Some("1MiB".parse().unwrap()), ..of(2) }).unwrap();
    let wanted = files(folders[0].path());
    assert!(wanted.len() > 90);
    assert!(folders[1..].iter().all(|folder| files(folder.path()) == wanted));
}

#[cfg(feature = "media")]
#[test]
fn keys_that_moved_are_told_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipeline.toml");
    std::fs::write(&path, "[data]\ndataset = 'table'\ntable = 't.csv'\n\n[train]\nseeds = [1]\n").unwrap();
    let error = mmdg::config::read(&path, &[]).unwrap_err().to_string();
    assert!(error.ends_with("pipeline.toml: line 6: seeds is not a key here; expected it in the table [protocol]"), "{error}");
    let error = mmdg::config::read(&path, &["train.seeds=[1]".into()]).unwrap_err().to_string();
    assert!(error.contains("expected it in the table [protocol]"), "{error}");
}

#[cfg(all(feature = "cli", feature = "hdf5"))]
#[test]
fn a_task_whose_sources_lack_a_class_is_left_out_where_that_is_put_up_with() {
    let folder = tempfile::tempdir().unwrap();
    let mmdg = |arguments: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mmdg"));
        let output = command.current_dir(folder.path()).args(arguments.split(' ')).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    // class c is in no domain but the last
    let mut labels = "id,label,domain,split\n".to_owned();
    let mut values = Vec::new();
    for i in 0..120usize {
        let domain = i / 40;
        let class = if domain == 2 { i % 3 } else { i % 2 };
        labels += &format!("r{i},{},d{domain},{}\n", ["a", "b", "c"][class], if i % 5 == 0 { "test" } else { "train" });
        values.extend([i as f32, class as f32]);
    }
    std::fs::write(folder.path().join("l.csv"), labels).unwrap();
    let mut npy = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (120, 2), }".to_vec();
    npy.resize(127, b' ');
    npy.push(b'\n');
    npy.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    std::fs::write(folder.path().join("f.npy"), npy).unwrap();
    let (code, said) = mmdg("import features --labels l.csv --modality video=f.npy -q");
    assert_eq!(code, Some(0), "{said}");
    let text = "[protocol]\nseeds = \"0-1\"\n[train]\nfeatures = 'features'\nepochs = 1\nbatch-size = 8\nhidden = 8\nembedding = 8\n\
        head-hidden = 8\n";
    std::fs::write(folder.path().join("p.toml"), text).unwrap();
    let (code, said) = mmdg("train p.toml");
    assert!(code == Some(3) && said.contains("class \"c\" has no training row in the sources"), "{said}");
    assert!(
        said.contains("1 of 3 tasks cannot be filled; --max-failures 1 leaves them out") && !folder.path().join("runs").exists(),
        "{said}"
    );
    for allowed in ["1", "40%"] {
        let (code, said) = mmdg(&format!("train p.toml --max-failures {allowed}"));
        assert!(code == Some(4) && said.contains("task left out: features: target \"d2\": class \"c\""), "{said}");
    }
    assert_eq!(walk(&folder.path().join("runs"), "results.json").len(), 4);
    assert_eq!(mmdg("train p.toml --max-failures 1 --seeds 0-3").0, Some(4));
    assert_eq!(walk(&folder.path().join("runs"), "results.json").len(), 8);
    let (code, said) = mmdg("train p.toml --max-failures 1 --targets d2");
    assert!(code == Some(3) && said.contains("class \"c\""), "{said}");
}
