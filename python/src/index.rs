//! What stands in the brackets of `store[…]`.

use numpy::{PyArray1, PyArrayDescrMethods, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PySlice};

/// Rows asked for.
pub enum Index {
    /// By an integer.
    One(usize),
    /// By anything else.
    Many(Vec<usize>),
}

/// Rows by an integer, a slice, a sequence or array of integers, or a mask; negative ones count from the end.
///
/// # Errors
/// IndexError for a row that is not there and a mask of another length, TypeError for anything else.
pub fn parse(index: &Bound<'_, PyAny>, rows: usize) -> PyResult<Index> {
    if !index.is_instance_of::<PyInt>() {
        if let Ok(slice) = index.cast::<PySlice>() {
            let range = slice.indices(rows as isize)?;
            let row = |i: usize| (range.start + i as isize * range.step) as usize;
            return Ok(Index::Many((0..range.slicelength).map(row).collect()));
        }
        // numpy's and torch's scalars are integers too, and some of torch's arrays of one element
        if index.len().is_ok() {
            return many(index, rows).map(Index::Many);
        }
    }
    let beyond = |_| PyIndexError::new_err(format!("row {index}: the store has {rows} rows"));
    let row = index.call_method0(intern!(index.py(), "__index__")).map_err(|_| wrong(index.get_type()))?;
    at(row.extract().map_err(beyond)?, rows).map(Index::One)
}

/// As [`parse`], all but an integer.
fn many(index: &Bound<'_, PyAny>, rows: usize) -> PyResult<Vec<usize>> {
    let py = index.py();
    let numpy = py.import(intern!(py, "numpy"))?;
    let array = numpy.getattr(intern!(py, "asarray"))?.call1((index,))?;
    let plain = array.cast::<PyUntypedArray>()?;
    if plain.len() == 0 {
        return Ok(Vec::new());
    }
    let kind = plain.dtype().kind();
    if plain.ndim() != 1 && b"iub".contains(&kind) {
        return Err(PyIndexError::new_err(format!("rows by an array of shape {:?}; expected one dimension", plain.shape())));
    }
    let cast = |to: &str| array.call_method1(intern!(py, "astype"), (to,));
    match kind {
        b'i' => {
            let array = if array.is_instance_of::<PyArray1<i64>>() { array.clone() } else { cast("int64")? };
            let array = array.cast::<PyArray1<i64>>()?.readonly();
            array.as_array().iter().map(|&row| at(row, rows)).collect()
        }
        b'u' => {
            let array = cast("uint64")?;
            let array = array.cast::<PyArray1<u64>>()?.readonly();
            array.as_array().iter().map(|&row| at(i64::try_from(row).unwrap_or(i64::MAX), rows)).collect()
        }
        b'b' if plain.len() == rows => {
            let array = array.cast::<PyArray1<bool>>()?.readonly();
            Ok(array.as_array().iter().enumerate().filter_map(|(row, &wanted)| wanted.then_some(row)).collect())
        }
        b'b' => Err(PyIndexError::new_err(format!("a mask of {} rows; the store has {rows}", plain.len()))),
        _ => Err(wrong(plain.dtype())),
    }
}

fn wrong(what: impl std::fmt::Display) -> PyErr {
    PyTypeError::new_err(format!("rows by {what}; expected an integer, a slice, integers or a mask"))
}

fn at(row: i64, rows: usize) -> PyResult<usize> {
    let place = if row < 0 { row.checked_add_unsigned(rows as u64) } else { Some(row) };
    let place = place.and_then(|place| usize::try_from(place).ok()).filter(|&place| place < rows);
    place.ok_or_else(|| PyIndexError::new_err(format!("row {row}: the store has {rows} rows")))
}
