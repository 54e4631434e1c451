//! Damaged recordings end as failures with a code or as samples, never as a panic or a hang.

use std::time::Instant;

use mmdg::error::{Code, Failure};
use mmdg::media::encode::{Pictures, write_mp4};
use mmdg::media::{audio, wav};
use mmdg::rng::Stream;
use mmdg::sample::Waveform;
use mmdg::signal::sampling::uniform;
use mmdg::span::Span;
use mmdg::{Error, Result};

use crate::shared::shots;

#[test]
fn flipped_and_cut_recordings_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let sound = Waveform { sample_rate: 16000, samples: (0..8000).map(|i| (i as f32 * 0.1).sin() * 0.5).collect() };
    let size = Pictures { width: 32, height: 32, frame_rate: 24, frames: 24 };
    let mut draw = |frame: usize, pixels: &mut [u8]| {
        pixels.iter_mut().enumerate().for_each(|(i, pixel)| *pixel = (i * 7 + frame * 10) as u8);
    };
    write_mp4(&folder.path().join("whole.mp4"), size, &mut draw, Some(&sound)).unwrap();
    wav::write(&folder.path().join("whole.wav"), &sound).unwrap();
    let (mut good, mut failed) = (0, 0);
    let mut count = |outcome: Result<()>, what: &str| match outcome {
        Ok(()) => good += 1,
        Err(Error::Media { .. }) => failed += 1,
        Err(error) => panic!("{what}: {error}"),
    };
    let start = Instant::now();
    for (kind, cases) in [("mp4", 150), ("wav", 150)] {
        let whole = std::fs::read(folder.path().join("whole").with_extension(kind)).unwrap();
        for case in 0..cases {
            let random = Stream::new(5).with(kind).at(case);
            let mut bytes = whole.clone();
            for flip in 0..1 << (case % 8) {
                // headers matter most: the first bytes of a wav, the last of these mp4s
                let near = random.bits(2 * flip) as usize % if kind == "wav" { 64 } else { 2048 };
                let place = if kind == "wav" { near } else { bytes.len() - 1 - near.min(bytes.len() - 1) };
                bytes[place] = random.bits(2 * flip + 1) as u8;
            }
            if case % 5 == 4 {
                bytes.truncate(random.bits(9999) as usize % bytes.len());
            }
            let path = folder.path().join("damaged").with_extension(kind);
            std::fs::write(&path, bytes).unwrap();
            for span in [Span::WHOLE, Span { start: 0.3, end: Some(0.8) }] {
                let choose = |times: &[f64], [start, end]: [f64; 2]| uniform(times, start, end, 4);
                let what = format!("{kind} {case} {span:?}");
                count(shots(&path, span, 16, &choose).map(drop), &what);
                count(audio::read(&path, span).map(drop), &what);
            }
        }
    }
    assert!(good > 100 && failed > 100, "{good} {failed}");
    assert!(start.elapsed().as_secs() < 60);
}

#[test]
fn rows_after_a_recordings_end_are_told_so_however_late() {
    let folder = tempfile::tempdir().unwrap();
    let sound = Waveform { sample_rate: 16000, samples: (0..48000).map(|i| (i as f32 * 0.1).sin() * 0.5).collect() };
    let size = Pictures { width: 32, height: 32, frame_rate: 24, frames: 72 };
    let path = folder.path().join("three-seconds.mp4");
    write_mp4(&path, size, &mut |frame, pixels| pixels.fill(frame as u8), Some(&sound)).unwrap();
    wav::write(&path.with_extension("wav"), &sound).unwrap();
    let (done, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // sound of the first ten minutes is decoded from the start, later sound from a minute's beginning, to which is jumped
        for start in [4.0, 59.0, 601.0, 660.0, 1000.0, 1e6] {
            let span = Span { start, end: Some(start + 1.0) };
            let choose = |times: &[f64], [start, end]: [f64; 2]| uniform(times, start, end, 4);
            let wave = path.with_extension("wav");
            done.send((start, "pictures", shots(&path, span, 16, &choose).map(drop))).unwrap();
            done.send((start, "sound", audio::read(&path, span).map(drop))).unwrap();
            done.send((start, "sound, FFmpeg", audio::read_with_ffmpeg(&path, span).map(drop))).unwrap();
            done.send((start, "a wave file", audio::read(&wave, span).map(drop))).unwrap();
            done.send((start, "a wave file, FFmpeg", audio::read_with_ffmpeg(&wave, span).map(drop))).unwrap();
        }
    });
    for _ in 0..6 * 5 {
        let (start, what, outcome) = wait.recv_timeout(std::time::Duration::from_secs(60)).expect("an end");
        let error = outcome.unwrap_err();
        assert!(
            matches!(error, Error::Media { failure: Failure { code: Code::Undecodable, .. }, .. }),
            "{what} from {start}: {error:?}"
        );
    }
}
