//! A store made in pieces is, byte for byte, the one made in one go; what does not fit together is told before anything is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mmdg::manifest::{Labels, Manifest};
use mmdg::merge::{MergeWork, merge};
use mmdg::stop::Stop;
use mmdg::store::{self, Plan, Store, Writer};
use mmdg::{Error, Result};
use serde_json::json;

use crate::loader::{plan, row};
use crate::verify::{copy, edit, faults, unsealed};

fn merged(out: &Path, stores: &[&Path], link: bool) -> Result<store::writer::Summary> {
    let stores: Vec<PathBuf> = stores.iter().map(|store| store.to_path_buf()).collect();
    merge(out, &stores, MergeWork { link, stop: &Stop::default(), progress: &|_, _| () })
}

/// Some shards of the store of [`plan`], as a machine of several makes them.
fn some(folder: &Path, wanted: impl Fn(usize, u64) -> bool) {
    let writer = Writer::open(folder, &plan()).unwrap();
    for (modality, shard) in (0..3).flat_map(|m| (0..writer.shards()).map(move |k| (m, k))).filter(|(m, k)| wanted(*m, *k)) {
        let making = writer.shard(modality, shard).unwrap();
        let [first, end] = writer.rows(shard);
        (first..end).for_each(|i| making.write(i, row(modality, i).as_ref()).unwrap());
        making.commit().unwrap();
    }
}

/// Every file below `folder` with its bytes.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = PathBuf::from(path.file_name().unwrap());
        if path.is_dir() {
            found.extend(tree(&path).into_iter().map(|(inner, bytes)| (name.join(inner), bytes)));
        } else {
            found.insert(name, std::fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn shards_made_apart_become_the_store_made_in_one_go() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    store::write(&at("whole"), &plan(), &Stop::default(), row).unwrap();
    some(&at("a"), |_, k| k % 2 == 0);
    some(&at("b"), |m, k| m == 1 && k % 2 == 1);
    let error = merged(&at("out"), &[&at("a"), &at("b")], false).unwrap_err().to_string();
    assert!(error.contains("12 of 39 shards are in none of the stores, the first video/00001"), "{error}");
    assert!(!at("out").exists());
    // more than is needed does no harm
    some(&at("c"), |_, k| k % 2 == 1 || k < 4);
    for link in [false, true] {
        let summary = merged(&at("out"), &[&at("a"), &at("b"), &at("c")], link).unwrap();
        assert_eq!((summary.samples, summary.failures(), summary.absent), (309, 0, 15));
        assert!(tree(&at("out")) == tree(&at("whole")));
        // again: nothing to do
        merged(&at("out"), &[&at("a"), &at("b")], link).unwrap();
        assert!(tree(&at("out")) == tree(&at("whole")));
        std::fs::remove_dir_all(at("out")).unwrap();
    }
    merged(&at("out"), &[&at("whole")], false).unwrap();
    assert!(tree(&at("out")) == tree(&at("whole")));
}

#[test]
fn damaged_or_different_shards_are_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    some(&at("a"), |_, k| k % 2 == 0);
    some(&at("b"), |_, k| k % 2 == 1);
    copy(&at("b"), &at("damaged"));
    edit(&at("damaged/video/00003.h5"), |bytes| bytes[2300] ^= 1);
    let error = merged(&at("out"), &[&at("a"), &at("damaged")], false).unwrap_err();
    assert_eq!(error.exit_code(), 7);
    assert!(error.to_string().contains("damaged/video/00003.h5: its hash is not what its record says"), "{error}");
    assert!(!at("out/video/00003.h5").exists() && !at("out/store.json").exists());
    merged(&at("out"), &[&at("a"), &at("b")], false).unwrap();
    assert_eq!(faults(&at("out")), Vec::<String>::new());

    // the same plan, but another's numbers
    copy(&at("b"), &at("other"));
    edit(&at("other/video/00003.json"), |bytes| {
        let text = unsealed(&String::from_utf8(bytes.clone()).unwrap()).replace("\"blake3\": \"", "\"blake3\": \"f");
        *bytes = text.into_bytes();
    });
    let error = merged(&at("out2"), &[&at("a"), &at("b"), &at("other")], false).unwrap_err().to_string();
    assert!(error.contains("other: video/00003.h5 is not that of") && error.contains("expected the same bytes"), "{error}");
    for (out, stores) in [("a", ["a", "b"]), ("out2", ["b", "b"])] {
        let error = merged(&at(out), &stores.map(at).each_ref().map(PathBuf::as_path), false).unwrap_err().to_string();
        assert!(error.contains("this store stands twice"), "{error}");
    }
    assert!(!at("out2").exists());
    let error = merged(&at("out2"), &[&at("nothing")], false).unwrap_err();
    assert!(matches!(error, Error::Input { .. }) && error.to_string().contains("no store.json"), "{error}");
}

/// The plan's rows of which `wanted` is true, sorted as data sets are.
fn part(wanted: impl Fn(usize) -> bool) -> Plan {
    let whole = plan();
    let rows: Vec<usize> = (0..whole.manifest.len()).filter(|row| wanted(*row)).collect();
    let segments = rows.iter().map(|&row| whole.manifest.segments[row].clone()).collect();
    let labels = whole.manifest.labels.of_rows(&rows);
    Plan { manifest: Manifest::sorted(labels, whole.manifest.domains.clone(), segments), ..whole }
}

