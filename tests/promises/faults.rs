//! Every verb there is, under a damaged file of each kind and under two signals. The verbs are those that the program names, the files those that a real
//! store and a real run have: a new one fails here until it has its line.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use mmdg::rng::Stream;

use crate::command::{expect, extracting, mmdg, run, tones, tree};

const TRAIN: &str = "\
    [protocol]\ntargets = [\"attic\"]\nseeds = [0]\n[train]\nout = \"runs\"\nepochs = 2\nbatch-size = 4\nhidden = 8\nembedding = 8\nhead-hidden = 8\n\
    trace = true\ntsne = true\n[[train.compare]]\nname = \"gmp\"\nbalance = \"gmp\"\n[report]\nout = \"report\"\n";

/// A folder with clips, features of them, a run on these, and its report.
fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    tones(folder.path(), 24);
    extracting(folder.path(), "", TRAIN);
    expect(&run(folder.path(), "run pipeline.toml -q"), 0, &[]);
    expect(&run(folder.path(), "export features rows.npz -q"), 0, &[]);
    folder
}

/// The verbs of the program, but for `help`.
fn verbs() -> BTreeSet<String> {
    let help = run(Path::new("."), "--help");
    let text = String::from_utf8(help.stdout).unwrap();
    let lines = text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    lines.map(|line| line.split_whitespace().next().unwrap().to_owned()).filter(|verb| verb != "help").collect()
}

/// What each verb is tried with; what it makes anew is `new`.
fn commands(folder: &Path) -> Vec<(&'static str, String)> {
    let model = tree(&folder.join("runs")).into_keys().find(|name| name.ends_with("model.safetensors")).unwrap();
    let model = format!("runs/{model}");
    [
        (
            "run",
            "run pipeline.toml -q --set preprocess.store=new/clips --set extract.store=new/features --set train.out=new/runs",
        ),
        ("validate", "validate pipeline.toml -q --decode=all"),
        ("preprocess", "preprocess pipeline.toml -q"),
        ("extract", "extract pipeline.toml -q"),
        ("train", "train pipeline.toml -q"),
        ("bench-suite", "bench-suite pipeline.toml -q --method erm --balance none --set train.out=new"),
        ("report", "report pipeline.toml -q"),
        ("predict", "predict MODEL features new.csv"),
        ("eval", "eval MODEL features"),
        ("inspect", "inspect clips"),
        ("inspect", "inspect features"),
        ("verify", "verify clips -q"),
        ("verify", "verify features -q"),
        ("verify", "verify runs -q"),
        ("import", "import new --modality audio=rows.npz -q"),
        ("export", "export clips new.npz -q"),
        ("export", "export features new.npz -q"),
        ("merge", "merge new clips -q"),
        ("merge", "merge new features -q"),
        ("demo-data", "demo-data new"),
        ("synth", "synth new -q"),
        ("methods", "methods"),
        ("doctor", "doctor"),
    ]
    .map(|(verb, line)| (verb, line.replace("MODEL", &model)))
    .into()
}

#[test]
fn every_verb_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("runs")).unwrap();
    std::fs::write(folder.path().join("runs/model.safetensors"), "").unwrap();
    let tried: BTreeSet<String> = commands(folder.path()).into_iter().map(|(verb, _)| verb.to_owned()).collect();
    assert_eq!(tried, verbs());
}

/// What `new` is, away.
fn clear(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder.join("new"));
    for name in ["new.csv", "new.npz"] {
        let _ = std::fs::remove_file(folder.join(name));
    }
}

#[test]
fn two_signals_end_every_verb_at_once_and_in_silence() {
    let folder = prepared();
    let folder = folder.path();
    let whole = tree(folder);
    for (verb, line) in commands(folder) {
        for wait in [10, 100, 350] {
            // so that there is something to do
            for made in [("preprocess", "clips"), ("extract", "features"), ("train", "runs")] {
                if made.0 == verb {
                    std::fs::remove_dir_all(folder.join(made.1)).unwrap();
                }
            }
            let child = mmdg(folder, &line).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(wait));
            for _ in 0..2 {
                // SAFETY: a child of this process, which has not been waited for
                unsafe { libc::kill(child.id() as i32, libc::SIGTERM) };
                std::thread::sleep(Duration::from_millis(2));
            }
            let started = Instant::now();
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let told = format!("{line} after {wait} ms: {:?}: {said}", output.status);
            assert!(started.elapsed() < Duration::from_secs(10), "{told}");
            // before the program's first line the system's own way of ending it is all there is
            let ended = matches!(output.status.code(), Some(0 | 143)) || output.status.signal() == Some(libc::SIGTERM);
            assert!(ended, "{told}");
            assert!(said.len() < 300 && !said.contains("panicked") && !said.contains("terminate"), "{told}");
            clear(folder);
            for made in [("preprocess", "clips"), ("extract", "features"), ("train", "runs")] {
                if made.0 == verb {
                    let output = run(folder, &format!("{verb} pipeline.toml -q"));
                    assert_eq!(output.status.code(), Some(0), "{told}: {}", String::from_utf8_lossy(&output.stderr));
                }
            }
        }
    }
    let again = tree(folder);
    let differ: Vec<&String> = whole.keys().filter(|name| whole.get(*name) != again.get(*name)).collect();
    assert!(differ.iter().all(|name| name.starts_with("report/")), "{differ:?}");
}

