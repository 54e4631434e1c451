//! The verbs make the same rows of recordings that are hard to read, whatever runs beside them and in whichever order, and say the same of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mmdg::rng::Stream;
use mmdg::store::Store;

use crate::command::{run, tree};
use crate::goldens::goldens;
use crate::inputs::{file, there};
use crate::skips::skipped;

const PIPELINE: &str = "[data]\ndataset = \"table\"\ntable = \"rows.csv\"\n[preprocess]\nstore = \"clips\"\n\
    [preprocess.modalities.video]\npreset = \"uniform\"\nframes = 8\nresize = 64\ncrop = 64\n\
    [preprocess.modalities.audio]\npreset = \"log-mel\"\nseconds = 2.0\nbins = 64\n\
    [extract]\nstore = \"features\"\nthreads = 1\n[extract.backbones]\nvideo = { backbone = \"demo-video\" }\naudio = { backbone = \"demo-audio\" }\n";

/// What a verb that makes a store says; some of the rows fail.
#[track_caller]
fn works(folder: &Path, words: &str) {
    let output = run(folder, &format!("{words} --max-failures 100% --quiet"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 4)), "{:?}: {text}", output.status);
}

/// Rows of the table: `of_shared` of each shared recording, and 5 of some made ones of every kind.
fn rows(test: &str, of_shared: u32) -> Vec<String> {
    let goldens = goldens();
    // a table takes the sound of a wav that lies beside
    let beside = |name: &str| {
        file(name).is_some_and(|path| path.extension().is_some_and(|end| end != "wav") && path.with_extension("wav").exists())
    };
    let wanted = |name: &&str| !name.starts_with("video/damaged") && !beside(name);
    let names: Vec<&str> = goldens.keys().map(String::as_str).filter(wanted).collect();
    let there = there(test, names.into_iter());
    let shared = |name: &str| name.contains('/');
    let some = there.iter().enumerate().filter(|(place, name)| shared(name) || place % 9 == 0);
    let row = |name: &str, number: u32| {
        let draw = |place| f64::from(Stream::new(4).with(name).at(number).uniform(place));
        let start = (draw(0) * 4000.0).floor() / 1000.0;
        let end = start + ((0.2 + draw(1) * 1.3) * 1000.0).floor() / 1000.0;
        let end = if number == 0 { String::new() } else { format!("{end:.3}") };
        let id = name.replace('/', "-");
        format!("{id}#{number},{},{start},{end},x,{}\n", file(name).unwrap().display(), ["p", "q"][number as usize % 2])
    };
    some.flat_map(|(_, name)| (0..if shared(name) { of_shared } else { 5 }).map(move |number| row(name, number))).collect()
}

fn written(folder: &Path, rows: &[String]) {
    std::fs::write(folder.join("pipeline.toml"), PIPELINE).unwrap();
    std::fs::write(folder.join("rows.csv"), format!("id,path,start,end,label,domain\n{}", rows.concat())).unwrap();
}

/// Bytes, seconds, times, and what the records say of it.
type Row = (Vec<u8>, [f64; 2], Vec<f64>, String);

/// Rows by id and modality.
fn by_id(folder: &Path) -> BTreeMap<(String, String), Row> {
    let store = Store::open(folder).unwrap();
    let mut found = BTreeMap::new();
    for modality in ["audio", "video"] {
        let rows = store.modality(modality).unwrap();
        let mut said: BTreeMap<String, String> = BTreeMap::new();
        for note in rows.records().flat_map(|record| record.failed.iter().chain(&record.absent).chain(&record.notes)) {
            said.insert(note.id.clone(), format!("{:?} {}", note.code, note.message));
        }
        for (row, segment) in store.manifest().segments.iter().enumerate() {
            let said = said.remove(&segment.id).unwrap_or_default();
            let made = (rows.bytes(row).to_vec(), rows.span(row), rows.times(row), said);
            found.insert((segment.id.clone(), modality.to_owned()), made);
        }
    }
    found
}

#[test]
fn workers_and_order_make_no_difference() {
    let mut rows = rows("workers_and_order_make_no_difference", 20);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    written(folder, &rows);
    for workers in [1, 2, 4] {
        works(folder, &format!("preprocess pipeline.toml --workers {workers} --set preprocess.store=of-{workers}"));
    }
    let one = tree(&folder.join("of-1"));
    for workers in ["of-2", "of-4"] {
        let other = tree(&folder.join(workers));
        let differ: Vec<&String> = one.keys().filter(|name| one.get(*name) != other.get(*name)).collect();
        assert!(one.len() == other.len() && differ.is_empty(), "{workers}: {differ:?}");
    }
    let expected = by_id(&folder.join("of-1"));
    assert!(rows.is_empty() || expected.values().filter(|row| row.3.is_empty()).count() > rows.len() / 2);
    for seed in [1, 2] {
        rows = Stream::new(seed).permutation(rows.len()).into_iter().map(|row| rows[row].clone()).collect();
        written(folder, &rows);
        works(folder, &format!("preprocess pipeline.toml --workers {seed} --set preprocess.store=shuffled-{seed}"));
        let found = by_id(&folder.join(format!("shuffled-{seed}")));
        let differ: Vec<_> = expected.keys().filter(|id| found.get(*id) != expected.get(*id)).collect();
        assert!(found.len() == expected.len() && differ.is_empty(), "{differ:?}");
    }
}

