//! What stands in a store's JSON files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use super::sealed::{open_regular, read_json, write_json};
use crate::error::Code;
use crate::manifest::LabelSpace;
use crate::modality::Kind;
use crate::provenance::Provenance;
pub use crate::sample::Dtype;
use crate::source::Identity;
use crate::{Error, Result};

/// Version of the store format.
pub const VERSION: u32 = 2;
/// The largest shard.
pub const SHARD_BYTES: u64 = 256 << 20;
/// The largest row whose frames are stored as JPEG: what a reader makes room for on a header's word alone.
pub const JPEG_ROW: u64 = 1 << 30;

/// What one row of a modality is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModalityHeader {
    /// Name and folder.
    pub name: String,
    /// What it shows.
    pub kind: Kind,
    /// Element type of `data`.
    pub dtype: Dtype,
    /// Shape of one row of `data`: `[T, H, W, C]` for frames, `[rows, columns]` for spectrograms, `[D]` for features.
    pub shape: Vec<u64>,
    /// Presentation times kept with each row; 0 for none.
    pub times: u64,
    /// Shape `[K, …]` of the training views kept with each row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views: Option<Vec<u64>>,
    /// Quality of the JPEGs that the frames are stored as, 1 to 100; `None` where elements are stored as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jpeg: Option<u8>,
}

impl ModalityHeader {
    /// Features `[width]`.
    pub fn features(name: &str, kind: Kind, dtype: Dtype, width: u64) -> Self {
        Self { name: name.into(), kind, dtype, shape: vec![width], times: 0, views: None, jpeg: None }
    }

    /// Whether a store can have such a modality; else why not.
    ///
    /// # Errors
    /// A name that is no modality's, a shape without elements or with more than memory can hold, training views of anything but pixels;
    /// with `jpeg` a quality out of range, anything but RGB frames of 1 to 65535 pixels a side, rows of more than 1 GiB, training views.
    pub fn check(&self) -> Result<(), String> {
        crate::modality::allowed(&self.name).map_err(|problem| format!("the name is no modality's; {problem}"))?;
        for shape in [Some(&self.shape), self.views.as_ref()].into_iter().flatten() {
            let elements = shape.iter().try_fold(1u64, |product, &n| product.checked_mul(n));
            if !elements.is_some_and(|n| (1..1 << 40).contains(&n)) || shape.is_empty() {
                return Err(format!("shape {shape:?}; expected 1 to 2^40 elements"));
            }
        }
        self.check_jpeg()?;
        match (&self.views, self.dtype) {
            (Some(views), Dtype::U8) if views.len() == self.shape.len() + 1 => Ok(()),
            (None, _) => Ok(()),
            (Some(views), dtype) => {
                Err(format!("views {views:?} of {}; expected u8, with one dimension more than {:?}", dtype.name(), self.shape))
            }
        }
    }

    /// Elements of `data` in a row.
    pub fn row_elements(&self) -> u64 {
        self.shape.iter().product()
    }

    /// Elements of `views` in a row.
    pub fn view_elements(&self) -> u64 {
        self.views.as_ref().map_or(0, |shape| shape.iter().product())
    }

    /// Whether the frames can be stored as the JPEGs that the header says; else why not.
    fn check_jpeg(&self) -> Result<(), String> {
        let Some(quality) = self.jpeg else { return Ok(()) };
        let bytes = self.shape.iter().try_fold(1u64, |product, &n| product.checked_mul(n));
        let sides = 1..=u64::from(u16::MAX);
        let problem = match *self.shape {
            _ if !(1..=100).contains(&quality) => "expected a quality of 1 to 100".to_owned(),
            [frames, height, width, 3]
                if self.dtype == Dtype::U8 && frames > 0 && sides.contains(&height) && sides.contains(&width) =>
            {
                match (&self.views, bytes) {
                    (Some(views), _) => format!("training views {views:?}; expected none, they are not stored as JPEG"),
                    (None, Some(..=JPEG_ROW)) => return Ok(()),
                    _ => format!("rows of {:?}; expected at most {JPEG_ROW} bytes", self.shape),
                }
            }
            _ => format!("rows are {} {:?}; expected frames in RGB, u8 [T, H, W, 3]", self.dtype.name(), self.shape),
        };
        Err(format!("jpeg = {quality}: {problem}"))
    }

    /// Width and height of frames that are stored as JPEG; `None` where elements are stored as they are.
    pub fn jpeg_sides(&self) -> Option<[u16; 2]> {
        match (self.jpeg, &self.shape[..]) {
            (Some(_), &[_, height, width, _]) => Some([u16::try_from(width).ok()?, u16::try_from(height).ok()?]),
            _ => None,
        }
    }

    /// Bytes of a row, all arrays together, frames as they are before they become JPEGs.
    pub fn row_bytes(&self) -> u64 {
        (self.row_elements() + self.view_elements()) * self.dtype.size() + 8 * self.times + 16 + 1
    }

