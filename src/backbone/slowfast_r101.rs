//! `slowfast-r101`: what SimMMDG and its descendants see with. Of the embedding the first 256 values are the fast path's.

use super::{BackboneEntry, Cut, IMAGENET, Output};
use crate::modality::Kind;

pub(super) static ENTRY: BackboneEntry = BackboneEntry {
    name: "slowfast-r101",
    about: "SlowFast 8×8 with ResNet-101, Kinetics-400: 32 frames of 224 pixels to 2304",
    paper: "Feichtenhofer et al., ICCV 2019, arXiv:1812.03982",
    weights: "mmaction2: slowfast_r101_8x8x1_256e_kinetics400_rgb_20210218-0dd54025.pth",
    model: None,
    kind: Kind::VIDEO,
    preset: "slowfast",
    parameters: "{}",
    row: &[32, 224, 224, 3],
    input: "clip",
    mean: IMAGENET[0],
    std: IMAGENET[1],
    embedding: Output { name: "embedding", shape: &[2304] },
    cut: Some(CUT),
};

/// SimMMDG trains what comes after.
pub(super) const CUT: Cut = Cut {
    after: "layer3",
    maps: &[Output { name: "slow", shape: &[1280, 8, 14, 14] }, Output { name: "fast", shape: &[128, 32, 14, 14] }],
};
