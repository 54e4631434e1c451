//! What the rows of a shard hold, block by block.

use crate::sample::Dtype;
use crate::store::layout::ShardRecord;

/// Where an array lies.
pub(super) struct Array {
    pub name: &'static str,
    pub dtype: Dtype,
    pub offset: u64,
    /// Of the whole array.
    pub bytes: u64,
    /// 0 for the arrays of JPEGs, which are not cut by row.
    pub row_bytes: u64,
    pub rows: u64,
}

impl Array {
    /// One past its last byte.
    pub fn end(&self) -> u64 {
        self.offset + self.bytes
    }
}

/// What is wrong with a row's bytes.
#[derive(Clone, PartialEq)]
enum Wrong {
    /// A value that is not finite: array, place in the row, value.
    Value(&'static str, u64, f64),
    /// Something is written in a row that is not there.
    Written(&'static str),
}

/// What is known of the rows of a shard.
pub(super) struct RowsState {
    first: u64,
    /// By row; `None` where the file ends before.
    valid: Vec<Option<u8>>,
    arrays: Vec<Array>,
    wrong: Vec<Option<Wrong>>,
    length: u64,
}

impl RowsState {
    pub fn new(rows: [u64; 2], arrays: Vec<Array>) -> Self {
        let count = (rows[1] - rows[0]) as usize;
        Self { first: rows[0], valid: vec![None; count], arrays, wrong: vec![None; count], length: 0 }
    }

    /// Reads which rows are said to be there, as far as a file of `length` bytes tells.
    pub fn validity(&mut self, length: u64, read: &dyn Fn(&mut [u8], u64) -> std::io::Result<()>) -> std::io::Result<()> {
        self.length = length;
        let Some(array) = self.arrays.iter().find(|array| array.name == "valid") else { return Ok(()) };
        let mut bytes = vec![0; length.saturating_sub(array.offset).min(array.rows) as usize];
        read(&mut bytes, array.offset)?;
        self.valid.iter_mut().zip(bytes).for_each(|(valid, byte)| *valid = Some(byte));
        Ok(())
    }

    /// Looks at the bytes from `at` on; `at` is a multiple of every element's size.
    pub fn take(&mut self, at: u64, block: &[u8]) {
        let block_end = at + block.len() as u64;
        for array in self.arrays.iter().filter(|array| array.name != "valid" && array.row_bytes > 0) {
            let (mut from, to) = (array.offset.max(at), array.end().min(block_end));
            while from < to {
                let row = (from - array.offset) / array.row_bytes;
                let row_start = array.offset + row * array.row_bytes;
                let end = to.min(row_start + array.row_bytes);
                let bytes = &block[(from - at) as usize..(end - at) as usize];
                let wrong = &mut self.wrong[row as usize];
                if wrong.is_none() {
                    *wrong = match self.valid[row as usize] {
                        Some(0) => bytes.iter().any(|byte| *byte != 0).then_some(Wrong::Written(array.name)),
                        _ => array.dtype.not_finite(bytes).map(|(place, value)| {
                            Wrong::Value(array.name, (from - row_start) / array.dtype.size() + place as u64, value)
                        }),
                    };
                }
                from = end;
            }
        }
    }

    /// All that is wrong with rows, in ranges of the same problem.
    pub fn faults<'i>(&self, record: &ShardRecord, id: &dyn Fn(u64) -> Option<&'i str>) -> Vec<([u64; 2], String)> {
        let count = self.valid.len();
        let mut missing = vec![false; count];
        for note in record.failed.iter().chain(&record.absent) {
            if let Some(place) = note.row.checked_sub(self.first).filter(|place| *place < count as u64) {
                missing[place as usize] = true;
            }
        }
        let data = self.arrays.iter().find(|array| array.name == "data");
        let mut found: Vec<([u64; 2], String)> = Vec::new();
        for (place, missing) in missing.into_iter().enumerate() {
            let past = data.is_some_and(|data| data.offset + (place as u64 + 1) * data.row_bytes > self.length);
            let validity = match (self.valid[place], missing) {
                _ if past => Some("data lies past the end of the file".to_owned()),
                (None, _) | (Some(1), false) | (Some(0), true) => None,
                (Some(1), true) => Some("valid is 1, but the record lists it as failed or absent".into()),
                (Some(0), false) => Some("valid is 0, but the record lists it neither as failed nor as absent".into()),
                (Some(other), _) => Some(format!("valid is {other}; expected 0 or 1")),
            };
            let wrong = self.wrong[place].as_ref().map(|wrong| match wrong {
                Wrong::Value(array, ..) => format!("{array} holds values that are not finite"),
                Wrong::Written(array) => format!("{array} is not zeros, but valid is 0"),
            });
            for problem in validity.into_iter().chain(wrong) {
                let row = self.first + place as u64;
                match found.iter_mut().rev().find(|(_, known)| *known == problem) {
                    Some((range, _)) if range[1] == row => range[1] += 1,
                    _ => found.push(([row, row + 1], problem)),
                }
            }
        }
        for ([row, end], problem) in &mut found {
            let Some(Wrong::Value(_, element, value)) = self.wrong[(*row - self.first) as usize].as_ref() else { continue };
            if problem.ends_with("not finite") {
                let id = id(*row).map_or_else(String::new, |id| format!(" of {id:?}"));
                let which = if *end == *row + 1 { "" } else { ", the first" };
                *problem += &format!("{which}: element {element}{id} is {value}");
            }
        }
        found
    }
}
