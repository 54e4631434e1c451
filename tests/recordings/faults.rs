//! The recordings of `../shared/data/faults/EXPECTED.md`, a test a row: what must come of them, by name. That all of their frames and samples are
//! right is for `goldens`, that rows agree for `rows`.

use std::path::{Path, PathBuf};

use mmdg::error::Code;
use mmdg::media::audio::Sound;
use mmdg::span::Span;

use crate::inputs::{Strip, file, sounds, strips};
use crate::skips::skipped;

fn fault(name: &str) -> Option<PathBuf> {
    let path = file(&format!("faults/{name}"));
    if path.is_none() {
        skipped(&format!("faults/{name}"), "../shared/data is not there");
    }
    path
}

fn span(start: f64, end: f64) -> Span {
    Span { start, end: Some(end) }
}

fn heard(path: &Path, span: Span) -> Sound {
    sounds(path, &[span]).remove(0).unwrap()
}

fn seen(path: &Path, span: Span) -> Strip {
    strips(path, &[span]).remove(0).unwrap()
}

/// Root mean square of the part `[from, to)` of a row, in seconds of the row.
fn loudness(sound: &Sound, from: f64, to: f64) -> f64 {
    let place = |time: f64| (time * f64::from(sound.waveform.sample_rate)) as usize;
    let part = &sound.waveform.samples[place(from)..place(to)];
    (part.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / part.len() as f64).sqrt()
}

fn ends(sound: &Sound, expected: f64) {
    assert!((sound.span[1] - expected).abs() < 0.001, "{:?}", sound.span);
    assert_eq!(sound.partial, None);
}

#[test]
fn cues_mkv() {
    let Some(path) = fault("cues.mkv") else { return };
    let sound = heard(&path, span(3.0, 4.5));
    // a tone throughout
    let parts: Vec<f64> = (0..15).map(|i| loudness(&sound, f64::from(i) * 0.1, f64::from(i + 1) * 0.1)).collect();
    assert!(parts.iter().all(|part| (part - parts[14]).abs() < 0.05 * parts[14]), "{parts:?}");
}

#[test]
fn he_aac() {
    for name in ["he.m4a", "he.aac"] {
        let Some(path) = fault(name) else { return };
        let sound = heard(&path, Span::WHOLE);
        assert_eq!((sound.waveform.sample_rate, sound.samples), (44_100, 116_736), "{name}");
        // differences of neighbouring samples keep what is above 12 kHz, which the core alone has not
        let high = |x: &[f32]| x.windows(2).map(|pair| f64::from(pair[1] - pair[0]).powi(2)).sum::<f64>() / x.len() as f64;
        assert!(high(&sound.waveform.samples) > 1e-6, "{name}");
    }
}

#[test]
fn off2_mp4_and_mkv() {
    for name in ["off2.mp4", "off2_aac.mkv"] {
        let Some(path) = fault(name) else { return };
        let (sound, strip) = (heard(&path, Span::WHOLE), seen(&path, Span::WHOLE));
        // both from the same second 0, six seconds of each
        assert!(strip.shown.times[0] < 0.03 && sound.samples == 289_792, "{name}: {:?}", strip.shown.times[0]);
        assert!((strip.shown.span[1] - 6.02).abs() < 0.01 && strip.shown.partial.is_none(), "{name}: {:?}", strip.shown.span);
    }
}

#[test]
fn frag3_mp4() {
    let Some(path) = fault("frag3.mp4") else { return };
    let strip = seen(&path, Span::WHOLE);
    assert_eq!((strip.shown.frames, strip.shown.span[1], strip.shown.partial), (150, 6.08, None));
}

#[test]
fn frag_dm_mp4() {
    let Some(path) = fault("frag_dm.mp4") else { return };
    assert_eq!((seen(&path, Span::WHOLE).shown.times[0], heard(&path, Span::WHOLE).samples), (0.0, 288_768));
}

#[test]
fn cut2_mp4() {
    let Some(path) = fault("cut2.mp4") else { return };
    ends(&heard(&path, Span::WHOLE), 4.0);
    assert_eq!(seen(&path, Span::WHOLE).shown.frames, 100);
    // both sides of the cut
    assert_eq!(seen(&path, span(1.9, 2.1)).shown.times, [1.88, 1.92, 1.96, 2.0, 2.04, 2.08]);
    assert_eq!(heard(&path, span(1.0, 3.0)).samples, 96_000);
}

#[test]
fn two_e_mp4_and_two_d2_mp4() {
    let Some(path) = fault("two_e.mp4") else { return };
    assert_eq!(heard(&path, Span::WHOLE).samples, 289_792);
    let Some(path) = fault("two_d2.mp4") else { return };
    assert_eq!(heard(&path, Span::WHOLE).samples, 288_768);
}

