//! `bench-suite`: everything with everything, in one go, however often it is killed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::time::SystemTime;

use mmdg::balance::BALANCERS;
use mmdg::method::METHODS;

use crate::train::walk;

const PIPELINE: &str = "[train]\nfeatures = \"features\"\nepochs = 3\nbatch-size = 8\nhidden = 8\nembedding = 8\nhead-hidden = 8\n\
    checkpoint-every = 1\n\n[[train.compare]]\nname = \"mine\"\nbalance = \"gmp\"\nvariant = \"bench\"\n\n[report]\nout = \"report\"\n";

fn mmdg(folder: &Path, arguments: &str, fault: Option<usize>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mmdg"));
    command.current_dir(folder).args(arguments.split_whitespace()).env_remove("MMDG_FAULT").env_remove("MKL_CBWR");
    if let Some(at) = fault {
        command.env("MMDG_FAULT", format!("kill:{at}"));
    }
    command.output().unwrap()
}

/// A folder with the pipeline file and synthetic features of these sizes.
fn prepared(sizes: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = mmdg(folder.path(), &format!("synth features {sizes} -q"), None);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::write(folder.path().join("pipeline.toml"), PIPELINE).unwrap();
    folder
}

#[test]
fn every_method_and_every_balancer_trains_with_the_other_kinds_plain_ones() {
    let columns = 1 + BALANCERS.len() + 2 * (METHODS.len() - 1);
    assert_eq!(walked("", &[("qs", "batch-size=8"), ("slow", "batch-size=200")]).0, [columns; 2]);
}

#[test]
fn what_nobody_named_and_does_not_suit_is_left_out_with_a_line() {
    let folder = prepared("--rows 60 --classes 3");
    let folder = folder.path();
    let flags = "--protocol single-source --targets target --modalities q --seeds 0 --set train.epochs=1";
    let suite = mmdg(folder, &format!("bench-suite pipeline.toml --balance none {flags}"), None);
    let said = String::from_utf8_lossy(&suite.stderr);
    assert!(suite.status.success(), "{said}");
    let compares = METHODS.iter().filter(|method| method.compares_domains()).count();
    assert_eq!(said.matches("bench-suite: left out: [[train.compare]]").count(), compares, "{said}");
    let named = mmdg(folder, &format!("bench-suite pipeline.toml --method coral --balance none {flags}"), None);
    assert_eq!(named.status.code(), Some(3), "{}", String::from_utf8_lossy(&named.stderr));
}

#[test]
#[ignore = "half a thousand pairs"]
fn every_method_trains_with_every_balancer() {
    let every: String = METHODS.iter().map(|method| format!(" --method {}", method.name)).collect();
    let (columns, said) = walked(&every, &[("qs", "batch-size=8")]);
    let left_out = said.lines().find(|line| line.contains("left out, method and balancer are no pair")).unwrap();
    let names = left_out.rsplit("): ").next().unwrap();
    assert!(names.contains("unimodal+gradient-blending") && names.contains("dann+dwa"), "{left_out}");
    assert_eq!(columns, [1 + METHODS.len() * BALANCERS.len() - names.split(", ").count()]);
}

/// How many columns of a suite of two epochs are finished, of subsets of modalities with batches of some size; and what was said last.
fn walked(flags: &str, of: &[(&str, &str)]) -> (Vec<usize>, String) {
    let folder = prepared("--rows 60 --classes 3");
    let (folder, mut last) = (folder.path(), String::new());
    let mut columns = Vec::new();
    for (subset, rows) in of {
        let set = format!("--set train.epochs=2 --set train.{rows} --set train.out={subset}");
        let flags = format!("--seeds 0 --targets target --modalities {subset} {set}{flags}");
        let suite = mmdg(folder, &format!("bench-suite pipeline.toml {flags}"), None);
        last = String::from_utf8_lossy(&suite.stderr).into_owned();
        assert!(suite.status.success(), "{}", last.chars().take(2000).collect::<String>());
        columns.push(finished(&folder.join(subset)).len());
    }
    (columns, last)
}

