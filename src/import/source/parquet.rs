//! Columns of a `.parquet`, as `export` writes them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use ::parquet::basic::Type as Physical;
use ::parquet::column::reader::{ColumnReaderImpl, get_typed_column_reader};
use ::parquet::data_type::{ByteArrayType, DataType, DoubleType, FloatType, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use serde::Deserialize;

use super::array::Listed;
use crate::error::Action;
use crate::import::settings::ModalitySource;
use crate::manifest::Words;
use crate::npy::{Array, Element, Header};
use crate::sample::Dtype;
use crate::{Error, Result, fs};

mod sheet;

pub(in crate::import) use sheet::sheet;

/// Rows that are read at once.
const SOME: usize = 64;
/// Most values of a row.
const MOST: usize = 1 << 28;

/// What `export` says of a modality.
#[derive(Debug, Deserialize)]
struct About {
    shape: Vec<u64>,
    dtype: Dtype,
}

struct Opened<'p> {
    path: &'p Path,
    reader: SerializedFileReader<File>,
}

impl<'p> Opened<'p> {
    fn new(path: &'p Path) -> Result<Self> {
        let file = fs::open(path, "a file")?;
        let reader = SerializedFileReader::new(file);
        let reader = reader.map_err(|error| Error::input(path.display(), format!("{error}; expected a Parquet file")))?;
        Ok(Self { path, reader })
    }

    fn broken(&self) -> impl Fn(ParquetError) -> Error {
        let path = self.path.to_owned();
        move |error| {
            let hint = "expected columns as they are, or compressed by Snappy, gzip, Zstandard or LZ4";
            Error::input(path.display(), format!("{error}; {hint}"))
        }
    }

