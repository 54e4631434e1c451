//! Any network is fed what its rows hold, of every type and in every layout, at the size of batch that it bears; what cannot be fed is refused before work.

use std::path::Path;

use mmdg::import::{ImportSettings, ModalitySource, import};
use mmdg::modality::Kind;
use mmdg::npy::{Element, Header};
use mmdg::stop::Stop;
use mmdg::store::Store;

use crate::command::{expect, run};

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/models");

/// The value of an element of all rows.
fn value(element: Element, place: usize) -> f32 {
    match element {
        Element::Uint(_) => (place * 37 % 251) as f32,
        _ => (place * 37 % 251) as f32 * -0.25,
    }
}

/// A store `clips` of six rows of a shape and type, and a pipeline that runs a model of the fixtures over them.
fn prepared(folder: &Path, element: Element, shape: &[u64]) {
    let rows: String = (0..6).map(|n| format!("c{n},{},D\n", ["a", "b"][n % 2])).collect();
    std::fs::write(folder.join("l.csv"), format!("id,label,domain\n{rows}")).unwrap();
    let header = Header::new(element, [&[6], shape].concat());
    let bytes = (0..6 * shape.iter().product::<u64>() as usize).flat_map(|place| match element {
        Element::Uint(_) => vec![value(element, place) as u8],
        Element::Float(2) => half::f16::from_f32(value(element, place)).to_le_bytes().to_vec(),
        _ => value(element, place).to_le_bytes().to_vec(),
    });
    std::fs::write(folder.join("f.npy"), header.written().into_iter().chain(bytes).collect::<Vec<u8>>()).unwrap();
    let source = ModalitySource { name: "video".into(), kind: Kind::VIDEO, path: folder.join("f.npy"), key: None };
    let settings = ImportSettings { modalities: vec![source], labels: Some(folder.join("l.csv")), ..ImportSettings::default() };
    let _ = std::fs::remove_dir_all(folder.join("clips"));
    import(&folder.join("clips"), &settings, &Stop::default(), &|_, _| ()).unwrap();
    let text = format!(
        "[data]\ndataset = \"table\"\ntable = \"l.csv\"\n\n[preprocess]\nstore = \"clips\"\n\n[preprocess.modalities.audio]\npreset = \"log-mel\"\n\n\
        [extract]\nstore = \"out\"\n\n[extract.backbones.video]\nmodel = \"{MODELS}/MODEL.onnx\"\ninput = \"x\"\noutput = \"y\"\n"
    );
    std::fs::write(folder.join("template.toml"), text).unwrap();
}

/// Runs `model` with further lines of its table and arguments.
fn extract(folder: &Path, model: &str, more: &str, arguments: &str) -> std::process::Output {
    let text = std::fs::read_to_string(folder.join("template.toml")).unwrap();
    std::fs::write(folder.join("p.toml"), text.replace("MODEL", model) + more).unwrap();
    let _ = std::fs::remove_dir_all(folder.join("out"));
    run(folder, &format!("extract p.toml {arguments}"))
}

/// Shape and values of the rows.
#[track_caller]
fn taken(folder: &Path, model: &str, more: &str, arguments: &str) -> (Vec<u64>, Vec<Vec<f32>>) {
    expect(&extract(folder, model, more, arguments), 0, &[]);
    let store = Store::open(&folder.join("out")).unwrap();
    let rows = store.modality("video").unwrap();
    (rows.header().shape.clone(), (0..6).map(|row| rows.values(row).into_owned()).collect())
}

#[track_caller]
fn refused(folder: &Path, model: &str, more: &str, arguments: &str, says: &[&str]) {
    expect(&extract(folder, model, more, arguments), 3, says);
    assert!(!folder.join("out").exists(), "something was done");
}

/// Rows as they lie in the store, elements moved by `order`: element i of the network's row is element `order(i)` of the store's.
fn moved(element: Element, count: usize, order: impl Fn(usize) -> usize) -> Vec<Vec<f32>> {
    (0..6).map(|row| (0..count).map(|place| value(element, row * count + order(place))).collect()).collect()
}