#[test]
fn vbr_loudquiet_mp3() {
    let Some(path) = fault("vbr_loudquiet.mp3") else { return };
    assert_eq!(heard(&path, Span::WHOLE).samples, 883_584);
    ends(&heard(&path, span(12.0, 14.0)), 14.0);
}

#[test]
fn m_mpg() {
    let Some(path) = fault("m.mpg") else { return };
    ends(&heard(&path, Span::WHOLE), 6.024);
}

#[test]
fn intraref_ts() {
    let Some(path) = fault("intraref.ts") else { return };
    let strip = seen(&path, span(3.9, 5.1));
    assert!(strip.shown.times.windows(2).all(|pair| (pair[1] - pair[0] - 0.04).abs() < 1e-4), "{:?}", strip.shown.times);
    assert_eq!((strip.shown.frames, strip.shown.partial), (31, None));
}

#[test]
fn ps_mpg() {
    let Some(path) = fault("ps.mpg") else { return };
    let whole = seen(&path, Span::WHOLE);
    for (start, end) in [(1.9, 2.4), (3.9, 5.1)] {
        let strip = seen(&path, span(start, end));
        let first = whole.shown.times.iter().position(|time| *time == strip.shown.times[0]).unwrap();
        assert_eq!(strip.pictures, whole.pictures[first..first + strip.pictures.len()]);
    }
}

#[test]
fn pal_avi() {
    let Some(path) = fault("pal.avi") else { return };
    let strip = seen(&path, span(0.5, 0.9));
    assert!(strip.pictures.iter().all(|picture| picture.iter().any(|&value| value > 100)));
}

#[test]
fn fab_flv() {
    let Some(path) = fault("fab.flv") else { return };
    let alone = strips(&path, &[span(4.0, 5.5)]).remove(0).unwrap();
    let among = strips(&path, &[span(0.0, 1.0), span(2.5, 3.5), span(4.0, 5.5)]).remove(2).unwrap();
    assert!(alone.pictures == among.pictures && alone.shown == among.shown);
}

#[test]
fn vfr_mp4() {
    let Some(path) = fault("vfr.mp4") else { return };
    assert_eq!(seen(&path, span(2.0, 5.0)).shown.times, [0.96]);
    assert_eq!(seen(&path, span(5.0, 7.0)).shown.times[..2], [0.96, 6.0]);
    assert_eq!(seen(&path, Span::WHOLE).shown.span[1], 7.04);
}

#[test]
fn cat_ts() {
    let Some(path) = fault("cat.ts") else { return };
    let (strip, sound) = (seen(&path, Span::WHOLE), heard(&path, Span::WHOLE));
    assert_eq!(strip.shown.frames, 115);
    assert!(strip.shown.times.windows(2).all(|pair| pair[1] > pair[0]));
    for partial in [strip.shown.partial, sound.partial] {
        assert!(partial.unwrap().contains("time stamps start again at 2.101 s"));
    }
    // before the jump nothing rests on it
    assert_eq!(seen(&path, span(0.5, 1.5)).shown.partial, None);
}

#[test]
fn cover_m4a() {
    let Some(path) = fault("cover.m4a") else { return };
    assert_eq!(strips(&path, &[Span::WHOLE]).remove(0).unwrap_err().code, Code::Absent);
}

#[test]
fn late_a_mp4() {
    let Some(path) = fault("late_a.mp4") else { return };
    let sound = heard(&path, Span::WHOLE);
    assert_eq!((loudness(&sound, 0.0, 1.47), sound.partial), (0.0, Some("no sound before 1.478 s".into())));
    let sound = heard(&path, span(0.0, 1.0));
    assert_eq!((sound.samples, sound.waveform.samples.len()), (0, 48_000));
}

#[test]
fn adpcm_ms_wav() {
    let Some(path) = fault("adpcm_ms.wav") else { return };
    let (whole, row) = (heard(&path, Span::WHOLE), heard(&path, span(2.0, 3.5)));
    assert_eq!(row.waveform.samples, whole.waveform.samples[44_100..77_175]);
}

#[test]
fn gaps_aac_mkv() {
    let Some(path) = fault("gaps_aac.mkv") else { return };
    let whole = heard(&path, Span::WHOLE);
    assert!(whole.partial.unwrap().starts_with("silence in holes of the sound: 0.405 to 0.427 s"));
    let row = heard(&path, span(3.0, 5.0));
    assert_eq!(row.waveform.samples, whole.waveform.samples[144_000..240_000]);
}

#[test]
fn ow_webm() {
    let Some(path) = fault("ow.webm") else { return };
    let (whole, strip) = (heard(&path, Span::WHOLE), seen(&path, Span::WHOLE));
    assert_eq!((whole.samples, strip.shown.times[0]), (288_000, 0.007));
    assert_eq!(heard(&path, span(2.0, 4.0)).waveform.samples, whole.waveform.samples[96_000..192_000]);
}
