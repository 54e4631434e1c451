//! Arrays of numpy: numbers, booleans and Python objects.

use std::borrow::Cow;

use super::arrow::Strings;
use super::globals::Global;
use super::heap::{Heap, Node};
use super::{Budget, Cell};

/// Type of the elements that are no objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ElementKind {
    Boolean,
    Signed(usize),
    Unsigned(usize),
    Float(usize),
}

impl ElementKind {
    fn size(self) -> usize {
        match self {
            Self::Boolean => 1,
            Self::Signed(size) | Self::Unsigned(size) | Self::Float(size) => size,
        }
    }

    /// The element in its little-endian bytes.
    fn cell(self, bytes: &[u8]) -> Result<Cell, String> {
        let mut wide = [0; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        let bits = u64::from_le_bytes(wide);
        let unused = 64 - 8 * bytes.len();
        let float = |value: f64| if value.is_nan() { Cell::Missing } else { Cell::Float(value) };
        Ok(match self {
            Self::Boolean => Cell::Boolean(bits != 0),
            Self::Signed(_) => Cell::Integer((bits << unused) as i64 >> unused),
            Self::Unsigned(_) => {
                Cell::Integer(i64::try_from(bits).map_err(|_| format!("{bits}; expected at most {}", i64::MAX))?)
            }
            Self::Float(4) => float(f64::from(f32::from_bits(bits as u32))),
            Self::Float(_) => float(f64::from_bits(bits)),
        })
    }
}

/// The type of an array's elements; none for objects.
fn kind(heap: &Heap<'_>, dtype: u32) -> Result<Option<ElementKind>, String> {
    let Node::Made { of: Global::Dtype, arguments, state } = heap.node(dtype) else {
        return Err(format!("expected a numpy dtype; found {}", heap.describe(dtype)));
    };
    let name = heap.items(*arguments)?.first().copied().ok_or("a numpy dtype without a name; expected one")?;
    if let Some(state) = state {
        let order = heap.items(*state)?.get(1).copied();
        if !order.is_some_and(|order| ["<", "|", "="].iter().any(|known| heap.is(order, known))) {
            return Err("an array that is not little-endian; expected a little-endian one".into());
        }
    }
    const KINDS: [(&str, Option<ElementKind>); 14] = [
        ("O8", None),
        ("O4", None),
        ("O", None),
        ("b1", Some(ElementKind::Boolean)),
        ("i1", Some(ElementKind::Signed(1))),
        ("i2", Some(ElementKind::Signed(2))),
        ("i4", Some(ElementKind::Signed(4))),
        ("i8", Some(ElementKind::Signed(8))),
        ("u1", Some(ElementKind::Unsigned(1))),
        ("u2", Some(ElementKind::Unsigned(2))),
        ("u4", Some(ElementKind::Unsigned(4))),
        ("u8", Some(ElementKind::Unsigned(8))),
        ("f4", Some(ElementKind::Float(4))),
        ("f8", Some(ElementKind::Float(8))),
    ];
    let known = KINDS.iter().find(|known| heap.is(name, known.0)).map(|known| known.1);
    known.ok_or_else(|| format!("an array of {}; expected numbers, booleans or objects", heap.describe(name)))
}

/// A scalar of numpy, if the node is one.
pub(super) fn scalar(heap: &Heap<'_>, id: u32) -> Result<Option<Cell>, String> {
    let Node::Made { of: Global::Scalar, arguments, .. } = heap.node(id) else { return Ok(None) };
    let [dtype, bytes] = heap.tuple(*arguments)?;
    let kind = kind(heap, dtype)?.ok_or("a numpy scalar of objects; expected a number")?;
    kind.cell(&heap.bytes(bytes, kind.size())?).map(Some)
}

/// An array of one or two dimensions.
#[derive(Debug)]
pub(super) struct Array<'a, 'h> {
    /// Its lengths.
    pub(super) shape: Vec<usize>,
    /// Whether the first index runs fastest.
    fortran: bool,
    data: Data<'a, 'h>,
}

#[derive(Debug)]
enum Data<'a, 'h> {
    Strings(Strings<'a>),
    Objects(&'h [u32]),
    Raw(ElementKind, Cow<'a, [u8]>),
}

impl<'a, 'h> Array<'a, 'h> {
    /// The array that a node is, of at most `most` elements.
    pub(super) fn of(heap: &'h Heap<'a>, id: u32, most: usize) -> Result<Self, String> {
        // text columns of pandas 3 are an array of objects in a wrapper
        let id = match heap.node(id) {
            Node::Made { of: Global::ArrayBacked, state: Some(state), .. } => heap.tuple::<2>(*state)?[1],
            Node::Made { of: Global::ArrowStrings, state: Some(state), .. } => {
                let strings = Strings::of(heap, *state, most)?;
                return Ok(Self { shape: vec![strings.length], fortran: false, data: Data::Strings(strings) });
            }
            _ => id,
        };
        let (shape, dtype, fortran, data) = match heap.node(id) {
            Node::Made { of: Global::Reconstruct, state: Some(state), .. } => {
                let [_version, shape, dtype, fortran, data] = heap.tuple(*state)?;
                (shape, dtype, matches!(heap.node(fortran), Node::Boolean(true) | Node::Integer(1)), data)
            }
            Node::Made { of: Global::FromBuffer, arguments, .. } => {
                let [data, dtype, shape, order] = heap.tuple(*arguments)?;
                (shape, dtype, heap.is(order, "F"), data)
            }
            _ => return Err(format!("expected a numpy array; found {}", heap.describe(id))),
        };
        let lengths = heap.items(shape)?;
        if !(1..=2).contains(&lengths.len()) {
            return Err(format!("an array of {} dimensions; expected 1 or 2", lengths.len()));
        }
        let length = |&id: &u32| heap.length(id).ok_or("an array's shape holds no length; expected whole numbers");
        let shape = lengths.iter().map(length).collect::<Result<Vec<_>, _>>()?;
        let count = shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n)).filter(|count| *count <= most);
        let count = count.ok_or_else(|| format!("an array of shape {shape:?}; expected at most {most} elements"))?;
        let data = match kind(heap, dtype)? {
            Some(kind) => {
                let bytes = count.checked_mul(kind.size()).ok_or("an array larger than memory; expected a smaller one")?;
                Data::Raw(kind, heap.bytes(data, bytes)?)
            }
            None => match heap.node(data) {
                Node::List(items) if items.len() == count => Data::Objects(items),
                _ => return Err(format!("expected a list of {count} objects; found {}", heap.describe(data))),
            },
        };
        Ok(Self { shape, fortran, data })
    }

    /// Where the element of a row and a column is; an array of one dimension is one row.
    pub(super) fn place(&self, row: usize, column: usize) -> usize {
        match self.shape[..] {
            [rows, _] if self.fortran => column * rows + row,
            [_, columns] => row * columns + column,
            _ => column,
        }
    }

    /// The element in a place.
    pub(super) fn cell(&self, heap: &Heap<'_>, budget: &mut Budget, place: usize) -> Result<Cell, String> {
        let short = "an array that ends early; expected all of its elements";
        match &self.data {
            Data::Strings(strings) => strings.cell(budget, place),
            Data::Objects(items) => budget.cell(heap, *items.get(place).ok_or(short)?),
            Data::Raw(kind, bytes) => {
                budget.take(1)?;
                let size = kind.size();
                kind.cell(bytes.get(place * size..(place + 1) * size).ok_or(short)?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_every_type_keep_their_value() {
        assert_eq!(ElementKind::Signed(2).cell(&[0xfe, 0xff]), Ok(Cell::Integer(-2)));
        assert_eq!(ElementKind::Signed(8).cell(&i64::MIN.to_le_bytes()), Ok(Cell::Integer(i64::MIN)));
        assert_eq!(ElementKind::Unsigned(1).cell(&[0xff]), Ok(Cell::Integer(255)));
        assert_eq!(
            ElementKind::Unsigned(8).cell(&[0xff; 8]),
            Err("18446744073709551615; expected at most 9223372036854775807".into())
        );
        assert_eq!(ElementKind::Float(4).cell(&0.25f32.to_le_bytes()), Ok(Cell::Float(0.25)));
        assert_eq!(ElementKind::Float(8).cell(&f64::NAN.to_le_bytes()), Ok(Cell::Missing));
        assert_eq!(ElementKind::Boolean.cell(&[1]), Ok(Cell::Boolean(true)));
    }
}