#[test]
fn every_type_of_store_reaches_a_network_as_its_values() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for element in [Element::Float(2), Element::Float(4), Element::Uint(1)] {
        prepared(folder, element, &[4]);
        let expected = moved(element, 4, |place| place);
        for model in ["same_d", "halves", "same_free", "not_utf8"] {
            assert_eq!(taken(folder, model, "", ""), (vec![4], expected.clone()), "{element} {model}");
        }
        let normed = taken(folder, "same_d", "mean = [2.0]\nstd = [0.5]\n", "").1;
        assert_eq!(normed[1][1], (expected[1][1] - 2.0) * 2.0, "{element}");
    }
}

#[test]
fn every_layout_is_read_as_its_letters_say() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // [T, H, W, C] = [2, 3, 4, 3]
    let channels_first = |place: usize| {
        let (c, rest) = (place / 24, place % 24);
        rest * 3 + c
    };
    let frames_first = |place: usize| {
        let (t, c, hw) = (place / 36, place / 12 % 3, place % 12);
        (t * 12 + hw) * 3 + c
    };
    for element in [Element::Float(2), Element::Float(4), Element::Uint(1)] {
        prepared(folder, element, &[2, 3, 4, 3]);
        assert_eq!(taken(folder, "same_cthw", "", ""), (vec![3, 2, 3, 4], moved(element, 72, channels_first)), "{element}");
        assert_eq!(taken(folder, "same_tchw", "", ""), (vec![2, 3, 3, 4], moved(element, 72, frames_first)), "{element}");
        if element != Element::Float(2) {
            continue;
        }
        assert_eq!(taken(folder, "same_free", "", "").1, moved(element, 72, channels_first));
        assert_eq!(taken(folder, "same_free", "layout = \"NTHWC\"\n", "").1, moved(element, 72, |place| place));
        refused(
            folder,
            "same_cthw",
            "layout = \"NTHWC\"\n",
            "",
            &["input \"x\" wants [-1, 3, 2, 3, 4] (-1: any), but batches of these rows are", "2, 3, 4, 3]"],
        );
        refused(
            folder,
            "same_cthw",
            "layout = \"NCHW\"\n",
            "",
            &["layout \"NCHW\" has no T, of which rows of [2, 3, 4, 3] have 2"],
        );
        refused(folder, "same_d", "", "", &["wants [-1, 4]"]);
    }
    expect(&extract(folder, "same_cthw", "layout = \"CTHW\"\n", ""), 3, &["layout \"CTHW\": expected N and then"]);
    // pictures, steps of features
    prepared(folder, Element::Float(4), &[5, 4, 3]);
    assert_eq!(taken(folder, "same_hwc", "", ""), (vec![5, 4, 3], moved(Element::Float(4), 60, |place| place)));
    assert_eq!(taken(folder, "same_free", "layout = \"NCHW\"\n", "").0, [3, 5, 4]);
    prepared(folder, Element::Float(4), &[3, 2]);
    let steps = taken(folder, "same_td", "", "");
    assert_eq!(steps, (vec![3, 2], moved(Element::Float(4), 6, |place| place)));
    let turned = taken(folder, "same_td", "layout = \"NDT\"\n", "");
    assert_eq!(turned, (vec![2, 3], moved(Element::Float(4), 6, |place| place % 3 * 2 + place / 3)));
    for (pool, of) in [("mean", (|a, b, c| (a + b + c) / 3.0) as fn(f32, f32, f32) -> f32), ("max", |a, b, c| a.max(b).max(c))] {
        let found = taken(folder, "same_td", &format!("pool = \"{pool}\"\n"), "");
        let expected: Vec<Vec<f32>> = steps.1.iter().map(|r| vec![of(r[0], r[2], r[4]), of(r[1], r[3], r[5])]).collect();
        assert_eq!(found.0, [2]);
        assert!(found.1.iter().flatten().zip(expected.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-5), "{pool}");
    }
    assert_eq!(taken(folder, "same_td", "pool = \"none\"\n", ""), steps);
    expect(
        &extract(folder, "same_td", "pool = \"sum\"\n", ""),
        3,
        &["unknown variant `sum`, expected one of `none`, `mean`, `max`"],
    );
}

