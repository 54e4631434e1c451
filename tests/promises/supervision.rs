//! A recording that hangs, crashes or bloats its decoder takes down only its own rows.

use std::path::Path;
use std::time::{Duration, Instant};

use mmdg::media::encode::{Pictures, write_mp4};
use mmdg::store::Store;

use crate::command::{expect, extracting, mmdg, run, tones, tree};

/// Two videos of four seconds with segments that overlap, so that each is decoded in one pass.
fn segments(folder: &Path) {
    let size = Pictures { width: 64, height: 48, frame_rate: 24, frames: 96 };
    for name in ["a", "b"] {
        let mut draw = |frame: usize, pixels: &mut [u8]| pixels.fill(frame as u8 * 2);
        write_mp4(&folder.join(name).with_extension("mp4"), size, &mut draw, None).unwrap();
    }
    let mut table = String::from("id,path,start,end,label,domain\n");
    for i in 0..8 {
        let (name, start) = (["a", "b"][i / 4], 0.5 * (i % 4) as f64);
        table += &format!("{name}{},{name}.mp4,{start},{},x,{name}\n", i % 4, start + 1.5);
    }
    std::fs::write(folder.join("table.csv"), table).unwrap();
    let pipeline = "[data]\ndataset = \"table\"\ntable = \"table.csv\"\n\n[preprocess]\nstore = \"clips\"\n\n\
        [preprocess.modalities.video]\npreset = \"uniform\"\nframes = 4\nresize = 32\ncrop = 32\n";
    std::fs::write(folder.join("pipeline.toml"), pipeline).unwrap();
}

#[test]
#[cfg_attr(not(feature = "faults"), ignore = "a build with the feature faults")]
fn only_the_guilty_row_of_a_pass_fails() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    segments(folder);
    expect(&run(folder, "preprocess pipeline.toml --set preprocess.store=whole"), 0, &["8 samples, none failed"]);
    let whole = Store::open(&folder.join("whole")).unwrap();
    for (fault, code, says) in [
        ("crash", "crashed", "the process that decoded it died"),
        ("hoard", "crashed", "the process that decoded it died"),
        ("hang", "timeout", "not decoded within 3 s"),
        ("panic", "internal", "a defect of mmdg"),
    ] {
        let verb =
            format!("preprocess pipeline.toml --workers 2 --max-failures 1 --timeout-per-item 3 --set preprocess.store={fault}");
        let start = Instant::now();
        let output = mmdg(folder, &verb).env("MMDG_FAULT", format!("{fault}:a2")).output().unwrap();
        expect(&output, 4, &[&format!("8 samples, failed: 1 {code}")]);
        assert!(start.elapsed() < Duration::from_secs(30));
        let list = std::fs::read_to_string(folder.join(fault).join("failures.jsonl")).unwrap();
        assert!(list.lines().count() == 1 && list.contains("\"a2\"") && list.contains(says), "{list}");
        let store = Store::open(&folder.join(fault)).unwrap();
        let (rows, expected) = (store.modality("video").unwrap(), whole.modality("video").unwrap());
        for row in 0..8 {
            assert_eq!(rows.valid(row), row != 2);
            if row != 2 {
                assert!(rows.bytes(row) == expected.bytes(row), "{fault} {row}");
            }
        }
    }
}

#[test]
#[cfg_attr(not(feature = "faults"), ignore = "a build with the feature faults")]
fn extraction_from_media_survives_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    segments(folder);
    let pipeline = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    let extract = "\n[extract]\nstore = \"features\"\nfrom = \"media\"\n\n[extract.backbones.video]\nbackbone = \"demo-video\"\n";
    std::fs::write(folder.join("pipeline.toml"), pipeline + extract).unwrap();
    let verb = "extract pipeline.toml --max-failures 1 --set preprocess.modalities.video.frames=8 \
        --set preprocess.modalities.video.resize=64 --set preprocess.modalities.video.crop=64";
    let output = mmdg(folder, verb).env("MMDG_FAULT", "crash:b1").output().unwrap();
    expect(&output, 4, &["8 samples, failed: 1 crashed"]);
}

#[test]
#[cfg_attr(not(feature = "faults"), ignore = "a build with the feature faults")]
fn a_row_whose_process_dies_is_tried_again_at_the_end() {
    for verb in ["preprocess", "extract"] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        tones(folder, 9);
        extracting(folder, "from = \"media\"", "");
        let calm = if verb == "preprocess" { "clips" } else { "features" };
        let stumbling = |more: &str| {
            let _ = std::fs::remove_file(folder.join("stumbled"));
            let line = format!("{verb} pipeline.toml --max-failures 1 {more}");
            mmdg(folder, &line).env("MMDG_FAULT", "stumble:t4").output().unwrap()
        };
        expect(&stumbling("--retries 0 --set preprocess.store=c --set extract.store=f"), 4, &["failed: 1 crashed"]);
        expect(&stumbling("--set preprocess.store=e --set extract.store=e"), 0, &["9 samples, none failed"]);
        expect(&run(folder, &format!("{verb} pipeline.toml")), 0, &["9 samples, none failed"]);
        assert!(tree(&folder.join("e")) == tree(&folder.join(calm)), "{verb}");
    }
}

