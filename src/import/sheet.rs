//! What a file of arrays says of its rows: ids, labels and what else `export` writes.

use std::path::Path;

use super::source::{parquet, safetensors};
use crate::manifest::Words;
use crate::npy::{Archive, Array, Element};
use crate::pickle;
use crate::{Error, Result};

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

/// The elements of an array, pickled ones too where all are text or all whole numbers.
pub(super) fn words(array: &Array) -> Result<Words> {
    if array.header().element != Element::Object {
        return array.words();
    }
    let cells = pickle::read_array(&array.pickle()?, array.place())?;
    if cells.len() as u64 != array.rows() || array.header().shape.len() != 1 {
        let problem =
            format!("{} Python objects for shape {:?}; expected one dimension of as many", cells.len(), array.header().shape);
        return Err(Error::input(array.place(), problem));
    }
    let whole = |cell: &pickle::Cell| match cell {
        pickle::Cell::Integer(number) => Some(i128::from(*number)),
        pickle::Cell::Boolean(value) => Some(i128::from(*value)),
        _ => None,
    };
    if let Some(numbers) = cells.iter().map(whole).collect::<Option<Vec<_>>>() {
        return Ok(Words::Whole(numbers));
    }
    let text = |(place, cell)| match cell {
        pickle::Cell::Text(text) => Ok(text),
        other => {
            let problem = format!("element {place} is {other} among others; expected all text or all integers (`x.astype(str)`)");
            Err(Error::input(array.place(), problem))
        }
    };
    cells.into_iter().enumerate().map(text).collect::<Result<_>>().map(Words::Texts)
}
