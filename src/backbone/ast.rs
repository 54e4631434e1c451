//! `ast`: the audio spectrogram transformer. Its authors' spectrogram is Kaldi's, which these parameters of `log-mel` come near to; it is divided
//! by twice its deviation, as there.

use super::{BackboneEntry, Output};
use crate::modality::Kind;

pub(super) static ENTRY: BackboneEntry = BackboneEntry {
    name: "ast",
    about: "Audio Spectrogram Transformer, AudioSet: ten seconds of log-mel, 1024 × 128, to 768",
    paper: "Gong et al., Interspeech 2021, arXiv:2104.01778",
    weights: "transformers: MIT/ast-finetuned-audioset-10-10-0.4593",
    model: None,
    kind: Kind::AUDIO,
    preset: "log-mel",
    parameters: PARAMETERS,
    row: &[1024, 128],
    input: "spectrogram",
    mean: &[-4.267_739_3],
    std: &[9.137_995],
    embedding: Output { name: "embedding", shape: &[768] },
    cut: None,
};

/// 512 + 1023 · 160 samples make 1024 frames.
const PARAMETERS: &str = r#"{
    "sample-rate": 16000, "seconds": 10.262, "pad": "zero", "n-fft": 512, "window": 400, "hop": 160, "centre": false, "power": 2, "bins": 128,
    "f-min": 20.0, "f-max": 8000.0, "scale": "htk", "norm": "none", "log": "ln", "offset": 1.1920929e-7
}"#;
