//! What passes does not last: rows that failed for a cause outside their recording are made when the cause is gone, and the store is then as if nothing had
//! been.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use mmdg::error::{Cause, Code};
use mmdg::rng::Stream;
use mmdg::store::Store;

#[cfg(feature = "onnx")]
use crate::command::extracting;
use crate::command::{children, expect, mmdg, run, tones, tree};

#[test]
fn every_code_says_where_its_cause_lies() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/FAULTS.md")).unwrap();
    for code in Code::ALL {
        let cause = match code.cause() {
            Cause::Inside => "inside",
            Cause::Outside => "outside",
        };
        let line = format!("| `{}` | {cause} |", code.name());
        assert!(text.contains(&line), "tests/FAULTS.md lacks {line:?}");
    }
}

/// Rows that the store's records say are to be tried again.
fn to_retry(store: &Path) -> Vec<String> {
    let store = Store::open(store).unwrap();
    let rows = store.modality("audio").unwrap();
    rows.records().flat_map(|record| &record.failed).filter(|note| note.retry).map(|note| note.id.clone()).collect()
}

#[test]
fn a_file_that_comes_back_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 9);
    expect(&run(folder, "preprocess pipeline.toml -q --set preprocess.store=calm"), 0, &[]);
    let away = |name: &str| std::fs::rename(folder.join(name), folder.join(name).with_extension("away")).unwrap();
    let back = |name: &str| std::fs::rename(folder.join(name).with_extension("away"), folder.join(name)).unwrap();
    for name in ["002.wav", "007.wav"] {
        away(name);
    }
    std::fs::write(folder.join("002.wav"), "no sound").unwrap();
    let verb = "preprocess pipeline.toml";
    expect(&run(folder, verb), 5, &["1 missing, 1 unreadable", "2 of 9"]);
    assert_eq!(to_retry(&folder.join("clips")), ["t7"]);
    let inspected = run(folder, "inspect clips");
    assert!(String::from_utf8_lossy(&inspected.stdout).contains("1 missing, 1 unreadable (1 tried again)"), "{inspected:?}");
    // nothing has changed, and nothing is done
    let made = tree(&folder.join("clips"));
    expect(&run(folder, verb), 5, &["2 of 9"]);
    assert!(tree(&folder.join("clips")) == made);
    back("007.wav");
    expect(&run(folder, verb), 5, &["1 unreadable", "1 of 9"]);
    assert_eq!(to_retry(&folder.join("clips")), Vec::<String>::new());
    // the other's cause lay in the file, which is another one now
    back("002.wav");
    expect(&run(folder, verb), 3, &["1 recordings have changed", "002.wav", "--changed remake"]);
    expect(&run(folder, "preprocess pipeline.toml --changed ignore"), 5, &["1 unreadable"]);
    expect(&run(folder, "preprocess pipeline.toml --changed ignore --retry-failed"), 0, &["none failed"]);
    assert!(tree(&folder.join("clips")) == tree(&folder.join("calm")));
}

#[test]
fn a_recording_that_changed_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 9);
    let verb = "preprocess pipeline.toml";
    expect(&run(folder, verb), 0, &[]);
    let before = tree(&folder.join("clips"));
    // of the same length
    let path = folder.join("004.wav");
    let time = std::fs::metadata(&path).unwrap().modified().unwrap();
    crate::command::tone(&path, 0.9, 333.0);
    let touch = |time| std::fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    touch(time + std::time::Duration::from_millis(1));
    expect(&run(folder, verb), 3, &["1 recordings have changed", "004.wav", "--changed"]);
    assert!(tree(&folder.join("clips")) == before, "something was done");
    let validated = run(folder, "validate pipeline.toml");
    assert!(
        String::from_utf8_lossy(&validated.stdout).contains("004.wav: it has changed since clips was made of it"),
        "{validated:?}"
    );
    expect(&run(folder, &format!("{verb} --changed ignore")), 0, &[]);
    expect(&run(folder, &format!("{verb} --changed remake")), 0, &["none failed"]);
    expect(&run(folder, &format!("{verb} --set preprocess.store=calm")), 0, &[]);
    assert!(tree(&folder.join("clips")) == tree(&folder.join("calm")));
    expect(&run(folder, verb), 0, &[]);
    // another time alone is no change
    touch(time);
    expect(&run(folder, verb), 0, &[]);
    // and one that is worse than before costs its row alone
    std::fs::write(&path, "no sound").unwrap();
    expect(&run(folder, &format!("{verb} --changed remake --max-failures 1")), 4, &["1 unreadable"]);
    expect(&run(folder, &format!("{verb} --set preprocess.store=worse --max-failures 1")), 4, &["1 unreadable"]);
    assert!(tree(&folder.join("clips")) == tree(&folder.join("worse")));
    expect(&run(folder, "verify clips"), 0, &["0 faults"]);
}