/// The kinds of files of a store or of a run, each with one of them: numbers, modalities and what a run's folder is called are left out.
fn kinds(folder: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for name in tree(folder).into_keys() {
        let top = name.split('/').next().unwrap();
        let file = name.rsplit('/').next().unwrap();
        let kind = match top {
            "clips" | "features" if name.matches('/').count() == 2 => {
                format!("{top}: {}", if file.ends_with("h5") { "shard" } else { "shard's record" })
            }
            "clips" | "features" => format!("{top}: {file}"),
            "runs" if file.starts_with("events.") => "run: events".into(),
            "runs" => format!("run: {file}"),
            _ => continue,
        };
        found.entry(kind).or_insert_with(|| folder.join(name));
    }
    found
}

/// What came of a verb: an exit code, or `again` where the damage was named and made good.
fn outcome(folder: &Path, line: &str, whole: &BTreeMap<String, Vec<u8>>) -> String {
    let output = run(folder, line);
    clear(folder);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("panicked"), "{line}: {said}");
    let code = output.status.code().unwrap();
    let named = said.contains("anew");
    if code != 0 || !named {
        return code.to_string();
    }
    let again = tree(folder);
    let differ: Vec<&String> =
        whole.keys().filter(|name| !name.starts_with("report/") && whole.get(*name) != again.get(*name)).collect();
    assert!(differ.is_empty(), "{line}: {said}: {differ:?}");
    "again".into()
}

/// What a verb does about the loss of a file, and about a flipped bit in it. A verb that does not miss a file does not read it.
fn cell(folder: &Path, whole: &BTreeMap<String, Vec<u8>>, kind: &str, path: &Path, line: &str) -> String {
    std::fs::remove_file(path).unwrap();
    let gone = outcome(folder, line, whole);
    restore(folder, whole);
    let bytes = std::fs::read(path).unwrap();
    let mut flipped = BTreeSet::new();
    if gone != "0" && !bytes.is_empty() {
        for damage in 1..3 {
            let draw = |place| f64::from(Stream::new(14).with(kind).at(damage).uniform(place));
            let mut bytes = bytes.clone();
            let at = (draw(0) * bytes.len() as f64) as usize;
            bytes[at] ^= 1 << (draw(1) * 8.0) as u32;
            std::fs::write(path, bytes).unwrap();
            flipped.insert(outcome(folder, line, whole));
            restore(folder, whole);
        }
    }
    match flipped.into_iter().collect::<Vec<_>>().join(", ") {
        none if none.is_empty() || none == gone => gone,
        some => format!("{some}; {gone}"),
    }
}

/// The table of `tests/FAULTS.md`: for each kind of file what every verb does about a flipped bit in it, and about its loss.
fn table() -> String {
    let folders = [prepared(), prepared()];
    let reads = |line: &str| {
        // neither what is made from nothing, nor the verbs that are the others one after the other
        !["run", "bench-suite", "import", "demo-data", "synth", "methods", "doctor"].iter().any(|verb| line.starts_with(verb))
    };
    let all = commands(folders[0].path());
    let lines: Vec<String> = all.into_iter().map(|(_, line)| line).filter(|line| reads(line)).collect();
    let name = |line: &String| {
        let mut words = line.split(' ');
        let verb = words.next().unwrap();
        let of = words.find(|word| ["clips", "features", "runs"].contains(word));
        of.filter(|_| !["eval", "predict"].contains(&verb)).map_or(verb.to_owned(), |of| format!("{verb} {of}"))
    };
    let half = |place: usize| {
        let folder = folders[place].path();
        let whole = tree(folder);
        let row = |(kind, path): (String, PathBuf)| {
            let cells = lines.iter().map(|line| cell(folder, &whole, &kind, &path, line) + " |");
            format!("| {kind} | {}\n", cells.collect::<Vec<_>>().join(" "))
        };
        kinds(folder).into_iter().skip(place).step_by(2).map(row).collect::<Vec<_>>()
    };
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| half(0));
        let other = half(1);
        (one.join().unwrap(), other)
    });
    let rows: BTreeSet<String> = one.into_iter().chain(other).collect();
    let head = lines.iter().map(name).collect::<Vec<_>>().join(" | ");
    format!("| file | {head} |\n|{}\n{}", " --- |".repeat(lines.len() + 1), rows.into_iter().collect::<String>())
}

/// Everything as it was.
fn restore(folder: &Path, whole: &BTreeMap<String, Vec<u8>>) {
    for name in tree(folder).into_keys().filter(|name| !whole.contains_key(name)) {
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    for (name, bytes) in whole {
        let path = folder.join(name);
        if std::fs::read(&path).ok().as_ref() != Some(bytes) {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, bytes).unwrap();
        }
    }
}

/// The part of `tests/FAULTS.md` that this test makes: with `MMDG_FAULTS=write` it is written.
#[test]
#[ignore = "some minutes; make long"]
fn the_table_of_faults_is_what_happens() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/FAULTS.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once("<!-- made by the test faults -->\n").unwrap();
    let (was, after) = rest.split_once("<!-- to here -->\n").unwrap();
    let is = table();
    if std::env::var("MMDG_FAULTS").is_ok_and(|word| word == "write") {
        let text = format!("{before}<!-- made by the test faults -->\n{is}<!-- to here -->\n{after}");
        return std::fs::write(&path, text).unwrap();
    }
    assert!(was == is, "tests/FAULTS.md says\n{was}\nand what happens is\n{is}");
}

#[test]
fn every_file_has_its_line_in_the_table() {
    let folder = prepared();
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/FAULTS.md")).unwrap();
    for kind in kinds(folder.path()).keys() {
        assert!(text.contains(&format!("\n| {kind} |")), "tests/FAULTS.md has no line for {kind}");
    }
}
