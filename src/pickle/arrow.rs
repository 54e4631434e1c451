//! Columns of text as pandas 3 keeps them beside pyarrow: offsets into one stretch of UTF-8, and a bit a row that tells whether it is there.

use std::borrow::Cow;

use super::globals::Global;
use super::heap::{Heap, Node};
use super::{Budget, Cell};

/// Text of pyarrow's.
#[derive(Debug)]
pub(super) struct Strings<'a> {
    /// Elements before the first.
    offset: usize,
    /// Elements.
    pub(super) length: usize,
    /// Bytes of an offset into the text.
    wide: usize,
    /// A bit an element; none where all are there.
    valid: Option<Cow<'a, [u8]>>,
    offsets: Cow<'a, [u8]>,
    text: Cow<'a, [u8]>,
}

impl<'a> Strings<'a> {
    /// The column whose state is `state`, of at most `most` elements.
    pub(super) fn of(heap: &Heap<'a>, state: u32, most: usize) -> Result<Self, String> {
        let array = heap.get(state, "_pa_array")?.ok_or("a column of pyarrow's without its array; expected _pa_array")?;
        let &Node::Made { of: Global::RestoreArray, arguments, state: None } = heap.node(array) else {
            return Err(format!("expected an array of pyarrow's; found {}", heap.describe(array)));
        };
        let [parts] = heap.tuple(arguments)?;
        let [kind, length, _nulls, offset, buffers, children, dictionary] = heap.tuple(parts)?;
        let wide = match heap.node(kind) {
            Node::Made { of: Global::TypeForAlias, arguments, state: None } => {
                let [name] = heap.tuple(*arguments)?;
                let known = [("large_string", 8), ("large_utf8", 8), ("string", 4), ("utf8", 4)];
                let wide = known.iter().find(|known| heap.is(name, known.0)).map(|known| known.1);
                wide.ok_or_else(|| format!("an array of pyarrow's of {}; expected text", heap.describe(name)))?
            }
            _ => return Err(format!("expected a type of pyarrow's; found {}", heap.describe(kind))),
        };
        if !heap.items(children)?.is_empty() || !matches!(heap.node(dictionary), Node::None) {
            return Err("an array of pyarrow's with arrays in it; expected text alone".into());
        }
        let number = |id: u32| heap.length(id).ok_or("an array of pyarrow's without a length; expected a whole number");
        let (length, offset) = (number(length)?, number(offset)?);
        let end = offset.checked_add(length).filter(|_| length <= most);
        let end = end.ok_or_else(|| format!("an array of pyarrow's of {length} elements; expected at most {most}"))?;
        let [valid, offsets, text] = heap.tuple(buffers)?;
        let valid = match heap.node(valid) {
            Node::None => None,
            _ => Some(buffer(heap, valid, end.div_ceil(8))?),
        };
        let places = end
            .checked_add(1)
            .and_then(|places| places.checked_mul(wide))
            .ok_or("an array larger than memory; expected a smaller one")?;
        let offsets = buffer(heap, offsets, places)?;
        let mut found = Self { offset, length, wide, valid, offsets, text: Cow::Borrowed(&[]) };
        let last = found.start(end)?;
        if last > 0 {
            found.text = buffer(heap, text, last)?;
        }
        Ok(found)
    }

    /// Where the text of an element begins.
    fn start(&self, place: usize) -> Result<usize, String> {
        let bytes = self
            .offsets
            .get(place * self.wide..(place + 1) * self.wide)
            .ok_or("an array that ends early; expected all of its offsets")?;
        let mut wide = [0; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        usize::try_from(u64::from_le_bytes(wide)).map_err(|_| "an offset beyond memory; expected one in the text".into())
    }

    /// The element in a place.
    pub(super) fn cell(&self, budget: &mut Budget, place: usize) -> Result<Cell, String> {
        budget.take(1)?;
        let at = self.offset + place;
        let there = |bits: &[u8]| bits.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
        if self.valid.as_deref().is_some_and(|bits| !there(bits)) {
            return Ok(Cell::Missing);
        }
        let (start, end) = (self.start(at)?, self.start(at + 1)?);
        let text = self.text.get(start..end).ok_or("offsets that do not lie in the text; expected them in it, in order")?;
        let text = std::str::from_utf8(text).map_err(|_| "text that is not UTF-8; expected UTF-8")?;
        budget.text(text).map(Cell::Text)
    }
}

/// The first `expected` bytes of a buffer.
fn buffer<'a>(heap: &Heap<'a>, id: u32, expected: usize) -> Result<Cow<'a, [u8]>, String> {
    let &Node::Made { of: Global::PyBuffer, arguments, state: None } = heap.node(id) else {
        return Err(format!("expected a buffer of pyarrow's; found {}", heap.describe(id)));
    };
    let [bytes] = heap.tuple(arguments)?;
    let bytes = match heap.node(bytes) {
        Node::Made { of: Global::ByteArray, arguments, state: None } => match heap.items(*arguments)? {
            [] if expected == 0 => return Ok(Cow::Borrowed(&[])),
            [bytes] => *bytes,
            _ => return Err(format!("expected {expected} bytes; found {}", heap.describe(bytes))),
        },
        _ => bytes,
    };
    // one may be filled up to some round length
    match heap.node(bytes) {
        Node::Bytes(found) if found.len() > expected => Ok(Cow::Borrowed(&found[..expected])),
        _ => heap.bytes(bytes, expected),
    }
}
