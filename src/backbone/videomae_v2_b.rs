//! `videomae-v2-b`: a plain vision transformer, pretrained by masking.

use super::{BackboneEntry, IMAGENET, Output};
use crate::modality::Kind;

pub(super) static ENTRY: BackboneEntry = BackboneEntry {
    name: "videomae-v2-b",
    about: "VideoMAE V2 with ViT-B: 16 frames of 224 pixels to 768",
    paper: "Wang et al., CVPR 2023, arXiv:2303.16727",
    weights: "transformers: OpenGVLab/VideoMAEv2-Base",
    model: None,
    kind: Kind::VIDEO,
    preset: "uniform",
    parameters: r#"{"frames": 16, "resize": 224, "crop": 224}"#,
    row: &[16, 224, 224, 3],
    input: "clip",
    mean: IMAGENET[0],
    std: IMAGENET[1],
    embedding: Output { name: "embedding", shape: &[768] },
    cut: None,
};
