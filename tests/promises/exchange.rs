//! What goes into a store comes out again, bit for bit, in every format; what does not fit is told by file, id and element, and nothing is done.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use mmdg::error::{Code, Failure};
use mmdg::export::{Format, Selection, export};
use mmdg::import::{ImportSettings, ModalitySource, Reduce, import};
use mmdg::manifest::{Labels, Manifest, Segment, Split};
use mmdg::modality::Kind;
use mmdg::npy::{ArchiveWriter, Element, Header};
use mmdg::rng::Stream;
use mmdg::sample::{Data, Dtype, Made, Row};
use mmdg::span::Span;
use mmdg::stop::Stop;
use mmdg::store::writer::Summary;
use mmdg::store::{self, ModalityHeader, Plan, Store};
use mmdg::{Error, Result};

use crate::locks::close;
use crate::skips::skipped;
use crate::verify::faults;

const FORMATS: [(&str, Format); 3] = Format::ALL;

/// A store of random rows, shapes, types and shards.
fn random(folder: &Path, case: u32) -> Store {
    let draw = Stream::new(11).with("stores").at(case);
    let below = |i: u32, n: u32| draw.bits(i) % n;
    let rows = 1 + below(0, 40) as usize;
    let segment = |row: usize| {
        let bits = draw.with("rows").bits(row as u32);
        let start = f64::from(bits % 100) / 3.0;
        let span = Span::new(start, (!bits.is_multiple_of(5)).then_some(start + 0.7)).unwrap();
        Segment {
            domain: bits as usize / 3 % 2,
            split: [Split::Train, Split::Val, Split::Test][bits as usize / 7 % 3],
            ..Segment::new(format!("{row:03}-ä, \"{bits:x}\""), format!("media/{:02}.mp4", bits % 7), span)
        }
    };
    let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    let label = |row: usize| draw.with("rows").bits(row as u32) as usize % 3;
    let labels = Labels::classes(names(&["open", "close", "pour"]), (0..rows).map(label));
    let manifest = Manifest::sorted(labels, names(&["D1", "Küche"]), (0..rows).map(segment).collect());
    let shape = |m: u32| (0..1 + below(10 + m, 3)).map(|i| u64::from(1 + below(20 + 5 * m + i, 6))).collect::<Vec<_>>();
    let dtypes = [Dtype::F16, Dtype::F32, Dtype::U8];
    let modality = |m: u32| ModalityHeader {
        shape: shape(m),
        ..ModalityHeader::features(["audio", "clip", "video"][m as usize], Kind::VIDEO, dtypes[below(50 + m, 3) as usize], 1)
    };
    let modalities: Vec<ModalityHeader> = (0..1 + below(1, 3)).map(modality).collect();
    let shard_bytes = Some(u64::from(1 + below(2, 2000)));
    let plan = Plan { holds: "features", manifest, modalities, recipe: serde_json::json!({"case": case}), shard_bytes };
    let make = |m: usize, row: u64| {
        let bits = draw.with("values").at(m as u32).at(row as u32);
        let header = &plan.modalities[m];
        if bits.bits(u32::MAX).is_multiple_of(5) {
            return Err(Failure { code: Code::Absent, message: "none".into() });
        }
        let elements = 0..header.row_elements() as u32;
        let data = match header.dtype {
            Dtype::U8 => Data::U8(elements.map(|i| bits.bits(i) as u8).collect()),
            // every finite half, and its neighbours in f32
            Dtype::F16 => Data::F32(elements.map(|i| finite(half::f16::from_bits(bits.bits(i) as u16).to_f32())).collect()),
            _ => Data::F32(elements.map(|i| finite(f32::from_bits(bits.bits(i)))).collect()),
        };
        let span = [f64::from(bits.bits(7) % 99) / 7.0, 99.5];
        Ok(Row { data, made: Made { span, times: Vec::new(), made_by: "dice".into(), partial: None } })
    };
    store::write(folder, &plan, &Stop::default(), make).unwrap();
    assert_eq!(faults(folder), Vec::<String>::new());
    let store = Store::open(folder).unwrap();
    for (m, header) in plan.modalities.iter().enumerate() {
        let rows = store.modality(&header.name).unwrap();
        for row in 0..store.len() {
            let expected = match (make(m, row as u64).map(|row| row.data), header.dtype) {
                (Err(_), _) => vec![0; (header.row_elements() * header.dtype.size()) as usize],
                (Ok(Data::U8(bytes)), _) => bytes,
                (Ok(Data::F32(values)), Dtype::F16) => {
                    values.iter().flat_map(|v| half::f16::from_f32(*v).to_le_bytes()).collect()
                }
                (Ok(Data::F32(values)), _) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            };
            assert_eq!(rows.bytes(row), expected, "case {case}: {} of row {row}", header.name);
            assert_eq!(rows.valid(row), make(m, row as u64).is_ok());
        }
    }
    store
}

