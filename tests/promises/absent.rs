//! Rows that lack a modality, one of a whole domain among them: left out and counted, masked, or refused.

use std::collections::BTreeMap;
use std::path::Path;

use mmdg::balance::BALANCERS;
use mmdg::manifest::Labels;
use mmdg::train::cohort::Cohort;
use mmdg::train::{Absent, DomainTask, FeatureTable, Optimizer, Protocol, ProtocolKind as Protocols, TargetSplit, TrainSettings};
use tch::{Device, Kind, Tensor};

use crate::train::{a_run, classes_of, compare, design, hyperparameters, one_task, run, settings, small};

/// The table without audio where `lacks` says so; `value` stands in its place.
fn without_audio(table: &FeatureTable, lacks: impl Fn(usize) -> bool, value: f32) -> FeatureTable {
    let mut modalities = table.modalities().to_vec();
    let audio = &mut modalities[1];
    for row in (0..table.len()).filter(|&row| lacks(row)) {
        audio.valid[row] = false;
        audio.values[row * audio.width..][..audio.width].fill(value);
    }
    let (labels, domains) = (table.labels().clone(), table.domains().to_vec());
    FeatureTable::new(labels, domains, modalities, table.domain().to_vec(), table.split().to_vec()).unwrap()
}

fn masked(out: &Path, names: &[&str]) -> TrainSettings {
    let column = |name: &&str| compare(&format!("name = '{name}'\nbalance = '{name}'"));
    TrainSettings {
        absent: Absent::Mask,
        compare: names.iter().map(column).collect(),
        protocol: one_task("domain2"),
        ..settings(out)
    }
}

#[test]
fn a_modality_that_a_whole_domain_lacks_is_left_out_masked_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let full = small();
    let table = without_audio(&full, |row| full.domain()[row] == 1, 0.0);
    let of = |absent: Absent| TrainSettings { absent, ..masked(folder.path(), &["none"]) };
    let error = run(&table, &of(Absent::DropRows)).unwrap_err().to_string();
    assert!(error.contains("source \"domain1\" has no training row with every modality; [train] absent = \"mask\""), "{error}");
    let error = run(&table, &of(Absent::Refuse)).unwrap_err().to_string();
    assert!(error.contains("lacks audio, 30 such rows in all; expected none, or another [train] absent"), "{error}");
    let found = run(&table, &of(Absent::Mask)).unwrap().remove(0);
    assert_eq!((found.rows.masked, found.rows.left_out), (30, 0));
    assert_eq!(found.rows.train + found.rows.validation + found.rows.target, full.len());
    assert_eq!(found.settings["absent"], "mask");

    // some rows of every domain: dropped and counted unless said otherwise
    let some = without_audio(&full, |row| row % 7 == 0, 0.0);
    let count = (0..full.len()).filter(|row| row % 7 == 0).count();
    let out = |name: &str| folder.path().join(name);
    let found = run(&some, &TrainSettings { absent: Absent::default(), ..masked(&out("some"), &["none"]) }).unwrap().remove(0);
    assert_eq!((found.rows.masked, found.rows.left_out), (0, count));
    // a modality that no source has cannot be learned from
    let none = without_audio(&full, |row| full.domain()[row] != 2, 0.0);
    let error = run(&none, &masked(&out("none"), &["none"])).unwrap_err().to_string();
    assert!(error.contains("no training row of the sources has audio"), "{error}");
    let whole = run(&full, &TrainSettings { absent: Absent::Refuse, ..masked(&out("whole"), &["none"]) }).unwrap();
    assert_eq!(whole[0].rows.masked, 0);
    let toml: TrainSettings = toml::from_str("absent = 'mask'").unwrap();
    assert_eq!(toml.absent, Absent::Mask);
}

#[test]
fn what_stands_in_a_missing_place_changes_nothing_and_a_whole_table_is_as_ever() {
    let full = small();
    let lacks = |row: usize| full.domain()[row] == 1 || row.is_multiple_of(5);
    let (zeros, other) = (without_audio(&full, lacks, 0.0), without_audio(&full, lacks, 7.5));
    let names: Vec<&str> = BALANCERS.iter().map(|entry| entry.name).collect();
    let of = |table: &FeatureTable, absent: Absent| -> BTreeMap<String, Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        run(table, &TrainSettings { absent, epochs: 2, ..masked(folder.path(), &names) }).unwrap();
        let file = |name: &&str| folder.path().join(name).join("domain2-0/model.safetensors");
        names.iter().map(|name| ((*name).to_owned(), std::fs::read(file(name)).unwrap())).collect()
    };
    assert!(of(&zeros, Absent::Mask) == of(&other, Absent::Mask));
    let whole = [Absent::Mask, Absent::DropRows].map(|absent| of(&full, absent));
    for name in &names {
        let [one, other] = whole.each_ref().map(|models| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &models[*name]).unwrap();
            Tensor::read_safetensors(file.path()).unwrap().into_iter().collect::<BTreeMap<_, _>>()
        });
        assert!(one == other, "{name}");
    }
}

