//! What rows of one recording's sound cost beside the whole of it: `sound FILE ROWS`. Rows of 2 to 4 s begin anywhere and are read as `mmdg preprocess`
//! groups them, those that begin in the same ten minutes in one pass.
//!
//! ```sh
//! cargo run --release --no-default-features --features video --example sound -- hour.m4a 1000
//! ```
//! Prints seconds of processor time for the whole and for the rows, and their ratio.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use mmdg::media::audio::{self, Wanted};
use mmdg::rng::Stream;
use mmdg::source::Source;
use mmdg::span::Span;
use mmdg::track::Track;

/// Spent by this process so far.
fn spent() -> Duration {
    // SAFETY: an all-zero timespec is one, and the call fills it
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time);
        time
    };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn read(source: &Source, rows: &[Wanted]) -> mmdg::Result<f64> {
    let mut seconds = 0.0;
    audio::read_rows(source, rows, &mut |_, sound| {
        seconds += sound.map_or(0.0, |sound| sound.waveform.duration_seconds());
        Ok(())
    })?;
    Ok(seconds)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, count] = arguments.as_slice() else { return Err("usage: sound FILE ROWS".into()) };
    let (path, count): (PathBuf, u32) = (path.into(), count.parse()?);
    let source = Source::Sound { path, track: Track::Default };
    let before = spent();
    let length = read(&source, &[Wanted { span: Span::WHOLE, short: false }])?;
    let whole = spent() - before;
    let mut groups: BTreeMap<u64, Vec<Wanted>> = BTreeMap::new();
    for row in 0..count {
        let draw = |number| f64::from(Stream::new(1).at(row).uniform(number));
        let start = draw(0) * (length - 4.0);
        let span = Span { start, end: Some(start + 2.0 + 2.0 * draw(1)) };
        groups.entry((start / 600.0) as u64).or_default().push(Wanted { span, short: false });
    }
    let before = spent();
    let found = groups.values().map(|rows| read(&source, rows)).sum::<mmdg::Result<f64>>()?;
    let rows = spent() - before;
    let ratio = rows.as_secs_f64() / whole.as_secs_f64();
    println!("{length:.0} s whole: {whole:.2?}; {count} rows, {found:.0} s of sound: {rows:.2?}; {ratio:.2}");
    Ok(())
}
