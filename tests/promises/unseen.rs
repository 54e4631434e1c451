//! Nothing that changed goes unseen: a flipped bit in any file of a store or of a run is told by every verb that reads it, and made good by the verb that
//! makes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mmdg::rng::Stream;

use crate::command::{expect, run, tones, tree};

const PIPELINE: &str = "[train]\nfeatures = \"features\"\nepochs = 3\nbatch-size = 8\nhidden = 8\nembedding = 8\nhead-hidden = 8\n\
    [protocol]\ntargets = [\"target\"]\nseeds = [0, 1]\n[[train.compare]]\nname = \"gmp\"\nbalance = \"gmp\"\n[report]\nout = \"report\"\n";

/// A folder with features, and a finished run in `runs`.
fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    expect(&run(folder.path(), "synth features --rows 60 --classes 3 -q"), 0, &[]);
    std::fs::write(folder.path().join("pipeline.toml"), PIPELINE).unwrap();
    expect(&run(folder.path(), "train pipeline.toml -q --set train.out=runs"), 0, &[]);
    folder
}

/// A kind of damage, by what it is called.
type Kind = (&'static str, fn(&Path));

/// Every file below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    tree(folder).keys().map(|name| folder.join(name)).collect()
}

/// A bit of a file, the same at every call, of its `number`-th draw.
fn flip(file: &Path, number: u32) {
    let mut bytes = std::fs::read(file).unwrap();
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let draw = |place| f64::from(Stream::new(14).with(&name).at(number).uniform(place));
    let at = (draw(0) * bytes.len() as f64) as usize;
    bytes[at] ^= 1 << (draw(1) * 8.0) as u32;
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn a_flipped_bit_in_a_store_is_told_by_every_verb_that_reads_it() {
    let folder = prepared();
    let folder = folder.path();
    let model = files(&folder.join("runs")).into_iter().find(|file| file.ends_with("model.safetensors")).unwrap();
    let model = model.strip_prefix(folder).unwrap().display().to_string();
    let verbs = [
        "verify features -q".to_owned(),
        "train pipeline.toml -q --set train.out=other".into(),
        "export features rows.npz -q".into(),
        format!("eval {model} features"),
        format!("predict {model} features said.csv"),
    ];
    // of what other files say again: the list of failures, which training does not read
    let unread = |file: &Path, verb: &str| file.ends_with("failures.jsonl") && !verb.starts_with("verify");
    for file in files(&folder.join("features")) {
        let whole = std::fs::read(&file).unwrap();
        let kinds: [Kind; 3] = [
            ("a bit", |file| flip(file, 0)),
            ("another bit", |file| flip(file, 1)),
            ("gone", |file| std::fs::remove_file(file).unwrap()),
        ];
        for (what, damage) in kinds {
            if whole.is_empty() && what != "gone" {
                continue;
            }
            damage(&file);
            for verb in verbs.iter().filter(|verb| !unread(&file, verb)) {
                let output = run(folder, verb);
                let code = output.status.code();
                // without its header a folder is no store
                let right = code == Some(7) || (what == "gone" && file.ends_with("store.json") && code == Some(3));
                assert!(right, "{what} of {}: {verb}: {code:?}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
                let _ = std::fs::remove_file(folder.join("said.csv"));
                let _ = std::fs::remove_file(folder.join("rows.npz"));
            }
            std::fs::write(&file, &whole).unwrap();
        }
    }
    expect(&run(folder, "verify features -q"), 0, &[]);
    // who trusts is not kept waiting
    let shard = files(&folder.join("features")).into_iter().find(|file| file.extension().is_some_and(|end| end == "h5")).unwrap();
    let whole = std::fs::read(&shard).unwrap();
    let mut bytes = whole.clone();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&shard, bytes).unwrap();
    expect(&run(folder, "export features rows.npz -q"), 7, &["its hash is"]);
    expect(&run(folder, "export features rows.npz -q --trust"), 0, &[]);
}

#[test]
fn a_damaged_run_is_no_finished_run() {
    let folder = prepared();
    let folder = folder.path();
    let made: BTreeMap<String, Vec<u8>> = tree(&folder.join("runs"));
    assert!(made.keys().any(|name| name.ends_with("record.json")), "{:?}", made.keys());
    for file in files(&folder.join("runs")) {
        let kinds: [Kind; 4] = [
            ("a bit", |file| flip(file, 0)),
            ("another bit", |file| flip(file, 1)),
            ("half", |file| {
                let bytes = std::fs::read(file).unwrap();
                std::fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
            }),
            ("gone", |file| std::fs::remove_file(file).unwrap()),
        ];
        for (what, damage) in kinds {
            let told = format!("{what} of {}", file.display());
            damage(&file);
            for verb in ["report runs -q", "verify runs -q"] {
                let output = run(folder, verb);
                let code = output.status.code();
                let right = code == Some(7)
                    || (what == "gone" && file.ends_with("results.json") && verb.starts_with("report") && code == Some(3));
                assert!(right, "{told}: {verb}: {code:?}: {}", String::from_utf8_lossy(&output.stderr));
            }
            if file.ends_with("model.safetensors") {
                let model = file.strip_prefix(folder).unwrap().display();
                for verb in [format!("eval {model} features"), format!("predict {model} features said.csv")] {
                    let output = run(folder, &verb);
                    assert!(matches!(output.status.code(), Some(3 | 7)), "{told}: {verb}");
                    assert!(!folder.join("said.csv").exists(), "{told}");
                }
            }
            let output = run(folder, "train pipeline.toml -q --set train.out=runs");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{told}: {said}");
            assert!(said.contains("damaged") || (what == "gone" && file.ends_with("results.json")), "{told}: {said}");
            let again = tree(&folder.join("runs"));
            let differ: Vec<&String> = made.keys().filter(|name| made.get(*name) != again.get(*name)).collect();
            assert!(differ.is_empty(), "{told}: {differ:?}");
        }
    }
    // what is nobody's is left alone
    let other = files(&folder.join("runs"))[0].with_file_name("notes.txt");
    std::fs::write(&other, "mine").unwrap();
    expect(&run(folder, "verify runs -q"), 0, &[]);
    expect(&run(folder, "train pipeline.toml -q --set train.out=runs"), 0, &[]);
    assert_eq!(std::fs::read(&other).unwrap(), b"mine");
}

#[test]
#[cfg_attr(not(feature = "faults"), ignore = "a build with the feature faults")]
fn what_a_verb_makes_it_makes_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 5);
    expect(&run(folder, "preprocess pipeline.toml -q"), 0, &[]);
    let made = tree(&folder.join("clips"));
    for file in files(&folder.join("clips")) {
        let kinds: [Kind; 2] = [("a bit", |file| flip(file, 0)), ("gone", |file| std::fs::remove_file(file).unwrap())];
        for (what, damage) in kinds {
            let shard = file.extension().is_some_and(|end| end == "h5");
            if what == "a bit" && (shard || std::fs::metadata(&file).unwrap().len() == 0) {
                // only who reads all of a shard sees a bit of it
                continue;
            }
            damage(&file);
            let output = run(folder, "preprocess pipeline.toml -q");
            let said = String::from_utf8_lossy(&output.stderr);
            let told = format!("{what} of {}: {said}", file.display());
            assert_eq!(output.status.code(), Some(0), "{told}");
            assert!(said.contains("was made anew"), "{told}");
            assert!(tree(&folder.join("clips")) == made, "{told}");
        }
    }
    // in the middle of the work, too
    std::fs::remove_dir_all(folder.join("clips")).unwrap();
    let mut killed = crate::command::mmdg(folder, "preprocess pipeline.toml -q --workers 1");
    assert!(!killed.env("MMDG_FAULT", "kill:12").output().unwrap().status.success());
    std::fs::remove_file(folder.join("clips/manifest.csv")).unwrap();
    expect(&run(folder, "preprocess pipeline.toml -q"), 0, &[]);
    assert!(tree(&folder.join("clips")) == made);
}