#[test]
#[cfg_attr(not(feature = "faults"), ignore = "a build with the feature faults")]
fn a_kill_while_a_shard_is_made_again_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 9);
    expect(&run(folder, "preprocess pipeline.toml -q --set preprocess.store=calm"), 0, &[]);
    let calm = tree(&folder.join("calm"));
    let mut kills = 0;
    for step in 1..40 {
        let _ = std::fs::remove_dir_all(folder.join("clips"));
        std::fs::rename(folder.join("005.wav"), folder.join("away")).unwrap();
        expect(&run(folder, "preprocess pipeline.toml -q"), 5, &[]);
        std::fs::rename(folder.join("away"), folder.join("005.wav")).unwrap();
        // what is there is not given for it, whatever became of its recording
        let others: Vec<String> = (0..9).filter(|i| *i != 5).map(|i| format!("{i:03}.wav")).collect();
        std::fs::create_dir_all(folder.join("off")).unwrap();
        others.iter().for_each(|name| std::fs::rename(folder.join(name), folder.join("off").join(name)).unwrap());
        let killed =
            mmdg(folder, "preprocess pipeline.toml -q --workers 1").env("MMDG_FAULT", format!("kill:{step}")).output().unwrap();
        kills += u32::from(!killed.status.success());
        expect(&run(folder, "preprocess pipeline.toml -q"), 0, &[]);
        others.iter().for_each(|name| std::fs::rename(folder.join("off").join(name), folder.join(name)).unwrap());
        expect(&run(folder, "preprocess pipeline.toml -q"), 0, &[]);
        assert!(tree(&folder.join("clips")) == calm, "step {step}");
        if killed.status.success() {
            break;
        }
    }
    assert!(kills > 8, "{kills}");
}

#[test]
fn what_was_damaged_is_not_certified_by_another_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 9);
    expect(&run(folder, "preprocess pipeline.toml -q --set preprocess.store=calm"), 0, &[]);
    std::fs::rename(folder.join("002.wav"), folder.join("away")).unwrap();
    expect(&run(folder, "preprocess pipeline.toml -q"), 5, &[]);
    std::fs::rename(folder.join("away"), folder.join("002.wav")).unwrap();
    crate::verify::edit(&folder.join("clips/audio/00000.h5"), |bytes| bytes[10_000] ^= 64);
    expect(&run(folder, "preprocess pipeline.toml"), 0, &["none failed", "audio/00000.h5 was damaged or gone"]);
    expect(&run(folder, "verify clips"), 0, &["0 faults"]);
    assert!(tree(&folder.join("clips")) == tree(&folder.join("calm")));
}

#[test]
fn a_shard_that_was_made_again_is_the_one_that_is_merged() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 9);
    std::fs::rename(folder.join("002.wav"), folder.join("away")).unwrap();
    expect(&run(folder, "preprocess pipeline.toml -q --set preprocess.store=before"), 5, &[]);
    std::fs::rename(folder.join("away"), folder.join("002.wav")).unwrap();
    expect(&run(folder, "preprocess pipeline.toml -q --set preprocess.store=after"), 0, &[]);
    for (out, stores) in [("one", "before after"), ("other", "after before")] {
        expect(&run(folder, &format!("merge {out} {stores} -q")), 0, &[]);
        assert!(tree(&folder.join(out)) == tree(&folder.join("after")));
    }
    // and takes the place of what an earlier merge brought
    expect(&run(folder, "merge third before -q"), 0, &[]);
    expect(&run(folder, "merge third after -q"), 0, &[]);
    assert!(tree(&folder.join("third")) == tree(&folder.join("after")));
}

