//! The bytes of a pickle, taken from front to back. Lengths are checked against what is left before anything is made of them.

use super::heap::Node;

pub(super) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes taken.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Bytes not taken yet.
    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let left = &self.bytes[self.at..];
        let bytes = left.get(..count).ok_or_else(|| format!("expected {count} more bytes; the file has {} left", left.len()))?;
        self.at += count;
        Ok(bytes)
    }

    /// A little-endian number of `N` bytes.
    pub(super) fn number<const N: usize>(&mut self) -> Result<usize, String> {
        let number = self.take(N)?.iter().rev().fold(0u64, |number, &byte| number << 8 | u64::from(byte));
        usize::try_from(number).map_err(|_| format!("the length {number}; expected less"))
    }

    /// Bytes after their count, itself of `N` bytes.
    pub(super) fn counted<const N: usize>(&mut self) -> Result<&'a [u8], String> {
        let count = self.number::<N>()?;
        self.take(count)
    }

    pub(super) fn counted_text<const N: usize>(&mut self) -> Result<Node<'a>, String> {
        let bytes = self.counted::<N>()?;
        std::str::from_utf8(bytes).map(Node::Text).map_err(|_| "text that is not UTF-8; expected UTF-8".into())
    }

    /// Text up to the end of the line.
    pub(super) fn line(&mut self) -> Result<&'a str, String> {
        let left = &self.bytes[self.at..];
        let end = left.iter().position(|&byte| byte == b'\n').ok_or("the file ends in a name; expected the rest of the line")?;
        self.at += end + 1;
        std::str::from_utf8(&left[..end]).map_err(|_| "a name that is not UTF-8; expected UTF-8".into())
    }

    /// A signed little-endian number of `count` bytes.
    pub(super) fn integer(&mut self, count: usize) -> Result<Node<'a>, String> {
        let bytes = self.take(count)?;
        let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = [sign; 8];
        match wide.get_mut(..count) {
            Some(place) => place.copy_from_slice(bytes),
            None => return Err(format!("an integer of {count} bytes; expected at most 8")),
        }
        Ok(Node::Integer(i64::from_le_bytes(wide)))
    }
}
