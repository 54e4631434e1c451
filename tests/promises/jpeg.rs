//! Clips stored as JPEG: close to the pixels, the same bytes however they were made, and damage is named.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use mmdg::error::Failure;
use mmdg::manifest::Manifest;
use mmdg::media::encode::{Pictures, write_mp4};
use mmdg::pipeline::Work;
use mmdg::preprocess::{self, PreprocessSettings};
use mmdg::rng::Stream;
use mmdg::sample::Made;
use mmdg::stop::Stop;
use mmdg::store::batch::Values;
use mmdg::store::{Loader, Options, Order, Plan, Store, Writer, jpeg};
use mmdg::synthetic::demo::{self, DemoOptions};
use mmdg::verify::verify;
use mmdg::{Error, inspect};
use serde_json::json;

use crate::command::{expect, mmdg, run, tree};
use crate::skips::skipped;

/// Three short videos of noise on a ramp, one that is none, and a pipeline that makes JPEGs of them, two rows a shard.
fn ramps(folder: &Path) {
    let size = Pictures { width: 160, height: 160, frame_rate: 10, frames: 10 };
    let mut table = String::from("id,path,start,end,label,domain\n");
    for i in 0..4u32 {
        let mut draw = |frame: usize, pixels: &mut [u8]| {
            let noise = Stream::new(7).at(i).at(frame as u32);
            for (place, value) in pixels.iter_mut().enumerate() {
                *value = (place / 3 % 160 + noise.bits(place as u32) as usize % 64) as u8;
            }
        };
        write_mp4(&folder.join(format!("{i}.mp4")), size, &mut draw, None).unwrap();
        table += &format!("r{i},{i}.mp4,0,1,{},p\n", ["x", "y"][i as usize % 2]);
    }
    std::fs::write(folder.join("1.mp4"), "no video").unwrap();
    std::fs::write(folder.join("table.csv"), table).unwrap();
    let pipeline = "[data]\ndataset = \"table\"\ntable = \"table.csv\"\n\n[preprocess]\nstore = \"clips\"\nshard-mib = 1\n\n\
        [preprocess.modalities.video]\npreset = \"uniform\"\nframes = 6\nresize = 160\ncrop = 160\njpeg = 95\n";
    std::fs::write(folder.join("pipeline.toml"), pipeline).unwrap();
}

fn faults(folder: &Path) -> Vec<String> {
    verify(folder, &Stop::default(), &|_, _| ()).unwrap().faults.iter().map(ToString::to_string).collect()
}

const MAKE: &str = "preprocess pipeline.toml --max-failures 1";

