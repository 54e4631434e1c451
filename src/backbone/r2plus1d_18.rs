//! `r2plus1d-18`: torchvision's smallest net that does well.

use super::{BackboneEntry, Cut, Output};
use crate::modality::Kind;

pub(super) static ENTRY: BackboneEntry = BackboneEntry {
    name: "r2plus1d-18",
    about: "R(2+1)D-18, Kinetics-400: 16 frames of 112 pixels to 512",
    paper: "Tran et al., CVPR 2018, arXiv:1711.11248",
    weights: "torchvision: R2Plus1D_18_Weights.KINETICS400_V1",
    model: None,
    kind: Kind::VIDEO,
    preset: "uniform",
    parameters: r#"{"frames": 16, "resize": 128, "crop": 112}"#,
    row: &[16, 112, 112, 3],
    input: "clip",
    mean: &[110.2008, 100.63983, 95.994_75],
    std: &[58.147_65, 56.469_75, 55.332_195],
    embedding: Output { name: "embedding", shape: &[512] },
    cut: Some(Cut { after: "layer3", maps: &[Output { name: "map", shape: &[256, 4, 14, 14] }] }),
};
