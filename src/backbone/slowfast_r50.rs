//! `slowfast-r50`: the smaller one, of the same width.

use super::{BackboneEntry, Output, slowfast_r101};

pub(super) static ENTRY: BackboneEntry = BackboneEntry {
    name: "slowfast-r50",
    about: "SlowFast 8×8 with ResNet-50, Kinetics-400: 32 frames of 224 pixels to 2304",
    weights: "mmaction2: slowfast_r50_8x8x1_256e_kinetics400_rgb_20200716-73547d2b.pth",
    embedding: Output { name: "embedding", shape: &[2304] },
    cut: Some(slowfast_r101::CUT),
    ..slowfast_r101::ENTRY
};
