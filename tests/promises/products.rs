//! Whose kernels multiply is part of what a run is.

use std::path::Path;

use mmdg::stop::Stop;
use mmdg::train::products::ProductsWord::{self, Auto, Libtorch, Matrixmultiply};
use mmdg::train::{self, Precision, Protocol, Runs, TrainSettings};

use crate::train::{compare, one_task, run, settings, small, walk};

fn of(out: &Path, products: ProductsWord) -> TrainSettings {
    let columns = ["none", "gmp"].map(|name| compare(&format!("name = '{name}'\nbalance = '{name}'")));
    let protocol = Protocol { seeds: vec![0, 1, 2], ..one_task("domain0") };
    TrainSettings { compare: columns.into(), epochs: 3, protocol, products, ..settings(out) }
}

fn config(out: &Path) -> String {
    std::fs::read_to_string(out.join("gmp/domain0-0/config.toml")).unwrap()
}

fn models(out: &Path) -> Vec<Vec<u8>> {
    let mut files = walk(out, "model.safetensors");
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn refused(settings: &TrainSettings, part: &str) {
    let before = models(&settings.out);
    let error = run(&small(), settings).unwrap_err();
    assert!(error.exit_code() == 3 && error.to_string().contains(part), "{error}");
    assert!(models(&settings.out) == before);
}

#[test]
fn finished_runs_keep_their_kernels_and_are_refused_only_where_others_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let [theirs, ours] = ["libtorch", "matrixmultiply"].map(|name| folder.path().join(name));
    let by_libtorch = run(&small(), &of(&theirs, Libtorch)).unwrap();
    let by_the_crate = run(&small(), &of(&ours, Matrixmultiply)).unwrap();
    assert!(!config(&theirs).contains("products") && config(&ours).contains("products = \"matrixmultiply\""));
    assert!(by_libtorch.len() == 6 && by_the_crate.len() == 6);
    // the last digits are others', so both can be told from their weights
    assert!(models(&theirs) != models(&ours));
    refused(&of(&ours, Libtorch), "products was matrixmultiply, is libtorch");
    refused(&of(&theirs, Matrixmultiply), "products was libtorch, is matrixmultiply");
    // a finished run counts, whosever kernels this CPU would take
    for out in [&theirs, &ours] {
        let before = models(out);
        run(&small(), &of(out, Auto)).unwrap();
        assert!(models(out) == before);
    }
    let anew = TrainSettings { overwrite: true, ..of(&ours, Libtorch) };
    assert!(run(&small(), &anew).unwrap() == by_libtorch && models(&ours) == models(&theirs));
}

#[test]
fn a_checkpoint_goes_on_with_its_own_kernels_only() {
    let folder = tempfile::tempdir().unwrap();
    let [calm, rough] = ["calm", "rough"].map(|name| folder.path().join(name));
    run(&small(), &of(&calm, Matrixmultiply)).unwrap();
    let stop = Stop::default();
    let stopped = train::train(&small(), &of(&rough, Matrixmultiply), &stop, &|progress| {
        if progress.epochs_done > 0 {
            stop.ask(15);
        }
    });
    assert!(stopped.is_err() && !walk(&rough, "checkpoint.safetensors").is_empty());
    refused(&of(&rough, Libtorch), "products was matrixmultiply, is libtorch");
    // alone from here on, which changes nothing either
    run(&small(), &TrainSettings { cohort: Runs::AtMost(1), ..of(&rough, Matrixmultiply) }).unwrap();
    assert!(models(&rough) == models(&calm) && models(&calm).len() == 6);
}

#[test]
fn double_precision_is_libtorchs_whatever_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let [theirs, ours] = ["libtorch", "matrixmultiply"].map(|name| folder.path().join(name));
    for (out, products) in [(&theirs, Libtorch), (&ours, Matrixmultiply)] {
        run(&small(), &TrainSettings { precision: Precision::F64, ..of(out, products) }).unwrap();
        assert!(!config(out).contains("products"));
    }
    assert!(models(&theirs) == models(&ours));
}
