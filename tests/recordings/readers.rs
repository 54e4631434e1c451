//! Symphonia and FFmpeg give the same sound of whatever Symphonia is trusted with, from every place (`docs/media.md` has the table).

use std::collections::BTreeMap;
use std::path::Path;

use mmdg::media::audio::{Sound, read_with_ffmpeg, read_with_symphonia};
use mmdg::rng::Stream;
use mmdg::span::Span;

use crate::goldens::goldens;
use crate::inputs::{each, file, there};

/// Rows of a recording.
const ROWS: u32 = 8;
/// Where the two differ for a reason.
const OTHERWISE: &[(&str, &str)] = &[
    ("fail-aac.m4a", "what each makes of overwritten frames"),
    ("fail-aac.mp4", "as fail-aac.m4a"),
    ("fail-flac.flac", "FFmpeg plays the frame whose checksum is wrong"),
    ("fail-mp3.mp3", "as fail-aac.m4a"),
];

fn compare(name: &str, what: Span, a: &Sound, b: &Sound) -> Option<String> {
    let (x, y) = (&a.waveform, &b.waveform);
    if (x.sample_rate, x.samples.len()) != (y.sample_rate, y.samples.len()) {
        let told = |sound: &Sound| format!("{} samples at {}", sound.waveform.samples.len(), sound.waveform.sample_rate);
        return Some(format!("{name}: {what:?}: {} by Symphonia, {} by FFmpeg", told(a), told(b)));
    }
    let square: f64 = x.samples.iter().zip(&y.samples).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    let rms = (square / x.samples.len().max(1) as f64).sqrt();
    (rms >= 1e-4).then(|| format!("{name}: {what:?}: {rms:.5} apart"))
}

fn both(path: &Path, name: &str) -> Option<Vec<String>> {
    let whole = read_with_symphonia(path, Span::WHOLE).ok()?;
    let Ok(by_ffmpeg) = read_with_ffmpeg(path, Span::WHOLE) else {
        return Some(vec![format!("{name}: Symphonia reads it, FFmpeg does not")]);
    };
    let mut wrong: Vec<String> = compare(name, Span::WHOLE, &whole, &by_ffmpeg).into_iter().collect();
    let seconds = whole.waveform.duration_seconds();
    let draws = Stream::new(3).with(name);
    for row in 0..ROWS {
        let uniform = |number: u32| f64::from(draws.at(row).uniform(number));
        let start = (uniform(0) * seconds * 900.0).floor() / 1000.0;
        let end = Some((start + 0.05 + uniform(1)).min(seconds));
        let span = Span { start, end };
        match (read_with_symphonia(path, span), read_with_ffmpeg(path, span)) {
            (Ok(a), Ok(b)) => wrong.extend(compare(name, span, &a, &b)),
            (a, b) => wrong.push(format!("{name}: {span:?}: {:?}, {:?}", a.err(), b.err())),
        }
    }
    Some(wrong)
}

#[test]
fn symphonia_and_ffmpeg_give_the_same_sound_where_symphonia_is_trusted() {
    let goldens = goldens();
    let names = goldens.keys().map(String::as_str).filter(|name| OTHERWISE.iter().all(|(other, _)| other != name));
    let there = there("symphonia_and_ffmpeg_give_the_same_sound_where_symphonia_is_trusted", names);
    let trusted = std::sync::Mutex::new(BTreeMap::<String, usize>::new());
    let wrong = each(&there, |name| {
        let Some(wrong) = both(&file(name).unwrap(), name) else { return Vec::new() };
        let kind = name.rsplit('.').next().unwrap_or(name).to_owned();
        *trusted.lock().unwrap().entry(kind).or_default() += 1;
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let trusted = trusted.into_inner().unwrap();
    // all of these kinds, and none of the others
    assert!(
        there.is_empty()
            || trusted.keys().all(|kind| ["wav", "flac", "mp3", "m4a", "mp4", "mov", "3gp", "aac"].contains(&&**kind)),
        "{trusted:?}"
    );
    if there.len() > 400 {
        assert!(
            ["wav", "flac", "mp3", "mp4", "aac"].iter().all(|&kind| trusted.get(kind).is_some_and(|&count| count > 1)),
            "{trusted:?}"
        );
    }
}

/// The table of codecs and containers in `docs/media.md`: which reader takes each pair.
#[test]
fn the_documentation_says_who_reads_what() {
    let goldens = goldens();
    let names = goldens.keys().map(String::as_str).filter(|name| name.starts_with("table-"));
    let names: Vec<&str> = names.collect();
    let there = there("the_documentation_says_who_reads_what", names.iter().copied());
    if there.len() < names.len() {
        return;
    }
    let mut codecs: BTreeMap<&str, [Vec<&str>; 3]> = BTreeMap::new();
    for name in there {
        let path = file(name).unwrap();
        let (codec, container) = name.trim_start_matches("table-").split_once('.').unwrap();
        let chosen = mmdg::media::audio::read(&path, Span::WHOLE).unwrap().decoder;
        let place = match (chosen.starts_with("symphonia"), read_with_symphonia(&path, Span::WHOLE).is_ok()) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => 2,
        };
        codecs.entry(codec).or_default()[place].push(container);
    }
    let lines = codecs.iter().map(|(codec, readers)| {
        format!("| {codec} | {} |", readers.each_ref().map(|containers| containers.join(" ")).join(" | "))
    });
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/media.md")).unwrap();
    let lines: Vec<String> = lines.collect();
    let missing: Vec<&String> = lines.iter().filter(|line| !text.contains(line.as_str())).collect();
    assert!(missing.is_empty(), "docs/media.md lacks {missing:#?} of\n{}", lines.join("\n"));
}
