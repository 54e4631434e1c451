//! Annotations are read as their authors distribute them.

use mmdg::dataset;
use mmdg::manifest::Split;
use serde_json::json;

use crate::shared;

#[test]
fn the_real_splits_of_hac_are_read_whole() {
    let Some(data) = shared::data("the_real_splits_of_hac_are_read_whole") else { return };
    let root = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(data.join("splits/HAC"), root.path().join("HAC_Splits")).unwrap();
    let settings: dataset::Settings = serde_json::from_value(json!({"dataset": "hac", "root": root.path()})).unwrap();
    let manifest = dataset::read(&settings).unwrap();
    assert_eq!(manifest.domains, ["animal", "cartoon", "human"]);
    let count = |domain: usize, split: Split| manifest.segments.iter().filter(|s| s.domain == domain && s.split == split).count();
    let counts: Vec<(usize, usize)> = (0..3).map(|domain| (count(domain, Split::Train), count(domain, Split::Test))).collect();
    assert_eq!(counts, [(730, 176), (870, 218), (1111, 276)]);
    let has = |end: &str| manifest.segments.iter().any(|segment| segment.path.ends_with(end));
    assert!(has("cartoon/videos/drinking_54 .mp4"));
    assert_eq!(
        manifest.segments.iter().filter(|s| s.path.file_name().is_some_and(|n| n.as_encoded_bytes()[0] == b'-')).count(),
        24
    );
    let mut files: Vec<_> = manifest.segments.iter().map(|segment| &segment.path).collect();
    files.dedup();
    assert_eq!((manifest.len(), files.len()), (3381, 3357));
    // labels are those of the names, where names tell them
    let class = |part: &str| manifest.segments.iter().find(|s| s.id.contains(part)).map(|s| manifest.classes[s.label].as_str());
    assert_eq!(class("door_opening_13"), Some("opening door"));
    assert_eq!(class("sleeping_12"), Some("sleeping"));
}

#[test]
fn hac_rows_that_do_not_fit_are_named_by_file_and_line() {
    let root = tempfile::tempdir().unwrap();
    let settings = |domains: &[&str]| -> dataset::Settings {
        serde_json::from_value(json!({"dataset": "hac", "root": root.path(), "domains": domains})).unwrap()
    };
    let splits = root.path().join("HAC_Splits");
    std::fs::create_dir(&splits).unwrap();
    std::fs::write(splits.join("HAC_test_only_human.csv"), "b.mp4,1\r\n").unwrap();
    for (row, says) in [
        ("a.mp4", "line 2: 1 fields; expected `file,label`"),
        ("a.mp4,7", "line 2: label \"7\"; expected 0 to 6"),
        ("a.mp4,x", "line 2: label \"x\"; expected 0 to 6"),
        ("../a.mp4,1", "line 2: file \"../a.mp4\"; expected a plain file name"),
        (",1", "line 2: file \"\"; expected a plain file name"),
    ] {
        std::fs::write(splits.join("HAC_train_only_human.csv"), format!("ok.mp4,0\r\n{row}\r\n")).unwrap();
        let error = dataset::read(&settings(&["human"])).unwrap_err().to_string();
        assert!(error.contains("HAC_train_only_human.csv") && error.contains(says), "{error}");
    }
    std::fs::write(splits.join("HAC_train_only_human.csv"), "a.mp4,0\r\n").unwrap();
    let error = dataset::read(&settings(&["human"])).unwrap_err().to_string();
    assert!(error.contains("no row has the class \"eating\""), "{error}");
    let error = dataset::read(&settings(&["robot"])).unwrap_err().to_string();
    assert!(error.contains("domain \"robot\": expected some of human, animal, cartoon"), "{error}");
    let error = dataset::read(&settings(&["animal"])).unwrap_err().to_string();
    assert!(error.contains("HAC_train_only_animal.csv: cannot read"), "{error}");
}
