//! Tables out of Python pickles, without running anything: the forms that annotations are handed round in.
//!
//! A pickle is a program that may call any function. Here its steps build a tree in which every function and class is a mere name out
//! of a fixed list (`globals`), and readers look in the tree for what they know: a pandas `DataFrame` of numbers, text and
//! lists (pandas 0.22 to 3, protocols 2 to 5), or a list of tuples. Any other name ends the reading with an error that says it.
//!
//! Memory and time grow with the file, not with the lengths that it claims, up to [`MAX_NODES`], [`MAX_CELLS`] and [`MAX_TEXT`]: the worst
//! of 20 MB that we could think of took 0.55 GB and 2 s.

mod array;
mod arrow;
mod cell;
mod frame;
mod globals;
mod heap;
mod input;
mod machine;

use std::collections::HashSet;
use std::fmt::Display;

use cell::Budget;
pub use cell::{Cell, MAX_CELLS, MAX_TEXT, PickledTable};
pub use heap::MAX_NODES;
use heap::Node;

use crate::{Error, Result};

/// Reads a pickled pandas `DataFrame`. `input` is what errors call it.
///
/// # Errors
/// [`Error::Input`] with the byte where the pickle is damaged or names a function or class that no table is made of, or with what
/// was expected of the table.
pub fn read_table(bytes: &[u8], input: impl Display) -> Result<PickledTable> {
    let table = machine::run(bytes).and_then(|(heap, root)| {
        let table = frame::table(&heap, root)?;
        let mut seen = HashSet::new();
        match table.columns.iter().find(|column| !seen.insert(column.as_str())) {
            Some(column) => Err(format!("two columns are called {column:?}; expected different names")),
            None => Ok(table),
        }
    });
    table.map_err(|problem| Error::input(input, problem))
}

/// Reads a pickled list of tuples, a row each.
///
/// # Errors
/// As [`read_table`].
pub fn read_tuples(bytes: &[u8], input: impl Display) -> Result<Vec<Vec<Cell>>> {
    let rows = machine::run(bytes).and_then(|(heap, root)| {
        let Node::List(rows) = heap.node(root) else {
            return Err(format!("expected a list of tuples; found {}", heap.describe(root)));
        };
        let mut budget = Budget::default();
        let row = |(place, &row): (usize, &u32)| match heap.node(row) {
            Node::Tuple(items) => {
                items.iter().map(|&item| budget.cell(&heap, item).map_err(|problem| format!("row {place}: {problem}"))).collect()
            }
            _ => Err(format!("row {place}: expected a tuple; found {}", heap.describe(row))),
        };
        rows.iter().enumerate().map(row).collect()
    });
    rows.map_err(|problem| Error::input(input, problem))
}

/// Reads a pickled numpy array of one or two dimensions, such as `np.save` makes of Python objects; its cells by rows.
///
/// # Errors
/// As [`read_table`].
pub fn read_array(bytes: &[u8], input: impl Display) -> Result<Vec<Cell>> {
    let cells = machine::run(bytes).and_then(|(heap, root)| {
        let array = array::Array::of(&heap, root, MAX_CELLS)?;
        let mut budget = Budget::default();
        let [rows, columns] = match array.shape[..] {
            [rows, columns] => [rows, columns],
            _ => [1, array.shape.iter().product()],
        };
        let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        places.map(|(row, column)| array.cell(&heap, &mut budget, array.place(row, column))).collect()
    });
    cells.map_err(|problem| Error::input(input, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_written_as_python_literals() {
        let text = |text: &str| Cell::Text(text.into());
        let list = Cell::List(vec![text("a"), text("b's"), text("c's \"d\""), text("e\\f\n"), Cell::Integer(3), Cell::Missing]);
        assert_eq!(list.to_string(), r#"['a', "b's", 'c\'s "d"', 'e\\f\n', 3, None]"#);
        assert_eq!(Cell::List(vec![]).to_string(), "[]");
    }

    #[test]
    fn what_stands_in_many_places_is_counted_in_each() {
        // ten lists of the same thousand values, a hundred times over, and so on: 12 kB that claim 10^9 cells
        let mut bytes = b"\x80\x02]q\x00(".to_vec();
        (0..1000).for_each(|_| bytes.extend(b"K\x01"));
        bytes.extend(b"e0](");
        (0..20_000).for_each(|_| bytes.extend(b"h\x00\x85"));
        bytes.extend(b"e.");
        let error = read_tuples(&bytes, "many.pkl").unwrap_err().to_string();
        assert!(error.ends_with("more than 8388608 cells; expected fewer"), "{error}");
        // the same with a long text
        let mut bytes = b"\x80\x02X\x00\x00\x10\x00".to_vec();
        bytes.extend(vec![b'a'; 1 << 20]);
        bytes.extend(b"q\x000](");
        (0..300).for_each(|_| bytes.extend(b"h\x00\x85"));
        bytes.extend(b"e.");
        let error = read_tuples(&bytes, "many.pkl").unwrap_err().to_string();
        assert!(error.ends_with("more than 268435456 bytes of text; expected fewer"), "{error}");
    }
}
