//! Several processes make one store: each shard is made by one of them, whoever is killed, stopped or on another machine, and the outcome is that of one process.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use mmdg::manifest::{Labels, Manifest, Segment};
use mmdg::modality::Kind;
use mmdg::rng::Stream;
use mmdg::sample::{Data, Dtype, Row};
use mmdg::span::Span;
use mmdg::stop::Stop;
use mmdg::store::{ModalityHeader, Plan, Writer};
use mmdg::{Error, fs};

use crate::command::{expect, mmdg, run, tones, tree};

/// A table of `rows` rows of 12 tones, two a shard.
fn many(folder: &Path, rows: usize) {
    tones(folder, 12);
    let line = |i: usize| format!("t{i},{:03}.wav,0,,{},{}\n", i % 12, ["low", "high"][i % 2], ["attic", "cellar"][i / 2 % 2]);
    let table: String = (0..rows).map(line).collect();
    std::fs::write(folder.join("table.csv"), format!("id,path,start,end,label,domain\n{table}")).unwrap();
}

/// The store that one process makes when nothing happens.
fn calm(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    expect(&run(folder, "preprocess pipeline.toml -q --set preprocess.store=calm"), 0, &[]);
    tree(&folder.join("calm"))
}

/// A process that makes the store; on the machine `host`, where one is named.
fn writer(folder: &Path, host: Option<&str>, more: &str) -> Child {
    let mut command = mmdg(folder, &format!("preprocess pipeline.toml --workers 1 {more}"));
    if let Some(host) = host {
        command.env("MMDG_FAULT", format!("host:{host}"));
    }
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, signal: i32) {
    // SAFETY: a child of this process, which has not been waited for
    unsafe { libc::kill(child.id() as i32, signal) };
}

/// Whether somebody makes a shard.
fn leased(store: &Path) -> bool {
    count(store, ".leases", ".lease") > 0
}

/// Names of shards in a folder of a store that end so.
fn count(store: &Path, folder: &str, ends: &str) -> usize {
    let names = std::fs::read_dir(store.join(folder)).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_string_lossy().starts_with(['a', '0']) && name.to_string_lossy().ends_with(ends)).count()
}

/// Waits until somebody makes a shard, and at least `shards` are there.
fn under_way(store: &Path, shards: usize) {
    let started = Instant::now();
    while !leased(store) || count(store, "audio", ".json") < shards {
        assert!(started.elapsed().as_secs() < 60, "nobody makes a shard");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Stops the only writer while it makes a shard: between two of them it would hold nobody up.
fn stop_at_work(writer: &Child, store: &Path, shards: usize) {
    loop {
        under_way(store, shards);
        signal(writer, libc::SIGSTOP);
        while !std::fs::read_to_string(format!("/proc/{}/stat", writer.id())).unwrap().contains(") T ") {
            std::thread::sleep(Duration::from_millis(1));
        }
        if leased(store) {
            return;
        }
        signal(writer, libc::SIGCONT);
    }
}

#[test]
fn processes_share_a_store_and_all_of_them_tell_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    many(folder, 120);
    std::fs::remove_file(folder.join("007.wav")).unwrap();
    std::fs::write(folder.join("005.wav"), "no sound").unwrap();
    let line = "preprocess pipeline.toml --max-failures 20 --set preprocess.store=calm";
    expect(&run(folder, line), 4, &["120 samples, failed: 10 missing, 10 unreadable"]);
    let started = Instant::now();
    let all: Vec<Child> = (0..3).map(|_| writer(folder, None, "--max-failures 20")).collect();
    for child in all {
        let output = child.wait_with_output().unwrap();
        expect(&output, 4, &["120 samples, failed: 10 missing, 10 unreadable"]);
    }
    assert!(started.elapsed().as_secs() < 60);
    assert!(tree(&folder.join("clips")) == tree(&folder.join("calm")));
}

#[test]
#[cfg(feature = "onnx")]
fn processes_share_features_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    many(folder, 120);
    // four outcomes of every row, decoded once
    let more = "[extract.backbones.sound]\nbackbone = \"demo-audio\"\nmodality = \"audio\"\n";
    crate::command::extracting(folder, "from = \"media\"\nshard-mib = 1\nbatch-size = 4", more);
    for verb in ["extract pipeline.toml", "extract pipeline.toml --from clips"] {
        expect(&run(folder, "preprocess pipeline.toml -q"), 0, &[]);
        let _ = std::fs::remove_dir_all(folder.join("features"));
        expect(&run(folder, &format!("{verb} -q --set extract.store=alone")), 0, &[]);
        let start = || mmdg(folder, verb).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let all: Vec<Child> = (0..2).map(|_| start()).collect();
        all.into_iter().for_each(|child| expect(&child.wait_with_output().unwrap(), 0, &["240 samples, none failed"]));
        assert!(tree(&folder.join("features")) == tree(&folder.join("alone")), "{verb}");
        std::fs::remove_dir_all(folder.join("alone")).unwrap();
    }
}