fn finite(value: f32) -> f32 {
    if value.is_finite() { value } else { -0.0 }
}

fn out(store: &Path, to: &Path, selection: &Selection) -> Result<usize> {
    export(store, to, Format::of(to)?, selection, &Stop::default(), &|_, _| ())
}

#[test]
fn random_stores_come_out_of_every_format_as_they_went_in() {
    for case in 0..25 {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let store = random(&at("store"), case);
        for (name, _) in FORMATS {
            assert_eq!(out(&at("store"), &at("out").with_extension(name), &Selection::default()).unwrap(), store.len());
        }
        tensors(&store, &at("out.safetensors"));
        table(&store, &at("out.parquet"));
        // f16 and f32 come in again, and out as the same bytes
        let floats: Vec<&ModalityHeader> = store.header().modalities.iter().filter(|m| m.dtype != Dtype::U8).collect();
        let there = |m: &&ModalityHeader| {
            let rows = store.modality(&m.name).unwrap();
            (0..store.len()).any(|row| rows.valid(row))
        };
        let names: Vec<String> = floats.into_iter().filter(there).map(|m| m.name.clone()).collect();
        if names.is_empty() || [0, 1, 2].iter().any(|label| !store.manifest().labels.places().contains(label)) {
            continue;
        }
        if [0, 1].iter().any(|domain| store.manifest().segments.iter().all(|s| s.domain != *domain)) {
            continue;
        }
        let selection = Selection { modalities: names.clone(), ..Selection::default() };
        out(&at("store"), &at("floats.npz"), &selection).unwrap();
        let modalities = names.iter().map(|name| source(name, &at("floats.npz"), None)).collect();
        import(&at("again"), &ImportSettings { modalities, ..ImportSettings::default() }, &Stop::default(), &|_, _| ()).unwrap();
        out(&at("again"), &at("again.npz"), &Selection::default()).unwrap();
        assert!(std::fs::read(at("again.npz")).unwrap() == std::fs::read(at("floats.npz")).unwrap(), "case {case}");
        assert_eq!(faults(&at("again")), Vec::<String>::new());
        let again = Store::open(&at("again")).unwrap();
        assert!(again.manifest() == store.manifest(), "case {case}");
    }
}

/// As the crate of the format reads it.
fn tensors(store: &Store, path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let labels = tensors.tensor("labels").unwrap();
    assert_eq!(
        labels.data(),
        store.manifest().labels.places().iter().flat_map(|&place| i64::from(place).to_le_bytes()).collect::<Vec<_>>()
    );
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let ids: Vec<String> = serde_json::from_str(&header.metadata().as_ref().unwrap()["ids"]).unwrap();
    assert!(ids.iter().eq(store.manifest().segments.iter().map(|segment| &segment.id)));
    for modality in &store.header().modalities {
        let rows = store.modality(&modality.name).unwrap();
        let tensor = tensors.tensor(&modality.name).unwrap();
        let shape: Vec<usize> = [store.len()].into_iter().chain(modality.shape.iter().map(|&n| n as usize)).collect();
        assert_eq!(tensor.shape(), shape);
        assert_eq!(format!("{:?}", tensor.dtype()).to_lowercase(), modality.dtype.name());
        assert_eq!(tensor.data(), (0..store.len()).flat_map(|row| rows.bytes(row).to_vec()).collect::<Vec<_>>());
        let valid = tensors.tensor(&format!("{}.valid", modality.name)).unwrap();
        assert_eq!(valid.data(), (0..store.len()).map(|row| rows.valid(row).into()).collect::<Vec<u8>>());
    }
}

