//! What a pipeline file says of extraction.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::sample::Dtype;

/// The `[extract]` table of a pipeline file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Folder of the feature store.
    pub store: PathBuf,
    /// Where clips come from.
    #[serde(default)]
    pub from: From,
    /// A backbone for each modality that is extracted.
    pub backbones: BTreeMap<String, BackboneSettings>,
    /// Element type of features, `f32` or `f16`.
    #[serde(default = "f32")]
    pub dtype: Dtype,
    /// Rows a batch.
    #[serde(default = "batch_size")]
    pub batch_size: usize,
    /// Threads of ONNX Runtime; default all cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Largest shard in MiB; default 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard_mib: Option<u64>,
}

fn f32() -> Dtype {
    Dtype::F32
}

fn batch_size() -> usize {
    16
}

/// Where clips come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum From {
    /// The clip store of `[preprocess]`.
    #[default]
    Clips,
    /// The recordings, by the presets of `[preprocess]`, without a clip store in between.
    Media,
}

/// One network: built in, or any ONNX file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BackboneSettings {
    /// A name in [`BACKBONES`](crate::backbone::BACKBONES).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backbone: Option<String>,
    /// An ONNX file instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// Name of the file's input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// Name of the file's output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Mean taken off, one value or one for each channel; pixels count from 0 to 255.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<Vec<f32>>,
    /// Divided by, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<Vec<f32>>,
}
