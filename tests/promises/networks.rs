//! Several networks and outputs in one pass, models that say how they are fed, and what is refused.

use std::path::Path;

use mmdg::store::Store;

use crate::command::{expect, extracting, mmdg, run, tones, tree};
use crate::skips::skipped;

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/models");

/// A pipeline of `rows` tones, two seconds of each as log-mel, through the demo's network and one with three outputs.
fn prepared(folder: &Path, rows: usize) {
    tones(folder, rows);
    let small = format!(
        "[extract.backbones.small]\nmodality = \"audio\"\nmodel = \"{MODELS}/outputs.onnx\"\noutput = [\"embedding\", \"map\", \"plane\"]\n"
    );
    extracting(folder, "shard-mib = 1", &small);
}

#[test]
fn networks_side_by_side_give_what_each_gives_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder, 40);
    expect(&run(folder, "preprocess pipeline.toml"), 0, &[]);
    expect(&run(folder, "extract pipeline.toml --check"), 0, &["160 samples, none failed"]);
    let store = Store::open(&folder.join("features")).unwrap();
    let shapes: Vec<_> = store.header().modalities.iter().map(|m| (m.name.as_str(), m.shape.clone())).collect();
    let expected =
        [("audio", vec![128]), ("small-embedding", vec![4]), ("small-map", vec![4, 8]), ("small-plane", vec![1, 201, 64])];
    assert_eq!(shapes, expected);
    let rows = |name: &str| store.modality(name).unwrap();
    let (map, plane) = (rows("small-map"), rows("small-plane"));
    let clips = Store::open(&folder.join("clips")).unwrap();
    for row in 0..40 {
        let means: Vec<f32> = map.values(row).chunks(8).map(|part| part.iter().sum::<f32>() / 8.0).collect();
        assert!(rows("small-embedding").values(row).iter().zip(means).all(|(a, b)| (a - b).abs() < 1e-5));
        let clip = clips.modality("audio").unwrap();
        assert!(plane.values(row).iter().zip(clip.values(row).iter()).all(|(a, b)| *a == (b + 30.0) * (1.0 / 20.0)));
    }
    // 51 kB a row: 16 rows a shard
    assert_eq!(store.header().rows_per_shard, 16);
    let whole = tree(&folder.join("features"));
    assert!(whole.contains_key("small-plane/00002.h5"));

    // without the clip store, whatever works beside whatever
    expect(
        &run(folder, "extract pipeline.toml --from media --workers 3 --set extract.store=direct --set extract.runs=3"),
        0,
        &[],
    );
    assert!(tree(&folder.join("direct")) == whole);
    // a shard alone
    for name in ["small-plane/00001", "small-map/00000", "audio/00002"] {
        for end in ["h5", "json"] {
            std::fs::remove_file(folder.join(format!("features/{name}.{end}"))).unwrap();
        }
    }
    expect(&run(folder, "extract pipeline.toml --set extract.runs=1"), 0, &[]);
    assert!(tree(&folder.join("features")) == whole);
    // a network alone
    let alone = format!("{{modality=\"audio\",model=\"{MODELS}/outputs.onnx\",output=\"plane\"}}");
    let text = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    let (before, _) = text.split_once("[extract.backbones.audio]").unwrap();
    std::fs::write(folder.join("alone.toml"), format!("{before}[extract.backbones]\nplane = {alone}\n")).unwrap();
    expect(&run(folder, "extract alone.toml --set extract.store=alone"), 0, &[]);
    for shard in ["00000.h5", "00001.h5", "00002.h5"] {
        assert!(whole[&format!("small-plane/{shard}")] == tree(&folder.join("alone"))[&format!("plane/{shard}")], "{shard}");
    }
}

