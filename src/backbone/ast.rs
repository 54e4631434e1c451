//! `ast`: the audio spectrogram transformer. Its authors' spectrogram is Kaldi's, which differs a little from `log-mel`'s; divided by twice
//! the deviation, as there.

use super::{Entry, Output};
use crate::modality::Kind;

pub(super) static ENTRY: Entry = Entry {
    name: "ast",
    about: "Audio Spectrogram Transformer, AudioSet: ten seconds of log-mel, 1024 × 128, to 768",
    paper: "Gong et al., Interspeech 2021, arXiv:2104.01778",
    weights: "transformers: MIT/ast-finetuned-audioset-10-10-0.4593",
    model: None,
    kind: Kind::Audio,
    preset: "log-mel",
    row: &[1024, 128],
    input: "spectrogram",
    mean: &[-4.267_739_3],
    std: &[9.137_995],
    embedding: Output { name: "embedding", shape: &[768] },
    cut: None,
};
