//! Labels that are values: into a store and out of it in every way there is, to the last digit.

use std::path::Path;
use std::sync::Arc;

use mmdg::dataset;
use mmdg::export::{Format, Selection, export};
use mmdg::import::{ImportSettings, ModalitySource, import};
use mmdg::manifest::{LabelSpace, Labels};
use mmdg::merge::{MergeWork, merge};
use mmdg::modality::Kind;
use mmdg::stop::Stop;
use mmdg::store::{Loader, Options, Order, Store};
use serde_json::json;

use crate::verify::faults;

const VALUES: [f32; 6] = [0.1, -0.0, 1e-40, f32::MAX, 16_777_216.0, -1.0 / 3.0];

/// Two columns of features for six rows.
fn features(path: &Path) {
    let mut npy = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (6, 2), }".to_vec();
    npy.resize(127, b' ');
    npy.push(b'\n');
    npy.extend((0..12).flat_map(|i| (i as f32).to_le_bytes()));
    std::fs::write(path, npy).unwrap();
}

fn sheet(values: &[String]) -> String {
    let line = |(i, value): (usize, &String)| format!("r{i},{value},d{},{}\n", i % 2, ["train", "val"][i / 3]);
    "id,label,domain,split\n".to_owned() + &values.iter().enumerate().map(line).collect::<String>()
}

fn from(path: &Path, labels: Option<&Path>, unit: Option<&str>) -> ImportSettings {
    let source = ModalitySource { name: "video".into(), kind: Kind::VIDEO, path: path.into(), key: None };
    let (labels, values) = (labels.map(Path::to_owned), unit.map(str::to_owned));
    ImportSettings { modalities: vec![source], labels, values, ..ImportSettings::default() }
}

fn make(out: &Path, settings: &ImportSettings) -> mmdg::Result<()> {
    import(out, settings, &Stop::default(), &|_, _| ()).map(drop)
}

/// A store of the values of a table.
fn store(folder: &Path) -> Store {
    features(&folder.join("f.npy"));
    let written: Vec<String> = VALUES.iter().map(f32::to_string).collect();
    std::fs::write(folder.join("l.csv"), sheet(&written)).unwrap();
    make(&folder.join("store"), &from(&folder.join("f.npy"), Some(&folder.join("l.csv")), Some("mm"))).unwrap();
    Store::open(&folder.join("store")).unwrap()
}

fn bits(store: &Store) -> Vec<u32> {
    store.manifest().labels.values().iter().map(|value| value.to_bits()).collect()
}

#[test]
fn values_go_through_every_format_bit_by_bit() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let first = store(folder.path());
    assert_eq!(first.header().labels, LabelSpace::Values { unit: "mm".into() });
    assert_eq!(bits(&first), VALUES.map(f32::to_bits));
    assert_eq!(faults(&at("store")), Vec::<String>::new());
    let csv = std::fs::read_to_string(at("store/manifest.csv")).unwrap();
    assert!(csv.lines().nth(1).unwrap().ends_with(",0.1,d0,train"), "{csv}");
    for (end, format) in Format::ALL {
        let (file, again) = (at("out").with_extension(end), at(end));
        export(&at("store"), &file, format, &Selection::default(), &Stop::default(), &|_, _| ()).unwrap();
        // the file says the unit itself
        make(&again, &from(&file, None, None)).unwrap();
        let again = Store::open(&again).unwrap();
        assert_eq!((bits(&again), again.manifest() == first.manifest()), (bits(&first), true), "{end}");
        let error = make(&at("other"), &from(&file, None, Some("cm"))).unwrap_err().to_string();
        assert!(error.contains("its labels are in \"mm\"; --values says \"cm\", expected the same"), "{end}: {error}");
    }
    let bytes = std::fs::read(at("out.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let labels = tensors.tensor("labels").unwrap();
    assert_eq!((labels.dtype(), labels.data()), (safetensors::Dtype::F32, bytemuck::cast_slice(&VALUES)));

    let batches = Loader::new(Arc::new(first), Options { order: Order::Rows, batch_size: 4, ..Options::default() }).unwrap();
    let batch = batches.epoch(0).unwrap().next().unwrap().unwrap();
    assert_eq!((batch.labels.values(), batch.labels.classes()), (&VALUES[..4], &[][..]));
    let by_class = Options { order: Order::Classes, ..Options::default() };
    let error = Loader::new(batches.store().clone(), by_class).unwrap_err().to_string();
    assert!(error.contains("an order by class, while its labels are values; expected another order"), "{error}");
}

#[test]
fn stores_of_one_unit_merge() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    features(&at("f.npy"));
    let text = sheet(&["1", "2", "3", "4", "5", "6"].map(String::from));
    let part = |name: &str, unit: Option<&str>, id: &str| {
        std::fs::write(at("l.csv"), text.replace("\nr", &format!("\n{id}"))).unwrap();
        make(&at(name), &from(&at("f.npy"), Some(&at("l.csv")), unit)).unwrap();
    };
    part("a", Some("mm"), "a");
    part("b", Some("mm"), "b");
    part("c", Some("cm"), "c");
    part("d", None, "d");
    let stop = Stop::default();
    let work = || MergeWork { link: false, stop: &stop, progress: &|_, _| () };
    merge(&at("both"), &[at("b"), at("a")], work()).unwrap();
    let both = Store::open(&at("both")).unwrap();
    assert_eq!(both.manifest().labels, Labels::Values { unit: "mm".into(), of: [1.0, 2.0, 3.0, 4.0, 5.0, 6.0].repeat(2) });
    let refused = |other: &str| merge(&at("no"), &[at("a"), at(other)], work()).unwrap_err().to_string();
    assert!(refused("c").contains("its labels are values in \"cm\"; expected values in \"mm\""), "{}", refused("c"));
    assert!(refused("d").contains("its labels are 6 classes; expected values in \"mm\""), "{}", refused("d"));
}

