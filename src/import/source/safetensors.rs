//! Tensors of a `.safetensors`, and what `export` writes beside them.

use std::os::unix::fs::FileExt;
use std::path::Path;

use ::safetensors::Dtype as Tensor;
use ::safetensors::tensor::Metadata;

use super::array::Listed;
use crate::import::settings::ModalitySource;
use crate::import::sheet::{Sheet, column};
use crate::manifest::Words;
use crate::npy::{Array, Element, Header};
use crate::{Error, Result, fs};

/// Most bytes of header that its readers take.
const LONGEST: u64 = 100_000_000;

/// A file, its header read.
struct Opened<'p> {
    path: &'p Path,
    about: Metadata,
    /// Byte that the tensors begin at.
    start: u64,
}

impl<'p> Opened<'p> {
    fn new(path: &'p Path) -> Result<Self> {
        let bad = |problem: String| Error::input(path.display(), format!("{problem}; expected a .safetensors"));
        let file = fs::open(path, "a file")?;
        let mut length = [0; 8];
        file.read_exact_at(&mut length, 0).map_err(|error| bad(error.to_string()))?;
        let length = u64::from_le_bytes(length);
        if length > LONGEST {
            return Err(bad(format!("a header of {length} bytes")));
        }
        let mut text = vec![0; length as usize];
        file.read_exact_at(&mut text, 8).map_err(|error| bad(error.to_string()))?;
        let about = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
        Ok(Self { path, about, start: 8 + length })
    }

    fn array(&self, name: &str) -> Result<Option<Array>> {
        let place = format!("{}:{name}", self.path.display());
        let Some(tensor) = self.about.info(name) else { return Ok(None) };
        let element = match tensor.dtype {
            Tensor::F16 => Element::Float(2),
            Tensor::BF16 => Element::Bf16,
            Tensor::F32 => Element::Float(4),
            Tensor::F64 => Element::Float(8),
            Tensor::U8 => Element::Uint(1),
            Tensor::U16 => Element::Uint(2),
            Tensor::U32 => Element::Uint(4),
            Tensor::U64 => Element::Uint(8),
            Tensor::I8 => Element::Int(1),
            Tensor::I16 => Element::Int(2),
            Tensor::I32 => Element::Int(4),
            Tensor::I64 => Element::Int(8),
            Tensor::BOOL => Element::Bool,
            other => return Err(Error::input(place, format!("its elements are {other}; expected floats, integers or booleans"))),
        };
        let header = Header::new(element, tensor.shape.iter().map(|&n| n as u64).collect());
        let (begins, ends) = tensor.data_offsets;
        if header.bytes() != Some((ends as u64).saturating_sub(begins as u64)) {
            return Err(Error::input(
                place,
                format!("bytes {begins} to {ends} for shape {:?}; expected as many as it has", tensor.shape),
            ));
        }
        let file = fs::open(self.path, "a file")?;
        Array::raw(file, place, self.start + begins as u64, header).map(Some)
    }

    /// A list in the metadata, as `export` writes it.
    fn list(&self, key: &str) -> Result<Option<Words>> {
        let Some(text) = self.about.metadata().as_ref().and_then(|metadata| metadata.get(key)) else { return Ok(None) };
        let list: Vec<String> = serde_json::from_str(text).map_err(|_| {
            Error::input(self.path.display(), format!("metadata {key:?} is no list; expected a JSON list of text"))
        })?;
        Ok(Some(Words::Texts(list)))
    }
}

/// The rows that the file tells of.
pub(in crate::import) fn sheet(path: &Path, values: bool) -> Result<Sheet> {
    let opened = Opened::new(path)?;
    let words = |name: &str| opened.array(name)?.map(|array| array.words()).transpose();
    let seconds = |name: &str| -> Result<Option<Vec<f64>>> {
        let Some(array) = opened.array(name)? else { return Ok(None) };
        (0..array.rows()).map(|row| Ok(array.numbers(row)?.first().copied().unwrap_or(f64::NAN))).collect::<Result<_>>().map(Some)
    };
    let label_unit = opened.list("label_unit")?;
    let (labels, values) = match values || label_unit.is_some() {
        true => (None, opened.array("labels")?.map(|array| column(&array)).transpose()?),
        false => (words("labels")?, None),
    };
    Ok(Sheet {
        ids: opened.list("ids")?,
        labels,
        values,
        label_unit,
        class_names: opened.list("class_names")?,
        domains: words("domains")?,
        domain_names: opened.list("domain_names")?,
        splits: opened.list("splits")?,
        paths: opened.list("paths")?,
        starts: seconds("starts")?,
        ends: seconds("ends")?,
    })
}

/// A tensor, with the ids of the metadata, `<name>.valid` and `<name>.span`.
pub(super) fn tensor(modality: &ModalitySource) -> Result<Listed> {
    let opened = Opened::new(&modality.path)?;
    let name = modality.key.as_deref().unwrap_or(&modality.name);
    let Some(array) = opened.array(name)? else {
        let names = super::listed(opened.about.tensors().into_keys().collect());
        return Err(Error::input(modality.path.display(), format!("no tensor {name:?}; expected one of {names}")));
    };
    let beside = |what: &str| -> Result<Option<Vec<Vec<f64>>>> {
        let Some(array) = opened.array(&format!("{name}.{what}"))? else { return Ok(None) };
        (0..array.rows()).map(|row| array.numbers(row)).collect::<Result<_>>().map(Some)
    };
    let valid = beside("valid")?.map(|rows| rows.iter().map(|row| row.as_slice() != [0.0]).collect());
    let span = beside("span")?.map(|rows| rows.iter().filter_map(|row| <[f64; 2]>::try_from(row.as_slice()).ok()).collect());
    let ids = opened.list("ids")?.map(Words::into_texts);
    Listed { array, dtype: None, ids, valid, span, format: "safetensors" }.checked()
}
