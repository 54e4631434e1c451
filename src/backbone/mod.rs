//! Networks that turn a row of a clip store into a feature.

pub mod onnx;
pub mod runtime;
pub mod spec;

use spec::{Norm, Spec};

/// A line of [`BACKBONES`]: a network that is there without a file of the user's.
pub struct Entry {
    /// Name in pipeline files.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// The ONNX file.
    pub model: &'static [u8],
    /// How it is fed and read.
    pub spec: fn() -> Spec,
}

/// Every built-in backbone. The demo's have fixed weights, see `fixtures/README.md`.
pub static BACKBONES: &[Entry] = &[
    Entry {
        name: "demo-video",
        about: "the demo's video network: u8 [8, 64, 64, 3]",
        model: include_bytes!("../../fixtures/demo_video.onnx"),
        spec: || Spec {
            input: "clip".into(),
            output: "embedding".into(),
            norm: Norm { mean: vec![127.5; 3], std: vec![127.5; 3] },
        },
    },
    Entry {
        name: "demo-audio",
        about: "the demo's audio network: log-mel [201, 64]",
        model: include_bytes!("../../fixtures/demo_audio.onnx"),
        spec: || Spec {
            input: "spectrogram".into(),
            output: "embedding".into(),
            norm: Norm { mean: vec![-30.0], std: vec![20.0] },
        },
    },
];
