//! `mvit-v2-s`: torchvision's multiscale vision transformer.

use super::{BackboneEntry, Output};
use crate::modality::Kind;

pub(super) static ENTRY: BackboneEntry = BackboneEntry {
    name: "mvit-v2-s",
    about: "MViTv2-S, Kinetics-400: 16 frames of 224 pixels to 768",
    paper: "Li et al., CVPR 2022, arXiv:2112.01526",
    weights: "torchvision: MViT_V2_S_Weights.KINETICS400_V1",
    model: None,
    kind: Kind::VIDEO,
    preset: "uniform",
    parameters: r#"{"frames": 16, "resize": 256, "crop": 224}"#,
    row: &[16, 224, 224, 3],
    input: "clip",
    mean: &[114.75],
    std: &[57.375],
    embedding: Output { name: "embedding", shape: &[768] },
    cut: None,
};
