//! A store is whole or not there, whatever happens while it is made; damage is named.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use mmdg::store::Store;
use mmdg::{Error, fs, inspect};

use crate::command::{expect, mmdg, run, tones, tree};
use crate::skips::skipped;
use crate::verify::unsealed;

/// Makes the store with a fault at every step, finishes it each time, and compares with an undisturbed one.
fn disturbed(kind: &str, stride: usize, check: impl Fn(&std::process::Output)) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 5);
    expect(&run(folder, "preprocess pipeline.toml"), 0, &["5 samples, none failed"]);
    let whole = tree(&folder.join("clips"));
    assert!(whole.contains_key("audio/00001.json") && whole.contains_key("store.json") && !whole.contains_key("plan.json"));
    let (mut faults, mut calm) = (0, 0);
    for step in (1..).step_by(stride) {
        std::fs::remove_dir_all(folder.join("clips")).unwrap();
        let output =
            mmdg(folder, "preprocess pipeline.toml --workers 1").env("MMDG_FAULT", format!("{kind}:{step}")).output().unwrap();
        if output.status.success() {
            // that a lease could not be given back is nothing to end for, nor is a step that a store does not come to the last
            calm += 1;
            assert!(tree(&folder.join("clips")).get("store.json") == whole.get("store.json"), "{kind}:{step}");
            if kind == "kill" || calm == 6 {
                break;
            }
            continue;
        }
        (faults, calm) = (faults + 1, 0);
        check(&output);
        // but for a record whose shard has its name already: the next run ends that
        let of_shard = |name: &str| name.starts_with("audio/") && name.contains(".json.");
        let left = |name: &&String| name.ends_with(".part") && kind == "full" && !of_shard(name);
        let there = if folder.join("clips").is_dir() { tree(&folder.join("clips")) } else { Default::default() };
        assert_eq!(there.keys().filter(left).collect::<Vec<_>>(), Vec::<&String>::new(), "{kind}:{step}");
        let own = |name: &str| name.ends_with(".part") || name.starts_with(".leases/") || name == "plan.json";
        for (name, bytes) in there.iter().filter(|(name, _)| !own(name)) {
            assert_eq!(Some(bytes), whole.get(name), "{kind}:{step}: {name} has its name and is not whole");
        }
        std::fs::create_dir_all(folder.join("clips")).unwrap();
        expect(&run(folder, "preprocess pipeline.toml --workers 2"), 0, &[]);
        assert!(tree(&folder.join("clips")) == whole, "{kind}:{step}: the store differs");
    }
    assert!(faults * stride > 30, "{faults}");
}

#[test]
#[cfg_attr(not(feature = "faults"), ignore = "a build with the feature faults")]
fn a_kill_at_any_write_leaves_a_store_that_the_next_run_finishes() {
    disturbed("kill", 1, |output| assert_eq!(output.status.code(), None));
}

#[test]
#[cfg_attr(not(feature = "faults"), ignore = "a build with the feature faults")]
fn a_full_disk_at_any_write_is_told_and_the_next_run_finishes() {
    disturbed("full", 3, |output| expect(output, 6, &["cannot", "clips"]));
}

#[test]
fn an_update_refuses_nothing_and_is_told() {
    use mmdg::store::layout::{ShardRecord, read_json, write_json};
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 9);
    expect(&run(folder, "preprocess pipeline.toml -q"), 0, &[]);
    let header = std::fs::read_to_string(folder.join("clips/store.json")).unwrap();
    assert!(!header.contains(env!("CARGO_PKG_VERSION")) && header.contains("\"algorithm\": 1"), "{header}");
    // one shard of an earlier version, one that is still to be made
    let path = folder.join("clips/audio/00000.json");
    let mut record: ShardRecord = read_json(&path).unwrap();
    record.provenance.insert("mmdg".into(), ["0.0.1".to_owned()].into());
    write_json(&path, &record).unwrap();
    for end in ["h5", "json"] {
        std::fs::remove_file(folder.join(format!("clips/audio/00001.{end}"))).unwrap();
    }
    expect(&run(folder, "preprocess pipeline.toml -q"), 0, &[]);
    let told = String::from_utf8(run(folder, "inspect clips").stdout).unwrap();
    let versions = format!("mmdg 0.0.1 and {}", env!("CARGO_PKG_VERSION"));
    assert!(told.contains("made with cpu ") && told.contains("ffmpeg ") && told.contains(&versions), "{told}");
    expect(&run(folder, "verify clips -q"), 0, &[]);
}