/// As the crate of the format reads it.
fn table(store: &Store, path: &Path) {
    use parquet::file::reader::FileReader;
    use parquet::record::{Field, RowAccessor};
    let reader = parquet::file::reader::SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let found: Vec<_> = reader.get_row_iter(None).unwrap().map(std::result::Result::unwrap).collect();
    assert_eq!(found.len(), store.len());
    for (number, (row, segment)) in found.iter().zip(&store.manifest().segments).enumerate() {
        assert_eq!(row.get_string(0).unwrap(), &segment.id);
        assert_eq!(row.get_string(2).unwrap(), &store.header().domains[segment.domain]);
        assert_eq!(row.get_long(5).unwrap(), i64::from(store.manifest().labels.places()[number]));
        for (name, field) in row.get_column_iter() {
            let Ok(rows) = store.modality(name) else { continue };
            match (field, rows.valid(number)) {
                (Field::Null, false) => {}
                (Field::Bytes(bytes), true) => assert_eq!(bytes.data(), rows.bytes(number)),
                (Field::ListInternal(list), true) => {
                    let bits =
                        |value: &Field| if let Field::Float(value) = value { value.to_bits() } else { panic!("{value:?}") };
                    let found: Vec<u32> = list.elements().iter().map(bits).collect();
                    assert_eq!(found, rows.values(number).iter().map(|value| value.to_bits()).collect::<Vec<_>>());
                }
                (other, valid) => panic!("{name} of row {number}: {other:?}, valid {valid}"),
            }
        }
    }
}