#[test]
fn demo_clips_stay_close_to_their_pixels_in_a_fraction_of_the_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    demo::write(
        &folder.join("data"),
        &DemoOptions { clips_per_class: 2, ..DemoOptions::default() },
        &Stop::default(),
        &|_, _| (),
    )
    .unwrap();
    let data = json!({"dataset": "hac", "root": folder.join("data")});
    let manifest: Manifest = mmdg::dataset::read(&serde_json::from_value(data).unwrap()).unwrap();
    let store = |name: &str, jpeg: Option<u8>| {
        let mut video = json!({"preset": "uniform", "frames": 8, "resize": 64, "crop": 64});
        if let Some(quality) = jpeg {
            video["jpeg"] = json!(quality);
        }
        let settings: PreprocessSettings =
            serde_json::from_value(json!({"store": folder.join(name), "modalities": {"video": video}})).unwrap();
        preprocess::run(&settings, "hac", &manifest, Work::new(2, &Stop::default())).unwrap();
        Store::open(&folder.join(name)).unwrap()
    };
    let (raw, stored) = (store("raw", None), store("jpeg", Some(95)));
    let (pixels, jpegs) = (raw.modality("video").unwrap(), stored.modality("video").unwrap());
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
    let mut decoded = vec![0; 8 * 64 * 64 * 3];
    for row in 0..raw.len() {
        assert!(jpegs.valid(row) && jpegs.span(row) == pixels.span(row) && jpegs.times(row) == pixels.times(row));
        jpegs.read(row, &mut decoded).unwrap();
        assert!(*jpegs.data(row).unwrap() == decoded && *pixels.data(row).unwrap() == *pixels.bytes(row));
        assert_eq!((jpegs.frames(row).count(), pixels.frames(row).count()), (8, 0));
        assert!(jpegs.frames(row).collect::<Vec<_>>().concat() == jpegs.bytes(row) && jpegs.values(row).is_empty());
        for (&a, &b) in decoded.iter().zip(pixels.bytes(row)) {
            let difference = f64::from(a) - f64::from(b);
            (sum, squares, count) = (sum + difference.abs(), squares + difference * difference, count + 1.0);
        }
    }
    let (mean, psnr) = (sum / count, 10.0 * (255.0 * 255.0 * count / squares).log10());
    let [large, small] = [&pixels, &jpegs].map(|rows| rows.records().map(|record| record.bytes).sum::<u64>() as f64);
    assert!(mean < 1.3 && psnr > 42.0, "mean difference {mean}, PSNR {psnr} dB");
    assert!(small < 0.25 * large, "{small} of {large} bytes");
    let [a, b] =
        ["raw", "jpeg"].map(|name| inspect::inspect(&folder.join(name), true).unwrap().modalities["video"].mean.unwrap());
    assert!((a - b).abs() < 0.5, "{a} {b}");
    let options = Options { order: Order::Rows, batch_size: stored.len(), threads: 2, ..Options::default() };
    let loader = Loader::new(Arc::new(Store::open(&folder.join("jpeg")).unwrap()), options).unwrap();
    let batch = loader.epoch(0).unwrap().next().unwrap().unwrap();
    let Values::U8(values) = &batch.modalities[0].values else { panic!("no pixels") };
    assert!(values.chunks(decoded.len()).enumerate().all(|(row, values)| *values == *jpegs.data(row).unwrap()));
    assert!(matches!(jpegs.read(0, &mut decoded[1..]), Err(Error::Input { .. })));
    // what becomes a table must be features
    #[cfg(feature = "torch")]
    assert!(
        mmdg::train::FeatureTable::from_store(&stored)
            .unwrap_err()
            .to_string()
            .contains("a store of clips; expected one of features")
    );
}

#[test]
#[cfg_attr(not(feature = "faults"), ignore = "a build with the feature faults")]
fn workers_kills_and_order_do_not_change_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ramps(folder);
    expect(&run(folder, MAKE), 4, &["4 samples, failed: 1 unreadable"]);
    let whole = tree(&folder.join("clips"));
    assert!(whole.contains_key("video/00001.h5") && !whole.keys().any(|name| name.ends_with(".part")), "{:?}", whole.keys());
    expect(&run(folder, &format!("{MAKE} --workers 4 --set preprocess.store=wide")), 4, &[]);
    assert!(tree(&folder.join("wide")) == whole);
    let mut kills = 0;
    for step in (1..).step_by(7) {
        std::fs::remove_dir_all(folder.join("clips")).unwrap();
        let output = mmdg(folder, &format!("{MAKE} --workers 1")).env("MMDG_FAULT", format!("kill:{step}")).output().unwrap();
        if output.status.code() == Some(4) {
            break;
        }
        kills += 1;
        assert_eq!(output.status.code(), None, "kill:{step}");
        std::fs::create_dir_all(folder.join("clips")).unwrap();
        expect(&run(folder, MAKE), 4, &[]);
        assert!(tree(&folder.join("clips")) == whole, "kill:{step}: the store differs");
    }
    assert!(kills > 5, "{kills}");
}

