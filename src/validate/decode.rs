//! What `validate --decode` makes of rows: the same that `preprocess` would.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::groups::{Group, Groups};
use super::{Depth, Found};
use crate::Result;
use crate::config::Pipeline;
use crate::error::{Code, Failure};
use crate::pipeline::{Progress, Work, in_order};
use crate::preset::maker::ModalitySettings;
use crate::preset::{self, PRESETS};
use crate::worker::{Job, Scratch, Session, WorkerPool};

/// Rows that wait in memory at once.
const ROWS: usize = 64;

/// Makes rows of every recording that is there, and says what is wrong with which.
pub(super) fn rows(
    pipeline: &Pipeline,
    dataset: &str,
    groups: &[Groups<'_>],
    depth: Depth,
    work: Work<'_>,
    found: &mut Found<'_>,
) -> Result<()> {
    let modalities = pipeline.preprocess.as_ref().map_or_else(usual, |settings| settings.modalities.clone());
    // what is wrong with the settings stands among the faults, and then there is nothing to make
    let session = Session { dataset: dataset.into(), modalities };
    let Ok(pool) = WorkerPool::new(session, work.spawner, work.patience) else { return Ok(()) };
    let there: Vec<Group<'_>> = groups.iter().flat_map(Groups::there).collect();
    let make = |item: usize| match depth {
        Depth::Last => last(&pool, there[item], work),
        Depth::All => all(&pool, there[item], work),
    };
    // whole recordings, by what is said of them: their rows, and the first of these
    let mut absent: BTreeMap<String, (BTreeSet<&str>, String)> = BTreeMap::new();
    let mut flags = Vec::new();
    let name = |item: usize| there[item].source.path().display().to_string();
    in_order(there.len(), work.workers, 4 * work.workers, work.stop, name, make, |item, told: Result<Vec<Told>>| {
        let group = there[item];
        for Told { place, problem } in told? {
            let (kind, id) = (group.asked.kind.name, group.segment(place).id.as_str());
            let line = |what: &dyn Display| format!("{}: {kind}: {what} (row {id:?})", group.source.path().display());
            match problem {
                Ok(flag) => flags.push(line(&format_args!("{flag} (partial)"))),
                Err(Failure { code: Code::Absent, message }) => {
                    let first = || (BTreeSet::new(), format!("{} (row {id:?})", group.source.path().display()));
                    let (rows, _) = absent.entry(format!("{kind}: {message}")).or_insert_with(first);
                    rows.extend(group.segments().map(|segment| segment.id.as_str()));
                }
                Err(failure) => found.fault(&line(&failure))?,
            }
        }
        (work.progress)(Progress { done: item + 1, total: there.len() });
        Ok(())
    })?;
    let absent =
        absent.into_iter().map(|(said, (rows, first))| format!("{said} (absent) ({} rows, the first {first})", rows.len()));
    flags.into_iter().chain(absent).for_each(|note| found.note(note));
    Ok(())
}

/// What there is to say of a row: why it is not whole (`Ok`), or cannot be made.
#[derive(Debug, Clone)]
struct Told {
    /// Among the group's rows.
    place: usize,
    problem: std::result::Result<String, Failure>,
}

/// What is made where the pipeline file does not say: little of all that is of recordings, called as its kind is.
fn usual() -> BTreeMap<String, ModalitySettings> {
    let little = PRESETS.iter().filter_map(|entry| Some((entry, entry.little?)));
    let settings = |(entry, parameters): (&preset::PresetEntry, &str)| {
        let kind = entry.kinds.first().filter(|kind| kind.is_of_recordings())?;
        let parameters = serde_json::from_str(parameters).ok()?;
        Some((kind.name.to_owned(), ModalitySettings { preset: entry.name.into(), kind: Some(*kind), jpeg: None, parameters }))
    };
    little.filter_map(settings).collect()
}

/// The row that ends last, and others where that one ends past the recording.
fn last(pool: &WorkerPool<'_>, group: Group<'_>, work: Work<'_>) -> Result<Vec<Told>> {
    let end = |place: &usize| group.segment(*place).span.end.unwrap_or(f64::INFINITY);
    let mut order: Vec<usize> = (0..group.len()).collect();
    order.sort_by(|a, b| end(b).total_cmp(&end(a)));
    let mut told = Vec::new();
    for place in order {
        let row = outcomes(pool, group, &[place], work)?;
        // which is less than the row asks for, or nothing of it
        let short = |told: &Told| matches!(told.problem, Err(Failure { code: Code::Truncated | Code::Undecodable, .. }));
        let on = row.iter().any(short);
        told.extend(row);
        if !on {
            break;
        }
    }
    Ok(told)
}

fn all(pool: &WorkerPool<'_>, group: Group<'_>, work: Work<'_>) -> Result<Vec<Told>> {
    let places: Vec<usize> = (0..group.len()).collect();
    let parts = places.chunks(ROWS).map(|places| outcomes(pool, group, places, work));
    Ok(parts.collect::<Result<Vec<_>>>()?.concat())
}

/// Makes rows of a group, in order of their start, and says which are not whole.
fn outcomes(pool: &WorkerPool<'_>, group: Group<'_>, places: &[usize], work: Work<'_>) -> Result<Vec<Told>> {
    let header = &pool.makers()[group.asked.maker].header;
    let bytes = |elements: u64| elements * header.dtype.size();
    let memory = Scratch::new(places.len() as u64, bytes(header.row_elements()), bytes(header.view_elements()))?;
    let job = Job {
        maker: group.asked.maker,
        source: group.source.into(),
        segments: places.iter().map(|&place| group.segment(place).clone()).collect(),
        rows: (0..places.len() as u64).collect(),
        target: memory.target(),
    };
    let mut told = Vec::new();
    pool.make(&job, &mut |row, outcome| {
        let problem = outcome.map(|made| made.partial).transpose();
        told.extend(problem.map(|problem| Told { place: places[row], problem }));
        work.stop.check()
    })?;
    told.sort_by_key(|told| told.place);
    Ok(told)
}