#[test]
fn workers_do_not_change_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 9);
    for workers in [1, 3] {
        expect(&run(folder, &format!("preprocess pipeline.toml --workers {workers} --set preprocess.store=w{workers}")), 0, &[]);
    }
    assert!(tree(&folder.join("w1")) == tree(&folder.join("w3")));
}

#[test]
fn a_changed_parameter_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 3);
    expect(&run(folder, "preprocess pipeline.toml"), 0, &[]);
    let whole = tree(&folder.join("clips"));
    let output = run(folder, "preprocess pipeline.toml --set preprocess.modalities.audio.hop=80");
    expect(&output, 3, &["clips", "modalities.audio.parameters.hop is 160 in the store, 80 was asked for"]);
    assert!(tree(&folder.join("clips")) == whole);
}

#[test]
fn a_folder_with_something_else_in_it_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 3);
    std::fs::create_dir(folder.join("clips")).unwrap();
    std::fs::write(folder.join("clips/thesis.tex"), "mine").unwrap();
    expect(&run(folder, "preprocess pipeline.toml"), 3, &["clips", "thesis.tex", "expected a store or an empty folder"]);
    assert_eq!(tree(&folder.join("clips")).len(), 1);
}

#[test]
fn a_store_that_somebody_has_for_himself_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 3);
    std::fs::create_dir(folder.join("clips")).unwrap();
    let lock = fs::Lock::take(&folder.join("clips")).unwrap();
    expect(&run(folder, "preprocess pipeline.toml"), 75, &["clips", "try again"]);
    drop(lock);
    expect(&run(folder, "preprocess pipeline.toml"), 0, &[]);
}

#[test]
fn a_signal_stops_between_samples_and_the_next_run_finishes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 120);
    expect(&run(folder, "preprocess pipeline.toml --set preprocess.store=whole"), 0, &[]);
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let _ = std::fs::remove_dir_all(folder.join("clips"));
        let mut child =
            mmdg(folder, "preprocess pipeline.toml --workers 1 -q").stderr(std::process::Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        while !folder.join("clips/audio/00000.json").is_file() && start.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert!(!folder.join("clips/store.json").exists());
        expect(&run(folder, "preprocess pipeline.toml"), 0, &[]);
        assert!(tree(&folder.join("clips")) == tree(&folder.join("whole")));
    }
}

#[test]
fn damage_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 6);
    expect(&run(folder, "preprocess pipeline.toml"), 0, &[]);
    let clips = folder.join("clips");
    Store::open(&clips).unwrap();
    let damaged = |file: &str, damage: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let path = clips.join(file);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, damage(bytes.clone())).unwrap();
        let found = match Store::open(&clips) {
            Err(Error::Integrity { path, problem }) => {
                assert!(path.ends_with(Path::new(file).file_name().unwrap()), "{}", path.display());
                problem
            }
            other => panic!("{file}: {:?}", other.map(|_| ())),
        };
        expect(&run(folder, "inspect clips"), 7, &[file.rsplit('/').next().unwrap()]);
        let verified = run(folder, "verify clips");
        expect(&verified, 7, &["faults"]);
        assert!(String::from_utf8_lossy(&verified.stdout).lines().any(|line| line.starts_with(file)), "{verified:?}");
        std::fs::write(&path, bytes).unwrap();
        found
    };
    let replaced = |from: &'static str, to: &'static str| {
        move |bytes: Vec<u8>| unsealed(&String::from_utf8(bytes).unwrap()).replacen(from, to, 1).into_bytes()
    };
    assert!(damaged("audio/00001.h5", &|bytes| bytes[..bytes.len() / 2].to_vec()).contains("its record says"));
    assert!(damaged("audio/00000.json", &replaced("\"offset\": ", "\"offset\": 99999999")).contains("lies outside the file"));
    assert!(damaged("audio/00000.json", &replaced("{", "{{")).contains("line 1"));
    assert!(damaged("store.json", &replaced("\"version\": 2", "\"version\": 1")).contains("expected \"mmdg-store\" version 2"));
    assert!(damaged("manifest.csv", &replaced("attic", "roof")).contains("its hash is not what the recipe says"));
    Store::open(&clips).unwrap();
    expect(&run(folder, "verify clips"), 0, &["2 of 2 shards", "0 faults"]);
    expect(&run(folder, "verify audio"), 3, &["expected the folder of a store"]);
}

