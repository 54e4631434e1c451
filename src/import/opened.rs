//! Files of arrays by their kind.

use std::path::Path;

use super::sheet::{Sheet, column};
use super::source::{parquet, safetensors};
use super::words::words;
use crate::Result;
use crate::npy::Archive;

/// The sheet of a `.npz`, `.parquet` or `.safetensors`, whose labels are to be read as values or as what it says; none of other files.
pub(super) fn open(path: &Path, values: bool) -> Result<Option<Sheet>> {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match extension.as_str() {
        "npz" => archive(path, values).map(Some),
        "parquet" => parquet::sheet(path, values).map(Some),
        "safetensors" => safetensors::sheet(path, values).map(Some),
        _ => Ok(None),
    }
}

fn archive(path: &Path, values: bool) -> Result<Sheet> {
    let mut archive = Archive::open(path)?;
    let label_unit = archive.array("label_unit")?.map(|array| words(&array)).transpose()?;
    let labels = archive.array("labels")?;
    let (labels, values) = match values || label_unit.is_some() {
        true => (None, labels.map(|array| column(&array)).transpose()?),
        false => (labels.map(|array| words(&array)).transpose()?, None),
    };
    let mut words = |name: &str| archive.array(name)?.map(|array| words(&array)).transpose();
    let mut sheet = Sheet {
        ids: words("ids")?,
        labels,
        values,
        label_unit,
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
