//! Which rows of the unseen domain are tested is the data set's to say, and a training may say otherwise.

use std::path::Path;

use mmdg::manifest::{Labels, Manifest, Segment, Split, TestSet};
use mmdg::modality::Kind;
use mmdg::sample::{Data, Dtype, Made, Row};
use mmdg::span::Span;
use mmdg::stop::Stop;
use mmdg::store::{ModalityHeader, Plan, Store, Writer};
use mmdg::train::{FeatureTable, Protocol, TargetSplit, TrainSettings, train};
use serde_json::{Value, json};

/// Features of two classes in two domains: in each ten training rows and six test rows.
pub fn features(folder: &Path, recipe: Value) -> FeatureTable {
    let segment = |i: usize| {
        let split = if i % 16 < 10 { Split::Train } else { Split::Test };
        Segment { domain: i / 16, split, ..Segment::new(format!("{i:02}"), "a.mp4", Span::WHOLE) }
    };
    let names = |names: [&str; 2]| names.map(String::from).to_vec();
    let labels = Labels::classes(names(["run", "eat"]), (0..32).map(|i| i % 2));
    let manifest = Manifest::new("test", labels, names(["p", "q"]), (0..32).map(segment).collect()).unwrap();
    let header = ModalityHeader::features("audio", Kind::AUDIO, Dtype::F32, 2);
    let plan = Plan { holds: "features", manifest, modalities: vec![header], recipe, shard_bytes: None };
    let writer = Writer::open(folder, &plan).unwrap();
    let shard = writer.shard(0, 0).unwrap();
    for row in 0..32 {
        let data = Data::F32(vec![(row % 2) as f32, row as f32 / 32.0]);
        let made = Made { span: [0.0, 1.0], times: Vec::new(), made_by: "test".into(), partial: None };
        shard.write(row, Ok(&Row { data, made })).unwrap();
    }
    shard.commit().unwrap();
    writer.finish(&Stop::default()).unwrap();
    FeatureTable::from_store(&Store::open(folder).unwrap()).unwrap()
}

#[test]
fn the_recipe_says_which_rows_are_tested_unless_the_training_does() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let cases = [
        (Some("target-test"), None, 6, "test"),
        (Some("target-all"), None, 16, "all"),
        (None, None, 16, "all"),
        (Some("target-all"), Some(TargetSplit::Test), 6, "test"),
        (Some("target-test"), Some(TargetSplit::All), 16, "all"),
    ];
    for (i, (said, target_split, rows, word)) in cases.into_iter().enumerate() {
        let clips = said.map_or_else(|| json!({}), |said| json!({"test-set": said}));
        let table = features(&folder.join(format!("features{i}")), json!({"clips": clips}));
        assert_eq!(table.test_set(), said.map(|s| if s == "target-all" { TestSet::TargetAll } else { TestSet::TargetTest }));
        let out = folder.join(format!("runs{i}"));
        let settings = TrainSettings {
            out: out.clone(),
            protocol: Protocol { targets: vec!["q".into()], seeds: vec![0], target_split, ..Protocol::default() },
            epochs: 1,
            hidden: Some(4.into()),
            embedding: 4.into(),
            head_hidden: 4,
            batch_size: 4,
            ..TrainSettings::default()
        };
        let results = train(&table, &settings, &Stop::default(), &|_| ()).unwrap();
        assert_eq!(results[0].rows.target, rows, "{said:?} {target_split:?}");
        let config = std::fs::read_to_string(out.join(&results[0].name).join("q-0/config.toml")).unwrap();
        assert!(config.contains(&format!("target-split = \"{word}\"")), "{config}");
    }
}