#[test]
fn a_row_that_failed_has_frames_of_no_length() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ramps(folder);
    expect(&run(folder, MAKE), 4, &[]);
    let store = Store::open(&folder.join("clips")).unwrap();
    let rows = store.modality("video").unwrap();
    assert_eq!((0..4).map(|row| rows.valid(row)).collect::<Vec<_>>(), [true, false, true, true]);
    assert!(rows.frames(1).count() == 6 && rows.frames(1).all(<[u8]>::is_empty));
    assert!(rows.data(1).unwrap().iter().all(|&pixel| pixel == 0));
    assert_eq!(store.header().recipe["modalities"]["video"]["jpeg"]["encoder"], jpeg::ENCODER);

    // JPEGs that are there already are taken as they are
    let header = store.header();
    let plan = Plan {
        holds: "clips",
        manifest: store.manifest().clone(),
        modalities: header.modalities.clone(),
        recipe: header.recipe.clone(),
        shard_bytes: Some(1 << 20),
    };
    let writer = Writer::open(&folder.join("copy"), &plan).unwrap().made_with(&store.provenance());
    for (shard, record) in rows.records().enumerate() {
        let to = writer.shard(0, shard as u64).unwrap();
        let file = mmdg::fs::RowFile::open(&to.target().path).unwrap();
        for row in (record.rows[0]..record.rows[1]).rev() {
            match record.failed.iter().find(|note| note.row == row) {
                Some(note) => to.note(row, Err(&Failure { code: note.code, message: note.message.clone() })).unwrap(),
                None => {
                    to.target().put_jpegs(&file, row - record.rows[0], rows.frames(row as usize)).unwrap();
                    let made_by = record.made_by.keys().next().unwrap().clone().into();
                    let (span, times) = (rows.span(row as usize), rows.times(row as usize));
                    to.note(row, Ok(&Made { span, times, made_by, partial: None })).unwrap();
                }
            }
        }
        record.sources.iter().for_each(|(path, identity)| to.source(path.as_ref(), Some(identity.clone())));
        to.commit().unwrap();
    }
    writer.finish(&Stop::default()).unwrap();
    assert!(tree(&folder.join("copy")) == tree(&folder.join("clips")));

    // a shard of nothing else
    let table = std::fs::read_to_string(folder.join("table.csv")).unwrap();
    std::fs::write(
        folder.join("table.csv"),
        table.lines().take(1).chain(table.lines().skip(2).take(1)).fold(String::new(), |text, line| text + line + "\n"),
    )
    .unwrap();
    expect(&run(folder, &format!("{MAKE} --set preprocess.store=none")), 4, &["1 samples, failed: 1 unreadable"]);
    let store = Store::open(&folder.join("none")).unwrap();
    assert!(store.modality("video").unwrap().bytes(0).is_empty());
    expect(&run(folder, "inspect none --mean"), 0, &[]);
    assert!(faults(&folder.join("none")).is_empty());
}

#[test]
fn merged_rows_keep_their_jpegs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ramps(folder);
    expect(&run(folder, MAKE), 4, &[]);
    let table = std::fs::read_to_string(folder.join("table.csv")).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    for (name, rows) in [("a", [1, 3]), ("b", [2, 4])] {
        std::fs::write(folder.join("table.csv"), [lines[0], lines[rows[0]], lines[rows[1]], ""].join("\n")).unwrap();
        expect(&run(folder, &format!("{MAKE} --set preprocess.store={name}")), if name == "a" { 0 } else { 4 }, &[]);
    }
    expect(&run(folder, "merge merged a b"), 0, &[]);
    assert!(faults(&folder.join("merged")).is_empty());
    let [clips, merged] = ["clips", "merged"].map(|name| tree(&folder.join(name)));
    for shard in ["video/00000.h5", "video/00001.h5"] {
        assert!(clips[shard] == merged[shard], "{shard}");
    }
}

#[test]
fn a_dry_run_estimates_the_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ramps(folder);
    expect(&run(folder, MAKE), 4, &[]);
    let stored: usize =
        tree(&folder.join("clips")).iter().filter(|(name, _)| name.ends_with(".h5")).map(|(_, bytes)| bytes.len()).sum();
    let output = run(folder, "preprocess pipeline.toml --dry-run");
    let text = String::from_utf8_lossy(&output.stdout);
    let found = text.split("video: ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_else(|| panic!("{text}"));
    // rows that fail are not foreseen
    let expected = stored as f64 / f64::from(1 << 20) * 4.0 / 3.0;
    assert!((found.parse::<f64>().unwrap() - expected).abs() < 0.1 + 0.1 * expected, "{found} MiB told, {expected} expected");
}