#[test]
fn a_selection_is_exported_and_nothing_is_left_of_what_fails() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let store = random(&at("store"), 3);
    let chosen = Selection { domains: vec!["D1".into()], splits: vec![Split::Train, Split::Test], ..Selection::default() };
    let expected = store.manifest().segments.iter().filter(|s| s.domain == 0 && s.split != Split::Val).count();
    assert!(expected > 0 && expected < store.len());
    for (name, _) in FORMATS {
        let path = at("part").with_extension(name);
        assert_eq!(out(&at("store"), &path, &chosen).unwrap(), expected);
        let error = out(&at("store"), &path, &chosen).unwrap_err().to_string();
        assert!(error.contains("this is there already"), "{error}");
    }
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    for (selection, says) in [
        (Selection { domains: vec!["D7".into()], ..Selection::default() }, "no domain \"D7\"; expected one of \"D1\", \"Küche\""),
        (Selection { modalities: vec!["smell".into()], ..Selection::default() }, "no modality \"smell\""),
    ] {
        let error = out(&at("store"), &at("new.npz"), &selection).unwrap_err();
        assert!(error.exit_code() == 3 && error.to_string().contains(says), "{error}");
    }
    assert_eq!(out(&at("store"), &at("new.csv"), &Selection::default()).unwrap_err().exit_code(), 2);
    let stop = Stop::default();
    stop.ask(2);
    for (name, format) in FORMATS {
        let stopped = export(&at("store"), &at("new").with_extension(name), format, &Selection::default(), &stop, &|_, _| ());
        assert!(matches!(stopped, Err(Error::Interrupted { signal: 2 })), "{name}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), files);
}

fn source(name: &str, path: &Path, key: Option<&str>) -> ModalitySource {
    let kind = if name.starts_with("audio") { Kind::AUDIO } else { Kind::VIDEO };
    ModalitySource { name: name.into(), kind, path: path.into(), key: key.map(String::from) }
}

fn bring(
    out: &Path,
    labels: &Path,
    modalities: &[(&str, &Path, Option<&str>)],
    change: impl Fn(&mut ImportSettings),
) -> Result<Summary> {
    let modalities = modalities.iter().map(|(name, path, key)| source(name, path, *key)).collect();
    let mut settings = ImportSettings { modalities, labels: Some(labels.into()), ..ImportSettings::default() };
    change(&mut settings);
    import(out, &settings, &Stop::default(), &|_, _| ())
}

fn npy(path: &Path, shape: &[u64], values: &[f32]) {
    let mut bytes = Header::new(Element::Float(4), shape.into()).written();
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    std::fs::write(path, bytes).unwrap();
}

/// Labels of four rows `b`, `a`, `d`, `c` in this order.
fn four(folder: &Path) -> PathBuf {
    let path = folder.join("labels.csv");
    std::fs::write(&path, "id,label,domain,split\nb,open,D1,train\na,close,D1,val\nd,open,D2,test\nc,close,D2,train\n").unwrap();
    path
}

#[test]
fn rows_of_an_array_are_those_of_the_labels_lines() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let labels = four(folder.path());
    npy(&at("v.npy"), &[4, 2], &[1.0, 1.5, 0.0, 0.5, 3.0, 3.5, 2.0, 2.5]);
    bring(&at("store"), &labels, &[("video", &at("v.npy"), None)], |_| ()).unwrap();
    let store = Store::open(&at("store")).unwrap();
    let rows = store.modality("video").unwrap();
    for (row, id) in ["a", "b", "c", "d"].into_iter().enumerate() {
        assert_eq!(store.manifest().segments[row].id, id);
        assert_eq!(*rows.values(row), [row as f32, row as f32 + 0.5]);
    }
    assert_eq!(store.manifest().labels.names(), ["close", "open"]);
    assert_eq!(faults(&at("store")), Vec::<String>::new());
    // again is nothing new, and another file is another recipe
    bring(&at("store"), &labels, &[("video", &at("v.npy"), None)], |_| ()).unwrap();
    npy(&at("v.npy"), &[4, 2], &[9.0; 8]);
    let error = bring(&at("store"), &labels, &[("video", &at("v.npy"), None)], |_| ()).unwrap_err().to_string();
    assert!(error.contains("made with other parameters: sources"), "{error}");
}