#[test]
fn what_is_no_value_is_named_by_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    features(&at("f.npy"));
    for text in ["NaN", "inf", "1e39", "many", "1 2"] {
        let mut values = ["1", "2", "3", "4", "5", "6"].map(String::from);
        values[3] = text.into();
        std::fs::write(at("l.csv"), sheet(&values)).unwrap();
        let error = make(&at("store"), &from(&at("f.npy"), Some(&at("l.csv")), Some(""))).unwrap_err();
        let expected = format!("l.csv: line 5: label {text:?}; expected a finite number");
        assert!(error.exit_code() == 3 && error.to_string().contains(&expected), "{error}");
        assert!(!at("store").exists());
    }
    // a table of recordings
    std::fs::write(at("t.csv"), "id,path,start,end,label,domain\na,a.mp4,0,1,0.5,x\nb,a.mp4,1,2,1.5,y\nc,a.mp4,2,3,two,y\n")
        .unwrap();
    let read = |values: serde_json::Value| {
        let mut data = json!({"dataset": "table", "table": at("t.csv")});
        data.as_object_mut().unwrap().extend(values.as_object().unwrap().clone());
        dataset::read(&serde_json::from_value(data).unwrap()).map_err(|error| error.to_string())
    };
    assert_eq!(read(json!({})).unwrap().labels.names(), ["0.5", "1.5", "two"]);
    let error = read(json!({"values": "s"})).unwrap_err();
    assert!(error.contains("t.csv: line 4: label \"two\"; expected a finite number"), "{error}");
    assert!(read(json!({"values": "s", "classes": ["0.5"]})).unwrap_err().contains("classes and values; expected one of them"));
    std::fs::write(at("t.csv"), "id,path,start,end,label,domain\nb,b.mp4,0,1,0.5,x\na,a.mp4,1,2,1.5,y\n").unwrap();
    let manifest = read(json!({"values": "s"})).unwrap();
    assert_eq!(manifest.labels, Labels::Values { unit: "s".into(), of: vec![1.5, 0.5] }, "labels go with their rows");
    // a store whose manifest was changed to one that has none
    std::fs::create_dir(at("of")).unwrap();
    let store = store(&at("of"));
    let path = store.folder().join("manifest.csv");
    let labels = store.header().labels.clone();
    let bytes = std::fs::read_to_string(&path).unwrap().replace(",0.1,d0", ",NaN,d0").into_bytes();
    let error = mmdg::store::manifest_csv::read(&path, &bytes, &labels, &store.header().domains).unwrap_err().to_string();
    assert!(error.contains("line 2: label \"NaN\"; expected a finite number"), "{error}");
}