    /// The arrays of a shard of `rows` rows: `data`, `span` in seconds (start, end), `time` in seconds, `valid`, `views`.
    /// In place of `data` frames stored as JPEG have `bytes`, `jpegs` of them (one that counts for nothing where no row could be made), and `offset`: frame f
    /// of the shard's n·T is `bytes[offset[f]..offset[f + 1]]`, empty where its row could not be made.
    pub fn arrays(&self, rows: u64, jpegs: u64) -> Vec<(&'static str, Dtype, Vec<u64>)> {
        let mut arrays = match self.jpeg {
            None => vec![("data", self.dtype, [&[rows], &self.shape[..]].concat())],
            Some(_) => {
                let frames = rows.saturating_mul(self.shape.first().copied().unwrap_or(0));
                vec![("bytes", Dtype::U8, vec![jpegs.max(1)]), ("offset", Dtype::U64, vec![frames.saturating_add(1)])]
            }
        };
        arrays.push(("span", Dtype::F64, vec![rows, 2]));
        if self.times > 0 {
            arrays.push(("time", Dtype::F64, vec![rows, self.times]));
        }
        arrays.push(("valid", Dtype::U8, vec![rows]));
        if let Some(views) = &self.views {
            arrays.push(("views", self.dtype, [&[rows], &views[..]].concat()));
        }
        arrays
    }
}

/// Where an array lies in its shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrayPlace {
    /// Element type.
    pub dtype: Dtype,
    /// Rows first.
    pub shape: Vec<u64>,
    /// Byte in the file.
    pub offset: u64,
}

/// Something to know of one row of one modality: why it is missing, or that it is partial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowNote {
    /// Row in the store.
    pub row: u64,
    /// Its id in the manifest.
    pub id: String,
    /// Stable word.
    pub code: Code,
    /// Sentence.
    pub message: String,
    /// Whether the same command tries it again, since the cause lay outside the recording.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retry: bool,
}

/// A shard's commit record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardRecord {
    /// Hash of the recipe that the shard was made by.
    pub recipe_blake3: String,
    /// First row and one past the last.
    pub rows: [u64; 2],
    /// Size of the file.
    pub bytes: u64,
    /// Hash of the file.
    pub blake3: String,
    /// The arrays by name.
    pub arrays: BTreeMap<String, ArrayPlace>,
    /// Rows that failed (zeros, `valid` = 0), in order.
    pub failed: Vec<RowNote>,
    /// Rows whose recording lacks this modality (zeros, `valid` = 0), in order.
    pub absent: Vec<RowNote>,
    /// Good rows with something to know, in order.
    pub notes: Vec<RowNote>,
    /// Rows by the decoder or runtime that made them, as ranges [first, last + 1).
    pub made_by: BTreeMap<String, Vec<[u64; 2]>>,
    /// What it was made with; no part of the recipe.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub provenance: Provenance,
    /// The files that were read, by path, as they were.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, Identity>,
}

impl ShardRecord {
    /// Whether all rows that the record speaks of are the shard's own.
    pub fn rows_fit(&self) -> bool {
        let [first, end] = self.rows;
        let mut notes = self.failed.iter().chain(&self.absent).chain(&self.notes);
        let mut ranges = self.made_by.values().flatten();
        notes.all(|note| (first..end).contains(&note.row)) && ranges.all(|[from, to]| first <= *from && from <= to && *to <= end)
    }
}

/// A shard as `store.json` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardEntry {
    /// Path in the store.
    pub file: String,
    /// First row and one past the last.
    pub rows: [u64; 2],
    /// Size of the file.
    pub bytes: u64,
    /// Hash of the file.
    pub blake3: String,
}

/// `store.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// `mmdg-store`.
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// `clips` or `features`.
    pub holds: String,
    /// Rows, failed ones included.
    pub rows: u64,
    /// S: row i is in shard i / S.
    pub rows_per_shard: u64,
    /// What labels are: classes by name, or values in a unit.
    pub labels: LabelSpace,
    /// Domain names.
    pub domains: Vec<String>,
    /// What each modality holds.
    pub modalities: Vec<ModalityHeader>,
    /// Every parameter that shaped the data.
    pub recipe: serde_json::Value,
    /// Hash of the recipe.
    pub recipe_blake3: String,
    /// By modality.
    pub shards: BTreeMap<String, Vec<ShardEntry>>,
}

/// Hash of a recipe: of its compact JSON, keys in order.
pub fn recipe_hash(recipe: &serde_json::Value) -> String {
    blake3::hash(recipe.to_string().as_bytes()).to_hex().to_string()
}

/// What `shard-mib` says, in bytes.
///
/// # Errors
/// [`Error::Input`] for 0, and for more than any file system holds.
pub fn shard_bytes(mib: Option<u64>) -> Result<Option<u64>> {
    const MOST: u64 = 1 << 24;
    match mib {
        Some(mib) if mib == 0 || mib > MOST => Err(Error::input("shard-mib", format!("{mib}; expected 1 to {MOST}"))),
        mib => Ok(mib.map(|mib| mib << 20)),
    }
}

/// The largest power of two of rows that keeps a shard within `limit` bytes; at least 1.
pub fn rows_per_shard(row_bytes: u64, limit: u64) -> u64 {
    let fit = (limit / row_bytes.max(1)).max(1);
    1 << fit.ilog2()
}

/// `<store>/<modality>/00000.<extension>`
pub fn shard_path(store: &Path, modality: &str, shard: u64, extension: &str) -> PathBuf {
    store.join(modality).join(format!("{shard:05}.{extension}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_hold_a_power_of_two_of_rows() {
        assert_eq!(rows_per_shard(1 << 20, 256 << 20), 256);
        assert_eq!(rows_per_shard((1 << 20) + 1, 256 << 20), 128);
        assert_eq!(rows_per_shard(1 << 40, 256 << 20), 1);
    }
}
