//! What a file of arrays says of its rows: ids, labels and what else `export` writes.

use crate::manifest::Words;
use crate::npy::Array;
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
