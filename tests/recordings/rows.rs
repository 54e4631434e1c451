//! A row is the same seconds of the whole recording, and does not depend on the rows beside it.

use mmdg::error::Failure;
use mmdg::rng::Stream;
use mmdg::span::Span;

use crate::goldens::goldens;
use crate::inputs::{Strip, each, file, sounds, strips, there};

/// Rows of a recording; of those that the script makes, of which there are hundreds, fewer.
const ROWS: [u32; 2] = [20, 6];
/// Damaged streams whose pictures FFmpeg 5.1 decodes otherwise by what it was given before, and does not say so.
const UNSTEADY: &[&str] = &["fail-h264.ts", "splice-h265.ts"];

/// Random rows of `name` in `seconds` of it, a few of them open at the end.
fn spans(name: &str, seconds: f64) -> Vec<Span> {
    let draws = Stream::new(12).with(name);
    (0..ROWS[usize::from(!name.contains('/'))])
        .map(|row| {
            let uniform = |number: u32| f64::from(draws.at(row).uniform(number));
            // to the millisecond, as annotations are
            let start = (uniform(0) * seconds * 950.0).floor() / 1000.0;
            let length = 0.2 + uniform(1) * 1.8;
            let end = ((start + length).min(seconds) * 1000.0).floor() / 1000.0;
            Span { start, end: (row % 10 != 9 && end > start).then_some(end) }
        })
        .collect()
}

/// Rows in a few groups, by chance.
fn groups(name: &str, spans: &[Span]) -> Vec<Vec<usize>> {
    let draws = Stream::new(13).with(name);
    let count = 2 + (draws.uniform(0) * 3.0) as usize;
    let mut groups = vec![Vec::new(); count];
    for row in 0..spans.len() {
        groups[(draws.uniform(1 + row as u32) * count as f32) as usize % count].push(row);
    }
    groups
}

fn heard(name: &str) -> Vec<String> {
    let path = file(name).unwrap();
    let Ok(whole) = sounds(&path, &[Span::WHOLE]).remove(0) else { return Vec::new() };
    let rate = f64::from(whole.waveform.sample_rate);
    let spans = spans(name, whole.waveform.duration_seconds());
    let together = sounds(&path, &spans);
    let mut wrong = Vec::new();
    let same = |a: &Result<mmdg::media::audio::Sound, _>, b: &Result<mmdg::media::audio::Sound, _>| match (a, b) {
        (Ok(a), Ok(b)) => a.waveform == b.waveform && a.partial == b.partial && a.span == b.span && a.samples == b.samples,
        (Err(a), Err(b)) => a == b,
        _ => false,
    };
    for group in groups(name, &spans) {
        let some: Vec<Span> = group.iter().map(|&row| spans[row]).collect();
        for (&row, sound) in group.iter().zip(sounds(&path, &some)) {
            if !same(&sound, &together[row]) {
                wrong.push(format!("{name}: sound of {:?} differs among other rows", spans[row]));
            }
        }
    }
    for (span, together) in spans.iter().zip(&together) {
        if !same(&sounds(&path, &[*span])[0], together) {
            wrong.push(format!("{name}: sound of {span:?} differs alone"));
        }
        let Ok(row) = together else {
            wrong.push(format!("{name}: sound of {span:?}: {}", together.as_ref().unwrap_err()));
            continue;
        };
        let place = |time: f64| (time * rate).round_ties_even() as usize;
        let end = span.end.map_or(whole.waveform.samples.len(), place).min(whole.waveform.samples.len());
        let expected = &whole.waveform.samples[place(span.start).min(end)..end];
        let found = &row.waveform.samples;
        if found.len() != expected.len() {
            wrong.push(format!("{name}: {} samples in {span:?}; expected {}", found.len(), expected.len()));
            continue;
        }
        let square: f64 = found.iter().zip(expected).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        let rms = (square / found.len().max(1) as f64).sqrt();
        if rms >= 1e-4 {
            wrong.push(format!("{name}: sound of {span:?} is {rms:.5} off the whole ({:?})", row.partial));
        }
    }
    wrong
}

fn seen(name: &str) -> Vec<String> {
    if UNSTEADY.contains(&name) {
        return Vec::new();
    }
    let path = file(name).unwrap();
    let Ok(whole) = strips(&path, &[Span::WHOLE]).remove(0) else { return Vec::new() };
    let spans = spans(name, whole.shown.span[1]);
    let together = strips(&path, &spans);
    let mut wrong = Vec::new();
    let same = |a: &Result<Strip, Failure>, b: &Result<Strip, Failure>| match (a, b) {
        (Ok(a), Ok(b)) => a.shown == b.shown && a.pictures == b.pictures,
        (Err(a), Err(b)) => a == b,
        _ => false,
    };
    for group in groups(name, &spans) {
        let some: Vec<Span> = group.iter().map(|&row| spans[row]).collect();
        for (&row, strip) in group.iter().zip(strips(&path, &some)) {
            if !same(&strip, &together[row]) {
                wrong.push(format!("{name}: pictures of {:?} differ among other rows", spans[row]));
            }
        }
    }
    for (span, together) in spans.iter().zip(&together) {
        let alone = strips(&path, &[*span]).remove(0);
        if !same(&alone, together) {
            let told = |strip: &Result<Strip, Failure>| match strip {
                Ok(strip) => format!("{} until {} {:?}", strip.shown.frames, strip.shown.span[1], strip.shown.partial),
                Err(failure) => failure.to_string(),
            };
            wrong.push(format!("{name}: pictures of {span:?} differ alone: {}; {}", told(&alone), told(together)));
        }
        let row = match together {
            Ok(row) => row,
            Err(failure) => {
                wrong.push(format!("{name}: pictures of {span:?}: {failure}"));
                continue;
            }
        };
        // those on show: from the one that came on at the start or before it
        let times = &whole.shown.times;
        let first = times.partition_point(|&time| time <= span.start + 1e-6).saturating_sub(1);
        let last = span.end.map_or(times.len(), |end| times.partition_point(|&time| time < end - 1e-6)).max(first + 1);
        let flagged = row.shown.partial.is_some() || whole.shown.partial.is_some();
        if row.shown.times != times[first..last] {
            if !flagged {
                let other = row.shown.times.iter().zip(&times[first..last]).find(|(a, b)| a != b);
                let (found, expected) = (row.shown.times.len(), last - first);
                wrong.push(format!("{name}: {found} times of {span:?}, expected {expected}; the first that differ {other:?}"));
            }
        } else if row.pictures != whole.pictures[first..last] && !flagged {
            wrong.push(format!("{name}: pictures of {span:?} are not those of the whole"));
        }
    }
    wrong
}

#[test]
fn a_row_is_the_same_seconds_of_the_whole_whatever_stands_beside_it() {
    let goldens = goldens();
    let there = there("a_row_is_the_same_seconds_of_the_whole_whatever_stands_beside_it", goldens.keys().map(String::as_str));
    let wrong = each(&there, |name| [heard(name), seen(name)].concat());
    assert!(wrong.is_empty(), "{} of {} recordings:\n{}", wrong.len(), there.len(), wrong.join("\n"));
}
