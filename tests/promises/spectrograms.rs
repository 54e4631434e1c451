//! Spectrograms agree with what scipy and librosa made of the same sound.

use std::path::Path;

use mmdg::manifest::Segment;
use mmdg::modality::Kind;
use mmdg::preset::{self, Setup};
use mmdg::sample::Memory;
use mmdg::source::Source;
use mmdg::span::Span;
use serde_json::json;

use crate::shared;

/// A little-endian f32 `.npy` of version 1 with `rows` rows, in row-major order.
fn npy(path: &Path, rows: usize) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    let end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8_lossy(&bytes[10..end]);
    assert!(header.contains("'descr': '<f4'") && header.contains(&format!("'shape': ({rows}, ")), "{header}");
    let values: Vec<f32> = bytes[end..].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    if header.contains("'fortran_order': False") { values } else { transposed(&values, values.len() / rows) }
}

/// `[rows, columns]` with the axes swapped.
fn transposed(values: &[f32], rows: usize) -> Vec<f32> {
    let columns = values.len() / rows;
    (0..values.len()).map(|i| values[i % rows * columns + i / rows]).collect()
}

fn make(data: &Path, name: &str, parameters: serde_json::Value, span: Span) -> Vec<f32> {
    let path = data.join("audio/vggsound/FwVYUHKoLtQ_000034.wav");
    let preset = preset::build(name, Setup { kind: Kind::Audio, dataset: "table" }, parameters, "test").unwrap();
    let segment = Segment::new("a", &path, span);
    let mut memory = Memory::new(1, preset.row().bytes() as usize);
    preset.make(&Source::Sound(path), &[&segment], &mut memory).unwrap();
    memory.outcomes[0].clone().unwrap().unwrap();
    let values: Vec<f32> = bytemuck::pod_collect_to_vec(memory.row(0));
    assert_eq!(values.len() as u64, preset.row().shape.iter().product::<u64>());
    values
}

fn largest_difference(ours: &[f32], golden: &[f32]) -> f32 {
    assert_eq!(ours.len(), golden.len());
    ours.iter().zip(golden).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn the_log_spectrogram_is_the_fields() {
    let Some(data) = shared::data("the_log_spectrogram_is_the_fields") else { return };
    // scipy's values in f64, rounded to f32: ours differ by that rounding
    let whole = make(&data, "vggsound", json!({}), Span::WHOLE);
    assert!(largest_difference(&whole, &npy(&data.join("golden/simmmdg_full10s_f32.npy"), 257)) < 2e-6);
    let tiled = make(&data, "vggsound", json!({}), Span { start: 1.0, end: Some(2.25) });
    assert!(largest_difference(&tiled, &npy(&data.join("golden/simmmdg_seg_1.0s_2.25s_tiled_f32.npy"), 257)) < 2e-6);
}

#[test]
fn the_log_mel_spectrogram_is_librosas() {
    let Some(data) = shared::data("the_log_mel_spectrogram_is_librosas") else { return };
    // all 160,029 samples
    let ours = make(&data, "log-mel", json!({"seconds": 10.0018125}), Span::WHOLE);
    // the golden is [bins, frames]; librosa works in f32, which moves values by some 1e-5 dB
    let golden = transposed(&npy(&data.join("golden/librosa_mel128_16k_n512_w400_h160_db_f32.npy"), 128), 128);
    let difference = largest_difference(&ours, &golden);
    assert!(difference < 1e-4, "{difference}");
}
