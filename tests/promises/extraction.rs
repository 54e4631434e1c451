//! Features do not depend on the way they were made; models that do not fit are refused before work.

use std::path::Path;

use mmdg::store::Store;

use crate::command::{expect, extracting, run, tones, tree};

/// A pipeline of five tones, one of them no sound, through the demo's audio network.
fn prepared(folder: &Path) {
    tones(folder, 5);
    std::fs::write(folder.join("003.wav"), "no sound").unwrap();
    extracting(folder, "batch-size = 2", "");
    expect(&run(folder, "preprocess pipeline.toml --max-failures 1"), 4, &["1 unreadable"]);
}

#[test]
fn a_clip_store_in_between_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder);
    expect(&run(folder, "extract pipeline.toml"), 5, &["1 of 5 samples failed"]);
    expect(&run(folder, "extract pipeline.toml --from media --workers 3 --max-failures 1 --set extract.store=direct"), 4, &[]);
    assert!(tree(&folder.join("features")) == tree(&folder.join("direct")));
    // the failed row keeps its place and its reason
    let store = Store::open(&folder.join("features")).unwrap();
    let rows = store.modality("audio").unwrap();
    let valid: Vec<bool> = (0..5).map(|row| rows.valid(row)).collect();
    assert_eq!(valid, [true, true, true, false, true]);
    let listed = std::fs::read_to_string(folder.join("features/failures.jsonl")).unwrap();
    assert!(listed.contains("\"id\":\"t3\"") && listed.contains("\"code\":\"unreadable\""), "{listed}");
    // and its neighbours in the batch do not feel it
    expect(&run(folder, "extract pipeline.toml --max-failures 1 --set extract.store=single --set extract.batch-size=1"), 4, &[]);
    let single = Store::open(&folder.join("single")).unwrap();
    for row in 0..5 {
        let (a, b) = (rows.values(row), single.modality("audio").unwrap().values(row));
        assert!(a.iter().zip(b.iter()).all(|(a, b)| (a - b).abs() < 1e-5), "row {row}");
    }
}

#[test]
fn clips_of_other_parameters_than_the_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder);
    let other = "extract pipeline.toml --max-failures 1 --set preprocess.modalities.audio.hop=200";
    let says = ["clips: these clips were made with other parameters: audio.", "in the store, 200 in [preprocess.modalities]"];
    expect(&run(folder, other), 3, &says);
    assert!(!folder.join("features").exists());
    // a store made by another file is as it is
    let text = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    let data = text.find("[preprocess]").unwrap();
    std::fs::write(folder.join("pipeline.toml"), &text[data..]).unwrap();
    expect(&run(folder, other), 4, &[]);
}

#[test]
fn models_that_do_not_fit_are_refused_with_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder);
    let at = |set: &str, says: &[&str]| {
        expect(&run(folder, &format!("extract pipeline.toml {set}")), 3, says);
        assert!(!folder.join("features").exists(), "something was done");
    };
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/demo_audio.onnx");
    let file = |rest: &str| format!("--set extract.backbones.audio={{model=\"{model}\"{rest}}}");
    at(
        "--set extract.backbones.audio.backbone=demo-video",
        &["clips of \"audio\" are [201, 64]; the backbone demo-video takes [8, 64, 64, 3] (0: any)"],
    );
    at(
        &file(",input=\"clip\",output=\"embedding\"").replace("demo_audio", "demo_video"),
        &["input \"clip\" wants [-1, 3, 8, 64, 64] (-1: any), but batches of these rows are [2, 1, 201, 64]"],
    );
    at("--set extract.backbones.audio.backbone=demo", &["\"demo\"", "expected one of demo-video, demo-audio"]);
    at("--set extract.backbones.video.backbone=demo-video", &["no clips of the modality \"video\"", "expected one of audio"]);
    at(&file(""), &["input is not set"]);
    at(&file(",input=\"x\",output=\"embedding\""), &["no input \"x\"", "spectrogram"]);
    at(&file(",input=\"spectrogram\",output=\"x\""), &["no output \"x\"", "embedding"]);
    at(&file(",input=\"spectrogram\",output=\"embedding\",std=[0]"), &["no std of 0"]);
    at(&file(",input=\"spectrogram\",output=\"embedding\",mean=[0,1]"), &["mean has 2 values; expected 1"]);
    at("--set extract.backbones.audio={model=\"pipeline.toml\",input=\"x\",output=\"y\"}", &["pipeline.toml: no ONNX model: "]);
    at("--set extract.backbones.audio={model=\"none.onnx\",input=\"x\",output=\"y\"}", &["none.onnx"]);
    at("--set extract.batch-size=0", &["batch-size = 0: expected 1 to 4096"]);
    at("--set extract.dtype=u8", &["dtype = \"u8\": expected f32 or f16"]);
    at("--set preprocess.store=nowhere", &["nowhere", "no store.json"]);
    expect(&run(folder, "train pipeline.toml"), 3, &["no [train] table"]);
}
