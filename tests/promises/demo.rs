//! The demo's main job, whole, and the imbalance that its data set is made to have.

use std::path::Path;

use crate::command::{expect, run};

const ONE: &str = "train.compare=[{name=\"none\"}]";

/// Mean accuracies over targets and seeds, in [0, 1]: source validation and target.
fn accuracies(runs: &Path) -> [f64; 2] {
    let results = mmdg::report::read(&[runs.to_owned()]).unwrap();
    assert_eq!(results.len(), 9);
    let mean = |of: fn(&mmdg::report::RunResult) -> f64| results.iter().map(of).sum::<f64>() / results.len() as f64;
    [mean(|run| run.source_validation_score), mean(|run| run.target_score)]
}

#[test]
#[ignore = "long: renders the whole demo data set; `make test` runs it in its own step"]
fn the_demo_runs_twice_alike_and_has_its_imbalance() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let pipeline = concat!(env!("CARGO_MANIFEST_DIR"), "/pipelines/demo.toml");
    expect(&run(folder, "demo-data demo/data"), 0, &[]);
    let first = run(folder, &format!("run {pipeline}"));
    expect(&first, 0, &["1008 samples, none failed", "36 runs"]);
    let table = String::from_utf8(first.stdout).unwrap();
    for name in ["none", "adversarial", "gmp-paper", "gmp-bench", "human", "animal", "cartoon", "All 36 runs are there."] {
        assert!(table.contains(name), "{table}");
    }
    let page = std::fs::read(folder.join("demo/report/report.html")).unwrap();

    // the stores stay, training is done again
    std::fs::remove_dir_all(folder.join("demo/runs")).unwrap();
    let second = run(folder, &format!("run {pipeline}"));
    assert_eq!(String::from_utf8(second.stdout).unwrap(), table);
    assert!(std::fs::read(folder.join("demo/report/report.html")).unwrap() == page);

    let alone = |modality: &str| {
        let set = format!(
            "--set protocol.modalities=[[\"{modality}\"]] --set train.out={modality} --set report.out={modality} --set {ONE}"
        );
        expect(&run(folder, &format!("run {pipeline} {set}")), 0, &[]);
        accuracies(&folder.join(modality))
    };
    let ([video_source, video_target], [audio_source, audio_target]) = (alone("video"), alone("audio"));
    assert!(video_source > audio_source + 0.10, "source validation: video {video_source}, audio {audio_source}");
    assert!(video_target < audio_target, "target: video {video_target}, audio {audio_target}");
    let bytes: u64 = crate::command::tree(&folder.join("demo/clips")).values().map(|bytes| bytes.len() as u64).sum();
    assert!(bytes < 300 << 20, "{bytes}");
}