#[test]
fn a_run_alone_and_among_eight_are_bit_equal_whatever_the_sizes() {
    let folder = prepared("--rows 100 --classes 5");
    let folder = folder.path();
    // sizes after which no run's tensors begin where another's do, modulo the width of a vector
    let sizes = "--set train.hidden=30 --set train.embedding=20 --set train.head-hidden=33 --set train.epochs=1";
    let flags = format!("{sizes} --set train.fusion=gated --set train.layer-norm=true --targets target --seeds 0,1,2,3,4,5,6,7");
    let some = ["none", "gmp", "grad-norm"];
    let every: Vec<&str> = BALANCERS.iter().map(|entry| entry.name).collect();
    for (arithmetic, batch, balancers) in [
        ("precision='f32'", 3, &some[..]),
        ("products='libtorch'", 16, &some),
        ("products='matrixmultiply'", 16, &some),
        ("precision='f64'", 10, &some),
        ("products='libtorch'", 9, &every),
        ("products='matrixmultiply'", 9, &every),
    ] {
        let named: String = balancers.iter().map(|name| format!(" --balance {name}")).collect();
        let models = [1, 8].map(|cohort| {
            let out = folder.join(format!("{}-{batch}-{cohort}", arithmetic.replace('\'', "")));
            let set = format!("--cohort {cohort} --set train.{arithmetic} --set train.batch-size={batch}{named}");
            let trained = mmdg(folder, &format!("train pipeline.toml {flags} {set} --set train.out={}", out.display()), None);
            assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
            let mut models = walk(&out, "model.safetensors");
            models.sort();
            models.into_iter().map(|path| std::fs::read(path).unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(models[0].len(), 8 * balancers.len());
        let different = models[0].iter().zip(&models[1]).filter(|(alone, among)| alone != among).count();
        assert_eq!(different, 0, "{arithmetic}, batches of {batch}");
    }
}

#[test]
fn a_device_that_is_not_there_is_never_replaced() {
    let folder = prepared("--rows 60 --classes 3");
    let folder = folder.path();
    let asked = |device: &str| mmdg(folder, &format!("train pipeline.toml --device {device}"), None);
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let word = asked("tpu");
    assert_eq!(word.status.code(), Some(3));
    assert!(said(&word).contains("\"tpu\"; expected \"cpu\", \"cuda\" or \"cuda:N\""), "{}", said(&word));
    if mmdg::train::device::libtorch().unwrap().devices == 0 {
        let gpu = asked("cuda:0");
        assert_eq!(gpu.status.code(), Some(6));
        assert!(said(&gpu).contains("device \"cuda:0\" asked for, but"), "{}", said(&gpu));
        assert!(!folder.join("runs").exists());
    }
}

/// Runs that are finished, with the time of each.
fn finished(folder: &Path) -> BTreeMap<String, SystemTime> {
    let time = |path: std::path::PathBuf| (path.display().to_string(), std::fs::metadata(path).unwrap().modified().unwrap());
    walk(folder, "record.json").into_iter().map(time).collect()
}

#[test]
#[cfg_attr(not(feature = "faults"), ignore = "a build with the feature faults")]
fn a_suite_is_methods_by_balancers_by_tasks_and_goes_on_after_a_kill() {
    let folder = prepared("--rows 60 --classes 3");
    let folder = folder.path();
    let flags = "--balance none --balance ogm-ge --seeds 0,1 --search 1 --cohort 3";
    let suite = |out: &str, fault| mmdg(folder, &format!("bench-suite pipeline.toml --set train.out={out} {flags}"), fault);

    let calm = suite("calm", None);
    let text = String::from_utf8(calm.stdout).unwrap();
    assert!(calm.status.success(), "{}", String::from_utf8_lossy(&calm.stderr));
    for column in ["mine", "none", "ogm-ge", "runs are there"] {
        assert!(text.contains(column), "{column} is not in {text}");
    }
    assert!(folder.join("report/report.html").exists());

    std::fs::create_dir(folder.join("rough")).unwrap();
    let mut kills = 0;
    for at in [40, 150, 90, 200, 320, 150, 400] {
        let before = finished(&folder.join("rough"));
        kills += usize::from(!suite("rough", Some(at)).status.success());
        let after = finished(&folder.join("rough"));
        assert!(before.iter().all(|(run, time)| after.get(run) == Some(time)), "a finished run was made again");
    }
    assert!(kills > 2, "{kills}");
    let rough = suite("rough", None);
    assert!(rough.status.success(), "{}", String::from_utf8_lossy(&rough.stderr));
    assert_eq!(String::from_utf8(rough.stdout).unwrap(), text);
    let bytes = |out: &str| -> BTreeMap<String, Vec<u8>> {
        let root = folder.join(out);
        let files = [".json", ".toml", ".csv", ".safetensors"].iter().flat_map(|ending| walk(&root, ending));
        files.map(|path| (path.strip_prefix(&root).unwrap().display().to_string(), std::fs::read(path).unwrap())).collect()
    };
    assert!(bytes("calm") == bytes("rough"));
}