#[test]
fn what_is_no_rgb_frame_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ramps(folder);
    let at = |set: &str, says: &[&str]| {
        expect(&run(folder, &format!("preprocess pipeline.toml --set {set}")), 3, says);
        assert!(!folder.join("clips").exists());
    };
    let video = "[preprocess.modalities.video]";
    at("preprocess.modalities.video.jpeg=0", &[video, "jpeg = 0: expected a quality of 1 to 100"]);
    at("preprocess.modalities.video.jpeg=101", &["jpeg = 101"]);
    at("preprocess.modalities.video.views=2", &[video, "training views [2, 6, 160, 160, 3]; expected none"]);
    at(
        "preprocess.modalities.flow={preset=\"slowonly-flow\",jpeg=90}",
        &["[preprocess.modalities.flow]", "rows are u8 [8, 256, 256, 2]; expected frames in RGB"],
    );
    at(
        "preprocess.modalities.audio={preset=\"vggsound\",jpeg=90}",
        &["[preprocess.modalities.audio]", "rows are f32 [257, 1004]"],
    );
    at(
        "preprocess.modalities.video={preset=\"uniform\",jpeg=90,frames=1024,resize=1024,crop=1024}",
        &["expected at most 1073741824 bytes"],
    );
}

#[test]
fn damage_is_named_and_never_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ramps(folder);
    expect(&run(folder, MAKE), 4, &[]);
    let clips = folder.join("clips");
    assert!(faults(&clips).is_empty());
    // a row that is not there has no JPEG
    let first = std::fs::read(clips.join("video/00000.h5")).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(clips.join("video/00000.json")).unwrap()).unwrap();
    let mut damaged = first.clone();
    damaged[record["arrays"]["valid"]["offset"].as_u64().unwrap() as usize] = 0;
    std::fs::write(clips.join("video/00000.h5"), damaged).unwrap();
    assert!(faults(&clips).contains(&"video/00000.h5: row 0: it holds JPEGs, but valid is 0".to_owned()));
    std::fs::write(clips.join("video/00000.h5"), first).unwrap();
    let path = clips.join("video/00001.h5");
    let whole = std::fs::read(&path).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(clips.join("video/00001.json")).unwrap()).unwrap();
    let [bytes, offset] = ["bytes", "offset"].map(|array| record["arrays"][array]["offset"].as_u64().unwrap() as usize);
    let length = record["arrays"]["bytes"]["shape"][0].as_u64().unwrap();
    let write = |at: usize, patch: &[u8]| {
        let mut damaged = whole.clone();
        damaged[at..at + patch.len()].copy_from_slice(patch);
        std::fs::write(&path, damaged).unwrap();
    };
    for (frame, value, says) in [
        (0, 1, "offset[0] is 1; expected 0 to".to_owned()),
        (1, u64::MAX, format!("offset[1] is {}; expected 0 to {length}", u64::MAX)),
        (2, 0, "offset[2] is 0; expected".to_owned()),
        (12, length - 1, format!("the last offset is {}; expected {length}", length - 1)),
    ] {
        write(offset + 8 * frame, &value.to_le_bytes());
        match Store::open(&clips) {
            Err(Error::Integrity { path, problem }) => {
                assert!(path.ends_with("video/00001.h5") && problem.contains(&says), "{}: {problem}", path.display());
            }
            other => panic!("{frame}: {:?}", other.map(|_| ())),
        }
    }
    // start of frame: height
    let sof = bytes + whole[bytes..].windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    for (at, patch, says) in [
        (bytes, &[0u8][..], "not a whole JPEG"),
        (sof + 5, &[0, 80], "160×80 pixels of 3 components; expected 160×160 of 3, baseline"),
        (sof + 1, &[0xc2], "baseline"),
        (sof + 20, &[0xff; 40], "not a whole JPEG"),
    ] {
        write(at, patch);
        let store = Store::open(&clips).unwrap();
        let rows = store.modality("video").unwrap();
        let error = rows.data(2).unwrap_err();
        assert!(matches!(error, Error::Integrity { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("video/00001.h5: row 2, frame 0: ") && text.contains(says), "{text}");
        rows.data(3).unwrap();
        expect(&run(folder, "inspect clips --mean"), 7, &["00001.h5: row 2, frame 0"]);
        let output = run(folder, "verify clips");
        expect(&output, 7, &["2 faults"]);
        let faults = String::from_utf8_lossy(&output.stdout);
        assert!(faults.contains("video/00001.h5: row 2: frame 0: ") && faults.contains("its hash is "), "{faults}");
    }
    let (mut taken, mut refused) = (0, 0);
    for round in 0..300 {
        let random = Stream::new(3).at(round);
        let at = random.bits(0) as usize % (offset - bytes).min(700);
        write(bytes + at, &random.bits(1).to_le_bytes()[..1 + random.bits(2) as usize % 4]);
        let store = Store::open(&clips).unwrap();
        let damaged = store.modality("video").unwrap().data(2);
        *(if damaged.is_ok() { &mut taken } else { &mut refused }) += 1;
    }
    assert!(taken > 10 && refused > 10, "{taken} taken, {refused} refused");
}

#[test]
fn h5py_reads_whole_jpegs() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    if !python.is_file() {
        skipped("h5py_reads_whole_jpegs", ".venv is not there (`make python` makes it)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ramps(folder);
    expect(&run(folder, MAKE), 4, &[]);
    let script = "import h5py, sys\n\
        with h5py.File(sys.argv[1]) as f:\n\
        \x20   assert sorted(f) == ['bytes', 'offset', 'span', 'time', 'valid'], sorted(f)\n\
        \x20   b, o, v = f['bytes'], f['offset'][:], f['valid'][:]\n\
        \x20   assert all(d.chunks is None and d.compression is None and d.id.get_offset() % 64 == 0 for d in f.values())\n\
        \x20   assert o.dtype == '<u8' and len(o) == 2 * 6 + 1 and o[-1] == len(b) and list(v) == [1, 0]\n\
        \x20   for k in range(12):\n\
        \x20       jpeg = b[o[k]:o[k + 1]].tobytes()\n\
        \x20       assert (jpeg[:2], jpeg[-2:]) == (b'\\xff\\xd8', b'\\xff\\xd9') if v[k // 6] else not jpeg, k\n";
    let output = Command::new(python).args(["-c", script]).arg(folder.join("clips/video/00000.h5")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn features_come_from_jpegs_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ramps(folder);
    let text = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    let text = text.replace("frames = 6\nresize = 160\ncrop = 160", "frames = 8\nresize = 64\ncrop = 64");
    let extract = "\n[extract]\nstore = \"features\"\nthreads = 1\n\n[extract.backbones.video]\nbackbone = \"demo-video\"\n";
    std::fs::write(folder.join("pipeline.toml"), text + extract).unwrap();
    expect(&run(folder, MAKE), 4, &[]);
    expect(&run(folder, "extract pipeline.toml --max-failures 1"), 4, &["4 samples, failed: 1 unreadable"]);
    // straight from the recordings there are no JPEGs, and the recipe says so
    expect(&run(folder, "extract pipeline.toml --max-failures 1 --from media --set extract.store=direct"), 4, &[]);
    let [features, direct] = ["features", "direct"].map(|name| Store::open(&folder.join(name)).unwrap());
    let jpeg = |store: &Store| store.header().recipe["clips"]["modalities"]["video"].get("jpeg").is_some();
    assert!(jpeg(&features) && !jpeg(&direct));
    let norm = |values: &[f32]| values.iter().map(|v| v * v).sum::<f32>().sqrt();
    for row in [0, 2, 3] {
        let [a, b] = [&features, &direct].map(|store| store.modality("video").unwrap().values(row).into_owned());
        let difference: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
        assert!(a != b && norm(&difference) < 0.05 * norm(&b), "{} of {}", norm(&difference), norm(&b));
    }
}

#[test]
fn the_encoder_is_the_one_that_the_recipe_names() {
    let lock = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).unwrap();
    let (name, version) = jpeg::ENCODER.split_once(' ').unwrap();
    assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")), "{}", jpeg::ENCODER);
}
