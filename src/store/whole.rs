//! A store of rows that are at hand already: features from elsewhere.

use std::path::Path;

use rayon::prelude::*;

use super::writer::{Plan, Summary, Writer};
use crate::error::{Action, Failure};
use crate::sample::Row;
use crate::stop::Stop;
use crate::{Error, Result, fs};

/// Writes a whole store; `row` makes a row of a modality (its place in the plan), on several threads, or says by
/// [`Code::Absent`](crate::error::Code::Absent) that there is none. The folder appears when all is written; until then it is `<folder>.part`, which an error removes.
///
/// # Errors
/// [`Error::Input`] for a folder that holds something, for a plan that no store can have, and for a row that cannot be stored, such as
/// one with a value that is not finite or too large for f16: it names the row, its id and its modality; [`Error::Busy`]; [`Error::Io`]; [`Error::Interrupted`].
pub fn write(
    folder: &Path,
    plan: &Plan,
    stop: &Stop,
    row: impl Fn(usize, u64) -> Result<Row, Failure> + Sync,
) -> Result<Summary> {
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file() {
        return Err(Error::input(folder.display(), "this is there already; expected a new or an empty folder"));
    }
    for modality in &plan.modalities {
        modality.check().map_err(|problem| Error::input(format!("modality {:?}", modality.name), problem))?;
    }
    let part = fs::part(folder);
    if part.is_dir() {
        // of a run that was killed; one that is alive holds it
        remove(&part)?;
    }
    match fill(&part, plan, stop, row) {
        // held until it has its name: nobody takes it for what a killed run left
        Ok((summary, _lock)) => fs::publish(folder).map(|()| summary),
        Err(error) => {
            if !matches!(error, Error::Busy { .. }) {
                remove(&part)?;
            }
            Err(error)
        }
    }
}

/// Removes a folder that nobody holds.
fn remove(folder: &Path) -> Result<()> {
    let _lock = fs::Lock::take(folder)?;
    std::fs::remove_dir_all(folder).map_err(Error::io(Action::Remove, folder))
}

fn fill(
    folder: &Path,
    plan: &Plan,
    stop: &Stop,
    row: impl Fn(usize, u64) -> Result<Row, Failure> + Sync,
) -> Result<(Summary, fs::Lock)> {
    let writer = Writer::open(folder, plan)?;
    let shards: Vec<(usize, u64)> = (0..plan.modalities.len()).flat_map(|m| (0..writer.shards()).map(move |k| (m, k))).collect();
    shards.into_par_iter().try_for_each(|(modality, shard)| {
        let writing = writer.shard(modality, shard)?;
        let [first, end] = writer.rows(shard);
        for number in first..end {
            stop.check()?;
            writing.write(number, row(modality, number).as_ref())?;
        }
        match writing.first_failure() {
            Some(note) => {
                let place = format!("row {} ({}), {}", note.row, note.id, plan.modalities[modality].name);
                Err(Error::input(place, note.message))
            }
            None => writing.commit(),
        }
    })?;
    writer.finish_held()
}
