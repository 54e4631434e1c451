//! What a pipeline file says of extraction.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::backbone::device::Device;
use crate::backbone::engine::Engine;
use crate::backbone::layout::Layout;
use crate::backbone::provider::{Compute, Provider};
use crate::backbone::spec::Pool;
use crate::sample::Dtype;
use crate::{Error, Result};

/// The `[extract]` table of a pipeline file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExtractSettings {
    /// Folder of the feature store.
    pub store: PathBuf,
    /// Where clips come from.
    #[serde(default)]
    pub from: From,
    /// Backbones by the name that their features have in the store: that of the modality they see, or one with `modality`.
    pub backbones: BTreeMap<String, BackboneSettings>,
    /// Element type of features, `f32` or `f16`.
    #[serde(default = "f32")]
    pub dtype: Dtype,
    /// Rows a batch, or `auto`.
    #[serde(default)]
    pub batch_size: Batch,
    /// Where networks run: `cpu`, `cuda` or `cuda:N`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
    /// What computes there: `cpu` (ONNX Runtime's own kernels), `openvino` (on the CPU, too) or `cuda`; default: what the device says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// In what products and convolutions are computed, `f32` or `bf16`; the latter by OpenVINO alone.
    #[serde(default)]
    pub compute: Compute,
    /// Threads of one run of a network; default: one for every eight cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Runs at once; default: as many as the cores allow on the CPU, two on a GPU. Changes nothing in the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<usize>,
    /// Whether golden pairs are run first; a backbone that does not reproduce its own is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub check: bool,
    /// Largest shard in MiB; default 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard_mib: Option<u64>,
}

fn f32() -> Dtype {
    Dtype::F32
}

impl ExtractSettings {
    /// # Errors
    /// [`Error::Input`] for numbers and types that cannot be.
    pub(super) fn check(&self) -> Result<Engine> {
        let bad = |problem: String| Err(Error::input("[extract]", problem));
        if let Batch::Rows(rows) = self.batch_size
            && !(1..=4096).contains(&rows)
        {
            return bad(format!("batch-size = {rows}: expected 1 to 4096, or \"auto\""));
        }
        if !matches!(self.dtype, Dtype::F32 | Dtype::F16) {
            return bad(format!("dtype = {:?}: expected f32 or f16", self.dtype.name()));
        }
        for (key, value) in [("threads", self.threads), ("runs", self.runs)] {
            if value.is_some_and(|value| !(1..=1024).contains(&value)) {
                return bad(format!("{key} = {}: expected 1 to 1024", value.unwrap_or(0)));
            }
        }
        if self.backbones.is_empty() {
            return Err(Error::input("[extract.backbones]", "no backbone; expected at least one"));
        }
        Engine::of(self.device, self.provider, self.compute).map_err(|problem| Error::input("[extract]", problem))
    }

    /// Threads of a run, and runs at once, on a machine of `cores`. Runs of one thread do not wait for each other, and on up to eight cores that
    /// is all there is; on more, memory for a network and its activations is not taken more than eight times.
    pub(super) fn spread(&self, device: Device, cores: usize) -> [usize; 2] {
        let threads = self.threads.unwrap_or_else(|| cores.div_ceil(8)).max(1);
        let runs = match device {
            Device::Cpu => (cores / threads).max(1),
            // one is fed while the other runs
            Device::Cuda(_) => 2,
        };
        [threads, self.runs.unwrap_or(runs)]
    }
}

/// How many rows a network takes at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BatchText", into = "BatchText")]
pub enum Batch {
    /// What the model wants, else a power of two that follows from the size of its rows and the device.
    #[default]
    Auto,
    /// So many.
    Rows(usize),
}

/// How it stands in files.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged, expecting = "batch-size: expected a number or \"auto\"")]
enum BatchText {
    Rows(usize),
    Word(String),
}

impl TryFrom<BatchText> for Batch {
    type Error = String;

    fn try_from(text: BatchText) -> Result<Self, String> {
        match text {
            BatchText::Rows(rows) => Ok(Self::Rows(rows)),
            BatchText::Word(word) => word.parse(),
        }
    }
}

impl std::convert::From<Batch> for BatchText {
    fn from(batch: Batch) -> Self {
        match batch {
            Batch::Auto => Self::Word("auto".into()),
            Batch::Rows(rows) => Self::Rows(rows),
        }
    }
}

impl FromStr for Batch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            _ => text.parse().map(Self::Rows).map_err(|_| format!("batch-size {text:?}: expected a number or \"auto\"")),
        }
    }
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

/// One network: a backbone with a name, or any ONNX file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BackboneSettings {
    /// The modality that it sees; default: the table's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modality: Option<String>,
    /// A name in [`BACKBONES`](crate::backbone::BACKBONES).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backbone: Option<String>,
    /// The ONNX file; the demo's backbones are built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// Name of the file's input, where neither its metadata nor the backbone says it; likewise `output`, `mean` and `std`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// Names of its outputs: one is kept under the table's name, several under that with `-` and their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Names>,
    /// Mean taken off, one value or one for each channel; pixels count from 0 to 255.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<Vec<f32>>,
    /// Divided by, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<Vec<f32>>,
    /// Axes of the input, such as `"NTHWC"` or `"NTD"`. Default: the shape that the model states, else `NCTHW` for frames, `NCHW` for
    /// spectrograms, and other rows as they lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// What becomes of the steps of outputs `[N, T, D]`: `mean`, `max`, or `none` (the default), where they stay.
    #[serde(default, skip_serializing_if = "Pool::is_none")]
    pub pool: Pool,
}

/// One name or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a name or a list of names")]
pub enum Names {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Names {
    /// All of them.
    pub fn list(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_shared_out() {
        let settings: ExtractSettings = serde_json::from_value(serde_json::json!({"store": "x", "backbones": {}})).unwrap();
        for (cores, spread) in [(1, [1, 1]), (4, [1, 4]), (8, [1, 8]), (16, [2, 8]), (64, [8, 8]), (20, [3, 6])] {
            assert_eq!(settings.spread(Device::Cpu, cores), spread, "{cores}");
        }
        assert_eq!(ExtractSettings { threads: Some(4), ..settings.clone() }.spread(Device::Cpu, 4), [4, 1]);
        assert_eq!(ExtractSettings { runs: Some(1), ..settings }.spread(Device::Cuda(0), 16), [2, 1]);
    }
}
