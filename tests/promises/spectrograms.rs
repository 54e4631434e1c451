//! Spectrograms agree with what scipy and librosa made of the same sound.

use std::path::Path;

use mmdg::manifest::Segment;
use mmdg::modality::Kind;
use mmdg::preset::{self, Setup};
use mmdg::sample::Memory;
use mmdg::signal::mel::{FilterBank, Norm, Scale};
use mmdg::source::Source;
use mmdg::span::Span;
use serde_json::json;

use crate::shared;

/// A little-endian f32 `.npy` of version 1 with `rows` rows (or values, of one axis), in row-major order.
fn npy(path: &Path, rows: usize) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    let end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8_lossy(&bytes[10..end]);
    assert!(header.contains("'descr': '<f4'") && header.contains(&format!("'shape': ({rows},")), "{header}");
    let values: Vec<f32> = bytes[end..].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    if header.contains("'fortran_order': False") { values } else { transposed(&values, values.len() / rows) }
}

/// `[rows, columns]` with the axes swapped.
fn transposed(values: &[f32], rows: usize) -> Vec<f32> {
    let columns = values.len() / rows;
    (0..values.len()).map(|i| values[i % rows * columns + i / rows]).collect()
}

/// The row that preset `name` makes of the golden sound.
fn make(data: &Path, name: &str, parameters: serde_json::Value, span: Span) -> Vec<f32> {
    make_of(&data.join("audio/vggsound/FwVYUHKoLtQ_000034.wav"), name, parameters, span)
}

fn make_of(path: &Path, name: &str, parameters: serde_json::Value, span: Span) -> Vec<f32> {
    let preset = preset::build(name, Setup { kind: Kind::AUDIO, dataset: "table" }, parameters, "test").unwrap();
    let segment = Segment::new("a", path, span);
    let mut memory = Memory::new(1, preset.row().bytes() as usize);
    preset
        .make(
            &mmdg::media::decode::Decoders,
            &Source::Sound { path: path.to_path_buf(), track: Default::default() },
            &[&segment],
            &mut memory,
        )
        .unwrap();
    memory.outcomes[0].clone().unwrap().unwrap();
    let values: Vec<f32> = bytemuck::pod_collect_to_vec(memory.row(0));
    assert_eq!(values.len() as u64, preset.row().shape.iter().product::<u64>());
    values
}

