//! What is asked of an import.

use std::path::PathBuf;

use crate::modality::Kind;
use crate::npy::Element;
use crate::sample::Dtype;
use crate::{Error, Result};

/// The axis of rows.
pub(super) const ROWS: &str = "N";

/// What to make a store of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImportSettings {
    /// Where each modality comes from.
    pub modalities: Vec<ModalitySource>,
    /// A CSV with the columns `id`, `label` and `domain`, and what else a store's `manifest.csv` has; or a `.npz`, `.parquet` or `.safetensors` with labels and
    /// domains, such as `export` writes. `None` for the first modality's file of these.
    pub labels: Option<PathBuf>,
    /// The unit of labels that are values and not classes, empty for none; `None` for classes, and for what a file that `export` wrote says of itself.
    pub values: Option<String>,
    /// `f16` or `f32`; `None` for f16 where all values are such, else f32.
    pub dtype: Option<Dtype>,
    /// What becomes of a dimension of the rows; of their first one, where they have more than one and `reduce_axis` names none.
    pub reduce: Option<Reduce>,
    /// The name in `axes` of the dimension that is reduced.
    pub reduce_axis: Option<String>,
    /// Names of the dimensions of files, such as N, T, D; N are the rows of an array.
    pub axes: Option<Vec<String>>,
    /// As what elements of bytes without a type are read.
    pub element: Option<Element>,
    /// The ids of an array's rows, where its file has none: a `.npy`, or text with one a line.
    pub ids: Option<PathBuf>,
    /// What files are of.
    pub features_of: Of,
    /// Whether files may hold rows that have no label.
    pub ignore_extra: bool,
    /// Largest shard in MiB; `None` is 256.
    pub shard_mib: Option<u64>,
    /// Seed of the rows that are held out where the labels have no split.
    pub split_seed: u64,
}

impl ImportSettings {
    /// # Errors
    /// [`Error::Usage`] for axes that cannot be, and for one to reduce that is none of them.
    pub(super) fn check(&self) -> Result<()> {
        let axes = self.axes.as_deref().unwrap_or_default();
        let twice = axes.iter().enumerate().find(|(place, axis)| axis.is_empty() || axes[..*place].contains(axis));
        if let Some((_, axis)) = twice {
            return Err(Error::Usage(format!("--axes: {axis:?}; expected names that differ, such as N,T,D")));
        }
        if axes.iter().skip(1).any(|axis| axis == ROWS) {
            return Err(Error::Usage("--axes: rows (N) are not the first dimension; expected them first (`np.moveaxis`)".into()));
        }
        match &self.reduce_axis {
            Some(axis) if axis == ROWS || !axes.contains(axis) => {
                Err(Error::Usage(format!("--reduce …={axis}: expected one of the dimensions that --axes names after N")))
            }
            _ => Ok(()),
        }
    }
}

/// What the files and datasets that rows are looked up in are of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Of {
    /// One row each.
    #[default]
    Segment,
    /// A recording: all its rows have the same features, whatever stretch they are, and no stretch is stated for these.
    Recording,
}

/// Where one modality comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModalitySource {
    /// Its name in the store.
    pub name: String,
    /// What it shows.
    pub kind: Kind,
    /// A `.npy`, `.npz`, `.safetensors`, `.parquet` or HDF5 file, or a folder of `<id>_<key>.npy`, `<id>.npy` or `<id>.npz`.
    pub path: PathBuf,
    /// The array, tensor or column of a file, the group or dataset of an HDF5 file, the key of a folder; `None` for what is named as the modality.
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