#[test]
fn h5py_reads_what_inspect_prints() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    if !python.is_file() {
        skipped("h5py_reads_what_inspect_prints", ".venv is not there (`make python` makes it)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 3);
    std::fs::write(folder.join("001.wav"), "no sound").unwrap();
    expect(&run(folder, "preprocess pipeline.toml --max-failures 1"), 4, &["1 unreadable"]);
    let script = "import h5py, json, sys\n\
        with h5py.File(sys.argv[1]) as f:\n\
        \x20   d, v = f['data'], f['valid'][:].astype(bool)\n\
        \x20   assert d.chunks is None and d.compression is None and f['span'].shape == (len(v), 2)\n\
        \x20   assert not d[:][~v].any() and list(v) == [True, False, True], v\n\
        \x20   print(json.dumps([str(d.dtype), list(d.shape), float(d[:][v].astype('f8').mean())]))\n";
    let output = Command::new(python).args(["-c", script]).arg(folder.join("clips/audio/00000.h5")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (dtype, shape, mean): (String, Vec<u64>, f64) = serde_json::from_slice(&output.stdout).unwrap();
    let found = inspect::inspect(&folder.join("clips"), true).unwrap();
    let audio = &found.modalities["audio"];
    assert_eq!((dtype.as_str(), audio.dtype.name()), ("float32", "f32"));
    assert_eq!(shape, [&[found.rows], &audio.shape[..]].concat());
    assert!((mean - audio.mean.unwrap()).abs() < 1e-9, "{mean} {:?}", audio.mean);
}

#[test]
fn work_goes_on_where_nobody_can_be_told_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 5);
    let unheard = |arguments: &str, code: i32| {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = mmdg(folder, arguments).stderr(full).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = mmdg(folder, arguments).stderr(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments}");
    };
    unheard("preprocess pipeline.toml", 0);
    std::fs::remove_file(folder.join("clips/audio/00000.h5")).unwrap();
    unheard("preprocess pipeline.toml", 0);
    unheard("verify clips", 0);
    unheard("merge more clips", 0);
    unheard("verify nowhere", 3);
    unheard("nonsense", 2);
}

#[test]
fn a_shard_whose_bytes_have_changed_tells_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 5);
    expect(&run(folder, "preprocess pipeline.toml"), 0, &[]);
    let (shard, whole) = (folder.join("clips/audio/00000.h5"), tree(&folder.join("clips")));
    let mut bytes = std::fs::read(&shard).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&shard, bytes).unwrap();
    expect(&run(folder, "preprocess pipeline.toml"), 0, &[]);
    let way_out = "remove it, and the verb that made the store makes it again";
    expect(&run(folder, "export clips clips.npz"), 7, &["audio/00000.h5", "its hash is", way_out]);
    std::fs::remove_file(&shard).unwrap();
    expect(&run(folder, "preprocess pipeline.toml"), 0, &["audio/00000.h5 was damaged or gone"]);
    assert!(tree(&folder.join("clips")) == whole);
}

#[test]
fn a_store_is_not_begun_under_a_name_that_hdf5_cannot_open() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let name = std::ffi::OsStr::from_bytes(b"x\xff");
    let output = mmdg(folder, "synth --rows 20").arg(name).output().unwrap();
    expect(&output, 3, &["is not UTF-8; expected another name"]);
    assert!(!folder.join(name).exists());
}

#[test]
fn whoever_reads_the_output_may_leave() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 1);
    expect(&run(folder, "preprocess pipeline.toml"), 0, &[]);
    for verb in ["inspect clips", "inspect clips --json", "validate pipeline.toml", "doctor"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = mmdg(folder, verb).stdout(writer).output().unwrap();
        expect(&output, 0, &[]);
    }
}