/// Waits until so many processes work in the folder, as all of the program's do.
#[track_caller]
fn await_processes(folder: &Path, enough: impl Fn(usize) -> bool) {
    let (here, start) = (folder.canonicalize().unwrap(), Instant::now());
    let working = || {
        let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| std::fs::read_link(entry.ok()?.path().join("cwd")).ok());
        all.filter(|cwd| *cwd == here).count()
    };
    while !enough(working()) {
        assert!(start.elapsed() < Duration::from_secs(20), "{} processes", working());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
#[cfg_attr(not(feature = "faults"), ignore = "a build with the feature faults")]
fn decoding_processes_end_with_their_parent() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    segments(folder);
    let mut parent = mmdg(folder, "preprocess pipeline.toml -q --workers 2").env("MMDG_FAULT", "hang:a2").spawn().unwrap();
    await_processes(folder, |working| working >= 3);
    parent.kill().unwrap();
    parent.wait().unwrap();
    await_processes(folder, |working| working == 0);
    // and what was cut short is finished as if nothing had been
    expect(&run(folder, "preprocess pipeline.toml"), 0, &[]);
    expect(&run(folder, "preprocess pipeline.toml --set preprocess.store=whole"), 0, &[]);
    assert!(tree(&folder.join("clips")) == tree(&folder.join("whole")));
}

#[test]
#[cfg_attr(not(feature = "faults"), ignore = "a build with the feature faults")]
fn who_waits_for_the_work_in_hand_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    segments(folder);
    let mut command = mmdg(folder, "preprocess pipeline.toml -q --workers 2");
    let mut child = command.env("MMDG_FAULT", "hang:a2").stderr(std::process::Stdio::piped()).spawn().unwrap();
    await_processes(folder, |working| working >= 3);
    // until the row that hangs is in hand
    std::thread::sleep(Duration::from_secs(1));
    let id = child.id() as i32;
    // SAFETY: a child of this process, which has not been waited for
    let signal = || unsafe { libc::kill(id, libc::SIGTERM) };
    signal();
    let mut said = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stderr.take().unwrap()), &mut said).unwrap();
    assert_eq!(said, "mmdg: stopping, once the work in hand is done; a second signal ends it on the spot\n");
    signal();
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn a_kill_at_any_moment_leaves_a_store_that_the_next_run_finishes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    segments(folder);
    // one row a shard, so that there are many moments
    let verb = "preprocess pipeline.toml -q --workers 2 --set preprocess.modalities.video.resize=256 \
        --set preprocess.modalities.video.crop=256 --set preprocess.modalities.video.frames=4 --set preprocess.shard-mib=1";
    expect(&run(folder, &format!("{verb} --set preprocess.store=whole")), 0, &[]);
    let whole = tree(&folder.join("whole"));
    assert!(whole.contains_key("video/00007.json"));
    let mut cut_short = 0;
    for moment in 0..12 {
        let _ = std::fs::remove_dir_all(folder.join("clips"));
        let mut child = mmdg(folder, verb).spawn().unwrap();
        let start = Instant::now();
        // the first moments are while it starts, the later ones after each shard
        while start.elapsed() < Duration::from_secs(20) && child.try_wait().unwrap().is_none() {
            let shards = std::fs::read_dir(folder.join("clips/video")).map_or(0, |files| {
                files.filter(|file| file.as_ref().is_ok_and(|file| file.path().extension().is_some_and(|e| e == "json"))).count()
            });
            if (moment < 4 && start.elapsed() > Duration::from_millis(60 * moment))
                || (moment >= 4 && shards as u64 >= moment - 4)
            {
                break;
            }
        }
        child.kill().unwrap();
        cut_short += usize::from(!child.wait().unwrap().success());
        expect(&run(folder, verb), 0, &[]);
        assert!(tree(&folder.join("clips")) == whole, "moment {moment}");
    }
    assert!(cut_short > 6, "{cut_short}");
}

#[test]
#[cfg(feature = "faults")]
fn an_unknown_fault_is_a_usage_error() {
    for fault in ["drown:1", "kill", "full:x"] {
        let output = mmdg(Path::new("."), "doctor").env("MMDG_FAULT", fault).output().unwrap();
        expect(&output, 2, &["MMDG_FAULT", fault, "expected kill:N"]);
    }
}