    /// A value of the file's metadata.
    fn about<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let pairs = self.reader.metadata().file_metadata().key_value_metadata();
        let found = pairs.into_iter().flatten().find(|pair| pair.key == key).and_then(|pair| pair.value.as_deref());
        let parse = |text: &str| serde_json::from_str(text);
        found.map(parse).transpose().map_err(|error| {
            Error::input(self.path.display(), format!("metadata {key:?}: {error}; expected JSON as export writes it"))
        })
    }

    /// The number of a column that is called so, or of the list that is.
    fn place(&self, name: &str) -> Option<usize> {
        let columns = self.reader.metadata().file_metadata().schema_descr().columns();
        columns.iter().position(|column| column.path().parts().first().is_some_and(|part| part == name))
    }

    /// Calls `take` with the values of each row of a column, none for those that are null.
    fn each<T: DataType>(&self, place: usize, mut take: impl FnMut(Option<&[T::T]>) -> Result<()>) -> Result<()> {
        let broken = self.broken();
        let column = self.reader.metadata().file_metadata().schema_descr().column(place);
        let whole = column.max_def_level();
        for group in 0..self.reader.num_row_groups() {
            let group = self.reader.get_row_group(group).map_err(&broken)?;
            let mut reader: ColumnReaderImpl<T> = get_typed_column_reader(group.get_column_reader(place).map_err(&broken)?);
            loop {
                let (mut values, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
                let (rows, ..) =
                    reader.read_records(SOME, Some(&mut defined), Some(&mut repeated), &mut values).map_err(&broken)?;
                if rows == 0 {
                    break;
                }
                let starts: Vec<usize> = (0..repeated.len()).filter(|&level| repeated[level] == 0).collect();
                let mut left = &values[..];
                for row in 0..rows {
                    let (first, end) = if column.max_rep_level() == 0 {
                        (row, row + 1)
                    } else {
                        (starts[row], starts.get(row + 1).copied().unwrap_or(repeated.len()))
                    };
                    let level = |level: usize| defined.get(level).copied().unwrap_or(whole);
                    let count = (first..end).filter(|&place| level(place) == whole).count();
                    let (own, rest) = left
                        .split_at_checked(count)
                        .ok_or_else(|| broken(ParquetError::General("levels without values".into())))?;
                    left = rest;
                    if count > 0 && count < end - first {
                        return Err(broken(ParquetError::General(format!(
                            "row {row} of column {place} has values that are null"
                        ))));
                    }
                    let null = whole > 0 && level(first) == 0;
                    take((!null).then_some(own))?;
                }
            }
        }
        Ok(())
    }

    /// A column of one value a row.
    fn flat<T: DataType>(&self, name: &str) -> Result<Option<Vec<Option<T::T>>>> {
        let Some(place) = self.place(name) else { return Ok(None) };
        let column = self.reader.metadata().file_metadata().schema_descr().column(place);
        if column.physical_type() != T::get_physical_type() || column.max_rep_level() > 0 {
            let problem = format!("column {name:?} is of {}; expected {}", column.physical_type(), T::get_physical_type());
            return Err(Error::input(self.path.display(), problem));
        }
        let mut found = Vec::new();
        self.each::<T>(place, |values| {
            found.push(values.and_then(|values| values.first().cloned()));
            Ok(())
        })?;
        Ok(Some(found))
    }

    /// Text or whole numbers.
    fn words(&self, name: &str) -> Result<Option<Words>> {
        let Some(place) = self.place(name) else { return Ok(None) };
        let absent =
            |row: usize| Error::input(self.path.display(), format!("column {name:?}, row {row} is null; expected a value"));
        if self.reader.metadata().file_metadata().schema_descr().column(place).physical_type() == Physical::INT64 {
            let numbers = self.flat::<Int64Type>(name)?.unwrap_or_default().into_iter().enumerate();
            let whole = |(row, number): (usize, Option<i64>)| number.map(i128::from).ok_or_else(|| absent(row));
            return numbers.map(whole).collect::<Result<_>>().map(|numbers| Some(Words::Whole(numbers)));
        }
        let texts = self.flat::<ByteArrayType>(name)?.unwrap_or_default().into_iter().enumerate();
        let text = |(row, bytes): (usize, Option<::parquet::data_type::ByteArray>)| {
            let bytes = bytes.ok_or_else(|| absent(row))?;
            let text = bytes.as_utf8().map(str::to_owned);
            text.map_err(|_| Error::input(self.path.display(), format!("column {name:?}, row {row} is no text; expected UTF-8")))
        };
        texts.map(text).collect::<Result<_>>().map(|texts| Some(Words::Texts(texts)))
    }

    fn seconds(&self, name: &str) -> Result<Option<Vec<Option<f64>>>> {
        self.flat::<DoubleType>(name)
    }
}

/// A column of lists, or of bytes that the metadata gives a shape, in a file without a name; its rows are called by `id`.
pub(super) fn column(modality: &ModalitySource) -> Result<Listed> {
    let opened = Opened::new(&modality.path)?;
    let name = modality.key.as_deref().unwrap_or(&modality.name);
    let place = format!("{}:{name}", modality.path.display());
    let schema = opened.reader.metadata().file_metadata().schema_descr_ptr();
    let Some(number) = opened.place(name) else {
        let names = schema.columns().iter().map(|column| column.path().parts()[0].clone()).collect();
        return Err(Error::input(
            modality.path.display(),
            format!("no column {name:?}; expected one of {}", super::listed(names)),
        ));
    };
    let about: Option<About> = opened.about(&format!("mmdg.modality.{name}"))?;
    let mut spool = Spool::new(place.clone(), about.as_ref().map(|about| about.shape.clone()))?;
    let element = match (schema.column(number).physical_type(), about.as_ref().map(|about| about.dtype)) {
        (Physical::FLOAT, _) => {
            opened.each::<FloatType>(number, |row| spool.row(row, |value, to| to.extend(value.to_le_bytes())))?;
            Element::Float(4)
        }
        (Physical::DOUBLE, _) => {
            opened.each::<DoubleType>(number, |row| spool.row(row, |value, to| to.extend(value.to_le_bytes())))?;
            Element::Float(8)
        }
        (Physical::BYTE_ARRAY, Some(Dtype::U8)) => {
            let mut bytes = |row: Option<&[::parquet::data_type::ByteArray]>| {
                let row = row.and_then(<[_]>::first).map(::parquet::data_type::ByteArray::data);
                spool.row(row, |byte, to| to.push(*byte))
            };
            opened.each::<ByteArrayType>(number, &mut bytes)?;
            Element::Uint(1)
        }
        (other, _) => return Err(Error::input(place, format!("a column of {other}; expected lists of floats"))),
    };
    let (array, valid) = spool.array(element)?;
    let seconds = |end: &str| opened.seconds(&format!("{name}_{end}"));
    let span = match (seconds("start")?, seconds("end")?) {
        (Some(starts), Some(ends)) => {
            Some(starts.into_iter().zip(ends).map(|(start, end)| [start.unwrap_or(0.0), end.unwrap_or(0.0)]).collect())
        }
        _ => None,
    };
    let ids = opened.words("id")?.map(Words::into_texts);
    let dtype = about.map(|about| about.dtype);
    Listed { array, dtype, ids, valid: Some(valid), span, format: "parquet" }.checked()
}

