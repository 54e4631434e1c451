//! Rows of one array, whatever file it is in.

use std::path::Path;

use super::Found;
use crate::import::settings::ModalitySource;
use crate::import::words::words;
use crate::npy::{Archive, Array, Element};
use crate::sample::Dtype;
use crate::{Error, Result};

/// One array, rows first, and what stands beside it.
pub(in crate::import) struct Listed {
    pub array: Array,
    /// What its values were before the file widened them.
    pub dtype: Option<Dtype>,
    /// The rows' ids, where the file has such.
    pub ids: Option<Vec<String>>,
    /// Which rows there are; none for all.
    pub valid: Option<Vec<bool>>,
    /// The seconds that rows show.
    pub span: Option<Vec<[f64; 2]>>,
    pub format: &'static str,
}

impl Listed {
    pub fn plain(array: Array, format: &'static str) -> Self {
        Self { array, dtype: None, ids: None, valid: None, span: None, format }
    }

    /// Where everything that stands beside the array has as many rows.
    pub fn checked(self) -> Result<Self> {
        let rows = self.array.rows();
        let lengths = [
            ("ids", self.ids.as_ref().map(Vec::len)),
            ("values of which are valid", self.valid.as_ref().map(Vec::len)),
            ("spans", self.span.as_ref().map(Vec::len)),
        ];
        let odd = lengths.into_iter().find_map(|(what, length)| Some((what, length.filter(|length| *length as u64 != rows)?)));
        match odd {
            Some((what, length)) => {
                let problem = format!("shape {:?} for {length} {what}; expected as many rows", self.array.header().shape);
                Err(Error::input(self.array.place(), problem))
            }
            None => Ok(self),
        }
    }

    pub fn row(&self, row: u64) -> Result<Option<Found>> {
        if self.valid.as_ref().is_some_and(|valid| !valid[row as usize]) {
            return Ok(None);
        }
        let shape = self.array.header().shape.get(1..).unwrap_or_default().to_vec();
        let span = self.span.as_ref().map(|span| span[row as usize]);
        let dtype = match self.dtype {
            Some(dtype) => dtype,
            None => dtype(&self.array)?,
        };
        Ok(Some(Found { shape, dtype, values: self.array.numbers(row)?, span, place: self.array.place().to_owned() }))
    }
}

/// What a store keeps elements as.
pub(super) fn dtype(array: &Array) -> Result<Dtype> {
    match array.header().element {
        Element::Uint(1) => Ok(Dtype::U8),
        Element::Float(2) => Ok(Dtype::F16),
        Element::Float(4) | Element::Bf16 => Ok(Dtype::F32),
        Element::Float(_) => Ok(Dtype::F64),
        Element::Opaque(2) => {
            let problem =
                "its elements are 2 bytes without a type, as bfloat16 is saved; expected --element bf16, where they are such";
            Err(Error::input(array.place(), problem))
        }
        other => Err(Error::input(
            array.place(),
            format!("its elements are {other}; expected float16, float32 or float64, or pixels (uint8)"),
        )),
    }
}

/// A `.npy`.
pub(super) fn npy(path: &Path, element: Option<Element>) -> Result<Array> {
    let array = Array::open(path)?;
    Ok(match element {
        Some(element) => array.read_as(element),
        None => array,
    })
}

/// An array of a `.npz`, with its `ids`, `<name>.valid` and `<name>.span`.
pub(super) fn npz(modality: &ModalitySource, element: Option<Element>) -> Result<Listed> {
    let mut archive = Archive::open(&modality.path)?;
    let name = modality.key.as_deref().unwrap_or(&modality.name);
    let Some(array) = archive.array(name)? else {
        let problem = format!("no array {name:?}; expected one of {}", super::listed(archive.names()));
        return Err(Error::input(modality.path.display(), problem));
    };
    let array = match element {
        Some(element) => array.read_as(element),
        None => array,
    };
    let ids = archive.array("ids")?.map(|ids| words(&ids)).transpose()?.map(crate::manifest::Words::into_texts);
    let numbers = |beside: Array| (0..beside.rows()).map(|row| beside.numbers(row)).collect::<Result<Vec<_>>>();
    let valid = archive.array(&format!("{name}.valid"))?.map(numbers).transpose()?;
    let valid = valid.map(|rows| rows.iter().map(|row| row.as_slice() != [0.0]).collect());
    let span = match archive.array(&format!("{name}.span"))? {
        Some(beside) if beside.header().shape.get(1..) != Some(&[2]) => {
            return Err(Error::input(beside.place(), format!("shape {:?}; expected [rows, 2]", beside.header().shape)));
        }
        found => found.map(numbers).transpose()?,
    };
    let span = span.map(|rows| rows.iter().map(|row| [row[0], row[1]]).collect());
    Listed { array, dtype: None, ids, valid, span, format: "npz" }.checked()
}