#[test]
fn validate_says_word_for_word_what_preprocess_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let rows = rows("validate_says_word_for_word_what_preprocess_says", 5);
    written(folder, &rows);
    works(folder, "preprocess pipeline.toml");
    let paths: BTreeMap<&str, &str> = rows.iter().map(|row| row.split_once(',').unwrap()).collect();
    let path = |id: &str| paths[id].split(',').next().unwrap();
    let mut expected = BTreeSet::new();
    let store = Store::open(&folder.join("clips")).unwrap();
    let mut absent: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for modality in ["audio", "video"] {
        for record in store.modality(modality).unwrap().records() {
            let failed = record.failed.iter().map(|note| ("", note));
            let notes = record.notes.iter().map(|note| ("note: ", note));
            for (before, note) in failed.chain(notes) {
                let what = format!("{modality}: {} ({})", note.message, note.code.name());
                expected.insert(format!("{before}{}: {what} (row {:?})", path(&note.id), note.id));
            }
            for note in &record.absent {
                let first = format!("{} (row {:?})", path(&note.id), note.id);
                absent.entry(format!("{modality}: {}", note.message)).or_insert((0, first)).0 += 1;
            }
        }
    }
    let absent = absent.into_iter();
    expected.extend(absent.map(|(said, (rows, first))| format!("note: {said} (absent) ({rows} rows, the first {first})")));
    let failed = expected.iter().filter(|line| !line.starts_with("note: ")).count();
    let output = run(folder, "validate pipeline.toml --decode=all --workers 2 --quiet");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut told: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    let counts = text.lines().last().unwrap();
    assert!(counts.starts_with(&format!("{} rows, ", rows.len())) && counts.ends_with(&format!(" {failed} faults")), "{counts}");
    told.remove(counts);
    let (more, less): (Vec<_>, Vec<_>) = (told.difference(&expected).collect(), expected.difference(&told).collect());
    assert!(more.is_empty() && less.is_empty(), "by validate alone {more:#?}\nby preprocess alone {less:#?}");
    assert_eq!(output.status.code(), Some(if failed > 0 { 3 } else { 0 }));
}

#[test]
fn sound_that_begins_late_is_no_fault() {
    let Some(late) = file("faults/late_a.mp4") else {
        return skipped("sound_that_begins_late_is_no_fault", "../shared/data is not there");
    };
    let folder = tempfile::tempdir().unwrap();
    let late = late.display();
    written(folder.path(), &[format!("a,{late},0,,x,p\n"), format!("b,{late},0.5,3,x,q\n"), format!("c,{late},0,1,x,q\n")]);
    for depth in ["", "=all"] {
        let output = run(folder.path(), &format!("validate pipeline.toml --decode{depth}"));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.contains("no sound before 1.478 s (partial)") && text.contains("0 faults"), "{text}");
    }
}

#[cfg(feature = "onnx")]
#[test]
fn extract_from_recordings_is_extract_from_clips() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    written(folder, &rows("extract_from_recordings_is_extract_from_clips", 5));
    works(folder, "preprocess pipeline.toml");
    works(folder, "extract pipeline.toml");
    works(folder, "extract pipeline.toml --from media --workers 2 --set extract.store=direct");
    assert!(tree(&folder.join("features")) == tree(&folder.join("direct")));
}

#[test]
fn sound_of_a_file_of_its_own_has_its_own_second_0() {
    let name = "late-video.mp4";
    let Some(video) = file(name) else {
        return skipped("sound_of_a_file_of_its_own_has_its_own_second_0", &format!("{name} is not there"));
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // a click at every tenth of a second that says which
    let samples = (0..64_000).map(|i| if i % 1600 == 0 { i as f32 / 64_000.0 } else { 0.0 }).collect();
    mmdg::media::wav::write(&folder.join("clicks.wav"), &mmdg::sample::Waveform { sample_rate: 16_000, samples }).unwrap();
    let video = video.display();
    let beside = format!("id,path,start,end,label,domain,audio_path\na,{video},0.5,2.5,x,p,clicks.wav\n");
    std::fs::write(folder.join("rows.csv"), beside).unwrap();
    std::fs::write(folder.join("pipeline.toml"), PIPELINE).unwrap();
    works(folder, "preprocess pipeline.toml --set preprocess.store=beside");
    // the same sound by itself, and the same pictures with their own sound
    std::fs::write(folder.join("rows.csv"), "id,path,start,end,label,domain\na,clicks.wav,0.5,2.5,x,p\n").unwrap();
    works(folder, "preprocess pipeline.toml --set preprocess.store=sound");
    std::fs::write(folder.join("rows.csv"), format!("id,path,start,end,label,domain\na,{video},0.5,2.5,x,p\n")).unwrap();
    works(folder, "preprocess pipeline.toml --set preprocess.store=pictures");
    let of = |store: &str, modality: &str| by_id(&folder.join(store)).remove(&("a".into(), modality.into())).unwrap();
    assert!(of("beside", "audio") == of("sound", "audio"));
    assert_eq!(of("beside", "video"), of("pictures", "video"));
    // the pictures begin late by the video's own clock
    let pictures = of("beside", "video");
    assert!(pictures.3.contains("before") && pictures.2[0] > 0.5, "{pictures:?}");
}
