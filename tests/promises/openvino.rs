//! Backbones by OpenVINO: what is asked for is what computes, or a line says what is missing.

use std::path::Path;

use mmdg::backbone::openvino::instructions;
use mmdg::backbone::provider::Provider;
use mmdg::backbone::runtime::look_openvino;
use mmdg::store::Store;
use serde_json::Value;

use crate::command::{expect, extracting, run, tones, tree};
use crate::skips::skipped;

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/models");

/// Clips of six tones, ready for `extract`.
fn prepared(folder: &Path) {
    tones(folder, 6);
    extracting(folder, "", "");
    expect(&run(folder, "preprocess pipeline.toml"), 0, &[]);
}

fn recipe(store: &Path) -> Value {
    Store::open(store).unwrap().header().recipe.clone()
}

/// Largest distance of a row to that of the other store, relative to the other's length.
fn apart(store: &Path, other: &Path) -> f64 {
    let stores = [store, other].map(|store| Store::open(store).unwrap());
    let [found, expected] = stores.each_ref().map(|store| store.modality("audio").unwrap());
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let row = |row: usize| {
        let (found, expected) = (found.values(row), expected.values(row));
        let difference = length(&mut found.iter().zip(expected.iter()).map(|(&a, &b)| f64::from(a) - f64::from(b)));
        difference / length(&mut expected.iter().map(|&b| f64::from(b)))
    };
    (0..6).map(row).fold(0.0, f64::max)
}

#[test]
fn without_its_files_it_is_refused_by_their_name() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder);
    // a program that is in no clone, and a runtime without the provider
    let program = folder.join("bin/mmdg");
    std::fs::create_dir(folder.join("bin")).unwrap();
    for (name, built) in [("mmdg", env!("CARGO_BIN_EXE_mmdg")), ("mmdg-decode", env!("CARGO_BIN_EXE_mmdg-decode"))] {
        std::fs::copy(built, folder.join("bin").join(name)).unwrap();
    }
    let ask = |library: &Path| {
        let mut command = std::process::Command::new(&program);
        command.current_dir(folder).env("ORT_DYLIB_PATH", library);
        command.args(["extract", "pipeline.toml", "--provider", "openvino"]).output().unwrap()
    };
    let remedy = "./setup.sh --openvino";
    let (plain, _) = mmdg::backbone::runtime::look().unwrap();
    expect(&ask(&plain), 6, &["provider \"openvino\" was asked for", "libonnxruntime_providers_openvino.so", remedy]);
    if let Ok((library, _, _)) = look_openvino() {
        let part = folder.join("part");
        std::fs::create_dir(&part).unwrap();
        for entry in std::fs::read_dir(library.parent().unwrap()).unwrap() {
            let path = entry.unwrap().path();
            if !path.ends_with("libtbb.so.12") {
                std::os::unix::fs::symlink(&path, part.join(path.file_name().unwrap())).unwrap();
            }
        }
        std::fs::remove_file(part.join(library.file_name().unwrap())).unwrap();
        std::fs::copy(&library, part.join(library.file_name().unwrap())).unwrap();
        expect(&ask(&part.join(library.file_name().unwrap())), 6, &["part/libtbb.so", remedy]);
    }
    assert!(!folder.join("features").exists());
}

#[test]
fn words_that_mean_nothing_and_keys_that_contradict_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder);
    for (arguments, code, parts) in [
        ("--provider opencl", 2, &["--provider: \"opencl\"; expected \"cpu\", \"openvino\" or \"cuda\""][..]),
        ("--compute bf17", 2, &["--compute: \"bf17\"; expected \"f32\" or \"bf16\""]),
        ("--set extract.compute=f16", 3, &["compute", "f16", "bf16"]),
        ("--set extract.provider=CPU", 3, &["provider", "openvino"]),
        ("--compute bf16", 3, &["[extract]", "provider \"cpu\" computes in f32; expected provider = \"openvino\""]),
        ("--provider openvino --device cuda:0", 3, &["the device \"cuda:0\" is not its; expected \"cuda\""]),
        ("--provider cuda --device cpu", 3, &["the device \"cpu\" is not its; expected \"cpu\" or \"openvino\""]),
    ] {
        expect(&run(folder, &format!("extract pipeline.toml {arguments}")), code, parts);
    }
    assert!(!folder.join("features").exists());
}