#[test]
fn views_and_steps_stay_or_are_reduced_and_what_is_missing_is_absent() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let labels = four(folder.path());
    let file = hdf5::File::create(at("mtcn.hdf5")).unwrap();
    let group = file.create_group("visual_features").unwrap();
    for (place, id) in ["a", "b", "c"].into_iter().enumerate() {
        let values: Vec<f32> = (0..6).map(|i| (10 * place + i) as f32).collect();
        group.new_dataset::<f32>().shape((2, 3)).create(id).unwrap().write_raw(&values).unwrap();
    }
    close(file);
    std::fs::create_dir(at("folder")).unwrap();
    for (id, steps) in [("a", 0), ("b", 1), ("c", 2), ("d", 3)] {
        let values: Vec<f32> = (0..2 * steps).map(|i| if i == 2 { -5.0 } else { i as f32 }).collect();
        npy(&at(&format!("folder/{id}_rgb.npy")), &[steps as u64, 2], &values);
        npy(&at(&format!("folder/{id}_fps.npy")), &[], &[25.0]);
    }
    let values = |store: &str, row: usize| {
        let store = Store::open(&at(store)).unwrap();
        let rows = store.modality("video").unwrap();
        assert_eq!(faults(store.folder()), Vec::<String>::new());
        rows.valid(row).then(|| rows.values(row).into_owned())
    };
    let mtcn = at("mtcn.hdf5");
    bring(&at("all"), &labels, &[("video", &mtcn, None)], |_| ()).unwrap();
    assert_eq!(Store::open(&at("all")).unwrap().header().modalities[0].shape, [2, 3]);
    assert_eq!(values("all", 1), Some(vec![10.0, 11.0, 12.0, 13.0, 14.0, 15.0]));
    assert_eq!(values("all", 3), None);
    let listed = std::fs::read_to_string(at("all/failures.jsonl")).unwrap();
    assert!(listed.contains("\"id\":\"d\"") && listed.contains("not in mtcn.hdf5"), "{listed}");
    for (reduce, wanted, of_steps) in [
        (Reduce::Mean, [11.5, 12.5, 13.5], [-1.0, (1.0 + 3.0 + 5.0) / 3.0]),
        (Reduce::Max, [13.0, 14.0, 15.0], [4.0, 5.0]),
        (Reduce::First, [10.0, 11.0, 12.0], [0.0, 1.0]),
    ] {
        let name = reduce.name();
        bring(&at(name), &labels, &[("video", &mtcn, Some("visual_features"))], |settings| settings.reduce = Some(reduce))
            .unwrap();
        assert_eq!(values(name, 1), Some(wanted.to_vec()), "{name}");
        let steps = format!("steps-{name}");
        let summary = bring(&at(&steps), &labels, &[("video", &at("folder"), Some("rgb"))], |settings| {
            settings.reduce = Some(reduce);
            settings.dtype = Some(Dtype::F16);
        });
        assert_eq!(summary.unwrap().absent, 1);
        let found = values(&steps, 3).unwrap();
        let expected: Vec<f32> = of_steps
            .iter()
            .map(|value| half::f16::from_f32(if reduce == Reduce::Mean && *value < 0.0 { -1.0 / 3.0 } else { *value }).to_f32())
            .collect();
        assert_eq!(found, expected, "{name}");
        assert_eq!(values(&steps, 0), None);
    }
    let error = bring(&at("no"), &labels, &[("video", &at("folder"), Some("rgb"))], |_| ()).unwrap_err().to_string();
    assert!(
        error.contains("c_rgb.npy: \"c\": shape [2, 2], but that of \"b\" is [1, 2]; expected one shape, or --reduce"),
        "{error}"
    );
    assert!(!at("no").exists());
}

