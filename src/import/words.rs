//! Names and whole numbers out of an array.

use crate::manifest::Words;
use crate::npy::{Array, Element};
use crate::pickle;
use crate::{Error, Result};

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
