//! Data sets made for tests: pictures that show their own number, in the layouts that people have.

use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use mmdg::media::encode::{Pictures, write_mp4};
use mmdg::preprocess;
use mmdg::sample::Waveform;
use mmdg::stop::Stop;
use mmdg::store::Store;
use mmdg::store::writer::Summary;

/// Pictures are this wide; the number stands in the middle square.
const WIDTH: usize = 96;
/// And this high, which is also the side of what presets cut out.
pub const SIDE: usize = 64;

/// Whether the picture is white at a place of the square: the number's bits, in 4×4 blocks.
fn white(number: u64, x: usize, y: usize) -> bool {
    number >> (4 * (y / 16) + x / 16) & 1 == 1
}

/// Grey `[SIDE, WIDTH]`.
fn picture(number: u64) -> Vec<u8> {
    let edge = (WIDTH - SIDE) / 2;
    let pixel = |i: usize| {
        let (x, y) = (i % WIDTH, i / WIDTH);
        match x.checked_sub(edge).filter(|x| *x < SIDE) {
            Some(x) if white(number, x, y) => 235,
            Some(_) => 20,
            None => 128,
        }
    };
    (0..WIDTH * SIDE).map(pixel).collect()
}

/// The number that a picture of `channels` channels shows, read in one of them.
pub fn number(picture: &[u8], channels: usize, channel: usize) -> u64 {
    let at = |x: usize, y: usize| picture[(y * SIDE + x) * channels + channel];
    (0..16).filter(|bit| at(bit % 4 * 16 + 8, bit / 4 * 16 + 8) > 128).map(|bit| 1 << bit).sum()
}

/// A JPEG of a number, in colour or grey.
pub fn jpeg(number: u64, grey: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 90);
    let (width, height) = (WIDTH as u32, SIDE as u32);
    if grey {
        encoder.write_image(&picture(number), width, height, ExtendedColorType::L8).unwrap();
    } else {
        let rgb: Vec<u8> = picture(number).into_iter().flat_map(|value| [value; 3]).collect();
        encoder.write_image(&rgb, width, height, ExtendedColorType::Rgb8).unwrap();
    }
    bytes
}

pub fn frame_name(number: u64) -> String {
    format!("frame_{number:010}.jpg")
}

/// Frames 1 to `count` in a folder, each showing its number and `added`.
pub fn frames(folder: &Path, count: u64, added: u64, grey: bool) {
    std::fs::create_dir_all(folder).unwrap();
    (1..=count).for_each(|number| std::fs::write(folder.join(frame_name(number)), jpeg(number + added, grey)).unwrap());
}

/// Vertical flow shows this much more than horizontal.
pub const DOWN: u64 = 1 << 12;

/// Flow frames 1 to `count`, in `u` and `v`.
pub fn flow(folder: &Path, count: u64) {
    frames(&folder.join("u"), count, 0, true);
    frames(&folder.join("v"), count, DOWN, true);
}

/// Packs a folder as `tar -C folder -cf folder.tar .` does, and removes it.
pub fn pack(folder: &Path) -> PathBuf {
    let path = PathBuf::from(format!("{}.tar", folder.display()));
    let mut tar = tar::Builder::new(std::fs::File::create(&path).unwrap());
    tar.append_dir_all(".", folder).unwrap();
    tar.finish().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    path
}

/// A video whose frames show `first` and on.
pub fn video(path: &Path, frame_rate: u32, frames: usize, first: u64, sound: Option<&Waveform>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let size = Pictures { width: WIDTH as u32, height: SIDE as u32, frame_rate, frames };
    let mut draw = |index: usize, rgb: &mut [u8]| {
        for (to, value) in rgb.chunks_exact_mut(3).zip(picture(first + index as u64)) {
            to.fill(value);
        }
    };
    write_mp4(path, size, &mut draw, sound).unwrap();
}

/// A tone that rises, at 16 kHz.
pub fn sound(seconds: f64) -> Waveform {
    let sample = |i: usize| {
        let t = i as f64 / 16000.0;
        (0.3 * (std::f64::consts::TAU * (200.0 + 300.0 * t) * t).sin()) as f32
    };
    Waveform { sample_rate: 16000, samples: (0..(seconds * 16000.0) as usize).map(sample).collect() }
}

/// Runs `preprocess` in this process, on the pictures' size; `modalities` are name and preset.
pub fn preprocess(data: &serde_json::Value, modalities: &[(&str, &str)], store: &Path) -> (Summary, Store) {
    let data: mmdg::dataset::DatasetSettings = serde_json::from_value(data.clone()).unwrap();
    let manifest = mmdg::dataset::read(&data).unwrap();
    let modality = |(name, preset): &(&str, &str)| {
        let parameters = match *preset {
            "vggsound" => serde_json::json!({"preset": preset}),
            _ => serde_json::json!({"preset": preset, "resize": SIDE, "crop": SIDE}),
        };
        ((*name).to_owned(), serde_json::from_value(parameters).unwrap())
    };
    let settings = preprocess::PreprocessSettings {
        store: store.into(),
        modalities: modalities.iter().map(modality).collect(),
        shard_mib: None,
    };
    let stop = Stop::default();
    let summary = preprocess::run(&settings, &data.dataset, &manifest, mmdg::pipeline::Work::new(2, &stop)).unwrap();
    (summary, Store::open(store).unwrap())
}

/// The numbers that a row of frames shows in one channel.
pub fn shown(store: &Store, modality: &str, row: usize, channel: usize) -> Vec<u64> {
    let rows = store.modality(modality).unwrap();
    assert!(rows.valid(row), "{modality} of {} failed", store.manifest().segments[row].id);
    let channels = rows.header().shape[3] as usize;
    rows.bytes(row).chunks_exact(SIDE * SIDE * channels).map(|frame| number(frame, channels, channel)).collect()
}
