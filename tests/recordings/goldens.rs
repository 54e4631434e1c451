//! Origin, times, samples and loudness of whole recordings are those that PyAV finds (`tests/reference/recordings.py`).

use std::collections::BTreeMap;

use mmdg::span::Span;
use serde_json::Value;

use crate::inputs::{each, file, sounds, strips, there};

const TEXT: &str = include_str!("../reference/recordings.json");

/// Where what is right is not what FFmpeg 8 finds, or what FFmpeg 5.1 cannot do; with the reason.
const OTHERWISE: &[(&str, &str)] = &[
    ("chained-opus.opus", "FFmpeg 5.1 keeps the second part's priming of 6.5 ms"),
    ("chained-vorbis.ogg", "FFmpeg 5.1 leaves out the first block of the second part"),
    ("fail-flac.flac", "Symphonia leaves out the frame whose checksum is wrong: a hole, and flagged"),
    ("fail-h265.mkv", "FFmpeg 5.1 gives 117 pictures, 8 gives 105"),
    ("faults/cat.ts", "the jump is closed after the longer of the two tracks; FFmpeg's loudness is of sound end to end"),
    ("faults/cut2.mp4", "FFmpeg cuts sound at packets, so what follows the second edit is 11 ms late"),
    ("joined-h265-ac3.ts", "as cat.ts"),
    ("resolution-mpeg2.ts", "FFmpeg 5.1 gives 150 pictures, 8 gives 149"),
    ("splice-h265.mp4", "FFmpeg 5.1 gives 153 pictures, 8 gives 126"),
    ("splice-h265.ts", "as splice-h265.mp4"),
    ("video/damaged/bbb_first_half.webm", "it ends long before its header says: truncated"),
    ("video/damaged/test_first_half.avi", "as bbb_first_half.webm"),
    ("video/mp4parse/no_timescale.mp4", "its times mean nothing, and FFmpeg 8 takes them otherwise than 5.1"),
];

pub fn goldens() -> BTreeMap<String, Value> {
    serde_json::from_str(TEXT).unwrap()
}

/// Times from the runs of steps.
fn times(video: &Value) -> Vec<f64> {
    let tick = video["tick"][0].as_f64().unwrap() / video["tick"][1].as_f64().unwrap();
    let mut times = vec![video["first"].as_f64().unwrap()];
    for run in video["steps"].as_array().unwrap() {
        let (step, count) = match run {
            Value::Array(run) => (run[0].as_i64().unwrap(), run[1].as_i64().unwrap()),
            step => (step.as_i64().unwrap(), 1),
        };
        for _ in 0..count {
            times.push(times[times.len() - 1] + step as f64 * tick);
        }
    }
    times
}

fn pictures(name: &str, golden: &Value) -> Vec<String> {
    let path = file(name).unwrap();
    let found = strips(&path, &[Span::WHOLE]).remove(0);
    let again = golden["video"].get("again").is_some();
    match (golden.get("video"), found) {
        (None, Err(_)) => Vec::new(),
        (None, Ok(strip)) => vec![format!("{name}: {} pictures; expected none", strip.shown.times.len())],
        (Some(video), Err(failure)) => vec![format!("{name}: pictures: {failure}; expected {}", video["pictures"])],
        (Some(video), Ok(strip)) => {
            let found = &strip.shown.times;
            if found.len() as u64 != video["pictures"].as_u64().unwrap() {
                return vec![format!(
                    "{name}: {} pictures; expected {} ({:?})",
                    found.len(),
                    video["pictures"],
                    strip.shown.partial
                )];
            }
            let expected = times(video);
            let far = found.iter().zip(&expected).position(|(a, b)| (a - b).abs() > 1e-4);
            match far {
                Some(place) if !again => {
                    vec![format!("{name}: picture {place} at {}; expected {}", found[place], expected[place])]
                }
                _ => Vec::new(),
            }
        }
    }
}

fn sound(name: &str, golden: &Value) -> Vec<String> {
    let path = file(name).unwrap();
    let found = sounds(&path, &[Span::WHOLE]).remove(0);
    let edited = golden.get("edited").is_some();
    let (golden, found) = match (golden.get("sound"), found) {
        (None, Err(_)) => return Vec::new(),
        (None, Ok(sound)) => return vec![format!("{name}: {} samples; expected none", sound.samples)],
        (Some(_), Err(failure)) => return vec![format!("{name}: sound: {failure}")],
        (Some(golden), Ok(found)) => (golden, found),
    };
    let rate = f64::from(found.waveform.sample_rate);
    let mut wrong = Vec::new();
    let mut expect = |what: &str, found: f64, expected: &Value, within: f64| {
        let expected = expected.as_f64().unwrap();
        if (found - expected).abs() > within {
            wrong.push(format!("{name}: {what} {found}; expected {expected}"));
        }
    };
    expect("sample rate", rate, &golden["rate"], 0.0);
    // what overlaps is counted once
    let overlaps: f64 = golden["holes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hole| (hole[0].as_f64().unwrap() - hole[1].as_f64().unwrap()).max(0.0))
        .sum();
    // what a cut is given is exact; of an only edit the last packet is whole
    let ragged = if edited { 4608.0 } else { 0.0 };
    expect(
        "samples",
        found.samples as f64 + (overlaps * rate).round(),
        &golden["samples"],
        ragged + if overlaps > 0.0 { 2.0 } else { 0.5 },
    );
    let samples = &found.waveform.samples;
    let part = |number: usize| {
        let place = |number: usize| ((number as f64 * 0.25 * rate).round_ties_even() as usize).min(samples.len());
        let part = &samples[place(number)..place(number + 1)];
        (part.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / part.len().max(1) as f64).sqrt() * 10_000.0
    };
    let loudness = golden["rms"].as_array().unwrap();
    let last = loudness.len().saturating_sub(1);
    let far = (0..last).find(|&number| {
        let expected = loudness[number].as_f64().unwrap();
        (part(number) - expected).abs() > 2.0 + 0.01 * expected
    });
    if let Some(number) = far {
        wrong.push(format!("{name}: loudness {:.0} at {} s; expected {}", part(number), number as f64 * 0.25, loudness[number]));
    }
    wrong
}

#[test]
fn whole_recordings_are_as_pyav_finds_them() {
    let goldens = goldens();
    let there = there("whole_recordings_are_as_pyav_finds_them", goldens.keys().map(String::as_str));
    let wrong = each(&there, |name| {
        let golden = &goldens[name];
        if OTHERWISE.iter().any(|(other, _)| *other == name) || golden.get("error").is_some() || golden.get("stopped").is_some() {
            return Vec::new();
        }
        [pictures(name, golden), sound(name, golden)].concat()
    });
    assert!(wrong.is_empty(), "{} of {} recordings:\n{}", wrong.len(), there.len(), wrong.join("\n"));
}
