//! Names of files are names, whatever is in them.

use mmdg::media::audio;
use mmdg::media::encode::{Pictures, write_mp4};
use mmdg::sample::Waveform;
use mmdg::span::Span;

use crate::shared::shots;

#[test]
fn no_part_of_a_name_is_an_option_a_protocol_or_a_pattern() {
    let folder = tempfile::tempdir().unwrap();
    let size = Pictures { width: 32, height: 32, frame_rate: 24, frames: 12 };
    let sound = Waveform { sample_rate: 16000, samples: (0..8000).map(|i| (i as f32 * 0.1).sin() * 0.5).collect() };
    let mut draw = |frame: usize, pixels: &mut [u8]| pixels.fill(frame as u8 * 20);
    for name in ["-i.mp4", "http:x.mp4", "concat:a|b.mp4", "frame_%03d.mp4", "a b \"c\" 'd' é.mp4", "drinking_54 .mp4"] {
        let path = folder.path().join(name);
        write_mp4(&path, size, &mut draw, Some(&sound)).unwrap();
        let (shown, pixels) = shots(&path, Span::WHOLE, 32, &|times, _| (0..times.len()).collect()).unwrap();
        assert_eq!(shown.times.len(), 12, "{name}");
        assert!(shown.times.iter().enumerate().all(|(i, time)| (time - i as f64 / 24.0).abs() < 1e-6), "{name}");
        let grey: Vec<u8> = pixels.chunks(32 * 32 * 3).map(|frame| frame[0]).collect();
        assert!(grey.iter().enumerate().all(|(i, &value)| value.abs_diff(i as u8 * 20) < 6), "{name}: {grey:?}");
        assert_eq!(audio::read(&path, Span::WHOLE).unwrap().decoder, "ffmpeg from start", "{name}");
        audio::read_with_ffmpeg(&path, Span::WHOLE).unwrap();
    }
}