#[test]
#[cfg_attr(not(feature = "faults"), ignore = "a build with the feature faults")]
fn a_row_does_not_depend_on_its_neighbours_and_a_killed_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder, 18);
    expect(&run(folder, "extract pipeline.toml --from media"), 0, &[]);
    let whole = tree(&folder.join("features"));
    // cut short at any write, the same command goes on to the same bytes
    for moment in [3, 20, 45, 70] {
        let verb = "extract pipeline.toml --from media --set extract.store=killed";
        let output = mmdg(folder, verb).env("MMDG_FAULT", format!("kill:{moment}")).output().unwrap();
        assert_ne!(output.status.code(), Some(0), "moment {moment}");
        expect(&run(folder, verb), 0, &[]);
        assert!(tree(&folder.join("killed")) == whole, "moment {moment}");
        std::fs::remove_dir_all(folder.join("killed")).unwrap();
    }
    // other batches and neighbours that failed leave a row the same, but for the rounding of other orders of adding up
    std::fs::write(folder.join("006.wav"), "no sound").unwrap();
    for (name, size) in [("five", "5"), ("one", "1")] {
        let verb = format!("extract pipeline.toml --from media --batch-size {size} --max-failures 4 --set extract.store={name}");
        expect(&run(folder, &verb), 4, &[]);
        let stores = [Store::open(&folder.join("features")).unwrap(), Store::open(&folder.join(name)).unwrap()];
        assert_eq!(
            stores[1].header().recipe["backbones"]["audio"]["batch-size"],
            serde_json::json!(size.parse::<u64>().unwrap())
        );
        for modality in ["audio", "small-map", "small-plane"] {
            let [a, b] = stores.each_ref().map(|store| store.modality(modality).unwrap());
            for row in (0..18).filter(|row| *row != 6) {
                let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-5 * a.abs().max(1.0);
                assert!(b.valid(row) && a.values(row).iter().zip(b.values(row).iter()).all(near), "{name} {modality} {row}");
            }
            assert!(!b.valid(6) && b.values(6).iter().all(|&value| value == 0.0));
        }
    }
    // another size of batch is another recipe
    expect(
        &run(folder, "extract pipeline.toml --from media --batch-size 2"),
        3,
        &["backbones.audio.batch-size is 16 in the store, 2"],
    );
    expect(&run(folder, "extract pipeline.toml --from media --dtype f16"), 3, &["dtype is \"f32\" in the store, \"f16\""]);
    expect(&run(folder, "extract pipeline.toml --from media --dtype f64"), 2, &["--dtype: \"f64\""]);
}

#[test]
fn a_clip_store_needs_no_annotations() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder, 4);
    expect(&run(folder, "preprocess pipeline.toml"), 0, &[]);
    std::fs::remove_file(folder.join("table.csv")).unwrap();
    expect(&run(folder, "extract pipeline.toml"), 0, &[]);
    expect(&run(folder, "extract pipeline.toml --from media"), 3, &["table.csv"]);
}

#[test]
fn a_device_that_is_not_there_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder, 2);
    let output = run(folder, "extract pipeline.toml --from media --device cuda:0");
    if output.status.code() == Some(0) {
        return skipped("a_device_that_is_not_there_is_never_replaced", "this machine has CUDA for ONNX Runtime");
    }
    expect(&output, 6, &["device \"cuda:0\" was asked for, but", "libonnxruntime", "ORT_DYLIB_PATH"]);
    assert!(!folder.join("features").exists());
    expect(
        &run(folder, "extract pipeline.toml --device gpu"),
        2,
        &["--device: \"gpu\"; expected \"cpu\", \"cuda\" or \"cuda:N\""],
    );
    expect(&run(folder, "extract pipeline.toml --set extract.device=gpu"), 3, &["device: \"gpu\""]);
}

