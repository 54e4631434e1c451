//! Annotations are read as their authors distribute them.

use mmdg::dataset;
use mmdg::manifest::{Numbers, Split, TestSet};
#[cfg(all(feature = "video", feature = "hdf5"))]
use mmdg::modality::Kind;
#[cfg(all(feature = "video", feature = "hdf5"))]
use mmdg::source::SourceRef;
#[cfg(all(feature = "video", feature = "hdf5"))]
use mmdg::track::Track;
use serde_json::json;

use crate::shared;

fn settings(json: serde_json::Value) -> dataset::DatasetSettings {
    serde_json::from_value(json).unwrap()
}

#[test]
fn the_real_splits_of_hac_are_read_whole() {
    let Some(data) = shared::data("the_real_splits_of_hac_are_read_whole") else { return };
    let root = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(data.join("splits/HAC"), root.path().join("HAC_Splits")).unwrap();
    let settings: dataset::DatasetSettings = serde_json::from_value(json!({"dataset": "hac", "root": root.path()})).unwrap();
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
    let class = |part: &str| manifest.segments.iter().position(|s| s.id.contains(part)).map(|row| manifest.labels.text(row));
    assert_eq!(class("door_opening_13").as_deref(), Some("opening door"));
    assert_eq!(class("sleeping_12").as_deref(), Some("sleeping"));
}