#[test]
fn one_that_was_stopped_is_taken_over_and_does_no_harm_when_it_wakes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    many(folder, 200);
    let calm = calm(folder);
    for shards in [0, 10, 30] {
        let _ = std::fs::remove_dir_all(folder.join("clips"));
        let stopped = writer(folder, None, "--lease-timeout 1");
        stop_at_work(&stopped, &folder.join("clips"), shards);
        let started = Instant::now();
        let output = writer(folder, None, "--lease-timeout 1").wait_with_output().unwrap();
        expect(&output, 0, &["200 samples, none failed"]);
        assert!(started.elapsed() > Duration::from_secs(1), "it did not wait for the one that was stopped");
        assert!(tree(&folder.join("clips")) == calm, "{shards}");
        signal(&stopped, libc::SIGCONT);
        expect(&stopped.wait_with_output().unwrap(), 0, &["200 samples, none failed"]);
        assert!(tree(&folder.join("clips")) == calm, "{shards}, when it woke");
    }
}

#[test]
fn one_of_ours_that_is_dead_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    many(folder, 120);
    let calm = calm(folder);
    // another one looks on, so that nobody starts afresh
    let mut killed = writer(folder, None, "");
    under_way(&folder.join("clips"), 1);
    let other = writer(folder, None, "");
    killed.kill().unwrap();
    let started = Instant::now();
    expect(&other.wait_with_output().unwrap(), 0, &["120 samples, none failed"]);
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    killed.wait().unwrap();
    assert!(tree(&folder.join("clips")) == calm);
}

#[test]
#[cfg_attr(not(feature = "faults"), ignore = "a build with the feature faults")]
fn of_another_machine_silence_alone_tells() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    many(folder, 120);
    let calm = calm(folder);
    // alive, it is left its shards however short the patience of the other: it says itself how long it may be silent
    let (one, other) = (writer(folder, Some("a"), "--lease-timeout 20"), writer(folder, Some("b"), "--lease-timeout 0.01"));
    for child in [one, other] {
        expect(&child.wait_with_output().unwrap(), 0, &["120 samples, none failed"]);
    }
    assert!(tree(&folder.join("clips")) == calm);
    // dead, it is waited for
    std::fs::remove_dir_all(folder.join("clips")).unwrap();
    let mut killed = writer(folder, Some("a"), "--lease-timeout 2");
    under_way(&folder.join("clips"), 1);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let started = Instant::now();
    let output = writer(folder, Some("b"), "--lease-timeout 1").wait_with_output().unwrap();
    expect(&output, 0, &["120 samples, none failed"]);
    assert!(started.elapsed() > Duration::from_secs(2), "{:?}", started.elapsed());
    assert!(tree(&folder.join("clips")) == calm);
}

#[test]
fn four_processes_and_twenty_kills_make_what_one_makes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    many(folder, 600);
    let calm = calm(folder);
    let clips = folder.join("clips");
    let draw = Stream::new(15);
    let (mut kills, mut drawn, mut rounds) = (0, 0u32, 0);
    while kills < 20 {
        rounds += 1;
        assert!(rounds < 10, "{kills} kills");
        let _ = std::fs::remove_dir_all(&clips);
        let mut lifetime = || {
            drawn += 1;
            Duration::from_millis(150 + u64::from(draw.at(drawn).bits(0) % 900))
        };
        let mut all: Vec<(Child, Instant)> = (0..4).map(|_| (writer(folder, None, "-q"), Instant::now() + lifetime())).collect();
        // as long as there is something to make
        while kills < 20 && !clips.join("store.json").exists() {
            for (child, end) in &mut all {
                if Instant::now() < *end || child.try_wait().unwrap().is_some() {
                    continue;
                }
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
                (*child, *end) = (writer(folder, None, "-q"), Instant::now() + lifetime());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        for (child, _) in all {
            expect(&child.wait_with_output().unwrap(), 0, &[]);
        }
        assert!(tree(&clips) == calm, "round {rounds}");
    }
}

#[test]
fn another_recipe_is_refused_while_the_store_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    many(folder, 200);
    let calm = calm(folder);
    let one = writer(folder, None, "");
    under_way(&folder.join("clips"), 1);
    let other = run(folder, "preprocess pipeline.toml --set preprocess.modalities.audio.hop=80");
    expect(&other, 3, &["clips", "modalities.audio.parameters.hop is 160 in the store, 80 was asked for"]);
    expect(&one.wait_with_output().unwrap(), 0, &[]);
    assert!(tree(&folder.join("clips")) == calm);
}

