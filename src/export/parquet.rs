//! Parquet: a row of the store is a row of the table.

use std::sync::Arc;

use parquet::basic::{Encoding, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use serde_json::json;

use super::{Broken, Chosen};
use crate::Result;
use crate::fs::Stream;
use crate::manifest::{LabelSpace, Labels, Manifest, Segment};
use crate::sample::Dtype;
use crate::store::reader::Rows;

/// Bytes of features that are gathered before they are written.
const GROUP: u64 = 16 << 20;
/// Columns of text; rows of values have no class.
const TEXTS: [&str; 5] = ["id", "class", "domain", "split", "path"];

impl From<ParquetError> for Broken {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(source) => match source.downcast::<std::io::Error>() {
                Ok(source) => Self::Io(*source),
                Err(source) => Self::Io(std::io::Error::other(source)),
            },
            error => Self::Io(std::io::Error::other(error)),
        }
    }
}

pub(super) fn write(chosen: &Chosen<'_>, file: Stream) -> Result<Stream, Broken> {
    let header = chosen.store.header();
    let mut about = vec![
        match &header.labels {
            LabelSpace::Classes(names) => ("mmdg.class_names".to_owned(), json!(names)),
            LabelSpace::Values { unit } => ("mmdg.label_unit".to_owned(), json!([unit])),
        },
        ("mmdg.domain_names".to_owned(), json!(header.domains)),
        ("mmdg.recipe_blake3".to_owned(), json!(header.recipe_blake3)),
    ];
    for modality in &chosen.modalities {
        let modality = modality.header();
        about.push((format!("mmdg.modality.{}", modality.name), json!({"shape": modality.shape, "dtype": modality.dtype})));
    }
    let about = about.into_iter().map(|(key, value)| KeyValue::new(key, value.to_string())).collect();
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::PLAIN)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_created_by(format!("mmdg version {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(about))
        .build();
    let mut writer = SerializedFileWriter::new(file, schema(chosen)?, Arc::new(properties))?;
    let row_bytes: u64 = chosen.modalities.iter().map(|modality| 4 * modality.header().row_elements()).sum();
    let per_group = (GROUP / row_bytes.max(1)).clamp(1, 1 << 20) as usize;
    let mut done = 0;
    for rows in chosen.rows.chunks(per_group) {
        let mut group = writer.next_row_group()?;
        table(&mut group, chosen, rows)?;
        for modality in &chosen.modalities {
            features(&mut group, modality, rows)?;
        }
        group.close()?;
        done += rows.len();
        // the modalities come together
        (chosen.progress)(done * chosen.modalities.len(), chosen.rows.len() * chosen.modalities.len());
        chosen.stop.check()?;
    }
    Ok(writer.into_inner()?)
}

fn schema(chosen: &Chosen<'_>) -> Result<TypePtr, ParquetError> {
    let one = |name: &str, physical, logical, repetition| {
        Type::primitive_type_builder(name, physical).with_logical_type(logical).with_repetition(repetition).build().map(Arc::new)
    };
    let (there, maybe) = (Repetition::REQUIRED, Repetition::OPTIONAL);
    let text = |name| one(name, Physical::BYTE_ARRAY, Some(LogicalType::String), there);
    let values = matches!(chosen.store.header().labels, LabelSpace::Values { .. });
    let texts = TEXTS.iter().filter(|name| !(values && **name == "class"));
    let mut fields = texts.map(|name| text(name)).collect::<Result<Vec<_>, _>>()?;
    fields.push(one("label", if values { Physical::FLOAT } else { Physical::INT64 }, None, there)?);
    fields.push(one("start", Physical::DOUBLE, None, there)?);
    fields.push(one("end", Physical::DOUBLE, None, maybe)?);
    for modality in &chosen.modalities {
        let header = modality.header();
        let name = &header.name;
        fields.push(match physical(header.dtype) {
            Physical::BYTE_ARRAY => one(name, Physical::BYTE_ARRAY, None, maybe)?,
            physical => {
                let element = one("element", physical, None, there)?;
                let list =
                    Type::group_type_builder("list").with_repetition(Repetition::REPEATED).with_fields(vec![element]).build()?;
                let list = Type::group_type_builder(name).with_repetition(maybe).with_fields(vec![Arc::new(list)]);
                Arc::new(list.with_logical_type(Some(LogicalType::List)).build()?)
            }
        });
        for end in ["start", "end"] {
            fields.push(one(&format!("{name}_{end}"), Physical::DOUBLE, None, maybe)?);
        }
    }
    Type::group_type_builder("rows").with_fields(fields).build().map(Arc::new)
}

fn physical(dtype: Dtype) -> Physical {
    match dtype {
        Dtype::F16 | Dtype::F32 => Physical::FLOAT,
        Dtype::F64 => Physical::DOUBLE,
        Dtype::U8 | Dtype::U64 => Physical::BYTE_ARRAY,
    }
}

type Group<'a> = SerializedRowGroupWriter<'a, Stream>;

/// The next column, all at once; levels where values may be missing.
fn column<T: DataType>(group: &mut Group<'_>, values: &[T::T], levels: Option<&[i16]>) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else { return Err(ParquetError::General("no column is left".into())) };
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}

fn table(group: &mut Group<'_>, chosen: &Chosen<'_>, rows: &[usize]) -> Result<(), Broken> {
    let Manifest { segments, labels, domains, .. } = chosen.store.manifest();
    let mut texts = |text: &dyn Fn(usize) -> Result<String>| {
        let texts = rows.iter().map(|&row| Ok(ByteArray::from(text(row)?.into_bytes()))).collect::<Result<Vec<_>>>()?;
        column::<ByteArrayType>(group, &texts, None).map_err(Broken::from)
    };
    texts(&|row| Ok(segments[row].id.clone()))?;
    if labels.values().is_empty() {
        texts(&|row| Ok(labels.text(row)))?;
    }
    texts(&|row| Ok(domains[segments[row].domain].clone()))?;
    texts(&|row| Ok(segments[row].split.name().to_owned()))?;
    texts(&|row| Chosen::path(&segments[row]).map(str::to_owned))?;
    match labels {
        Labels::Classes { of, .. } => {
            let places: Vec<i64> = rows.iter().map(|&row| i64::from(of[row])).collect();
            column::<Int64Type>(group, &places, None)?;
        }
        Labels::Values { of, .. } => {
            let values: Vec<f32> = rows.iter().map(|&row| of[row]).collect();
            column::<FloatType>(group, &values, None)?;
        }
    }
    let segments: Vec<&Segment> = rows.iter().map(|&row| &segments[row]).collect();
    let starts: Vec<f64> = segments.iter().map(|segment| segment.span.start).collect();
    column::<DoubleType>(group, &starts, None)?;
    let ends: Vec<f64> = segments.iter().filter_map(|segment| segment.span.end).collect();
    let levels: Vec<i16> = segments.iter().map(|segment| segment.span.end.is_some().into()).collect();
    Ok(column::<DoubleType>(group, &ends, Some(&levels))?)
}

fn features(group: &mut Group<'_>, rows: &Rows<'_>, wanted: &[usize]) -> Result<(), Broken> {
    match physical(rows.header().dtype) {
        Physical::FLOAT => lists::<FloatType>(group, rows, wanted, |row| Ok(rows.values(row).into_owned()))?,
        Physical::DOUBLE => {
            let doubles = |row| Ok(rows.bytes(row).as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect());
            lists::<DoubleType>(group, rows, wanted, doubles)?;
        }
        _ => {
            let there = wanted.iter().filter(|&&row| rows.valid(row));
            let bytes = there.map(|&row| Ok(ByteArray::from(rows.data(row)?.into_owned()))).collect::<Result<Vec<_>>>()?;
            let levels: Vec<i16> = wanted.iter().map(|&row| rows.valid(row).into()).collect();
            column::<ByteArrayType>(group, &bytes, Some(&levels))?;
        }
    }
    let levels: Vec<i16> = wanted.iter().map(|&row| rows.valid(row).into()).collect();
    for end in [0, 1] {
        let seconds: Vec<f64> = wanted.iter().filter(|&&row| rows.valid(row)).map(|&row| rows.span(row)[end]).collect();
        column::<DoubleType>(group, &seconds, Some(&levels))?;
    }
    Ok(())
}

/// A list for each row, or null.
fn lists<T: DataType>(
    group: &mut Group<'_>,
    rows: &Rows<'_>,
    wanted: &[usize],
    values: impl Fn(usize) -> Result<Vec<T::T>>,
) -> Result<(), Broken> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("no column is left".into()).into());
    };
    let elements = rows.header().row_elements() as usize;
    let mut repetition = vec![1i16; elements];
    repetition[0] = 0;
    for &row in wanted {
        if rows.valid(row) {
            column.typed::<T>().write_batch(&values(row)?, Some(&vec![2; elements]), Some(&repetition))?;
        } else {
            column.typed::<T>().write_batch(&[], Some(&[0]), Some(&[0]))?;
        }
    }
    Ok(column.close()?)
}