/// What one step does to the audio encoder, with rows of these in the batch.
fn step(table: &FeatureTable, name: &str, words: &str) -> (Vec<Tensor>, f64) {
    let task = DomainTask::new(table, &[0, 1], &[0, 1], 2, TargetSplit::All, Absent::Mask).unwrap();
    let one = a_run(task.into(), 0, hyperparameters(name, words, &[]));
    let rows = one.task.train.len();
    let mut cohort = Cohort::new(table, &design(table, name, 0.0), Optimizer::Sgd, rows, vec![one], Kind::Double, Device::Cpu);
    let before = cohort.parameters().copy();
    let (seen, _) = cohort.steps(0, 1);
    let moved = cohort.parameters() - before;
    let own = cohort.model().layout.entries().iter().filter(|entry| entry.name.starts_with("encoder.audio"));
    (own.map(|entry| moved.narrow(1, entry.offset, entry.len()).copy()).collect(), seen.double_value(&[0, 0]))
}

#[test]
fn a_masked_row_gives_the_encoder_of_what_it_lacks_no_gradient() {
    tch::set_num_threads(1);
    let full = small();
    let table = without_audio(&full, |row| full.domain()[row] == 1, 0.0);
    for (name, words) in [
        ("none", ""),
        ("adversarial", ""),
        ("adversarial", "discriminator = 'modality'"),
        ("gmp", ""),
        ("gmp", "variant = 'bench'"),
        ("cggm", ""),
        ("agm", ""),
    ] {
        let (moved, loss) = step(&table, name, words);
        assert!(loss.is_finite() && moved.iter().all(|moved| moved.isfinite().all().int64_value(&[]) == 1), "{name} {words}");
        assert!(moved.iter().any(|moved| moved.abs().max().double_value(&[]) > 0.0), "{name} {words}");
    }
    // other labels of the rows without audio change the fused loss, and not what the audio encoder learns
    let mut label = classes_of(&full);
    for row in (0..full.len()).filter(|&row| full.domain()[row] == 1) {
        label[row] = (label[row] + 1) % 3;
    }
    let (labels, domains) = (Labels::classes(table.classes().to_vec(), label), table.domains().to_vec());
    let other =
        FeatureTable::new(labels, domains, table.modalities().to_vec(), table.domain().to_vec(), table.split().to_vec()).unwrap();
    for (name, words) in [("none", ""), ("adversarial", "discriminator = 'modality'")] {
        let (one, two) = (step(&table, name, words), step(&other, name, words));
        assert!(one.1 != two.1, "the fused loss sees the labels of masked rows");
        for (one, two) in one.0.iter().zip(&two.0) {
            assert!((one - two).abs().max().double_value(&[]) < 1e-15, "{name} {words}");
        }
    }
}

#[test]
fn a_masked_run_alone_and_among_others_is_bit_equal_and_asked_again_says_the_same() {
    tch::set_num_threads(1);
    let full = small();
    let table = without_audio(&full, |row| full.domain()[row] == 1 || row % 5 == 0, 0.0);
    let folder = tempfile::tempdir().unwrap();
    let protocol =
        Protocol { kind: Protocols::MultiSource, seeds: vec![0, 1, 2], targets: vec!["domain2".into()], ..Protocol::default() };
    let of = |cohort: usize| {
        let out = folder.path().join(cohort.to_string());
        let cohort = mmdg::train::Runs::AtMost(cohort);
        run(&table, &TrainSettings { cohort, protocol: protocol.clone(), ..masked(&out, &["none", "gmp", "ogm"]) }).unwrap()
    };
    assert!(of(1) == of(16));
    let model = folder.path().join("1/none/domain2-0/model.safetensors");
    let predictor = mmdg::train::predict::Predictor::open(&model).unwrap();
    let lacking = mmdg::train::predict::Lacking { drop: vec![], fill: Some(mmdg::train::predict::Fill::Mean) };
    let found = predictor.examine(&table, &lacking, |row| table.domain()[row] == 2).unwrap();
    let wanted = of(1).remove(0);
    assert_eq!(found.all.metrics["accuracy"], wanted.target_score);
}
