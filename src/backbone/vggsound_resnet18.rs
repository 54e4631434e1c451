//! `vggsound-resnet18`: what SimMMDG and its descendants hear with.

use super::{BackboneEntry, Cut, Output};
use crate::modality::Kind;

pub(super) static ENTRY: BackboneEntry = BackboneEntry {
    name: "vggsound-resnet18",
    about: "ResNet-18 of VGGSound: ten seconds of log-spectrogram, 257 × 1004, to 512",
    paper: "Chen et al., ICASSP 2020, arXiv:2004.14368",
    weights: "VGGSound's authors: H.pth.tar (vggsound_avgpool.pth.tar)",
    model: None,
    kind: Kind::AUDIO,
    preset: "vggsound",
    parameters: "{}",
    row: &[257, 1004],
    input: "spectrogram",
    mean: &[0.0],
    std: &[1.0],
    embedding: Output { name: "embedding", shape: &[512] },
    cut: Some(Cut { after: "layer3", maps: &[Output { name: "map", shape: &[256, 17, 63] }] }),
};
