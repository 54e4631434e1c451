//! What tables are made of, and how much of it there may be.

use std::fmt::{self, Display};

use super::array;
use super::heap::{Heap, Node};

/// The most cells, elements of lists included, that are made of one pickle.
pub const MAX_CELLS: usize = 1 << 23;
/// The most bytes of text in all cells together.
pub const MAX_TEXT: usize = 1 << 28;

/// One value of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Python's `None`, or not a number.
    Missing,
    /// `True` or `False`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A finite or infinite number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list or tuple of values that are no lists.
    List(Vec<Cell>),
}

/// As `to_csv` of pandas writes it, but for the form of exponents: nothing for [`Cell::Missing`], lists as Python literals.
impl Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => Ok(()),
            Self::Boolean(true) => f.write_str("True"),
            Self::Boolean(false) => f.write_str("False"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(text) => f.write_str(text),
            Self::List(cells) => {
                f.write_str("[")?;
                for (i, cell) in cells.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { ", " })?;
                    match cell {
                        Self::Missing => f.write_str("None")?,
                        Self::Text(text) => {
                            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
                            write!(f, "{quote}")?;
                            for c in text.chars() {
                                match c {
                                    '\n' => f.write_str("\\n")?,
                                    '\r' => f.write_str("\\r")?,
                                    '\t' => f.write_str("\\t")?,
                                    c if c == quote || c == '\\' => write!(f, "\\{c}")?,
                                    c => write!(f, "{c}")?,
                                }
                            }
                            write!(f, "{quote}")?;
                        }
                        cell => write!(f, "{cell}")?,
                    }
                }
                f.write_str("]")
            }
        }
    }
}

/// A table by columns, all of the same length.
#[derive(Debug, Clone, PartialEq)]
pub struct PickledTable {
    /// Names, all different. The index comes first, under its name or as `index`; one that only counts rows and has no name is left out.
    pub columns: Vec<String>,
    /// By column, then row.
    pub cells: Vec<Vec<Cell>>,
}

impl PickledTable {
    /// Rows.
    pub fn len(&self) -> usize {
        self.cells.first().map_or(0, Vec::len)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The cells of a column.
    pub fn column(&self, name: &str) -> Option<&[Cell]> {
        let place = self.columns.iter().position(|column| column == name)?;
        self.cells.get(place).map(Vec::as_slice)
    }
}

/// What may still be built. Values that a pickle holds once may stand in many places.
#[derive(Debug)]
pub(super) struct Budget {
    cells: usize,
    text: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { cells: MAX_CELLS, text: MAX_TEXT }
    }
}

impl Budget {
    /// Allows `cells` more cells.
    pub(super) fn take(&mut self, cells: usize) -> Result<(), String> {
        let problem = || format!("more than {MAX_CELLS} cells; expected fewer");
        self.cells = self.cells.checked_sub(cells).ok_or_else(problem)?;
        Ok(())
    }

    pub(super) fn text(&mut self, text: &str) -> Result<String, String> {
        let problem = || format!("more than {MAX_TEXT} bytes of text; expected fewer");
        self.text = self.text.checked_sub(text.len()).ok_or_else(problem)?;
        Ok(text.to_owned())
    }

    /// A value as a cell.
    pub(super) fn cell(&mut self, heap: &Heap<'_>, id: u32) -> Result<Cell, String> {
        let (Node::List(items) | Node::Tuple(items)) = heap.node(id) else { return self.single(heap, id) };
        self.take(1)?;
        Ok(Cell::List(items.iter().map(|&item| self.single(heap, item)).collect::<Result<_, _>>()?))
    }

    pub(super) fn single(&mut self, heap: &Heap<'_>, id: u32) -> Result<Cell, String> {
        self.take(1)?;
        Ok(match heap.node(id) {
            Node::None => Cell::Missing,
            Node::Boolean(value) => Cell::Boolean(*value),
            Node::Integer(value) => Cell::Integer(*value),
            Node::Float(value) if value.is_nan() => Cell::Missing,
            Node::Float(value) => Cell::Float(*value),
            _ => {
                if let Some(text) = heap.text(id) {
                    Cell::Text(self.text(text)?)
                } else if let Some(scalar) = array::scalar(heap, id)? {
                    scalar
                } else {
                    return Err(format!("expected text, a number or a list of these; found {}", heap.describe(id)));
                }
            }
        })
    }
}
