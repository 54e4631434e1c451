//! What a file of arrays says of its rows: ids, labels and what else `export` writes.

use std::path::Path;

use super::source::{parquet, safetensors};
use super::words::words;
use crate::Result;
use crate::manifest::Words;
use crate::npy::Archive;

/// Columns of a file, each where it is there.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub ids: Option<Words>,
    pub labels: Option<Words>,
    pub class_names: Option<Words>,
    pub domains: Option<Words>,
    pub domain_names: Option<Words>,
    pub splits: Option<Words>,
    pub paths: Option<Words>,
    /// Seconds.
    pub starts: Option<Vec<f64>>,
    /// Seconds; not a number where the recording's end is.
    pub ends: Option<Vec<f64>>,
}

impl Sheet {
    /// Of a `.npz`, `.parquet` or `.safetensors`; none of other files.
    pub(super) fn of(path: &Path) -> Result<Option<Self>> {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match extension.as_str() {
            "npz" => archive(path).map(Some),
            "parquet" => parquet::sheet(path).map(Some),
            "safetensors" => safetensors::sheet(path).map(Some),
            _ => Ok(None),
        }
    }
}

fn archive(path: &Path) -> Result<Sheet> {
    let mut archive = Archive::open(path)?;
    let mut words = |name: &str| archive.array(name)?.map(|array| words(&array)).transpose();
    let mut sheet = Sheet {
        ids: words("ids")?,
        labels: words("labels")?,
        class_names: words("class_names")?,
        domains: words("domains")?,
        domain_names: words("domain_names")?,
        splits: words("splits")?,
        paths: words("paths")?,
        ..Sheet::default()
    };
    let mut seconds = |name: &str| -> Result<Option<Vec<f64>>> {
        let Some(array) = archive.array(name)? else { return Ok(None) };
        let one = |row| Ok(array.numbers(row)?.first().copied().unwrap_or_default());
        (0..array.rows()).map(one).collect::<Result<_>>().map(Some)
    };
    sheet.starts = seconds("starts")?;
    sheet.ends = seconds("ends")?;
    Ok(sheet)
}
