//! Many channels become one: their mean, with either decoder.

use std::path::Path;

use mmdg::media::audio;
use mmdg::span::Span;

use crate::shared;

fn agrees(path: &Path, expected: &[f32]) {
    for (name, sound) in [
        ("symphonia", audio::read_with_symphonia(path, Span::WHOLE)),
        ("ffmpeg", audio::read_with_ffmpeg(path, Span::WHOLE)),
        ("either", audio::read(path, Span::WHOLE)),
    ] {
        let samples = sound.unwrap().waveform.samples;
        assert_eq!(samples.len(), expected.len(), "{name}");
        let worst = samples.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-6, "{name}: {worst}");
    }
}

fn mean(frame: &[i16]) -> f32 {
    (frame.iter().map(|&x| f64::from(x)).sum::<f64>() / (32768.0 * frame.len() as f64)) as f32
}

/// 16-bit PCM at 48 kHz, under the extensible header that more than two channels ask for.
fn write_wav(path: &Path, channels: u16, samples: &[i16]) {
    let bytes = 2 * samples.len() as u32;
    let mut file = [b"RIFF".as_slice(), &(60 + bytes).to_le_bytes(), b"WAVEfmt ", &40u32.to_le_bytes()].concat();
    file.extend([0xfffe, channels].map(u16::to_le_bytes).concat());
    file.extend([48000, 96000 * u32::from(channels)].map(u32::to_le_bytes).concat());
    file.extend([2 * channels, 16, 22, 16].map(u16::to_le_bytes).concat());
    // the first places of the standard's list, a sub-woofer's among them
    file.extend(((1u32 << channels) - 1).to_le_bytes());
    file.extend([1, 0, 0, 0, 0, 0, 16, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]); // PCM
    file.extend([b"data".as_slice(), &bytes.to_le_bytes()].concat());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    std::fs::write(path, file).unwrap();
}

#[test]
fn many_channels_become_their_mean() {
    let folder = tempfile::tempdir().unwrap();
    for channels in [2, 6, 16] {
        // each channel of its own height and pitch
        let value = |i: usize, channel: usize| ((i * (channel + 3)) as f64 * 0.01).sin() * (1000 + 1900 * channel) as f64;
        let samples: Vec<i16> = (0..4800 * channels).map(|i| value(i / channels, i % channels) as i16).collect();
        let path = folder.path().join(format!("{channels}.wav"));
        write_wav(&path, channels as u16, &samples);
        agrees(&path, &samples.chunks(channels).map(mean).collect::<Vec<f32>>());
    }
}

#[test]
fn a_real_file_of_sixteen_channels_becomes_their_mean() {
    let Some(data) = shared::data("a_real_file_of_sixteen_channels_becomes_their_mean") else { return };
    let path = data.join("audio/torchcodec/sine_16ch_s16.wav");
    let bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(4).position(|word| word == b"data").unwrap() + 8;
    let samples: Vec<i16> = bytes[at..].chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    assert_eq!(samples.len(), 16 * 16000);
    agrees(&path, &samples.chunks(16).map(mean).collect::<Vec<f32>>());
}
