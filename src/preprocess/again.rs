//! Which rows of shards that are there are made again.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::Pass;
use crate::error::Code;
use crate::media::identity::identity;
use crate::source::Source;
use crate::store::layout::ShardRecord;
use crate::{Error, Result};

/// What of shards that are there is made again.
#[derive(Clone, Copy)]
pub(crate) struct Again<'a> {
    /// All rows that failed, not only those whose cause may have passed.
    pub(crate) failed: bool,
    /// Those that took too long, too.
    pub(crate) timeouts: bool,
    /// Those of these files, in order, whatever came of them.
    pub(crate) changed: &'a [PathBuf],
}

impl<'a> Again<'a> {
    /// What a run begins with: rows of files that have `changed`, and rows that failed in an earlier one, `all` of them or those whose cause may have passed.
    pub(crate) fn first(all: bool, changed: &'a [PathBuf]) -> Self {
        Self { failed: all, timeouts: true, changed }
    }

    /// An attempt at the end of the run, the first of which has number 0: what takes too long twice will do so a third time.
    pub(crate) fn attempt(number: u32) -> Self {
        Self { failed: false, timeouts: number == 0, changed: &[] }
    }

    /// Whether a shard with this record is left as it is, whatever its passes are: most are as they should be, and passes are long to plan.
    pub(crate) fn leaves(&self, record: &ShardRecord) -> bool {
        record.failed.is_empty() && self.changed.is_empty()
    }

    fn has_changed(&self, pass: &Pass) -> bool {
        let files = pass.source.iter().flat_map(Source::files);
        files.into_iter().any(|(path, _)| self.changed.binary_search_by(|other| other.as_path().cmp(path)).is_ok())
    }

    /// Rows of the shard that has this record and is made by these passes. Where shards cannot be changed (`writable`), there are none.
    ///
    /// # Errors
    /// [`Error::Environment`] where files have changed and their rows cannot be made again.
    pub(crate) fn rows(&self, record: &ShardRecord, passes: &[Pass], writable: bool) -> Result<BTreeSet<u64>> {
        let mut rows: BTreeSet<u64> =
            passes.iter().filter(|pass| self.has_changed(pass)).flat_map(|pass| pass.rows.clone()).collect();
        if !writable {
            return match rows.is_empty() {
                true => Ok(rows),
                false => Err(self.unmade(record, "and the store cannot be written", "make it writable, or --changed ignore")),
            };
        }
        for note in &record.failed {
            let pass = passes.iter().find(|pass| pass.rows.contains(&note.row));
            let worth = || match note.code {
                Code::Timeout => self.timeouts,
                // another outcome is not to be had of the very file that gave this one
                Code::Missing | Code::Refused => pass.is_some_and(|pass| {
                    let files = pass.source.iter().flat_map(Source::files);
                    files.into_iter().all(|(path, _)| {
                        let was = record.sources.get(&path.display().to_string());
                        let is = identity(path);
                        is.is_some() && (note.code == Code::Refused || is.as_ref() != was) && may_be_read(path)
                    })
                }),
                _ => true,
            };
            if self.failed || (note.retry && worth()) {
                rows.insert(note.row);
            }
        }
        Ok(rows)
    }

    /// Of a shard whose rows are all made together, as JPEGs are, which lie one behind the other: whether all its recordings can be read.
    ///
    /// # Errors
    /// [`Error::Environment`] where they cannot, and some of them have changed.
    pub(crate) fn all_together(&self, record: &ShardRecord, passes: &[Pass]) -> Result<bool> {
        let files = passes.iter().flat_map(|pass| pass.source.iter().flat_map(Source::files));
        let able = files.into_iter().all(|(path, _)| may_be_read(path));
        if !able && passes.iter().any(|pass| self.has_changed(pass)) {
            let why = "and not all recordings of that shard, whose JPEGs are made together, can be read";
            return Err(self.unmade(record, why, "bring them back, or --changed ignore"));
        }
        Ok(able)
    }

    /// What was asked for and cannot be done.
    fn unmade(&self, record: &ShardRecord, why: &str, remedy: &str) -> Error {
        let [first, end] = record.rows;
        let file = self.changed.iter().find(|path| record.sources.contains_key(&path.display().to_string()));
        let named = file.map_or_else(String::new, |path| format!(" ({})", path.display()));
        let problem = format!("the shard of rows {first} to {} has some of recordings that have changed{named}, {why}", end - 1);
        Error::environment(problem, remedy)
    }
}

fn may_be_read(path: &Path) -> bool {
    path.is_dir() || path.is_file() && File::open(path).is_ok()
}

/// Cuts passes so that each of these rows is made alone: nothing beside it is the cause of its failure once more.
pub(crate) fn alone(passes: Vec<Pass>, rows: &BTreeSet<u64>) -> Vec<Pass> {
    let cut = |Pass { maker, source, rows: all }: Pass| {
        let pieces: Vec<Vec<u64>> = all.chunk_by(|a, b| !rows.contains(a) && !rows.contains(b)).map(<[u64]>::to_vec).collect();
        pieces.into_iter().map(move |rows| Pass { maker, source: source.clone(), rows })
    };
    passes.into_iter().flat_map(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;

    #[test]
    fn rows_that_failed_are_made_alone() {
        let source = || Err(Failure { code: Code::Missing, message: String::new() });
        let pass = |rows: &[u64]| Pass { maker: 1, source: source(), rows: rows.to_vec() };
        let cut = alone(vec![pass(&[3, 4, 5, 6, 7]), pass(&[9])], &[5, 9].into());
        assert_eq!(cut, [pass(&[3, 4]), pass(&[5]), pass(&[6, 7]), pass(&[9])]);
    }
}