#[test]
fn openvino_in_f32_is_near_our_own_and_its_recipe_says_who_it_is() {
    let Ok((_, runtime, version)) = look_openvino() else {
        return skipped("openvino_in_f32_is_near_our_own_and_its_recipe_says_who_it_is", "no OpenVINO (`./setup.sh --openvino`)");
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder);
    expect(&run(folder, "extract pipeline.toml --set extract.store=own"), 0, &[]);
    let said = run(folder, "extract pipeline.toml --provider openvino --check");
    expect(&said, 0, &["audio: cosine to f32 of ONNX Runtime's own kernels at least 1.0000000", "over 6 clips"]);
    assert!(apart(&folder.join("features"), &folder.join("own")) < 1e-5);
    let recipe = recipe(&folder.join("features"));
    for (key, expected) in [
        ("provider", Provider::OpenVino.name()),
        ("precision", "f32"),
        ("precision-found", "f32"),
        ("onnx-runtime", runtime.as_deref().unwrap()),
        ("openvino", version.as_deref().unwrap()),
        ("instructions", instructions()),
    ] {
        assert_eq!(recipe[key], expected, "{key}");
    }
    // the same command again, any number of runs, from recordings, and after a shard is gone: the same bytes
    let whole = tree(&folder.join("features"));
    std::fs::remove_file(folder.join("features/audio/00000.h5")).unwrap();
    expect(&run(folder, "extract pipeline.toml --provider openvino --set extract.runs=3"), 0, &["was damaged or gone"]);
    assert!(tree(&folder.join("features")) == whole);
    expect(&run(folder, "extract pipeline.toml --provider openvino --from media --set extract.store=direct"), 0, &[]);
    assert!(tree(&folder.join("direct")) == whole);
    // and never rows of two providers
    expect(&run(folder, "extract pipeline.toml"), 3, &["features", "OpenVINOExecutionProvider"]);
    expect(&run(folder, "extract pipeline.toml --provider openvino --set extract.store=own"), 3, &["CPUExecutionProvider"]);
}

#[test]
fn bf16_is_near_f32_and_never_mixed_with_it() {
    const NAME: &str = "bf16_is_near_f32_and_never_mixed_with_it";
    if look_openvino().is_err() {
        return skipped(NAME, "no OpenVINO (`./setup.sh --openvino`)");
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder);
    let asked = "extract pipeline.toml --provider openvino --compute bf16 --check";
    if !instructions().ends_with("bf16") {
        expect(&run(folder, asked), 6, &["this CPU has no instructions for it", instructions()]);
        assert!(!folder.join("features").exists());
        return skipped(NAME, "this CPU has no bf16");
    }
    expect(&run(folder, asked), 0, &["audio: cosine to f32 of ONNX Runtime's own kernels at least ", "over 6 clips"]);
    expect(&run(folder, "extract pipeline.toml --provider openvino --set extract.store=f32"), 0, &[]);
    let apart = apart(&folder.join("features"), &folder.join("f32"));
    // f32 is within 5e-7 here
    assert!((2e-6..2e-2).contains(&apart), "{apart:.1e}");
    assert_eq!(recipe(&folder.join("features"))["precision-found"], "bf16");
    expect(&run(folder, "extract pipeline.toml --provider openvino"), 3, &["precision is \"bf16\" in the store, \"f32\""]);
}

#[test]
fn an_operator_that_openvino_lacks_refuses_the_model() {
    const NAME: &str = "an_operator_that_openvino_lacks_refuses_the_model";
    if look_openvino().is_err() {
        return skipped(NAME, "no OpenVINO (`./setup.sh --openvino`)");
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepared(folder);
    let network = format!(
        "[extract.backbones.determinant]\nmodality = \"audio\"\nmodel = \"{MODELS}/determinant.onnx\"\ninput = \"x\"\noutput = \"y\"\n"
    );
    let pipeline = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    std::fs::write(folder.join("pipeline.toml"), pipeline + &network).unwrap();
    expect(
        &run(folder, "extract pipeline.toml --provider openvino"),
        3,
        &["[extract.backbones.determinant]", "OpenVINO lacks operators of the model", "provider = \"cpu\""],
    );
    assert!(!folder.join("features").exists());
    expect(&run(folder, "extract pipeline.toml"), 0, &[]);
}