#[test]
fn what_cannot_be_a_store_is_told_by_file_id_and_element_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let labels = four(folder.path());
    let mut values = [0.5f32; 12];
    npy(&at("good.npy"), &[4, 3], &values);
    npy(&at("few.npy"), &[3, 4], &values);
    npy(&at("long.npy"), &[4, 300], &values);
    values[7] = f32::INFINITY;
    npy(&at("infinite.npy"), &[4, 3], &values);
    values[7] = 65520.0;
    npy(&at("large.npy"), &[4, 3], &values);
    let mut bytes = Header::new(Element::Float(8), vec![4, 3]).written();
    bytes.extend([0.5f64, 0.5, 1e39].iter().cycle().take(12).flat_map(|value| value.to_le_bytes()));
    std::fs::write(at("double.npy"), bytes).unwrap();
    std::fs::write(at("whole.npy"), [Header::new(Element::Int(8), vec![4, 1]).written(), vec![0; 32]].concat()).unwrap();
    std::fs::write(at("text.npy"), "1 2 3\n").unwrap();
    std::fs::write(at("empty.npy"), "").unwrap();
    std::fs::write(at("bare.npz"), "PK\u{3}\u{4}").unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    npy(&at("folder/x_rgb.npy"), &[3], &[0.0; 3]);
    let ids = |name: &str, ids: &[&str]| {
        let mut archive = ArchiveWriter::new(BufWriter::new(File::create(at(name)).unwrap()));
        let text: Vec<u8> = ids.iter().flat_map(|id| [u32::from(id.as_bytes()[0]).to_le_bytes()].concat()).collect();
        archive.start("ids", &Header::new(Element::Unicode(1), vec![ids.len() as u64])).unwrap().write_all(&text).unwrap();
        let values = vec![0; 4 * ids.len()];
        archive.start("video", &Header::new(Element::Float(4), vec![ids.len() as u64, 1])).unwrap().write_all(&values).unwrap();
        archive.finish().unwrap().flush().unwrap();
    };
    ids("more.npz", &["a", "b", "c", "d", "e", "f"]);
    ids("fewer.npz", &["a", "b"]);
    let refused = |file: &str, key: Option<&str>, change: &dyn Fn(&mut ImportSettings), says: &[&str]| {
        let error = bring(&at("store"), &labels, &[("video", &at(file), key)], change).unwrap_err();
        let text = error.to_string();
        assert!(error.exit_code() == 3 && says.iter().all(|part| text.contains(part)), "{file}: {text}");
        assert!(!at("store").exists(), "{file}");
    };
    let half = |settings: &mut ImportSettings| settings.dtype = Some(Dtype::F16);
    refused("few.npy", None, &|_| (), &["few.npy: shape [3, 4] for 4 labels"]);
    refused("long.npy", None, &|_| (), &["long.npy: 48 bytes of elements; its header asks for [4, 300]"]);
    refused("infinite.npy", None, &|_| (), &["infinite.npy: \"d\": element 1 is inf; expected finite values"]);
    refused("large.npy", None, &half, &["large.npy: \"d\": element 1 is 65520.0; expected -65504.0 to 65504.0"]);
    refused("double.npy", None, &|_| (), &["double.npy: \"a\": element 2 is 1e39; expected -3.4028", "(and 3 more rows)"]);
    refused("whole.npy", None, &|_| (), &["whole.npy: its elements are int64; expected float16"]);
    refused("text.npy", None, &|_| (), &["text.npy: what it begins with is none of these"]);
    refused("empty.npy", None, &|_| (), &["empty.npy: what it begins with"]);
    refused("bare.npz", None, &|_| (), &["bare.npz: ", "expected a .npz"]);
    refused("none.npy", None, &|_| (), &["none.npy: cannot read"]);
    refused("folder", None, &|_| (), &["folder: no files <id>_video.npy", "(rgb)"]);
    refused(
        "folder",
        Some("rgb"),
        &|_| (),
        &["folder: 1 ids that have no label, the first \"x\"; expected none, or --ignore-extra"],
    );
    refused(
        "folder",
        Some("rgb"),
        &|s| s.ignore_extra = true,
        &["folder: none of the 4 rows is in it; the first would be \"a\""],
    );
    refused("more.npz", None, &|_| (), &["more.npz:video: 2 ids that have no label, the first \"e\""]);
    refused("more.npz", Some("audio"), &|_| (), &["more.npz: no array \"audio\"; expected one of \"ids\", \"video\""]);
    for (table, says) in [
        ("id,label\na,x\n", "line 1: no column \"domain\"; expected id,label,domain"),
        ("id,label,domain,colour\na,x,y,z\n", "line 1: unknown column \"colour\""),
        ("id,label,domain\na,x,y\na,x,y\n", "id \"a\" stands twice"),
        ("id,label,domain\na,,y\n", "line 2: label is empty"),
        ("id,label,domain,split\na,x,y,dev\n", "line 2: split \"dev\"; expected train, val or test"),
        ("id,label,domain\n", "no segments"),
    ] {
        std::fs::write(at("table.csv"), table).unwrap();
        let error = bring(&at("store"), &at("table.csv"), &[("video", &at("good.npy"), None)], |_| ()).unwrap_err();
        assert!(error.exit_code() == 3 && error.to_string().contains(says), "{error}");
    }
    assert!(!at("store").exists());
    bring(&at("extra"), &labels, &[("video", &at("more.npz"), None)], |settings| settings.ignore_extra = true).unwrap();
    assert_eq!(bring(&at("fewer"), &labels, &[("video", &at("fewer.npz"), None)], |_| ()).unwrap().absent, 2);
}

