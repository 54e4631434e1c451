//! Long recordings do not drift, and cut ones do not pass for whole.

use std::path::Path;

use mmdg::error::Code;
use mmdg::span::Span;

use crate::goldens::goldens;
use crate::inputs::{each, file, sounds, strips, there};

/// Sample `number` of the made hours of sound.
fn tooth(number: usize, rate: usize) -> f32 {
    let raised = if number / rate % 4 == 3 { 4000 } else { 0 };
    ((number % 251) as i32 * 8 - 1000 + raised) as f32 / 32768.0
}

#[test]
fn sound_does_not_drift_over_an_hour() {
    let names = ["hour-44.1.mka", "hour-22.05.mka", "hour-11.025.mka"];
    let spans: Vec<Span> = [(3.25, 4.0), (599.5, 600.5), (1803.0, 1804.75), (3590.001, 3593.0), (3599.3, 3600.0)]
        .map(|(start, end)| Span { start, end: Some(end) })
        .into();
    let wrong = each(&there("sound_does_not_drift_over_an_hour", names.into_iter()), |name| {
        let found = sounds(&file(name).unwrap(), &spans);
        spans
            .iter()
            .zip(found)
            .filter_map(|(span, found)| row_drifts(span, found))
            .map(|what| format!("{name}: {what}"))
            .collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn row_drifts(span: &Span, found: Result<mmdg::media::audio::Sound, mmdg::error::Failure>) -> Option<String> {
    let sound = match found {
        Ok(sound) => sound,
        Err(failure) => return Some(format!("{span:?}: {failure}")),
    };
    let rate = sound.waveform.sample_rate as usize;
    let place = |time: f64| (time * rate as f64).round_ties_even() as usize;
    let expected: Vec<f32> = (place(span.start)..place(span.end?)).map(|number| tooth(number, rate)).collect();
    let far = sound.waveform.samples.iter().zip(&expected).position(|(a, b)| (a - b).abs() > 1e-6);
    if sound.partial.is_some() || sound.waveform.samples.len() != expected.len() || far.is_some() {
        let lengths = [sound.waveform.samples.len(), expected.len()];
        return Some(format!("{span:?}: {lengths:?} samples, the first that differs {far:?}, {:?}", sound.partial));
    }
    None
}

#[test]
fn pictures_do_not_drift_over_an_hour() {
    let names = ["hour-23.976.mkv", "hour-59.94.mkv", "hour-29.97.flv"];
    let rates = [24.0, 60.0, 30.0].map(|rate: f64| rate / 1.001);
    let spans: Vec<Span> =
        [(0.0, 0.5), (599.9, 600.41), (3590.0, 3591.0)].map(|(start, end)| Span { start, end: Some(end) }).into();
    let wrong = each(&there("pictures_do_not_drift_over_an_hour", names.into_iter()), |name| {
        let rate = rates[names.iter().position(|other| *other == name).unwrap()];
        let mut wrong = Vec::new();
        for (span, strip) in spans.iter().zip(strips(&file(name).unwrap(), &spans)) {
            let strip = strip.unwrap();
            // the first may have come on before the row
            let first = (span.start * rate).floor();
            let far = strip.shown.times.iter().enumerate().find(|(i, time)| (*time - (first + *i as f64) / rate).abs() > 0.002);
            let count = (span.end.unwrap() * rate).ceil() - first;
            if far.is_some() || strip.shown.times.len() as f64 != count {
                wrong.push(format!("{name}: {span:?}: {} pictures, far off {far:?}", strip.shown.times.len()));
            }
        }
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What came of a row that asks for all that the whole recording has: `None` where it came out whole.
fn cut(path: &Path, end: [Option<f64>; 2]) -> [Option<Code>; 2] {
    let span = |end| Span { start: 0.0, end: Some(end) };
    let heard = end[0].map(|end| sounds(path, &[span(end)]).remove(0).map(|_| ()));
    let seen = end[1].map(|end| strips(path, &[span(end)]).remove(0).map(|_| ()));
    [heard, seen].map(|told| told.and_then(Result::err).map(|failure| failure.code))
}

/// Shorter ones lose no more by the cut than a row may lack.
const LEAST_SECONDS: f64 = 1.0;

#[test]
fn recordings_cut_to_seven_tenths_are_truncated_or_unreadable() {
    let goldens = goldens();
    let names = goldens.keys().map(String::as_str).filter(|name| !name.starts_with("video/damaged"));
    let there = there("recordings_cut_to_seven_tenths_are_truncated_or_unreadable", names);
    let folder = tempfile::tempdir().unwrap();
    let wrong = each(&there, |name| {
        let path = file(name).unwrap();
        let long = |end: &f64| *end >= LEAST_SECONDS;
        let sound = sounds(&path, &[Span::WHOLE]).remove(0).ok().map(|sound| sound.span[1]).filter(long);
        let pictures = strips(&path, &[Span::WHOLE]).remove(0).ok().map(|strip| strip.shown.span[1]).filter(long);
        let bytes = std::fs::read(&path).unwrap();
        let short = folder.path().join(name.replace('/', "-"));
        std::fs::write(&short, &bytes[..bytes.len() * 7 / 10]).unwrap();
        let told = cut(&short, [sound, pictures]);
        std::fs::remove_file(&short).unwrap();
        let fits = |code: Option<Code>| {
            matches!(code, Some(Code::Truncated | Code::Unreadable | Code::Undecodable | Code::Absent | Code::Unsupported))
        };
        let ends = [sound, pictures];
        let what = ["sound", "pictures"];
        (0..2)
            .filter(|&kind| ends[kind].is_some() && !fits(told[kind]))
            .map(|kind| format!("{name}: {} until {:?}, cut: {:?}", what[kind], ends[kind].unwrap_or_default(), told[kind]))
            .collect()
    });
    assert!(wrong.is_empty(), "{} of {} recordings:\n{}", wrong.len(), there.len(), wrong.join("\n"));
}

#[test]
fn a_recording_cut_before_is_the_row_of_the_whole() {
    let names = ["whole.mkv", "whole.mov", "whole.avi", "whole.mp4"];
    let wrong = each(&there("a_recording_cut_before_is_the_row_of_the_whole", names.into_iter()), |name| {
        let (whole, short) = (file(name).unwrap(), file(&name.replace('.', "-cut.")).unwrap());
        let mut wrong = Vec::new();
        for (start, end) in [(0.0, 3.0), (0.4, 1.2), (1.333, 2.777)] {
            let row = Span { start, end: Some(end) };
            let within = Span { start: start + 2.0, end: Some(end + 2.0) };
            let (a, b) = (sounds(&short, &[row]).remove(0).unwrap(), sounds(&whole, &[within]).remove(0).unwrap());
            if a.waveform != b.waveform {
                wrong.push(format!("{name}: sound of {row:?}"));
            }
            let (a, b) = (strips(&short, &[row]).remove(0).unwrap(), strips(&whole, &[within]).remove(0).unwrap());
            if a.pictures != b.pictures {
                wrong.push(format!("{name}: pictures of {row:?}: {:?}, {:?}", a.shown, b.shown));
            }
        }
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