#[test]
#[cfg(all(feature = "onnx", feature = "torch"))]
fn what_is_made_of_rows_that_were_made_again_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 24);
    let train = "\
        [protocol]\ntargets = [\"attic\"]\nseeds = [0]\n[train]\nout = \"runs\"\nepochs = 2\nbatch-size = 4\nhidden = 8\nembedding = 8\n\
        head-hidden = 8\n[[train.compare]]\nname = \"none\"\nbalance = \"none\"\n[report]\nout = \"report\"\n";
    extracting(folder, "shard-mib = 1", train);
    let verb = |verb: &str| run(folder, &format!("{verb} pipeline.toml"));
    let says = |output: &std::process::Output, what: &str| String::from_utf8_lossy(&output.stderr).contains(what);
    std::fs::rename(folder.join("005.wav"), folder.join("away")).unwrap();
    expect(&run(folder, "preprocess pipeline.toml --max-failures 1"), 4, &["1 missing"]);
    expect(&run(folder, "extract pipeline.toml --max-failures 1"), 4, &["1 missing"]);
    for well in ["train", "report"].map(verb) {
        expect(&well, 0, &[]);
        assert!(!says(&well, "outdated"), "{well:?}");
    }
    std::fs::rename(folder.join("away"), folder.join("005.wav")).unwrap();
    let told = ["features is outdated: 1 of its shards", "clips since", "mmdg extract"];
    expect(&verb("preprocess"), 0, &told);
    expect(&verb("train"), 0, &told);
    expect(&verb("report"), 0, &told);
    expect(&verb("extract"), 0, &["none failed"]);
    expect(&verb("report"), 0, &["1 of 1 runs are outdated", "other features than features holds now", "--overwrite"]);
    expect(&verb("train"), 3, &["features"]);
    expect(&run(folder, "train pipeline.toml -q --overwrite"), 0, &[]);
    // a recording that became another
    crate::command::tone(&folder.join("009.wav"), 1.4, 777.0);
    expect(&run(folder, "preprocess pipeline.toml -q --changed remake"), 0, &told);
    expect(&verb("extract"), 0, &["none failed"]);
    expect(&run(folder, "extract pipeline.toml -q --set extract.store=calm"), 0, &[]);
    assert!(tree(&folder.join("features")) == tree(&folder.join("calm")));
    let well = verb("preprocess");
    assert!(well.status.success() && !says(&well, "outdated"), "{well:?}");
}

#[test]
#[cfg(feature = "onnx")]
fn features_of_a_recording_that_changed_are_told_of_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 9);
    extracting(folder, "from = \"media\"", "");
    let verb = "extract pipeline.toml";
    expect(&run(folder, verb), 0, &[]);
    let made = tree(&folder.join("features"));
    crate::command::tone(&folder.join("004.wav"), 0.9, 333.0);
    expect(&run(folder, verb), 3, &["1 recordings have changed", "004.wav", "--changed remake"]);
    let validated = run(folder, "validate pipeline.toml");
    let told = String::from_utf8_lossy(&validated.stdout).contains("004.wav: it has changed since features was made of it");
    assert!(told, "{validated:?}");
    expect(&run(folder, &format!("{verb} --changed ignore")), 0, &[]);
    assert!(tree(&folder.join("features")) == made);
    expect(&run(folder, &format!("{verb} --changed remake")), 0, &["none failed"]);
    expect(&run(folder, &format!("{verb} --set extract.store=calm")), 0, &[]);
    assert!(tree(&folder.join("features")) == tree(&folder.join("calm")));
}

