//! What is asked of an import.

use std::path::PathBuf;

use crate::modality::Kind;
use crate::sample::Dtype;

/// What to make a store of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Where each modality comes from.
    pub modalities: Vec<ModalitySource>,
    /// A CSV with the columns `id`, `label` and `domain`, and what else a store's `manifest.csv` has; or a `.npz` with `labels` and `domains`. `None`
    /// for the first modality's `.npz`.
    pub labels: Option<PathBuf>,
    /// `f16` or `f32`; `None` for f16 where all values are such, else f32.
    pub dtype: Option<Dtype>,
    /// What becomes of the first dimension of rows that have more than one.
    pub reduce: Option<Reduce>,
    /// Whether files may hold rows that have no label.
    pub ignore_extra: bool,
    /// Largest shard in MiB; `None` is 256.
    pub shard_mib: Option<u64>,
    /// Seed of the rows that are held out where the labels have no split.
    pub split_seed: u64,
}

/// Where one modality comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModalitySource {
    /// Its name in the store.
    pub name: String,
    /// What it shows.
    pub kind: Kind,
    /// A `.npy`, a `.npz`, an HDF5 file, or a folder of `<id>_<key>.npy`.
    pub path: PathBuf,
    /// The array of a `.npz`, the group of an HDF5 file, the key of a folder; `None` for what is named as the modality.
    pub key: Option<String>,
}

/// How a dimension is reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduce {
    /// Its mean, computed in f64.
    Mean,
    /// Its largest value.
    Max,
    /// Its first.
    First,
}

impl Reduce {
    /// The word in recipes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Max => "max",
            Self::First => "first",
        }
    }
}