fn plan() -> Plan {
    let segment = |i: u32| Segment::new(format!("s{i:02}"), "a.wav", Span::new(f64::from(i), Some(f64::from(i) + 1.0)).unwrap());
    let manifest = Manifest::sorted(Labels::classes(vec!["x".into()], [0; 12]), vec!["d".into()], (0..12).map(segment).collect());
    let modalities = vec![ModalityHeader::features("audio", Kind::AUDIO, Dtype::F32, 4)];
    Plan { holds: "features", manifest, modalities, recipe: serde_json::json!({"a": 1}), shard_bytes: Some(100) }
}

fn fill(writer: &Writer, shard: u64) -> Result<(), Error> {
    let to = writer.shard(0, shard)?;
    let [first, end] = writer.rows(shard);
    (first..end).try_for_each(|row| to.write(row, Ok(&Row::new(Data::F32(vec![row as f32; 4]), "test"))))?;
    to.commit().map(drop)
}

#[test]
fn a_shard_is_leased_once_and_the_last_one_finishes() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let (one, other) = (Writer::open(&store, &plan()).unwrap(), Writer::open(&store, &plan()).unwrap());
    assert!(matches!(fs::Lock::take(&store), Err(Error::Busy { .. })), "nobody has all of it while two make it");
    let lease = one.lease(0, 0).unwrap().unwrap();
    assert!(other.lease(0, 0).unwrap().is_none() && one.lease(0, 0).unwrap().is_none());
    assert!(matches!(other.shard(0, 0), Err(Error::Busy { .. })));
    assert!(other.lease(0, 1).unwrap().is_some());
    drop(lease);
    (0..other.shards()).for_each(|shard| fill(&other, shard).unwrap());
    // it waits for the other one, which may have something to make
    let summary = std::thread::scope(|scope| {
        let finished = scope.spawn(|| other.finish(&Stop::default()).unwrap());
        std::thread::sleep(Duration::from_millis(100));
        assert!(!finished.is_finished() && !store.join("store.json").exists());
        assert_eq!(one.finish(&Stop::default()).unwrap().samples, 12);
        finished.join().unwrap()
    });
    assert_eq!(summary.samples, 12);
    assert!(store.join("store.json").is_file() && !store.join(".leases").exists() && !store.join("plan.json").exists());
    // and a stop ends the wait
    let (one, other) = (Writer::open(&store, &plan()).unwrap(), Writer::open(&store, &plan()).unwrap());
    let stop = Stop::default();
    stop.ask(15);
    assert!(matches!(one.finish(&stop), Err(Error::Interrupted { signal: 15 })));
    drop(other);
}

#[test]
fn nothing_of_a_dead_one_is_left_and_nothing_of_a_living_one_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let one = Writer::open(&store, &plan()).unwrap();
    let half = one.shard(0, 1).unwrap();
    let target = half.target().path;
    // what those left that were killed: half a shard, half a list of failures
    for name in ["audio/00002.h5.1-0123abcd-7.part", "audio/00002.json.1-0123abcd-8.part", "failures.jsonl.1-0123abcd-9.part"] {
        std::fs::write(store.join(name), "half").unwrap();
    }
    std::fs::write(store.join(".leases/audio-00002.lease"), "1-0123abcd-0 5\n").unwrap();
    std::fs::write(store.join(".leases/1-0123abcd-0.pulse"), format!("{} 60\nwork 00000000000000000003\n", dead())).unwrap();
    let other = Writer::open(&store, &plan()).unwrap();
    let left: Vec<String> = tree(&store).into_keys().filter(|name| name.contains("0123abcd") || name.contains("00002")).collect();
    assert_eq!(left, Vec::<String>::new());
    assert!(target.exists());
    drop(half);
    assert!(!target.exists());
    drop((one, other));
}

/// How a process of this boot and name space that is not there says who it is.
fn dead() -> String {
    let line = fs::Process::this().line();
    let mut words: Vec<&str> = line.split(' ').collect();
    *words.last_mut().unwrap() = "1";
    words.join(" ")
}

#[test]
fn a_signal_ends_one_that_waits_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    many(folder, 200);
    let stopped = writer(folder, None, "");
    stop_at_work(&stopped, &folder.join("clips"), 1);
    let waiting = writer(folder, None, "");
    let names = || std::fs::read_dir(folder.join("clips/audio")).unwrap().map(|entry| entry.unwrap().file_name());
    let records = || names().filter(|name| name.to_str().unwrap().ends_with(".json")).count();
    let plan: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("clips/plan.json")).unwrap()).unwrap();
    let shards = 200_u64.div_ceil(plan["rows_per_shard"].as_u64().unwrap()) as usize;
    // all but the one that the other has
    let started = Instant::now();
    while records() < shards - 1 {
        assert!(started.elapsed().as_secs() < 30, "{} of {shards}", records());
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(200));
    signal(&waiting, libc::SIGTERM);
    let Output { status, .. } = waiting.wait_with_output().unwrap();
    assert_eq!(status.code(), Some(143));
    signal(&stopped, libc::SIGCONT);
    expect(&stopped.wait_with_output().unwrap(), 0, &["200 samples, none failed"]);
}
