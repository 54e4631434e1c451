//! safetensors: eight bytes of length, a JSON header, the tensors' bytes. Written here and not through its crate, which takes whole tensors.

use std::io::{BufWriter, Write};

use serde_json::{Map, Value, json};

use super::{Broken, Chosen};
use crate::fs::Stream;
use crate::manifest::{LabelSpace, Labels};
use crate::sample::Dtype;
use crate::store::reader::Rows;
use crate::{Error, Result};

/// Most bytes of header that readers take.
const LONGEST: usize = 100_000_000;

/// Where a tensor's bytes come from.
enum ByteOrigin<'a> {
    Labels,
    Domains,
    Starts,
    Ends,
    Data(usize, &'a Rows<'a>),
    Span(&'a Rows<'a>),
    Valid(&'a Rows<'a>),
}

struct Tensor<'a> {
    name: String,
    dtype: &'static str,
    size: u64,
    shape: Vec<u64>,
    from: ByteOrigin<'a>,
}

pub(super) fn write(chosen: &Chosen<'_>, file: Stream) -> Result<Stream, Broken> {
    let (count, labels) = (chosen.rows.len() as u64, &chosen.store.manifest().labels);
    let tensor = |name: &str, (dtype, size): (&'static str, u64), shape: Vec<u64>, from| Tensor {
        name: name.into(),
        dtype,
        size,
        shape,
        from,
    };
    let mut tensors = vec![
        tensor("labels", if labels.values().is_empty() { ("I64", 8) } else { ("F32", 4) }, vec![count], ByteOrigin::Labels),
        tensor("domains", ("I64", 8), vec![count], ByteOrigin::Domains),
        tensor("starts", ("F64", 8), vec![count], ByteOrigin::Starts),
        tensor("ends", ("F64", 8), vec![count], ByteOrigin::Ends),
    ];
    for (place, rows) in chosen.modalities.iter().enumerate() {
        let header = rows.header();
        let (name, shape) = (&header.name, [&[count], &header.shape[..]].concat());
        tensors.push(tensor(name, dtype(header.dtype), shape, ByteOrigin::Data(place, rows)));
        tensors.push(tensor(&format!("{name}.span"), ("F64", 8), vec![count, 2], ByteOrigin::Span(rows)));
        tensors.push(tensor(&format!("{name}.valid"), ("BOOL", 1), vec![count], ByteOrigin::Valid(rows)));
    }
    // the widest elements first, so that all lie at multiples of their size
    tensors.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name)));
    let text = header(chosen, &tensors)?;
    let mut to = BufWriter::with_capacity(1 << 20, file);
    to.write_all(&(text.len() as u64).to_le_bytes())?;
    to.write_all(text.as_bytes())?;
    for tensor in &tensors {
        match tensor.from {
            ByteOrigin::Labels => match labels {
                Labels::Classes { of, .. } => {
                    chosen.rows.iter().try_for_each(|&row| to.write_all(&i64::from(of[row]).to_le_bytes()))?;
                }
                Labels::Values { of, .. } => chosen.rows.iter().try_for_each(|&row| to.write_all(&of[row].to_le_bytes()))?,
            },
            ByteOrigin::Domains => {
                chosen.segments().try_for_each(|segment| to.write_all(&(segment.domain as i64).to_le_bytes()))?
            }
            ByteOrigin::Starts => chosen.segments().try_for_each(|segment| to.write_all(&segment.span.start.to_le_bytes()))?,
            ByteOrigin::Ends => {
                chosen.segments().try_for_each(|segment| to.write_all(&segment.span.end.unwrap_or(f64::NAN).to_le_bytes()))?;
            }
            ByteOrigin::Span(rows) => {
                let seconds = chosen.rows.iter().flat_map(|&row| rows.span(row));
                seconds.map(f64::to_le_bytes).try_for_each(|bytes| to.write_all(&bytes))?;
            }
            ByteOrigin::Valid(rows) => chosen.rows.iter().try_for_each(|&row| to.write_all(&[rows.valid(row).into()]))?,
            ByteOrigin::Data(place, rows) => {
                for (written, &row) in chosen.rows.iter().enumerate() {
                    to.write_all(&rows.data(row)?)?;
                    chosen.written(place, written + 1)?;
                }
            }
        }
    }
    Ok(to.into_inner().map_err(std::io::IntoInnerError::into_error)?)
}

fn dtype(dtype: Dtype) -> (&'static str, u64) {
    let name = match dtype {
        Dtype::U8 => "U8",
        Dtype::F16 => "F16",
        Dtype::F32 => "F32",
        Dtype::F64 => "F64",
        Dtype::U64 => "U64",
    };
    (name, dtype.size())
}

/// The JSON, filled up to a multiple of 8 bytes.
fn header(chosen: &Chosen<'_>, tensors: &[Tensor<'_>]) -> Result<String> {
    let header = chosen.store.header();
    let list = |list: Vec<&str>| Value::String(json!(list).to_string());
    let mut entries = Map::new();
    let (named, labels) = match &header.labels {
        LabelSpace::Classes(names) => ("class_names", list(names.iter().map(String::as_str).collect())),
        LabelSpace::Values { unit } => ("label_unit", list(vec![unit])),
    };
    entries.insert(
        "__metadata__".into(),
        json!({
            "format": "pt",
            "ids": list(chosen.segments().map(|segment| segment.id.as_str()).collect()),
            "splits": list(chosen.segments().map(|segment| segment.split.name()).collect()),
            "paths": list(chosen.segments().map(Chosen::path).collect::<Result<_>>()?),
            named: labels,
            "domain_names": list(header.domains.iter().map(String::as_str).collect()),
            "recipe_blake3": header.recipe_blake3,
        }),
    );
    let mut at = 0;
    for tensor in tensors {
        let end = at + tensor.size * tensor.shape.iter().product::<u64>();
        entries.insert(tensor.name.clone(), json!({"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [at, end]}));
        at = end;
    }
    let mut text = Value::Object(entries).to_string();
    text += &" ".repeat(text.len().next_multiple_of(8) - text.len());
    if text.len() > LONGEST {
        let problem = format!(
            "{} rows have {} bytes of ids and paths; safetensors takes {LONGEST}, so export fewer or another format",
            chosen.rows.len(),
            text.len()
        );
        return Err(Error::input(chosen.store.folder().display(), problem));
    }
    Ok(text)
}
