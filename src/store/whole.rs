//! A store of rows that are at hand already: features from elsewhere.

use std::path::Path;
use std::time::Duration;

use super::lease::{FOLDER, Pause, TIMEOUT};
use super::plan::Plan;
use super::pulse::{END, PulseState, Watch};
use super::shard_writer::ShardWriter;
use super::units::Unit;
use super::writer::{Summary, Writer};
use crate::error::{Action, Failure};
use crate::fs::claim::claimed;
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
        remove(&part, stop)?;
    }
    match fill(&part, plan, stop, row) {
        // held until it has its name: nobody takes it for what a killed run left
        Ok((summary, _lock)) => fs::publish(folder).map(|()| summary),
        Err(error) => {
            if !matches!(error, Error::Busy { .. }) && part.is_dir() {
                // whatever else was asked for, what it was asked of is not left to lie about
                remove(&part, &Stop::default())?;
            }
            Err(error)
        }
    }
}

/// Removes a folder that nobody holds, here or on another machine.
fn remove(folder: &Path, stop: &Stop) -> Result<()> {
    let _lock = fs::Lock::take(folder)?;
    leave_to_rest(folder, TIMEOUT, stop)?;
    std::fs::remove_dir_all(folder).map_err(Error::io(Action::Remove, folder))
}

/// Waits until it is known that nobody is at work on the store in `store`, from another machine neither.
///
/// # Errors
/// [`Error::Busy`] where somebody is; [`Error::Interrupted`]; [`Error::Io`].
fn leave_to_rest(store: &Path, timeout: Duration, stop: &Stop) -> Result<()> {
    let folder = store.join(FOLDER);
    if !folder.is_dir() {
        return Ok(());
    }
    let watch = Watch::new(&folder, timeout);
    let first: Vec<Option<String>> = texts(&watch, &folder)?;
    let mut pause = Pause::default();
    loop {
        let mut all_gone = true;
        for name in watch.names()? {
            all_gone &= watch.look(&name)? == PulseState::Gone;
            if watch.is_here(&name)? {
                return Err(Error::Busy { path: store.into() });
            }
        }
        if all_gone {
            return Ok(());
        }
        if texts(&watch, &folder)? != first {
            return Err(Error::Busy { path: store.into() });
        }
        stop.check()?;
        pause.pass();
    }
}

fn texts(watch: &Watch, folder: &Path) -> Result<Vec<Option<String>>> {
    let mut names = watch.names()?;
    names.sort();
    names.iter().map(|name| claimed(&folder.join(format!("{name}{END}")))).collect()
}

fn fill(
    folder: &Path,
    plan: &Plan,
    stop: &Stop,
    row: impl Fn(usize, u64) -> Result<Row, Failure> + Sync,
) -> Result<(Summary, fs::Lock)> {
    let writer = Writer::alone(folder, plan)?;
    let make = |(modality, shard): Unit, writing: &ShardWriter<'_>| {
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
            None => Ok(()),
        }
    };
    writer.make_missing(stop, make, |_| ())?;
    writer.finish_held(stop)
}
