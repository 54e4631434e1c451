//! What a file of arrays says of its rows: ids, labels and what else `export` writes.

use std::path::Path;

use super::source::{parquet, safetensors};
use super::words::words;
use crate::manifest::Words;
use crate::npy::{Archive, Array};
use crate::{Error, Result};

/// Columns of a file, each where it is there.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub ids: Option<Words>,
    /// Where they are classes.
    pub labels: Option<Words>,
    /// Where they are values: the caller asked for such, or `label_unit` is there.
    pub values: Option<Vec<f64>>,
    pub label_unit: Option<Words>,
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
    /// Of a `.npz`, `.parquet` or `.safetensors`, whose labels are to be read as values or as what it says; none of other files.
    pub(super) fn of(path: &Path, values: bool) -> Result<Option<Self>> {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match extension.as_str() {
            "npz" => archive(path, values).map(Some),
            "parquet" => parquet::sheet(path, values).map(Some),
            "safetensors" => safetensors::sheet(path, values).map(Some),
            _ => Ok(None),
        }
    }
}

/// One number a row.
///
/// # Errors
/// [`Error::Input`] that names the array, for rows of several.
pub(super) fn column(array: &Array) -> Result<Vec<f64>> {
    let one = |row| match array.numbers(row)?.as_slice() {
        [number] => Ok(*number),
        numbers => Err(Error::input(array.place(), format!("row {row} has {} numbers; expected one", numbers.len()))),
    };
    (0..array.rows()).map(one).collect()
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