fn write(folder: &Path, plan: &Plan) {
    let number = |place: u64| plan.manifest.segments[place as usize].id[4..].parse().unwrap();
    store::write(folder, plan, &Stop::default(), |modality, place| row(modality, number(place))).unwrap();
}

#[test]
fn rows_of_stores_made_alike_become_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(&at("whole"), &part(|_| true));
    write(&at("a"), &part(|row| row < 30));
    write(&at("b"), &part(|row| row >= 60));
    write(&at("c"), &part(|row| (30..60).contains(&row)));
    merged(&at("out"), &[&at("a"), &at("b"), &at("c")], false).unwrap();
    assert!(tree(&at("out")) == tree(&at("whole")));
    assert_eq!(faults(&at("out")), Vec::<String>::new());

    // classes and domains by name
    let mut renamed = part(|row| (30..60).contains(&row));
    let places: Vec<usize> = renamed.manifest.labels.places().iter().map(|&place| place as usize).collect();
    renamed.manifest.labels = Labels::classes(["c", "new", "b", "d"].map(String::from).into(), places);
    renamed.manifest.domains = vec!["D4".into()];
    renamed.manifest.segments.iter_mut().for_each(|segment| segment.domain = 0);
    renamed.recipe["sources"] = json!(["x"]);
    write(&at("renamed"), &renamed);
    merged(&at("out2"), &[&at("a"), &at("renamed")], true).unwrap();
    let store = Store::open(&at("out2")).unwrap();
    assert_eq!(store.header().labels.classes(), ["a", "b", "c", "d", "new"]);
    assert_eq!(store.header().domains, ["D1", "D2", "D3", "D4"]);
    assert_eq!(store.header().recipe["sources"], json!(["x"]));
    for (place, segment) in store.manifest().segments.iter().enumerate() {
        let row: usize = segment.id[4..].parse().unwrap();
        let class = if row < 30 { ["a", "b", "c", "d"][row % 4] } else { ["c", "new", "b", "d"][row % 4] };
        assert_eq!(store.manifest().labels.text(place), class);
        let video = store.modality("video").unwrap();
        assert_eq!(video.values(place)[3], row as f32 + 3.0 / 8.0);
    }
}

#[test]
fn rows_that_do_not_fit_together_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(&at("a"), &part(|row| row < 30));
    let refused = |plan: Plan, says: &str| {
        write(&at("b"), &plan);
        let error = merged(&at("out"), &[&at("a"), &at("b")], false).unwrap_err();
        assert!(error.exit_code() == 3 && error.to_string().contains(says), "{error}");
        assert!(!at("out").exists());
        std::fs::remove_dir_all(at("b")).unwrap();
    };
    let other = || part(|row| row >= 30);
    refused(part(|row| row >= 29), "id \"row 29\" stands in ");
    refused(Plan { recipe: json!({"made": "there"}), ..other() }, "made is \"here\" there, \"there\" here");
    refused(Plan { holds: "clips", ..other() }, "it holds clips, not features");
    let mut wider = other();
    wider.modalities.truncate(2);
    refused(wider, "its modalities are video f32 [6], audio f16 [4], not video f32 [6], audio f16 [4], clip u8 [2, 3]");

    write(&at("b"), &other());
    edit(&at("b/audio/00001.h5"), |bytes| bytes[0] ^= 1);
    let error = merged(&at("out"), &[&at("a"), &at("b")], false).unwrap_err();
    assert!(error.exit_code() == 7 && error.to_string().contains("b: audio/00001.h5: rows 8 to 15: its hash"), "{error}");
    let unfinished = Writer::open(&at("c"), &other()).unwrap();
    let error = merged(&at("out"), &[&at("a"), &at("c")], false).unwrap_err().to_string();
    assert!(error.contains("c: this store is not whole yet"), "{error}");
    drop(unfinished);
    assert!(!at("out").exists());
}

#[test]
fn frames_kept_as_jpeg_are_merged_as_they_are() {
    use mmdg::modality::Kind;
    use mmdg::sample::{Data, Dtype, Made, Row};
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let clips = |wanted: fn(usize) -> bool| {
        let header = store::ModalityHeader::features("clip", Kind::VIDEO, Dtype::U8, 1);
        let header = store::ModalityHeader { shape: vec![2, 16, 24, 3], jpeg: Some(90), ..header };
        Plan { holds: "clips", modalities: vec![header], shard_bytes: Some(10_000), ..part(wanted) }
    };
    let write = |name: &str, plan: &Plan| {
        let make = |_: usize, place: u64| {
            let number: u64 = plan.manifest.segments[place as usize].id[4..].parse().unwrap();
            let made = row(1, number)?.made;
            let pixels = (0..2 * 16 * 24 * 3).map(|i| (i * (number + 3) % 251) as u8).collect();
            Ok(Row { data: Data::U8(pixels), made: Made { made_by: "jpeg".into(), ..made } })
        };
        store::write(&at(name), plan, &Stop::default(), make).unwrap();
    };
    write("whole", &clips(|_| true));
    write("a", &clips(|row| row < 50));
    write("b", &clips(|row| row >= 50));
    merged(&at("out"), &[&at("b"), &at("a")], false).unwrap();
    assert!(tree(&at("out")) == tree(&at("whole")));
    assert_eq!(faults(&at("out")), Vec::<String>::new());
}