#[test]
fn numpy_and_ours_read_each_other() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    if !python.is_file() {
        skipped("numpy_and_ours_read_each_other", ".venv is not there (`make python` makes it)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let run = |script: &str| {
        let output = Command::new(&python).args(["-c", script]).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run("import numpy as np\n\
        v = np.arange(60, dtype='f4').reshape(20, 3) / 7\n\
        two = dict(ids=[f'c{i:02}' for i in range(20)], labels=np.arange(20, dtype='i4') % 3, class_names=['x', 'ß', 'z'],\n\
        \x20   domains=np.array(['D1', 'D2'] * 10), splits=np.array(['train'] * 20, dtype='S'))\n\
        np.savez('plain.npz', video=v, audio=v.astype('f2'), **two)\n\
        np.savez_compressed('packed.npz', video=v.astype('>f8'), audio=v.astype('>f2'), **two)\n");
    for name in ["plain", "packed"] {
        let archive = at(name).with_extension("npz");
        bring(&at(name), &archive, &[("video", &archive, None), ("audio", &archive, None)], |_| ()).unwrap();
        out(&at(name), &at(&format!("{name}-out.npz")), &Selection::default()).unwrap();
    }
    assert!(std::fs::read(at("plain-out.npz")).unwrap() == std::fs::read(at("packed-out.npz")).unwrap());
    run("import numpy as np\n\
        a, b = np.load('plain.npz'), np.load('plain-out.npz')\n\
        for k in ['ids', 'labels', 'class_names', 'video', 'audio']:\n\
        \x20   assert (a[k] == b[k]).all() and a[k].dtype.itemsize <= b[k].dtype.itemsize, k\n\
        assert b['video'].dtype == 'f4' and b['audio'].dtype == 'f2' and b['video.valid'].all()\n\
        assert list(b['domain_names'][b['domains']]) == list(a['domains']) and np.isnan(b['ends']).all()\n");
}

#[test]
fn h5dump_reads_a_shard() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let labels = four(folder.path());
    npy(&folder.path().join("v.npy"), &[4, 2], &[1.0, 1.5, 0.0, 0.5, 3.0, 3.5, 2.0, 2.5]);
    bring(&store, &labels, &[("video", &folder.path().join("v.npy"), None)], |_| ()).unwrap();
    let Ok(output) = Command::new("h5dump").arg(store.join("video/00000.h5")).output() else {
        skipped("h5dump_reads_a_shard", "h5dump is not there (`./setup.sh` brings it)");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for part in
        ["DATASET \"data\"", "H5T_IEEE_F32LE", "( 4, 2 ) / ( 4, 2 )", "(1,0): 1, 1.5", "DATASET \"valid\"", "DATASET \"span\""]
    {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[test]
fn flipped_and_cut_archives_never_panic() {
    use mmdg::npy::{Archive, Array};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    let mut archive = ArchiveWriter::new(BufWriter::new(File::create(&path).unwrap()));
    for name in ["video", "ids"] {
        let element = if name == "ids" { Element::Unicode(2) } else { Element::Float(4) };
        archive.start(name, &Header::new(element, vec![8])).unwrap().write_all(&vec![0; 8 * element.size() as usize]).unwrap();
    }
    archive.finish().unwrap().flush().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let (mut good, mut bad) = (0, 0);
    for case in 0..1500 {
        let random = Stream::new(9).with("archives").at(case);
        let mut bytes = whole.clone();
        for flip in 0..1 << (case % 4) {
            let place = random.bits(2 * flip) as usize % bytes.len();
            bytes[place] = random.bits(2 * flip + 1) as u8;
        }
        if case % 5 == 4 {
            bytes.truncate(random.bits(9999) as usize % bytes.len());
        }
        // a zip, and from its first array on a .npy
        let from = if case % 2 == 0 { 0 } else { bytes.len().min(39) };
        std::fs::write(&path, &bytes[from..]).unwrap();
        let read = |array: Array| -> Result<()> {
            array.words()?;
            (0..array.rows()).try_for_each(|row| array.numbers(row).map(drop))
        };
        let outcome = match case % 2 {
            0 => Archive::open(&path).and_then(|mut archive| {
                let names = archive.names();
                names.iter().try_for_each(|name| archive.array(name)?.map_or(Ok(()), |array| array.words().map(drop)))
            }),
            _ => Array::open(&path).and_then(read),
        };
        match outcome {
            Ok(()) => good += 1,
            Err(_) => bad += 1,
        }
    }
    assert!(good > 100 && bad > 100, "{good} {bad}");
}