/// Rows of equal length, written one after the other.
struct Spool {
    place: String,
    file: BufWriter<File>,
    shape: Option<Vec<u64>>,
    width: Option<usize>,
    /// Rows before the first that is there.
    waiting: usize,
    valid: Vec<bool>,
    bytes: Vec<u8>,
}

impl Spool {
    fn new(place: String, shape: Option<Vec<u64>>) -> Result<Self> {
        let file = tempfile::tempfile().map_err(Error::io(Action::Create, &std::env::temp_dir()))?;
        let width = shape
            .as_ref()
            .and_then(|shape| shape.iter().try_fold(1usize, |product, &n| product.checked_mul(usize::try_from(n).ok()?)));
        if shape.is_some() && !width.is_some_and(|width| (1..=MOST).contains(&width)) {
            return Err(Error::input(place, "its metadata has a shape of no elements or of too many; expected 1 to 2^28"));
        }
        Ok(Self { place, file: BufWriter::new(file), shape, width, waiting: 0, valid: Vec::new(), bytes: Vec::new() })
    }

    fn row<T>(&mut self, values: Option<&[T]>, write: impl Fn(&T, &mut Vec<u8>)) -> Result<()> {
        let row = self.valid.len();
        self.valid.push(values.is_some());
        let Some(values) = values else {
            // as long as the others, once that is known
            match self.bytes.len() {
                0 => self.waiting += 1,
                length => self.put(&vec![0; length])?,
            }
            return Ok(());
        };
        let width = *self.width.get_or_insert(values.len());
        if values.len() != width || width == 0 {
            let problem = format!("row {row} has {} values; expected {width}, at least one", values.len());
            return Err(Error::input(&self.place, problem));
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        values.iter().for_each(|value| write(value, &mut bytes));
        for _ in 0..std::mem::take(&mut self.waiting) {
            self.put(&vec![0; bytes.len()])?;
        }
        self.put(&bytes)?;
        self.bytes = bytes;
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::io(Action::Write, &std::env::temp_dir()))
    }

    fn array(self, element: Element) -> Result<(Array, Vec<bool>)> {
        let inner = self.shape.unwrap_or_else(|| vec![self.width.unwrap_or(1) as u64]);
        let file = self.file.into_inner().map_err(|error| Error::io(Action::Write, &std::env::temp_dir())(error.into_error()))?;
        let header = Header::new(element, [&[self.valid.len() as u64], &inner[..]].concat());
        if self.waiting > 0 {
            // no row is there at all
            file.set_len(header.bytes().unwrap_or_default()).map_err(Error::io(Action::Write, &std::env::temp_dir()))?;
        }
        let array = Array::raw(file, self.place, 0, header)?;
        Ok((array, self.valid))
    }
}