fn largest_difference(ours: &[f32], golden: &[f32]) -> f32 {
    assert_eq!(ours.len(), golden.len());
    ours.iter().zip(golden).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Writes mono sound as a WAV of 32-bit floats.
fn write_wav(path: &Path, sample_rate: u32, samples: &[f32]) {
    let bytes = 4 * samples.len() as u32;
    let mut file = [b"RIFF".as_slice(), &(36 + bytes).to_le_bytes(), b"WAVEfmt ", &16u32.to_le_bytes()].concat();
    // floats, one channel
    file.extend([3u16, 1].map(u16::to_le_bytes).concat());
    file.extend([sample_rate, 4 * sample_rate].map(u32::to_le_bytes).concat());
    file.extend([4u16, 32].map(u16::to_le_bytes).concat());
    file.extend([b"data".as_slice(), &bytes.to_le_bytes()].concat());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    std::fs::write(path, file).unwrap();
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

#[test]
fn every_parameter_of_the_log_mel_spectrogram_is_free() {
    let Some(data) = shared::data("every_parameter_of_the_log_mel_spectrogram_is_free") else { return };
    let power = transposed(&npy(&data.join("golden/librosa_mel128_16k_n512_w400_h160_power_f32.npy"), 128), 128);
    let with = |parameters: serde_json::Value| {
        let mut all = json!({"seconds": 10.0018125});
        all.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        make(&data, "log-mel", all, Span::WHOLE)
    };
    let compare = |parameters: serde_json::Value, expected: &dyn Fn(f32) -> f32| {
        let golden: Vec<f32> = power.iter().map(|&p| expected(p)).collect();
        let difference = largest_difference(&with(parameters.clone()), &golden);
        assert!(difference < 1e-4, "{parameters}: {difference}");
    };
    compare(json!({"log": "ln", "offset": 1e-6}), &|p| (p + 1e-6).ln());
    compare(json!({"top-db": "none"}), &|p| 10.0 * p.max(1e-10).log10());
    compare(json!({"top-db": "none", "amin": 1e-5, "reference": 4.0}), &|p| 10.0 * (p.max(1e-5) / 4.0).log10());
    let loudest = power.iter().fold(0.0f32, |a, &b| a.max(b));
    compare(json!({"top-db": 30}), &|p| 10.0 * p.max(loudest / 1000.0).log10());
    compare(json!({"f-min": 0, "f-max": 8000, "power": 2, "log": "ln"}), &|p| (p + 1e-6).ln());
}

#[test]
fn the_filter_banks_are_librosas() {
    let Some(data) = shared::data("the_filter_banks_are_librosas") else { return };
    let bank = |scale, norm| FilterBank { sample_rate: 24000, n_fft: 2048, bins: 128, f_min: 0.0, f_max: 12000.0, scale, norm };
    for (name, bank) in [
        ("melfb_24k_n2048_m128_htk_none_f32", bank(Scale::Htk, Norm::None)),
        ("melfb_24k_n2048_m128_slaney_slaney_f32", bank(Scale::Slaney, Norm::Slaney)),
    ] {
        let golden = npy(&data.join("golden").join(name).with_extension("npy"), 128);
        let ours: Vec<f32> = bank.weights().concat().iter().map(|&weight| weight as f32).collect();
        let highest = golden.iter().fold(0.0f32, |a, &b| a.max(b));
        let difference = largest_difference(&ours, &golden);
        assert!(difference < 1e-6 * highest, "{name}: {difference} of {highest}");
    }
}

#[test]
fn the_clip_of_auditory_slowfast_is_the_fields() {
    let Some(data) = shared::data("the_clip_of_auditory_slowfast_is_the_fields") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("24k.wav");
    let golden = npy(&data.join("golden/asf_24k_start1s_1.999s_f32.npy"), 400);
    let input = npy(&data.join("golden/asf_24k_start1s_1.999s_input_f32.npy"), 47_975);
    let make = |samples: &[f32], parameters, span| {
        write_wav(&path, 24000, samples);
        make_of(&path, "auditory-slowfast", parameters, span)
    };
    // the loader drops a clip's last sample, so the segment has one more; in f32, as librosa's, quiet bins lie that far apart
    let close = |ours: &[f32]| {
        let difference = largest_difference(ours, &golden);
        assert!(difference < 1e-3, "{difference}");
    };
    let around = |before: usize, after: usize| [&vec![0.5; before], input.as_slice(), &vec![0.5; 1 + after]].concat();
    close(&make(&around(0, 0), json!({}), Span::WHOLE));
    // from the middle of a longer segment, or from where a setting says
    close(&make(&around(3000, 3000), json!({}), Span::WHOLE));
    close(&make(&around(0, 6000), json!({"position": 0.0}), Span::WHOLE));
    close(&make(&around(6000, 0), json!({"position": 1.0}), Span::WHOLE));
    close(&make(&around(24000, 9000), json!({}), Span { start: 1.0, end: Some(2.999) }));
    // a shorter segment, cut inside as the whole is, ends in its last frame repeated
    let short = make(&input[..24000], json!({}), Span::WHOLE);
    assert!(largest_difference(&short[..190 * 128], &golden[..190 * 128]) < 1e-3);
    let (last, repeated) = (&short[200 * 128..201 * 128], &short[201 * 128..]);
    assert_eq!(repeated.len(), 199 * 128);
    assert!(repeated.chunks(128).all(|row| row == last));
}

#[test]
fn the_chain_from_16_khz_agrees_with_soxr() {
    let Some(data) = shared::data("the_chain_from_16_khz_agrees_with_soxr") else { return };
    // the golden's sound, resampled by soxr (HQ) to 24 kHz; a segment of it resampled by us
    let golden = npy(&data.join("golden/asf_24k_start1s_1.999s_f32.npy"), 400);
    let ours = make(&data, "auditory-slowfast", json!({}), Span { start: 1.0, end: Some(2.999) });
    // 104 bins end at 7.0 kHz; above, the two cut off the source's band of 8 kHz at places of their own
    let differences = ours.chunks(128).zip(golden.chunks(128)).flat_map(|(a, b)| (0..104).map(|bin| (a[bin] - b[bin]).abs()));
    let mean = differences.sum::<f32>() / (400.0 * 104.0);
    assert!(mean < 2e-5, "{mean}");
}
