//! Sound files to log-mel spectrograms in memory, one after the other on one thread, as `mmdg preprocess` makes them; what
//! `benches/peers/audio.py` measures.
//!
//! ```sh
//! cargo build --release --no-default-features --features video --example log_mel
//! target/release/examples/log_mel '{"log": "ln"}' a.wav b.m4a
//! ```
//! Prints the number of values and their mean.

use std::path::PathBuf;

use mmdg::manifest::Segment;
use mmdg::media::decode::Decoders;
use mmdg::modality::Kind;
use mmdg::preset::{self, Setup};
use mmdg::sample::Memory;
use mmdg::span::Span;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // as the processes of `preprocess` do
    mmdg::allocator::keep_freed_memory();
    let mut arguments = std::env::args_os().skip(1);
    let parameters = arguments.next().ok_or("usage: log_mel PARAMETERS FILE…")?;
    let parameters = serde_json::from_slice(parameters.as_encoded_bytes())?;
    let preset = preset::build("log-mel", Setup { kind: Kind::AUDIO, dataset: "table" }, parameters, "PARAMETERS")?;
    let mut memory = Memory::new(1, preset.row().bytes() as usize);
    let (mut count, mut sum) = (0, 0.0);
    for path in arguments.map(PathBuf::from) {
        let segment = Segment::new("", path, Span::WHOLE);
        preset.make(&Decoders, &segment.source(Kind::AUDIO, &Default::default())?, &[&segment], &mut memory)?;
        if let Some(Err(failure)) = &memory.outcomes[0] {
            return Err(format!("{}: {failure}", segment.path.display()).into());
        }
        let values: &[f32] = bytemuck::cast_slice(memory.row(0));
        count += values.len();
        sum += values.iter().map(|&value| f64::from(value)).sum::<f64>();
    }
    println!("{count} {}", sum / count as f64);
    Ok(())
}
