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

#[test]
fn the_real_splits_of_mm_sada_are_read_whole() {
    let Some(data) = shared::data("the_real_splits_of_mm_sada_are_read_whole") else { return };
    let root = tempfile::tempdir().unwrap();
    let parted = root.path().join("videos/test/P22");
    std::fs::create_dir_all(&parted).unwrap();
    std::fs::write(parted.join("P22_02.MP4"), "").unwrap();
    let downloaded = root.path().join("P01/videos");
    std::fs::create_dir_all(&downloaded).unwrap();
    ["P01_01.MP4", "P01_02.MP4"].iter().for_each(|name| std::fs::write(downloaded.join(name), "").unwrap());
    let annotations = data.join("splits/MM-SADA_csv");
    let settings: dataset::Settings =
        serde_json::from_value(json!({"dataset": "epic-kitchens", "root": root.path(), "annotations": annotations})).unwrap();
    let manifest = dataset::read(&settings).unwrap();
    let count = |domain: usize, split: Split, label: usize| {
        manifest.segments.iter().filter(|s| (s.domain, s.split, s.label) == (domain, split, label)).count()
    };
    let counts = |domain, split| -> Vec<usize> { (0..8).map(|label| count(domain, split, label)).collect() };
    assert_eq!(counts(0, Split::Train), [421, 383, 231, 128, 223, 71, 42, 44]);
    assert_eq!(counts(0, Split::Test), [124, 104, 52, 34, 66, 13, 20, 22]);
    assert_eq!(counts(1, Split::Train), [715, 692, 245, 214, 298, 89, 113, 129]);
    assert_eq!(counts(1, Split::Test), [208, 217, 68, 56, 136, 14, 26, 25]);
    assert_eq!(counts(2, Split::Train), [919, 1121, 450, 367, 808, 110, 53, 69]);
    assert_eq!(counts(2, Split::Test), [241, 280, 102, 71, 245, 29, 1, 5]);
    let segment = manifest.segments.iter().find(|segment| segment.id == "D1/train/12915").unwrap();
    assert_eq!((segment.span.start, segment.span.end), (4.09, Some(5.84)));
    assert_eq!((manifest.classes[segment.label].as_str(), manifest.domains[segment.domain].as_str()), ("open", "D1"));
    // where it is, and where it would be: as most others are
    assert!(segment.path.ends_with("P08/videos/P08_01.MP4"));
    let there = manifest.segments.iter().find(|segment| segment.path.ends_with("P22_02.MP4"));
    assert!(there.is_some_and(|segment| segment.path.starts_with(&parted)));
}

#[test]
fn rows_of_epic_kitchens_that_do_not_fit_are_named_by_file_and_line() {
    let root = tempfile::tempdir().unwrap();
    let settings: dataset::Settings = serde_json::from_value(
        json!({"dataset": "epic-kitchens", "root": root.path(), "annotations": root.path(), "domains": ["D1"]}),
    )
    .unwrap();
    let head = "uid,participant_id,video_id,start_timestamp,stop_timestamp,verb_class\n";
    for (text, says) in [
        ("uid,participant_id\n", "line 1: no column \"video_id\""),
        (&format!("{head}1,P08,P08_01,0:0:1,0:0:2,8\n"), "line 2: verb_class \"8\"; expected 0 to 7"),
        (&format!("{head}1,P08,P08_01,0:0:x,0:0:2,1\n"), "line 2: \"0:0:x\"; expected HH:MM:SS.cc"),
        (&format!("{head}1,P08,P08_01,0:0:2,0:0:2,1\n"), "line 2: end 2: expected seconds after the start 2"),
        (&format!("{head}1,P08,../P08_01,0:0:1,0:0:2,1\n"), "line 2: \"../P08_01\"; expected an id"),
    ] {
        std::fs::write(root.path().join("D1_train.csv"), text).unwrap();
        let error = dataset::read(&settings).unwrap_err().to_string();
        assert!(error.contains("D1_train.csv") && error.contains(says), "{error}");
    }
}
