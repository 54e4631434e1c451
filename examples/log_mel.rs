//! Sound files to log-mel spectrograms in memory, one after the other on one thread, as `mmdg preprocess` makes them; what
//! `benches/peers/audio.py` measures.
//!
//! ```sh
//! cargo build --release --no-default-features --features video --example log_mel
//! target/release/examples/log_mel '{"log": "ln"}' a.wav b.m4a
//! ```
//! Prints the number of values and their mean.

use std::path::PathBuf;

use mmdg::manifest::{Segment, Split};
use mmdg::modality::Kind;
use mmdg::preset;
use mmdg::sample::Data;
use mmdg::span::Span;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let parameters = arguments.next().ok_or("usage: log_mel PARAMETERS FILE…")?;
    let preset = preset::build("log-mel", Kind::Audio, serde_json::from_slice(parameters.as_encoded_bytes())?, "PARAMETERS")?;
    let (mut count, mut sum) = (0, 0.0);
    for path in arguments.map(PathBuf::from) {
        let segment = Segment {
            id: String::new(),
            path,
            span: Span::WHOLE,
            label: 0,
            domain: 0,
            split: Split::Train,
            audio_path: None,
            flow_paths: None,
        };
        let row = preset.make(&preset::source_of(Kind::Audio, &segment)?, &segment)?;
        if let Data::F32(values) = row.data {
            count += values.len();
            sum += values.iter().map(|&value| f64::from(value)).sum::<f64>();
        }
    }
    println!("{count} {}", sum / count as f64);
    Ok(())
}
