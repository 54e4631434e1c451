//! What the commit record of a shard is going to say of its rows.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::{ArrayPlace, RowNote, ShardRecord};
use crate::error::Code;
use crate::provenance::{self, Provenance};
use crate::source::Identity;

/// What is known of the rows so far.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) failed: Vec<RowNote>,
    absent: Vec<RowNote>,
    pub(super) notes: Vec<RowNote>,
    pub(super) made_by: BTreeMap<String, Vec<u64>>,
    pub(super) sources: BTreeMap<String, Identity>,
    provenance: Provenance,
}

impl Told {
    /// What a record says of all rows but some.
    pub(super) fn but(record: ShardRecord, rows: &BTreeSet<u64>) -> Self {
        let stays = |row: &u64| !rows.contains(row);
        let kept = |notes: Vec<RowNote>| notes.into_iter().filter(|note| stays(&note.row)).collect();
        let made_by = record.made_by.into_iter().map(|(name, ranges)| {
            let rows: Vec<u64> = ranges.into_iter().flat_map(|[from, to]| from..to).filter(stays).collect();
            (name, rows)
        });
        Self {
            failed: kept(record.failed),
            absent: kept(record.absent),
            notes: kept(record.notes),
            made_by: made_by.filter(|(_, rows)| !rows.is_empty()).collect(),
            sources: record.sources,
            provenance: record.provenance,
        }
    }

    /// Why there is no such row.
    pub(super) fn lacks(&mut self, note: RowNote) {
        if note.code == Code::Absent { &mut self.absent } else { &mut self.failed }.push(note);
    }

    /// The record, of a file of so many bytes with this hash.
    pub(super) fn record(
        mut self,
        recipe_blake3: String,
        rows: [u64; 2],
        arrays: BTreeMap<String, ArrayPlace>,
        (bytes, blake3): (u64, String),
        made_with: &Provenance,
    ) -> ShardRecord {
        provenance::add(&mut self.provenance, made_with);
        for notes in [&mut self.failed, &mut self.absent, &mut self.notes] {
            notes.sort_by_key(|note| note.row);
        }
        ShardRecord {
            recipe_blake3,
            rows,
            bytes,
            blake3,
            arrays,
            failed: self.failed,
            absent: self.absent,
            notes: self.notes,
            sources: self.sources,
            provenance: self.provenance,
            made_by: self.made_by.into_iter().map(|(name, rows)| (name, ranges(rows))).collect(),
        }
    }
}

/// Rows as ranges [first, last + 1).
fn ranges(mut rows: Vec<u64>) -> Vec<[u64; 2]> {
    rows.sort_unstable();
    let mut ranges: Vec<[u64; 2]> = Vec::new();
    for row in rows {
        match ranges.last_mut() {
            Some(range) if range[1] == row => range[1] += 1,
            _ => ranges.push([row, row + 1]),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_ranges() {
        assert_eq!(ranges(vec![4, 2, 3, 7]), [[2, 5], [7, 8]]);
    }
}
