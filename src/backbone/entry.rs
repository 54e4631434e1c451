//! What a line of the table of backbones says.

use crate::modality::Kind;

/// A network: how it is fed, what it gives, and where it comes from.
#[derive(Debug)]
pub struct BackboneEntry {
    /// Name in pipeline files.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// Where it is described.
    pub paper: &'static str,
    /// Where its weights come from.
    pub weights: &'static str,
    /// The ONNX file of a network that is built in; others are exported by `python/export_backbones.py`.
    pub model: Option<&'static [u8]>,
    /// What its rows show.
    pub kind: Kind,
    /// The preset of [`crate::preset::PRESETS`] that makes its rows.
    pub preset: &'static str,
    /// Those of its parameters that have to be so, as JSON.
    pub parameters: &'static str,
    /// Shape of a row in a clip store, `[T, H, W, C]` or `[rows, columns]`; 0 stands for any length.
    pub row: &'static [u64],
    /// Name of the input: f32 `[N, C, T, H, W]` or `[N, 1, rows, columns]`.
    pub input: &'static str,
    /// Taken off each value, one for all channels or one for each; pixels count from 0 to 255.
    pub mean: &'static [f32],
    /// What the rest is divided by.
    pub std: &'static [f32],
    /// The pooled features.
    pub embedding: Output,
    /// Where it may be cut for fine-tuning.
    pub cut: Option<Cut>,
}

/// An output of a network.
#[derive(Debug)]
pub struct Output {
    /// Its name.
    pub name: &'static str,
    /// Shape without the batch; 0 stands for any length.
    pub shape: &'static [u64],
}

/// A place where a network falls into a trunk, which stays frozen and gives feature maps, and a tail, which is trained and turns them into the embedding.
#[derive(Debug)]
pub struct Cut {
    /// The last layer of the trunk.
    pub after: &'static str,
    /// What the trunk gives.
    pub maps: &'static [Output],
}

/// ImageNet's mean and deviation of red, green and blue.
pub(super) const IMAGENET: [&[f32]; 2] = [&[123.675, 116.28, 103.53], &[58.395, 57.12, 57.375]];
