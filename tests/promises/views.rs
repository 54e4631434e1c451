//! Training views: seeded, from other places of the clip, mirrored half the time.

use std::path::Path;

use mmdg::manifest::Manifest;
use mmdg::media::encode::{Pictures, write_mp4};
use mmdg::pipeline::Work;
use mmdg::preprocess;
use mmdg::stop::Stop;
use mmdg::store::Store;
use serde_json::json;

use crate::command::{expect, run};

const FRAMES: usize = 60;

/// A video whose left half is dark and whose right half is bright, brighter with every frame; flow of one value each.
fn media(folder: &Path) {
    let size = Pictures { width: 96, height: 64, frame_rate: 30, frames: FRAMES };
    let mut halves = |frame: usize, pixels: &mut [u8]| {
        for (i, pixel) in pixels.iter_mut().enumerate() {
            *pixel = if i / 3 % 96 < 48 { 0 } else { 60 + 3 * frame as u8 };
        }
    };
    write_mp4(&folder.join("video.mp4"), size, &mut halves, None).unwrap();
    for (name, value) in [("x", 200), ("y", 90)] {
        write_mp4(&folder.join(name).with_extension("mp4"), size, &mut |_, pixels| pixels.fill(value), None).unwrap();
    }
    let table = "id,path,start,end,label,domain,flow_x_path,flow_y_path\n\
        a,video.mp4,0,1,c,d,x.mp4,y.mp4\nb,video.mp4,0.5,2,c,d,x.mp4,y.mp4\n";
    std::fs::write(folder.join("table.csv"), table).unwrap();
}

fn manifest(folder: &Path) -> Manifest {
    let data = json!({"dataset": "table", "table": folder.join("table.csv"), "root": folder});
    mmdg::dataset::read(&serde_json::from_value(data).unwrap()).unwrap()
}

fn store(folder: &Path, name: &str, seed: u64) -> Store {
    let settings = serde_json::from_value(json!({
        "store": folder.join(name),
        "modalities": {
            "video": {"preset": "slowfast", "frames": 4, "resize": 32, "crop": 24, "views": 8, "view-crop": 16, "view-seed": seed},
            "flow": {"preset": "slowonly-flow", "frames": 2, "resize": 32, "crop": 32, "views": 8, "view-crop": 16, "view-seed": seed},
        },
    }))
    .unwrap();
    let summary = preprocess::run(&settings, "table", &manifest(folder), Work::new(2, &Stop::default())).unwrap();
    assert_eq!(summary.failures(), 0);
    Store::open(&folder.join(name)).unwrap()
}

#[test]
fn views_are_seeded_random_and_mirrored_with_their_flow() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    media(folder);
    let first = store(folder, "first", 1);
    let (video, flow) = (first.modality("video").unwrap(), first.modality("flow").unwrap());
    assert_eq!(
        (video.header().views.as_deref(), flow.header().views.as_deref()),
        (Some(&[8, 4, 16, 16, 3][..]), Some(&[8, 2, 16, 16, 2][..]))
    );
    let mean = |pixels: &[u8]| pixels.iter().map(|&v| f64::from(v)).sum::<f64>() / pixels.len() as f64;
    let (mut mirrored, mut starts) = (Vec::new(), Vec::new());
    for row in 0..2 {
        for view in video.views(row).unwrap().chunks(4 * 16 * 16 * 3) {
            // the brightest pixels tell the frame; all frames of a view have one box and one side up
            let brightest = |frame: &[u8]| frame.iter().copied().max().unwrap_or(0);
            let frames: Vec<u8> = view.chunks(16 * 16 * 3).map(brightest).collect();
            starts.push(frames[0] / 3);
            let (left, right): (Vec<u8>, Vec<u8>) = (
                view.chunks(16 * 3).flat_map(|line| line[..12].to_vec()).collect(),
                view.chunks(16 * 3).flat_map(|line| line[36..].to_vec()).collect(),
            );
            if (mean(&left) - mean(&right)).abs() > 20.0 {
                mirrored.push(mean(&left) > mean(&right));
            }
        }
        for view in flow.views(row).unwrap().chunks(2 * 16 * 16 * 2) {
            let x = mean(&view.iter().copied().step_by(2).collect::<Vec<u8>>());
            let y = mean(&view.iter().copied().skip(1).step_by(2).collect::<Vec<u8>>());
            assert!((y - 90.0).abs() < 2.0, "{y}");
            assert!((x - 200.0).abs() < 2.0 || (x - 55.0).abs() < 2.0, "{x}");
        }
    }
    let turned = flow.views(0).unwrap().chunks(2 * 16 * 16 * 2).filter(|view| view[0] < 128).count();
    assert!((1..8).contains(&turned), "{turned}");
    assert!(mirrored.contains(&true) && mirrored.contains(&false), "{mirrored:?}");
    starts.sort_unstable();
    starts.dedup();
    assert!(starts.len() > 3, "{starts:?}");
    // the seed is all there is to it, and the middle clip does not depend on it
    let (again, other) = (store(folder, "again", 1), store(folder, "other", 2));
    let (again, other) = (again.modality("video").unwrap(), other.modality("video").unwrap());
    for row in 0..2 {
        assert!(video.views(row) == again.views(row) && video.views(row) != other.views(row));
        assert!(video.bytes(row) == other.bytes(row));
    }
}

#[test]
fn a_dry_run_tells_the_plan_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    media(folder);
    let pipeline = "[data]\ndataset = \"table\"\ntable = \"table.csv\"\n\n[preprocess]\nstore = \"clips\"\n\n\
        [preprocess.modalities.video]\npreset = \"slowfast\"\n\n[preprocess.modalities.audio]\npreset = \"log-mel\"\n";
    std::fs::write(folder.join("pipeline.toml"), pipeline).unwrap();
    let output = run(folder, "preprocess pipeline.toml --dry-run --workers 2");
    expect(&output, 0, &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    // 32·224²·3 bytes, 32 times, 2 seconds, one byte
    for part in [
        "2 rows in 1 shards of 32 a modality",
        "video: 9.2 MiB, 0 of 1 shards are there",
        "2 tried, 0 failed",
        "audio:",
        "with 2 workers",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(!folder.join("clips").exists());
}
