//! `slowonly-r50-flow`: what SimMMDG and its descendants see motion with: 224 pixels in training views, 256 in tests.

use super::{BackboneEntry, Cut, Output};
use crate::modality::Kind;

pub(super) static ENTRY: BackboneEntry = BackboneEntry {
    name: "slowonly-r50-flow",
    about: "SlowOnly 8×8 with ResNet-50 on flow, Kinetics-400: 8 frames of any size to 2048",
    paper: "Feichtenhofer et al., ICCV 2019, arXiv:1812.03982",
    weights: "mmaction2: slowonly_r50_8x8x1_256e_kinetics400_flow_20200704-6b384243.pth",
    model: None,
    kind: Kind::FLOW,
    preset: "slowonly-flow",
    parameters: "{}",
    row: &[8, 0, 0, 2],
    input: "clip",
    mean: &[128.0],
    std: &[128.0],
    embedding: Output { name: "embedding", shape: &[2048] },
    cut: Some(Cut { after: "layer3", maps: &[Output { name: "map", shape: &[1024, 8, 0, 0] }] }),
};
