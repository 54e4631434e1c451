//! The demo's networks: fixed weights that nobody trained, see `fixtures/README.md`.

use super::{BackboneEntry, Output};
use crate::modality::Kind;

pub(super) static VIDEO: BackboneEntry = BackboneEntry {
    name: "demo-video",
    about: "the demo's video network, built in",
    paper: "none",
    weights: "fixtures/make_backbones.py",
    model: Some(include_bytes!("../../fixtures/demo_video.onnx")),
    kind: Kind::VIDEO,
    preset: "uniform",
    parameters: r#"{"frames": 8, "resize": 64, "crop": 64}"#,
    row: &[8, 64, 64, 3],
    input: "clip",
    mean: &[127.5],
    std: &[127.5],
    embedding: Output { name: "embedding", shape: &[128] },
    cut: None,
};

pub(super) static AUDIO: BackboneEntry = BackboneEntry {
    name: "demo-audio",
    about: "the demo's audio network, built in",
    paper: "none",
    weights: "fixtures/make_backbones.py",
    model: Some(include_bytes!("../../fixtures/demo_audio.onnx")),
    kind: Kind::AUDIO,
    preset: "log-mel",
    parameters: r#"{"sample-rate": 16000, "seconds": 2.0, "bins": 64}"#,
    row: &[201, 64],
    input: "spectrogram",
    mean: &[-30.0],
    std: &[20.0],
    embedding: Output { name: "embedding", shape: &[128] },
    cut: None,
};
