//! What a `.parquet` says of its rows.

use std::path::Path;

use ::parquet::basic::Type as Physical;
use ::parquet::data_type::{DoubleType, FloatType, Int64Type};
use ::parquet::file::reader::FileReader;

use super::Opened;
use crate::import::sheet::Sheet;
use crate::manifest::Words;
use crate::{Error, Result};

impl Opened<'_> {
    /// Numbers of whatever type, one a row.
    fn values(&self, name: &str) -> Result<Option<Vec<f64>>> {
        let Some(place) = self.place(name) else { return Ok(None) };
        let numbers: Vec<Option<f64>> = match self.reader.metadata().file_metadata().schema_descr().column(place).physical_type()
        {
            Physical::INT64 => self.flat::<Int64Type>(name)?.into_iter().flatten().map(|x| x.map(|x| x as f64)).collect(),
            Physical::FLOAT => self.flat::<FloatType>(name)?.into_iter().flatten().map(|x| x.map(f64::from)).collect(),
            _ => self.flat::<DoubleType>(name)?.unwrap_or_default(),
        };
        let rows = numbers.into_iter().enumerate();
        let absent = |row| Error::input(self.path.display(), format!("column {name:?}, row {row} is null; expected a value"));
        rows.map(|(row, number)| number.ok_or_else(|| absent(row))).collect::<Result<_>>().map(Some)
    }
}

/// The rows that the file tells of.
pub(in crate::import) fn sheet(path: &Path, values: bool) -> Result<Sheet> {
    let opened = Opened::new(path)?;
    let names = |key: &str| Ok::<_, Error>(opened.about::<Vec<String>>(key)?.map(Words::Texts));
    let (class_names, domain_names) = (names("mmdg.class_names")?, names("mmdg.domain_names")?);
    let seconds = |name: &str| {
        Ok::<_, Error>(
            opened.seconds(name)?.map(|seconds| seconds.into_iter().map(|second| second.unwrap_or(f64::NAN)).collect()),
        )
    };
    let label_unit = names("mmdg.label_unit")?;
    let name = if opened.place("class").is_some() { "class" } else { "label" };
    let (labels, values) = match values || label_unit.is_some() {
        true => (None, opened.values("label")?),
        false => (opened.words(name)?, None),
    };
    Ok(Sheet {
        ids: opened.words("id")?,
        labels,
        values,
        label_unit,
        class_names,
        domains: opened.words("domain")?,
        domain_names,
        splits: opened.words("split")?,
        paths: opened.words("path")?,
        starts: seconds("start")?,
        ends: seconds("end")?,
    })
}