#[test]
fn integers_take_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder, Element::Uint(1), &[2, 3, 4, 3]);
    let whole = taken(folder, "same_cthw", "", "").1;
    assert_eq!(taken(folder, "bytes", "", "").1, whole);
    let shifted = taken(folder, "signed", "mean = [128.0]\n", "").1;
    assert!(shifted.iter().flatten().zip(whole.iter().flatten()).all(|(a, b)| *a == b - 128.0));
    refused(folder, "signed", "", "", &["input \"x\": it takes", "a pixel of 128 in channel 0 is none"]);
    refused(folder, "bytes", "std = [2.0]\n", "", &["a pixel of 1 in channel 0 is none; expected none or whole ones"]);
    prepared(folder, Element::Float(4), &[2, 3, 4, 3]);
    refused(folder, "bytes", "", "", &["rows are f32; expected pixels (u8)"]);
}

#[test]
fn batches_are_of_a_size_that_changes_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder, Element::Float(4), &[4]);
    let rows = moved(Element::Float(4), 4, |place| place);
    refused(
        folder,
        "batch_inside",
        "",
        "",
        &["[extract.backbones.video]", "it does not run with 64 rows at once", "expected batch-size = 1"],
    );
    assert_eq!(taken(folder, "batch_inside", "", "--batch-size 1"), (vec![4], rows.clone()));
    refused(folder, "neighbours", "", "", &["a row gives other features among 64 than among 1", "expected batch-size = 1"]);
    refused(folder, "neighbours", "", "--batch-size 2", &["among 2 than among 1", "expected batch-size = 1"]);
    assert!(taken(folder, "neighbours", "", "--batch-size 1").1.iter().flatten().all(|value| *value == 0.0));
    refused(folder, "squeezed", "", "--batch-size 1", &["it does not run: output \"y\" is [4]; expected [1, D]"]);
    refused(folder, "squeezed", "", "", &["it runs with 64 rows at once, but not with 1"]);
    // a range that rows share by its nature: alone, or as asked
    let batch =
        |folder: &Path| Store::open(&folder.join("out")).unwrap().header().recipe["backbones"]["video"]["batch-size"].clone();
    taken(folder, "quantized", "", "");
    assert_eq!(batch(folder), 1);
    taken(folder, "quantized", "", "--batch-size 4");
    assert_eq!(batch(folder), 4);
    // one that states its own size, with a golden pair of another number of rows
    assert_eq!(taken(folder, "fixed", "", "--check"), (vec![4], rows));
    assert_eq!(batch(folder), 3);
    refused(folder, "fixed", "", "--batch-size 2", &["wants [3, 4]", "batches of these rows are [2, 4]"]);
}

#[test]
fn what_onnx_runtime_has_runs_and_what_lies_beside_the_model_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder, Element::Float(4), &[4]);
    let rows = moved(Element::Float(4), 4, |place| place);
    // Gelu is 0 at 0, and x where x is large
    let gelu = taken(folder, "contrib", "", "").1;
    assert_eq!(gelu[0][0], 0.0);
    assert!(gelu.iter().flatten().all(|value| *value <= 0.0 && *value > -0.2));
    let shifted = taken(folder, "beside", "", "").1;
    assert!(
        shifted.iter().zip(&rows).all(|(found, row)| found.iter().zip(row).enumerate().all(|(i, (a, b))| *a == b + i as f32))
    );
    let recipe = || Store::open(&folder.join("out")).unwrap().header().recipe["backbones"]["video"]["beside_blake3"].clone();
    let hash = blake3::hash(&std::fs::read(format!("{MODELS}/beside.bin")).unwrap()).to_hex().to_string();
    assert_eq!(recipe(), serde_json::json!({"beside.bin": hash}));
    std::fs::copy(format!("{MODELS}/beside.onnx"), folder.join("alone.onnx")).unwrap();
    let alone = |says: &[&str]| {
        let text = std::fs::read_to_string(folder.join("template.toml")).unwrap();
        std::fs::write(folder.join("p.toml"), text.replace(&format!("{MODELS}/MODEL.onnx"), "alone.onnx")).unwrap();
        let _ = std::fs::remove_dir_all(folder.join("out"));
        expect(&run(folder, "extract p.toml"), 3, says);
    };
    alone(&[
        "alone.onnx: values are kept in \"beside.bin\" beside the model",
        "cannot read",
        "expected both files in one folder",
    ]);
    std::fs::write(folder.join("beside.bin"), [0; 20]).unwrap();
    alone(&["ONNX Runtime refuses the model"]);
    refused(
        folder,
        "new_ir",
        "",
        "",
        &["its IR version is 99 and its opset 21, ONNX Runtime", "takes up to", "make_model_gen_version", "ORT_DYLIB_PATH"],
    );
}