#[test]
fn what_a_model_says_of_itself_has_to_fit() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder, 2);
    expect(&run(folder, "preprocess pipeline.toml"), 0, &[]);
    let refused = |set: &str, says: &[&str]| {
        expect(&run(folder, &format!("extract pipeline.toml {set}")), 3, says);
        assert!(!folder.join("features").exists(), "something was done");
    };
    let file = |name: &str, rest: &str| {
        format!("--set extract.backbones.small={{modality=\"audio\",model=\"{MODELS}/{name}.onnx\"{rest}}}")
    };
    let ends = ",input=\"spectrogram\",output=\"embedding\"";
    // the file against the table, the pipeline file and the clips
    refused(&file("outputs", ",backbone=\"ast\""), &["the backbone ast has row [1024, 128]", "outputs.onnx has [201, 64]"]);
    refused(&file("outputs", ",input=\"x\""), &["has input \"spectrogram\", [extract.backbones.small] has \"x\""]);
    refused(&file("outputs", ",output=\"x\""), &["no output \"x\"; expected one of \"embedding\", \"map\", \"plane\""]);
    refused(&file("outputs", ",output=[\"map\",\"map\"]"), &["output \"map\" stands twice"]);
    refused(&file("outputs", ",mean=[1.0]"), &["outputs.onnx has mean [-30.0], [extract.backbones.small] has [1.0]"]);
    refused("--set preprocess.store=other", &["other"]);
    // models that reach out, and models that ONNX Runtime cannot run as they are
    refused(
        &file("custom_operator", ends),
        &["custom_operator.onnx: the operator evil.Run is a custom one", "export it without evil"],
    );
    refused(
        &file("outside_data", ends),
        &["the values of \"bias\" are kept in the file \"../../bias.bin\"; expected one in the model's own folder"],
    );
    expect(&run(folder, &format!("extract pipeline.toml {} --set extract.store=half", file("half", ends))), 0, &[]);
    refused(&file("old_opset", ends), &["opset 6; expected 7 or newer"]);
    refused(&file("new_opset", ends), &["its IR version is 8 and its opset 99, ONNX Runtime", "expected an older one"]);
    refused(
        &file("no_rows", ends),
        &["it does not run with 16 rows at once: output \"embedding\" is []; expected [16, D] or [16, C, …]"],
    );
    refused(
        "--set extract.backbones.audio.backbone=slowfast-r101",
        &["\"slowfast-r101\" is not built in", "export_backbones.py"],
    );
    refused("--set extract.backbones.small.output=[]", &["output is not set"]);
    refused(
        "--set extract.backbones.small-map={modality=\"audio\",backbone=\"demo-audio\"}",
        &["\"small-map\" would stand for two"],
    );
    refused("--set extract.runs=0", &["runs = 0: expected 1 to 1024"]);

    // clips that another preset made, or the same with other parameters
    let text = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    std::fs::write(folder.join("pipeline.toml"), text.replace("seconds = 2.0", "seconds = 2.0\nsample-rate = 22050\nhop = 221"))
        .unwrap();
    refused("--from media", &["clips of \"audio\" are", "takes"]);
    std::fs::write(folder.join("pipeline.toml"), text).unwrap();

    // the golden pair
    for end in ["onnx", "golden.safetensors"] {
        std::fs::copy(format!("{MODELS}/outputs.{end}"), folder.join(format!("own.{end}"))).unwrap();
    }
    let own = "--check --set extract.backbones.small.model=own.onnx";
    let golden = std::fs::read(folder.join("own.golden.safetensors")).unwrap();
    let spoilt = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = golden.clone();
        change(&mut bytes);
        std::fs::write(folder.join("own.golden.safetensors"), bytes).unwrap();
    };
    spoilt(&|bytes| *bytes.last_mut().unwrap() ^= 1);
    refused(own, &["own.golden.safetensors: output \"plane\" is", "from the golden one", "expected at most 1e-4"]);
    spoilt(&|bytes| bytes.truncate(1000));
    refused(own, &["own.golden.safetensors: no safetensors"]);
    std::fs::remove_file(folder.join("own.golden.safetensors")).unwrap();
    refused(own, &["own.golden.safetensors", "expected the golden pair of the model"]);
    spoilt(&|_| ());
    expect(&run(folder, &format!("extract pipeline.toml {own}")), 0, &[]);
}