#[test]
fn hac_rows_that_do_not_fit_are_named_by_file_and_line() {
    let root = tempfile::tempdir().unwrap();
    let settings = |domains: &[&str]| -> dataset::DatasetSettings {
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
    let settings: dataset::DatasetSettings =
        serde_json::from_value(json!({"dataset": "epic-kitchens", "root": root.path(), "annotations": annotations})).unwrap();
    let manifest = dataset::read(&settings).unwrap();
    let count = |domain: usize, split: Split, label: u32| {
        let rows = manifest.segments.iter().zip(manifest.labels.places());
        rows.filter(|(s, of)| (s.domain, s.split, **of) == (domain, split, label)).count()
    };
    let counts = |domain, split| -> Vec<usize> { (0..8).map(|label| count(domain, split, label)).collect() };
    assert_eq!(counts(0, Split::Train), [421, 383, 231, 128, 223, 71, 42, 44]);
    assert_eq!(counts(0, Split::Test), [124, 104, 52, 34, 66, 13, 20, 22]);
    assert_eq!(counts(1, Split::Train), [715, 692, 245, 214, 298, 89, 113, 129]);
    assert_eq!(counts(1, Split::Test), [208, 217, 68, 56, 136, 14, 26, 25]);
    assert_eq!(counts(2, Split::Train), [919, 1121, 450, 367, 808, 110, 53, 69]);
    assert_eq!(counts(2, Split::Test), [241, 280, 102, 71, 245, 29, 1, 5]);
    let row = manifest.segments.iter().position(|segment| segment.id == "D1/train/12915").unwrap();
    let segment = &manifest.segments[row];
    assert_eq!((segment.span.start, segment.span.end), (4.09, Some(5.84)));
    assert_eq!((manifest.labels.text(row).as_str(), manifest.domains[segment.domain].as_str()), ("open", "D1"));
    // where it is, and where it would be: as most others are
    assert!(segment.path.ends_with("P08/videos/P08_01.MP4"));
    let there = manifest.segments.iter().find(|segment| segment.path.ends_with("P22_02.MP4"));
    assert!(there.is_some_and(|segment| segment.path.starts_with(&parted)));
}

#[test]
fn rows_of_epic_kitchens_that_do_not_fit_are_named_by_file_and_line() {
    let root = tempfile::tempdir().unwrap();
    let settings: dataset::DatasetSettings = serde_json::from_value(
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

/// The real pickles and the tables made of them.
#[test]
fn pickles_and_tables_of_mm_sada_are_the_same_data_set() {
    let Some(data) = shared::data("pickles_and_tables_of_mm_sada_are_the_same_data_set") else { return };
    let root = tempfile::tempdir().unwrap();
    let read = |annotations: &std::path::Path| {
        dataset::read(&settings(json!({"dataset": "epic-kitchens", "root": root.path(), "annotations": annotations}))).unwrap()
    };
    let pickles = read(&data.join("splits/MM-SADA"));
    assert_eq!(pickles, read(&data.join("splits/MM-SADA_csv")));
    assert_eq!((pickles.len(), pickles.test_set), (10_094, Some(TestSet::TargetTest)));
    let segment = pickles.segments.iter().find(|segment| segment.id == "D1/train/12915").unwrap();
    assert_eq!(segment.extras.numbers, Some(Numbers { start: 245, stop: 350, rate: 60.0 }));
    // where both are there the pickle is taken: this table would be refused
    let both = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(data.join("splits/MM-SADA")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, both.path().join(path.file_name().unwrap())).unwrap();
    }
    std::fs::write(both.path().join("D1_train.csv"), "nothing\n").unwrap();
    assert_eq!(pickles, read(both.path()));
    // the open-set relabelling of MOOSA: 7 becomes 3, 3 is left out
    let mut moosa = json!({"dataset": "epic-kitchens", "root": root.path(), "annotations": data.join("splits/MM-SADA")});
    moosa["class-map"] = json!({"0": "take", "1": "put", "2": "open", "4": "wash", "5": "cut", "6": "mix", "7": "pour"});
    moosa["classes"] = json!(["take", "put", "open", "pour", "wash", "cut", "mix"]);
    let (manifest, findings) = dataset::check(&settings(moosa));
    assert!(findings.faults.is_empty(), "{:?}", findings.faults);
    assert_eq!(findings.notes, [format!("{} rows left out by their class", 128 + 34 + 214 + 56 + 367 + 71)]);
    let manifest = manifest.unwrap();
    let row = manifest.segments.iter().position(|s| s.id == "D1/train/12915").unwrap();
    assert_eq!(manifest.labels.places()[row], 2);
}

#[test]
fn tables_of_both_releases_are_read_with_other_domains_and_classes() {
    let Some(data) = shared::data("tables_of_both_releases_are_read_with_other_domains_and_classes") else { return };
    let root = tempfile::tempdir().unwrap();
    let annotations = data.join("annotations");
    let read = |more: serde_json::Value| {
        let mut all = json!({"dataset": "epic-kitchens", "root": root.path()});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        dataset::check(&settings(all))
    };
    let whole = |more: serde_json::Value| match read(more) {
        (Some(manifest), findings) if findings.faults.is_empty() => (manifest, findings.notes),
        (_, findings) => panic!("{:?}", findings.faults),
    };
    let validation = annotations.join("epic100/EPIC_100_validation.csv");

    // as it stands: kitchens are domains, numbers have the name of their most frequent verb
    let (manifest, _) = whole(json!({"annotations": validation}));
    assert_eq!((manifest.len(), manifest.labels.names().len(), manifest.domains.len()), (9668, 78, 32));
    assert!(manifest.segments.iter().all(|segment| segment.split == Split::Val));
    let row = manifest.segments.iter().position(|segment| segment.id == "P01_11_0").unwrap();
    let take = &manifest.segments[row];
    assert_eq!((take.span.start, take.span.end, take.extras.numbers.unwrap().start), (0.0, Some(1.89), 1));
    assert_eq!((manifest.labels.text(row).as_str(), manifest.domains[take.domain].as_str()), ("take", "P01"));
    assert_eq!(manifest.labels.names()[10], "stir");
    // the release's own names
    let named = json!({"annotations": validation, "class-table": annotations.join("epic100/EPIC_100_verb_classes.csv")});
    assert_eq!(whole(named).0.labels.names()[10], "mix");
    // a noun, a map of kitchens, the rest left out
    let (manifest, notes) = whole(json!({
        "annotations": validation, "label": "noun_class", "domain-map": {"P01": "one", "P22": "two"},
        "class-table": annotations.join("epic100/EPIC_100_noun_classes.csv"),
    }));
    let left = 9668 - manifest.len();
    assert_eq!(
        (manifest.domains, notes),
        (vec!["one".to_owned(), "two".into()], vec![format!("{left} rows left out by their domain")])
    );

    // both releases: the same eight verbs under other numbers
    let lists = json!({"train": annotations.join("epic55/EPIC_train_action_labels.csv"), "val": [validation]});
    let (manifest, _) = whole(json!({"annotations": lists, "class-map": "mm-sada", "domain": "file"}));
    assert_eq!(manifest.domains, ["EPIC_100_validation", "EPIC_train_action_labels"]);
    let labels = manifest.labels.places();
    let count = |domain: usize, label: usize| {
        manifest.segments.iter().zip(labels).filter(|(s, of)| (s.domain, **of as usize) == (domain, label)).count()
    };
    let classes = |file: &str, numbers: [&str; 8]| -> Vec<usize> {
        let mut reader = csv::Reader::from_path(annotations.join(file)).unwrap();
        let place = reader.headers().unwrap().iter().position(|column| column == "verb_class").unwrap();
        let all: Vec<String> = reader.records().map(|record| record.unwrap()[place].to_owned()).collect();
        numbers.iter().map(|number| all.iter().filter(|other| other == number).count()).collect()
    };
    let of = |domain: usize| -> Vec<usize> { (0..8).map(|label| count(domain, label)).collect() };
    assert_eq!(of(0), classes("epic100/EPIC_100_validation.csv", ["0", "1", "3", "4", "2", "7", "10", "9"]));
    assert_eq!(of(1), classes("epic55/EPIC_train_action_labels.csv", ["0", "1", "2", "3", "4", "5", "6", "7"]));
    let (_, findings) = read(json!({"annotations": lists, "domain": "file"}));
    assert!(findings.faults[0].to_string().contains("numbers of classes differ between EPIC-55 and EPIC-100"));
}

#[test]
fn lists_without_labels_and_lists_of_tuples() {
    let root = tempfile::tempdir().unwrap();
    let read = |path: &std::path::Path, more: serde_json::Value| {
        let mut all = json!({"dataset": "epic-kitchens", "root": root.path(), "annotations": path});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        dataset::read(&settings(all))
    };
    let path = root.path().join("EPIC_100_uda_target_train_timestamps.csv");
    let head = "narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,start_frame,stop_frame\n";
    std::fs::write(&path, format!("{head}P01_101_0,P01,P01_101,0:0:1,0:0:1,0:0:2,50,100\n")).unwrap();
    let error = read(&path, json!({})).unwrap_err().to_string();
    assert!(error.contains("EPIC-100's lists without labels; expected one with labels"), "{error}");
    let path = root.path().join("labels.csv");
    std::fs::write(&path, head).unwrap();
    assert!(read(&path, json!({})).unwrap_err().to_string().contains("its name tells no split"));

    // [(video, start, stop, start stamp, stop stamp, label), (one value,)]
    let text = |text: &str| [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let row = |label: u8| {
        let texts = [text("00:00:01.10"), text("00:00:04.50")].concat();
        [b"(".to_vec(), text("P01_01"), b"KBM\x0e\x01".to_vec(), texts, vec![b'K', label], b"t".to_vec()].concat()
    };
    let pickle = |rows: &[Vec<u8>]| [b"\x80\x02](".to_vec(), rows.concat(), b"e.".to_vec()].concat();
    let path = root.path().join("D1_train.pkl");
    std::fs::write(&path, pickle(&[row(3), row(5)])).unwrap();
    let manifest = read(&path, json!({})).unwrap();
    let segment = &manifest.segments[1];
    assert_eq!((segment.id.as_str(), segment.span.start, segment.span.end), ("D1_train/1", 1.1, Some(4.5)));
    assert_eq!(segment.extras.numbers, Some(Numbers { start: 66, stop: 270, rate: 60.0 }));
    assert_eq!((manifest.labels.names(), manifest.domains), (&["3".to_owned(), "5".into()][..], vec!["P01".to_owned()]));
    std::fs::write(&path, pickle(&[row(3), b"K\x01\x85".to_vec()])).unwrap();
    let error = read(&path, json!({})).unwrap_err().to_string();
    assert!(error.contains("row 1: 1 values; expected (video_id, start_frame"), "{error}");
}

#[test]
fn settings_that_a_data_set_does_not_know_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let refused = |more: serde_json::Value, says: &str| {
        let error = dataset::read(&settings(more)).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    refused(json!({"dataset": "hac", "root": root.path(), "audio": "x.hdf5"}), "audio: hac does not know it; expected root, ");
    let epic = |more: serde_json::Value| {
        let mut all = json!({"dataset": "epic-kitchens", "root": root.path(), "annotations": root.path()});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    refused(epic(json!({"audio": root.path().join("none.hdf5")})), "none.hdf5: no such file; expected an HDF5 file");
    refused(epic(json!({"audio": root.path(), "audio-rate": 24000})), "audio-rate: wav files say their rate");
    refused(epic(json!({"class-map": "mm_sada"})), "class-map: expected a table, or \"mm-sada\"");
    refused(epic(json!({"class-map": {}, "class-table": "x.csv"})), "class-map and class-table are both set");
    refused(epic(json!({"label": "verb", "class-table": "x.csv"})), "class-table: expected a label that is a number");
    refused(epic(json!({"annotations": []})), "annotations is empty");
    refused(epic(json!({"annotations": root.path().join("nowhere")})), "D1_train.csv: cannot read");
    let wrong = serde_json::from_value::<dataset::DatasetSettings>(epic(json!({"annotations": 3}))).unwrap_err().to_string();
    assert!(wrong.contains("a path, a list of paths, or a table of paths by split"), "{wrong}");
}

#[cfg(all(feature = "video", feature = "hdf5"))]
#[test]
fn a_stores_manifest_is_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["b.wav", "c.wav", "d.wav", "e.wav"] {
        mmdg::media::wav::write(&root.join(name), &crate::trees::sound(2.0)).unwrap();
    }
    std::fs::write(root.join("sound.hdf5"), "").unwrap();
    std::fs::create_dir(root.join("frames")).unwrap();
    let head = "id,path,start,end,label,domain,split,audio_path,flow_x_path,flow_y_path,frame_rate,flow_rate,start_frame,stop_frame,\
        number_rate,precut,audio_key,audio_rate";
    let rows = "a,frames,0.1,2.5,x,p,train,sound.hdf5,u,v,60,30,7,150,60,,P01_01,24000\n\
        b,b.wav,0,,y,q,val,,,,,,,,,,,\n\
        c,c.mp4,1,2,x,q,test,,fx.mp4,fy.mp4,,,,,,yes,,\n\
        d,d.mp4,1,2,x,q,test,,,,,,,,,,,\n";
    std::fs::write(root.join("table.csv"), format!("{head}\n{rows}")).unwrap();
    let table = json!({"dataset": "table", "root": root, "table": root.join("table.csv")});
    let manifest = dataset::read(&settings(table.clone())).unwrap();
    let of = |id: &str| manifest.segments.iter().find(|segment| segment.id == id).unwrap();
    let waveform = SourceRef::Waveform { path: &root.join("sound.hdf5"), key: "P01_01", sample_rate: 24000 };
    assert_eq!(of("a").source_ref(Kind::AUDIO, &Track::Default), Ok(waveform));
    assert_eq!(of("a").extras.numbers.unwrap().stop, 150);
    // sound beside a video, but not beside a clip that was cut out, whose sound has another clock
    assert_eq!(of("d").media(Kind::AUDIO).unwrap().paths, [root.join("d.wav")]);
    assert!(of("c").extras.precut && of("c").media(Kind::AUDIO).is_none());
    let store = root.join("store");
    crate::trees::preprocess(&table, &[("audio", "vggsound")], &store);
    let again = dataset::read(&settings(json!({"dataset": "table", "table": store.join("manifest.csv")}))).unwrap();
    assert_eq!(again, manifest);
    let found = mmdg::inspect::inspect(&store, false).unwrap();
    assert_eq!(found.media, [("audio", 2), ("flow", 2), ("video", 1)].into());
    assert!(found.to_string().contains("media of their own: audio of 2 rows, flow of 2 rows, video of 1 rows"), "{found}");
    for (row, says) in [
        ("a,frames,0,1,x,p,train,,,,-1,,,,,,,", "frame_rate -1; expected a number above 0"),
        ("a,frames,0,1,x,p,train,,,,60,,9,8,60,,,", "start_frame, stop_frame, number_rate; expected all"),
        ("a,frames,0,1,x,p,train,,,,60,,1,8,,,,", "start_frame, stop_frame, number_rate; expected all"),
        ("a,frames,0,1,x,p,train,,,,60,,1.5,8,60,,,", "start_frame \"1.5\"; expected a whole number"),
        ("a,frames,0,1,x,p,train,,,,,,,,,maybe,,", "precut \"maybe\"; expected yes or nothing"),
        ("a,frames,0,1,x,p,train,,,,,,,,,,key,", "audio_key, audio_rate; expected both and an audio_path"),
    ] {
        std::fs::write(root.join("table.csv"), format!("{head}\n{row}\n")).unwrap();
        let error = dataset::read(&settings(table.clone())).unwrap_err().to_string();
        assert!(error.contains("table.csv: line 2: ") && error.contains(says), "{error}");
    }
}

#[test]
fn the_pipelines_in_the_project_fit() {
    for name in ["epic-kitchens", "hac", "demo"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("pipelines/{name}.toml"));
        let pipeline = mmdg::config::read(&path, &[]).unwrap();
        #[cfg(feature = "hdf5")]
        mmdg::preset::maker::makers(&pipeline.preprocess.as_ref().unwrap().modalities, &pipeline.data.as_ref().unwrap().dataset)
            .unwrap();
        #[cfg(feature = "torch")]
        assert!(!pipeline.train.as_ref().unwrap().columns().unwrap().is_empty());
        // it gets as far as the annotations, which are elsewhere
        let empty = tempfile::tempdir().unwrap();
        let mut data = pipeline.data.unwrap();
        data.root = Some(empty.path().into());
        data.annotations = data.annotations.map(|_| dataset::Annotations::One(empty.path().into()));
        let error = dataset::read(&data).unwrap_err().to_string();
        assert!(error.contains(empty.path().to_str().unwrap()) && error.contains("cannot read"), "{error}");
    }
}