#[test]
fn a_pipe_in_place_of_a_recording_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 5);
    expect(&run(folder, "preprocess pipeline.toml -q"), 0, &[]);
    std::fs::remove_file(folder.join("002.wav")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(folder.join("002.wav")).status().unwrap().success());
    let started = Instant::now();
    expect(&run(folder, "preprocess pipeline.toml -q"), 0, &[]);
    expect(&run(folder, "preprocess pipeline.toml --set preprocess.store=other --max-failures 1"), 4, &["1 unreadable"]);
    assert_eq!(run(folder, "validate pipeline.toml").status.code(), Some(3));
    assert!(started.elapsed().as_secs() < 30);
}

#[test]
fn a_recording_that_changes_while_a_store_is_made_is_noticed_later() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 40);
    let mut child = mmdg(folder, "preprocess pipeline.toml -q --workers 1").spawn().unwrap();
    while !folder.join("clips/audio/00000.json").exists() {
        assert!(child.try_wait().unwrap().is_none(), "too fast");
    }
    crate::command::tone(&folder.join("000.wav"), 0.9, 777.0);
    assert!(child.wait().unwrap().success());
    expect(&run(folder, "preprocess pipeline.toml"), 3, &["1 recordings have changed", "000.wav"]);
}

#[test]
fn rows_of_one_recording_in_two_shards_made_at_two_times_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 9);
    let table = std::fs::read_to_string(folder.join("table.csv")).unwrap().replace("t8,008.wav", "t8,000.wav");
    std::fs::write(folder.join("table.csv"), table).unwrap();
    expect(&run(folder, "preprocess pipeline.toml -q"), 0, &[]);
    crate::command::tone(&folder.join("000.wav"), 0.9, 777.0);
    let last = std::fs::read_dir(folder.join("clips/audio")).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    std::fs::remove_file(last.with_extension("h5")).unwrap();
    expect(&run(folder, "preprocess pipeline.toml -q --changed ignore"), 0, &[]);
    expect(&run(folder, "preprocess pipeline.toml"), 3, &["1 recordings have changed", "000.wav"]);
}

#[test]
fn a_store_without_its_header_is_not_taken_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 5);
    expect(&run(folder, "preprocess pipeline.toml -q"), 0, &[]);
    let made = tree(&folder.join("clips"));
    std::fs::remove_file(folder.join("clips/store.json")).unwrap();
    let other = "preprocess pipeline.toml -q --set preprocess.modalities.audio.bins=32";
    expect(&run(folder, other), 3, &["clips: its header is gone", "other parameters"]);
    expect(&run(folder, "preprocess pipeline.toml -q"), 0, &["store.json was damaged or gone"]);
    assert!(tree(&folder.join("clips")) == made);
    // and a merge does not leave what is damaged
    expect(&run(folder, "merge both clips -q"), 0, &[]);
    crate::verify::edit(&folder.join("both/audio/00000.h5"), |bytes| *bytes.last_mut().unwrap() ^= 1);
    expect(&run(folder, "merge both clips -q"), 0, &[]);
    assert!(tree(&folder.join("both")) == made);
}

#[test]
#[cfg(feature = "onnx")]
fn a_failure_that_was_mended_reaches_the_features() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 9);
    extracting(folder, "", "");
    let good = std::fs::read(folder.join("003.wav")).unwrap();
    std::fs::write(folder.join("003.wav"), "no sound").unwrap();
    for from in ["clips", "media"] {
        let verb = format!("extract pipeline.toml --from {from} --set extract.store={from}-features");
        let _ = std::fs::remove_dir_all(folder.join("clips"));
        std::fs::write(folder.join("003.wav"), "no sound").unwrap();
        expect(&run(folder, "preprocess pipeline.toml --max-failures 1"), 4, &["1 unreadable"]);
        expect(&run(folder, &format!("{verb} --max-failures 1")), 4, &["1 unreadable"]);
        std::fs::write(folder.join("003.wav"), &good).unwrap();
        expect(&run(folder, "preprocess pipeline.toml --changed remake"), 0, &["none failed"]);
        let more = if from == "media" { " --changed remake" } else { "" };
        expect(&run(folder, &format!("{verb}{more}")), 0, &["none failed"]);
    }
    assert!(tree(&folder.join("clips-features")) == tree(&folder.join("media-features")));
}

