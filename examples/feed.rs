//! What it takes to bring a row of a clip store into the shape of a network's input: u8 or f32 as stored to normalised f32 planes.
//!
//! ```sh
//! cargo run --release --no-default-features --features onnx --example feed
//! ```
//! Prints milliseconds a row, the median of 200, one core.

use std::time::Instant;

use mmdg::backbone::layout::Reading;
use mmdg::backbone::spec::{Norm, feed};
use mmdg::modality::Kind;
use mmdg::sample::Dtype;

fn main() {
    let pixels = Norm { mean: vec![110.2, 100.6, 95.9], std: vec![58.1, 56.4, 55.3] };
    for (name, kind, dtype, shape, norm) in [
        ("r2plus1d-18, u8", Kind::VIDEO, Dtype::U8, &[16u64, 112, 112, 3][..], pixels.clone()),
        ("slowfast-r101, u8", Kind::VIDEO, Dtype::U8, &[32, 224, 224, 3], pixels),
        ("vggsound-resnet18, f32", Kind::AUDIO, Dtype::F32, &[257, 1004], Norm::default()),
    ] {
        let values: u64 = shape.iter().product();
        let row: Vec<u8> = (0..values * dtype.size()).map(|i| (i * 31 % 127) as u8).collect();
        let mut planes = vec![0.0f32; values as usize];
        let reading = Reading::usual(shape, kind);
        let mut times: Vec<f64> = (0..200)
            .map(|_| {
                let began = Instant::now();
                feed(std::hint::black_box(&row), dtype, &reading, &norm, &mut planes);
                std::hint::black_box(&planes);
                1e3 * began.elapsed().as_secs_f64()
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("{name} {shape:?}: {:.3} ms", times[times.len() / 2]);
    }
}
