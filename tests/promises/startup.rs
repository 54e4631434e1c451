//! Three programs: what each is linked to, what each verb loads, and how one goes over into another.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::train::{one_task, run, settings, small};

const MMDG: &str = env!("CARGO_BIN_EXE_mmdg");

/// Beginnings of the names of what is slow to load.
const FFMPEG: &[&str] = &["libavcodec.", "libavformat.", "libavutil.", "libswscale.", "libswresample."];
const TORCH: &[&str] = &["libtorch", "libc10."];
const ONNX_RUNTIME: &[&str] = &["libonnxruntime"];

/// Those of these libraries that are among `files`.
fn of<'a>(files: &'a BTreeSet<String>, names: &[&str]) -> Vec<&'a str> {
    files.iter().map(String::as_str).filter(|file| names.iter().any(|name| file.starts_with(name))).collect()
}

/// What a process loads, by whatever way: the system's linker writes it down. Of its children too.
fn loaded(folder: &Path, program: &str, arguments: &str) -> (Output, BTreeSet<String>) {
    let told = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments.split_whitespace()).stdin(Stdio::null());
    let output = command.env("LD_DEBUG", "files").env("LD_DEBUG_OUTPUT", told.path().join("of")).output().unwrap();
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(told.path()).unwrap() {
        let text = fs::read(entry.unwrap().path()).unwrap();
        for line in String::from_utf8_lossy(&text).lines().filter_map(|line| line.split_once("calling init: ")) {
            files.insert(Path::new(line.1.trim()).file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    assert!(!files.is_empty(), "{arguments}: the linker says nothing");
    (output, files)
}

/// What a program is linked to, by its own dynamic section.
fn needed(program: &str) -> BTreeSet<String> {
    let output = Command::new("readelf").args(["-d", program]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| line.contains("(NEEDED)")).map(|line| line.split(['[', ']']).nth(1).unwrap().to_owned()).collect()
}

#[test]
fn each_program_is_linked_to_what_it_uses() {
    let light = needed(MMDG);
    assert_eq!(of(&light, &[FFMPEG, TORCH, ONNX_RUNTIME].concat()), [""; 0], "{light:?}");
    let decode = needed(env!("CARGO_BIN_EXE_mmdg-decode"));
    assert!(!of(&decode, FFMPEG).is_empty() && of(&decode, TORCH).is_empty(), "{decode:?}");
    let train = needed(env!("CARGO_BIN_EXE_mmdg-train"));
    assert!(!of(&train, TORCH).is_empty() && of(&train, FFMPEG).is_empty(), "{train:?}");
}

/// A folder with a store of features, finished runs and, where asked for, recordings.
fn folder(recordings: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    run(
        &small(),
        &mmdg::train::TrainSettings { epochs: 1, protocol: one_task("domain2"), ..settings(&folder.path().join("runs")) },
    )
    .unwrap();
    let program = |arguments: &str| {
        let output = Command::new(MMDG).current_dir(folder.path()).args(arguments.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    };
    program("synth store --quiet --rows 16");
    if recordings {
        program("demo-data data --clips-per-class 2");
    }
    let text = "[data]\ndataset = 'hac'\nroot = 'data'\n[preprocess]\nstore = 'clips'\n\
        [preprocess.modalities.video]\npreset = 'slowfast'\nframes = 4\nresize = 40\ncrop = 32\n[preprocess.modalities.audio]\npreset = 'vggsound'\n";
    fs::write(folder.path().join("pipeline.toml"), text).unwrap();
    folder
}

#[test]
fn verbs_load_what_they_use() {
    let folder = folder(true);
    let folder = folder.path();
    let light = "--version|--help|methods|methods gmp|doctor|validate pipeline.toml|inspect store|inspect store --mean|verify store|\
        verify runs|report runs --out report --quiet|export store store.npz --quiet|merge merged store --quiet|synth other --quiet";
    for verb in light.split('|') {
        let (output, files) = loaded(folder, MMDG, verb);
        assert!(
            output.status.success(),
            "{verb}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        // doctor has the linker look at the other programs, which runs nothing of what it finds
        assert_eq!(of(&files, &[FFMPEG, TORCH, ONNX_RUNTIME].concat()), [""; 0], "{verb}");
    }
    for verb in ["preprocess pipeline.toml --workers 2 --quiet", "validate pipeline.toml --decode"] {
        let (output, files) = loaded(folder, MMDG, verb);
        assert!(output.status.success(), "{verb}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!of(&files, FFMPEG).is_empty() && of(&files, &[TORCH, ONNX_RUNTIME].concat()).is_empty(), "{verb}: {files:?}");
    }
    let model = find(&folder.join("runs"), "model.safetensors").unwrap();
    let (output, files) = loaded(folder, MMDG, &format!("eval {} store", model.display()));
    // the model is of other features, and says so: it was read by the program that trains
    assert_eq!(output.status.code(), Some(3));
    assert!(!of(&files, TORCH).is_empty() && of(&files, &[FFMPEG, ONNX_RUNTIME].concat()).is_empty(), "{files:?}");
}

/// A file below a folder whose name ends so.
fn find(folder: &Path, end: &str) -> Option<PathBuf> {
    let mut entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.find_map(|path| if path.is_dir() { find(&path, end) } else { path.to_string_lossy().ends_with(end).then_some(path) })
}

#[test]
fn a_program_that_is_not_there_or_lacks_a_library_is_named_with_what_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("mmdg");
    // by another process: one that another test starts meanwhile would have a file open that is to be run
    let copy = |from: &str, to: &Path| assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
    copy(MMDG, &program);
    let ended = |verb: &str| {
        let output = Command::new(&program).args(verb.split_whitespace()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (verb, other) in [("train p.toml", "mmdg-train"), ("preprocess p.toml", "mmdg-decode"), ("synth --check", "mmdg-train")] {
        let (code, said) = ended(verb);
        assert_eq!(code, Some(6), "{verb}: {said}");
        assert!(said.starts_with("mmdg: there is no ") && said.contains(&format!("/{other}; build all programs: ")), "{said}");
    }
    // far from .deps/
    copy(env!("CARGO_BIN_EXE_mmdg-train"), &folder.path().join("mmdg-train"));
    let output = Command::new(&program).args(["train", "p.toml"]).env_remove("LD_LIBRARY_PATH").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    if said.contains("libtorch_cpu.so") {
        assert_eq!(output.status.code(), Some(6), "{said}");
        assert!(said.contains("which the system's linker does not find; run ./setup.sh"), "{said}");
    } else {
        // a libtorch of the system's own
        assert_eq!(output.status.code(), Some(3), "{said}");
    }
    for verb in ["methods", "--version"] {
        assert_eq!(ended(verb), (Some(0), String::new()), "{verb}");
    }
    // what is there and does not start
    fs::write(folder.path().join("mmdg-decode"), "no program").unwrap();
    let (code, said) = ended("preprocess p.toml");
    assert!(code == Some(6) && said.contains("mmdg-decode does not start: "), "{said}");
}

/// The process that was started is the one that trains: its number, its arguments, its environment; and a signal reaches it.
#[test]
fn the_other_program_has_the_process() {
    let folder = folder(false);
    let text = "[train]\nfeatures = 'store'\nout = 'long'\nepochs = 100000\n[data]\ndataset = 'hac'\nroot = 'data'\n";
    fs::write(folder.path().join("long.toml"), text).unwrap();
    let mut child = Command::new(MMDG)
        .args(["train", "long.toml", "--quiet"])
        .current_dir(folder.path())
        .env("SOMETHING", "of ours")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let of = |what: &str| fs::read_to_string(format!("/proc/{}/{what}", child.id())).unwrap_or_default();
    let since = Instant::now();
    while !of("maps").contains("libtorch_cpu.so") || !folder.path().join("long").is_dir() {
        assert!(since.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(of("maps").contains("/mmdg-train"));
    assert!(of("cmdline").ends_with("\0train\0long.toml\0--quiet\0"), "{:?}", of("cmdline"));
    assert!(of("environ").contains("SOMETHING=of ours"));
    // SAFETY: a signal to a child that is waited for below
    unsafe { libc::kill(child.id() as i32, libc::SIGTERM) };
    let status = child.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(143), None));
}

/// Exit codes of the parts of `run` meet in the last program: a row that fails and is put up with ends in 4, though all is trained.
#[test]
fn a_pipeline_goes_from_program_to_program() {
    let folder = folder(true);
    let text = "[data]\ndataset = 'hac'\nroot = 'data'\n[preprocess]\nstore = 'clips'\n\
        [preprocess.modalities.audio]\npreset = 'vggsound'\n[train]\nfeatures = 'store'\nout = 'trained'\nepochs = 1\n\
        [report]\nout = 'told'\n";
    fs::write(folder.path().join("all.toml"), text).unwrap();
    let clip = find(&folder.path().join("data"), ".mp4").unwrap();
    fs::write(&clip, "no recording").unwrap();
    let output = Command::new(MMDG)
        .args(["run", "all.toml", "--max-failures", "1", "--quiet"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(folder.path().join("told/report.html").is_file() && folder.path().join("clips/store.json").is_file());
}