#[test]
fn pictures_that_are_there_are_not_given_for_another_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for i in 0..4 {
        crate::trees::video(&folder.join(format!("m{i}.mp4")), 24, 24, i, None);
    }
    let rows: String = (0..4).map(|i| format!("r{i},m{i}.mp4,0,,{},p\n", ["x", "y"][i % 2])).collect();
    std::fs::write(folder.join("table.csv"), format!("id,path,start,end,label,domain\n{rows}")).unwrap();
    let pipeline = "[data]\ndataset = \"table\"\ntable = \"table.csv\"\n[preprocess]\nstore = \"clips\"\n\
        [preprocess.modalities.video]\npreset = \"uniform\"\nframes = 2\nresize = 32\ncrop = 32\njpeg = 90\n";
    std::fs::write(folder.join("pipeline.toml"), pipeline).unwrap();
    expect(&run(folder, "preprocess pipeline.toml -q --set preprocess.store=calm"), 0, &[]);
    let moved = |from: &str, to: &str| std::fs::rename(folder.join(from), folder.join(to)).unwrap();
    moved("m1.mp4", "a1");
    expect(&run(folder, "preprocess pipeline.toml"), 5, &["1 missing"]);
    moved("m0.mp4", "a0");
    moved("a1", "m1.mp4");
    expect(&run(folder, "preprocess pipeline.toml"), 5, &["1 missing"]);
    moved("a0", "m0.mp4");
    expect(&run(folder, "preprocess pipeline.toml"), 0, &["none failed"]);
    assert!(tree(&folder.join("clips")) == tree(&folder.join("calm")));
}

/// Kills, stops and breaks decoding processes of a verb at random times, `count` in all; a run left alone makes what is missing each time.
fn rows_lost_come_back(verb: &str, store: &str, count: u32) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 60);
    #[cfg(feature = "onnx")]
    extracting(folder, "from = \"media\"", "");
    expect(&run(folder, &format!("{verb} pipeline.toml -q")), 0, &[]);
    std::fs::rename(folder.join(store), folder.join("calm")).unwrap();
    let calm = tree(&folder.join("calm"));
    let (mut kills, mut rounds) = (0, 0);
    let started = Instant::now();
    while kills < count {
        assert!(started.elapsed().as_secs() < 60 + 2 * u64::from(count), "{kills} kills in {rounds} rounds");
        rounds += 1;
        let _ = std::fs::remove_dir_all(folder.join(store));
        let line = format!("{verb} pipeline.toml -q --workers 2 --timeout-per-item 1 --max-failures 100%");
        let mut parent = mmdg(folder, &line).stderr(Stdio::piped()).spawn().unwrap();
        while parent.try_wait().unwrap().is_none() {
            let decoding: Vec<i32> = children(parent.id() as i32).into_iter().flat_map(children).collect();
            let draw = Stream::new(14).at(kills);
            for (place, process) in decoding.into_iter().enumerate() {
                let signal = [libc::SIGKILL, libc::SIGSEGV, libc::SIGSTOP][(draw.uniform(place as u32) * 3.0) as usize % 3];
                // a process of the program that this test has started
                // SAFETY: sends a signal
                kills += u32::from(unsafe { libc::kill(process, signal) } == 0);
            }
            std::thread::sleep(std::time::Duration::from_millis(u64::from(draw.bits(9) % 40)));
        }
        let output = parent.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(0 | 4)), "{:?}: {said}", output.status);
        // undisturbed, the same command makes what is missing
        expect(&run(folder, &format!("{verb} pipeline.toml -q")), 0, &[]);
        assert!(tree(&folder.join(store)) == calm, "round {rounds}");
    }
}

#[test]
fn rows_lost_with_their_process_are_made_in_the_end() {
    rows_lost_come_back("preprocess", "clips", 110);
}

#[test]
#[cfg(feature = "onnx")]
fn rows_lost_with_their_process_are_extracted_in_the_end() {
    rows_lost_come_back("extract", "features", 110);
}
