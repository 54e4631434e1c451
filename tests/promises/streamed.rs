//! Features that are not held in memory: the same runs, to the byte.

use std::path::Path;
use std::process::Command;

use mmdg::store::Store;
use mmdg::train::{FeatureTable, InMemory};

use crate::train::walk;

fn mmdg(folder: &Path, arguments: &str) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_mmdg")).current_dir(folder).args(arguments.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

const PIPELINE: &str = "[train]\nfeatures = \"features\"\nepochs = 2\nbatch-size = 8\nhidden = 8\nembedding = { quick = 8, slow = 6 }\n\
    head-hidden = 8\nabsent = \"mask\"\n[[train.compare]]\nname = \"gmp\"\nbalance = \"gmp\"\n[[train.compare]]\nname = \"blending\"\n\
    balance = \"gradient-blending\"\nsuper-epoch = 1\n";

#[test]
fn runs_are_the_same_whether_features_are_held_or_read_from_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    mmdg(folder, "synth features --rows 60 --classes 3 -q");
    std::fs::write(folder.join("pipeline.toml"), PIPELINE).unwrap();
    for held in ["yes", "no"] {
        let set = format!("--set train.features-in-memory={held} --set train.out={held} --seeds 0-1 --targets target -q");
        mmdg(folder, &format!("train pipeline.toml {set}"));
    }
    for name in ["model.safetensors", "results.json"] {
        let [held, streamed] = ["yes", "no"].map(|out| {
            let mut files = walk(&folder.join(out), name);
            files.sort();
            files.into_iter().map(|path| std::fs::read(path).unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(held.len(), 4);
        assert!(held == streamed, "{name}");
    }
    let open = |held| FeatureTable::open(Store::open(&folder.join("features")).unwrap(), held).unwrap();
    let (held, streamed) = (open(InMemory::Auto), open(InMemory::No));
    assert_eq!(held.digest(), streamed.digest());
    let values = |table: &FeatureTable| table.modalities().iter().map(|modality| modality.values.len()).sum::<usize>();
    assert!(values(&held) > 0 && values(&streamed) == 0);
}
