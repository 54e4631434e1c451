//! The verb `merge`: shards or rows made apart into one store.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::error::{Code, Failure};
use crate::manifest::{Labels, Manifest, Occurring, Segment};
use crate::provenance::{self, Provenance};
use crate::sample::Made;
use crate::stop::Stop;
use crate::store::header::{read_header, record};
use crate::store::layout::{Header, ModalityHeader, ShardRecord, shard_path};
use crate::store::reader::Rows;
use crate::store::recipe::differences;
use crate::store::units::{Lease, Unit};
use crate::store::writer::Summary;
use crate::store::{Plan, RowNote, ShardWriter, Store, Writer};
use crate::verify::verify;
use crate::{Error, Result, fs};

/// How a merge goes on.
#[derive(Clone, Copy)]
pub struct MergeWork<'a> {
    /// Whether whole shards get a second name in place of being copied; only within one file system.
    pub link: bool,
    /// Asked between shards and rows.
    pub stop: &'a Stop,
    /// Told shards that are there, and shards in all.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
}

/// Makes one store at `out` of several.
///
/// Stores of one recipe, rows included, are parts of the same store, made apart: each shard is taken from one that has it, and held against its hash. The outcome is,
/// byte for byte, that of a run made in one go.
///
/// Stores of other rows, made alike, become one of all rows, in the order that every store has. Classes and domains are united by name,
/// those of the first store first.
///
/// # Errors
/// Before anything is written, [`Error::Input`]: for shards that no store has, for two that hold different bytes, for stores that were made differently (with the difference)
/// and for ids in two of them; [`Error::Integrity`] for damaged ones. Then [`Error::Busy`], [`Error::Io`], [`Error::Interrupted`].
pub fn merge(out: &Path, stores: &[PathBuf], work: MergeWork<'_>) -> Result<Summary> {
    let headers = stores.iter().map(|store| Ok(read_header(store)?.0)).collect::<Result<Vec<Header>>>()?;
    let Some(first) = headers.first() else { return Err(Error::Usage("no stores; expected at least one".into())) };
    for (place, store) in stores.iter().enumerate() {
        let same = |other: &Path| matches!((store.canonicalize(), other.canonicalize()), (Ok(a), Ok(b)) if a == b);
        if same(out) || stores[..place].iter().any(|other| same(other)) {
            return Err(Error::input(
                store.display(),
                "this store stands twice; expected other folders, and a new one for the outcome",
            ));
        }
    }
    if headers.iter().all(|header| header.recipe_blake3 == first.recipe_blake3) {
        parts(out, stores, &headers, work)
    } else {
        rows(out, stores, work)
    }
}

/// Shards of one store, made apart.
fn parts(out: &Path, stores: &[PathBuf], headers: &[Header], work: MergeWork<'_>) -> Result<Summary> {
    let plan = |header: &Header| Header { shards: BTreeMap::new(), ..header.clone() };
    let header = plan(&headers[0]);
    if let Some(place) = headers.iter().position(|other| plan(other) != header) {
        let problem = format!("rows, classes, domains or modalities are not those of {}; expected one plan", stores[0].display());
        return Err(Error::input(stores[place].display(), problem));
    }
    // what an earlier start brought counts too
    let there = read_header(out).is_ok_and(|(found, _)| found.recipe_blake3 == header.recipe_blake3).then_some(out);
    let folders: Vec<&Path> = there.into_iter().chain(stores.iter().map(PathBuf::as_path)).collect();
    let (mut from, mut missing) = (Vec::new(), Vec::new());
    for (place, modality) in header.modalities.iter().enumerate() {
        for shard in 0..header.shard_count() {
            let mut known: Option<(&Path, ShardRecord)> = None;
            for &folder in &folders {
                let Some(record) = record(folder, &header, &modality.name, shard)? else { continue };
                // what comes is held against its record when it is taken over; what is there already is not
                let data = shard_path(folder, &modality.name, shard, "h5");
                if there == Some(folder) && fs::hash(&data)? != record.blake3 {
                    continue;
                }
                // made again, a shard has fewer rows that are to be tried again
                let to_retry = |record: &ShardRecord| record.to_retry().count();
                match &known {
                    Some((_, other)) if to_retry(&record) < to_retry(other) => known = Some((folder, record)),
                    Some((_, other)) if to_retry(&record) > to_retry(other) => {}
                    Some((other, known)) if known.blake3 != record.blake3 => {
                        let problem = format!(
                            "{}/{shard:05}.h5 is not that of {}; expected the same bytes",
                            modality.name,
                            other.display()
                        );
                        return Err(Error::input(folder.display(), problem));
                    }
                    Some(_) => {}
                    None => known = Some((folder, record)),
                }
            }
            match known {
                Some((folder, _)) => from.push((place, shard, folder)),
                None => missing.push(format!("{}/{shard:05}", modality.name)),
            }
        }
    }
    if let Some(first) = missing.first() {
        let problem = format!(
            "{} of {} shards are in none of the stores, the first {first}; expected all",
            missing.len(),
            missing.len() + from.len()
        );
        return Err(Error::input(stores[0].display(), problem));
    }
    let writer = Writer::like(out, &stores[0])?;
    let done = AtomicUsize::new(0);
    let tell = || (work.progress)(done.fetch_add(1, Ordering::Relaxed) + 1, from.len());
    let bring: BTreeMap<Unit, &Path> =
        from.iter().filter(|(.., folder)| *folder != out).map(|&(modality, shard, folder)| ((modality, shard), folder)).collect();
    (bring.len()..from.len()).for_each(|_| tell());
    let adopt = |lease: Lease| writer.adopt(&lease, bring[&lease.unit()], work.link).map(|()| true);
    writer.settle(bring.keys().copied().collect(), work.stop, adopt, |_| tell())?;
    writer.finish(work.stop)
}

/// Where a row of the outcome comes from: a place in the list of stores, and its row there.
type RowOrigin = (usize, u64);

/// Rows of stores that were made alike.
fn rows(out: &Path, folders: &[PathBuf], work: MergeWork<'_>) -> Result<Summary> {
    let stores = folders.iter().map(|folder| Store::open(folder)).collect::<Result<Vec<_>>>()?;
    let first = stores[0].header();
    for (folder, store) in folders.iter().zip(&stores) {
        alike(&folders[0], first, folder, store.header())?;
    }
    let (manifest, origins) = united(&stores)?;
    for folder in folders {
        if let Some(fault) = verify(folder, work.stop, &|_, _| ())?.faults.first() {
            return Err(Error::integrity(folder, format!("{fault}; `mmdg verify` tells all that is wrong")));
        }
    }
    let row_bytes = first.modalities.iter().map(ModalityHeader::row_bytes).max().unwrap_or(1);
    let per_shard = stores.iter().map(|store| store.header().rows_per_shard).max().unwrap_or(1);
    let holds = if first.holds == "clips" { "clips" } else { "features" };
    let (modalities, mut recipe) = (first.modalities.clone(), first.recipe.clone());
    // what imported stores were made of
    let sources = stores.iter().filter_map(|store| store.header().recipe["sources"].as_array()).flatten();
    let sources: BTreeMap<String, &Value> = sources.map(|source| (source.to_string(), source)).collect();
    if !sources.is_empty() {
        recipe["sources"] = sources.into_values().cloned().collect();
    }
    let plan = Plan { holds, manifest, modalities, recipe, shard_bytes: Some(row_bytes.saturating_mul(per_shard)) };
    let made_with: Vec<Provenance> = stores.iter().map(Store::provenance).collect();
    let writer = Writer::open(out, &plan)?.made_with(&provenance::united(&made_with));
    let total = plan.modalities.len() * writer.shards() as usize;
    let done = AtomicUsize::new(0);
    let make = |(modality, shard): Unit, to: &ShardWriter<'_>| {
        fill(to, &plan.modalities[modality].name, writer.rows(shard), &stores, &origins, work.stop)
    };
    writer.make_missing(work.stop, make, |_| (work.progress)(done.fetch_add(1, Ordering::Relaxed) + 1, total))?;
    writer.finish(work.stop)
}

/// Whether two stores hold the same of their rows, made the same way.
fn alike(one_folder: &Path, one: &Header, other_folder: &Path, other: &Header) -> Result<()> {
    let differ = |problem: String| {
        Err(Error::input(
            other_folder.display(),
            format!("made otherwise than {}: {problem}; expected stores made alike", one_folder.display()),
        ))
    };
    if one.holds != other.holds {
        return differ(format!("it holds {}, not {}", other.holds, one.holds));
    }
    if one.modalities != other.modalities {
        let shown = |header: &Header| {
            let one = |m: &ModalityHeader| format!("{} {} {:?}", m.name, m.dtype.name(), m.shape);
            header.modalities.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        return differ(format!("its modalities are {}, not {}", shown(other), shown(one)));
    }
    let bare = |header: &Header| {
        let mut recipe = header.recipe.clone();
        if let Some(keys) = recipe.as_object_mut() {
            keys.retain(|key, _| !["manifest_blake3", "rows_per_shard", "sources"].contains(&key.as_str()));
        }
        recipe
    };
    let list = differences(&bare(one), &bare(other), "there", "here");
    if list.is_empty() { Ok(()) } else { differ(list) }
}

/// All rows in their order, and where each comes from.
fn united(stores: &[Store]) -> Result<(Manifest, Vec<RowOrigin>)> {
    let (labels, mut domains) = (labels(stores)?, Occurring::default());
    let (mut segments, mut places): (Vec<Segment>, HashMap<&str, RowOrigin>) = Default::default();
    for (number, store) in stores.iter().enumerate() {
        let manifest = store.manifest();
        let places_of_domains: Vec<usize> = manifest.domains.iter().map(|name| domains.place(name)).collect();
        for (row, segment) in manifest.segments.iter().enumerate() {
            if let Some((other, _)) = places.insert(&segment.id, (number, row as u64)) {
                let problem = format!(
                    "id {:?} stands in {} too; expected ids of one store each",
                    segment.id,
                    stores[other].folder().display()
                );
                return Err(Error::input(store.folder().display(), problem));
            }
            segments.push(Segment { domain: places_of_domains[segment.domain], ..segment.clone() });
        }
    }
    let manifest = Manifest::sorted(labels, domains.into_names(), segments);
    let origins = manifest.segments.iter().map(|segment| places[segment.id.as_str()]).collect();
    Ok((manifest, origins))
}

/// The labels of all rows, one store's after the other's.
fn labels(stores: &[Store]) -> Result<Labels> {
    let parts: Vec<&Labels> = stores.iter().map(|store| &store.manifest().labels).collect();
    Labels::join(&parts).map_err(|(place, problem)| Error::input(stores[place].folder().display(), problem))
}

/// What the records of one store say of the rows of one modality.
struct Told<'a> {
    rows: Rows<'a>,
    notes: HashMap<u64, &'a RowNote>,
    /// Ranges of rows and what made them, in order.
    made_by: Vec<([u64; 2], &'a str)>,
}

impl<'a> Told<'a> {
    fn new(store: &'a Store, modality: &str) -> Result<Self> {
        let rows = store.modality(modality)?;
        let (mut notes, mut made_by) = (HashMap::new(), Vec::new());
        for record in rows.records() {
            notes.extend(record.failed.iter().chain(&record.absent).chain(&record.notes).map(|note| (note.row, note)));
            made_by.extend(record.made_by.iter().flat_map(|(name, ranges)| ranges.iter().map(|range| (*range, name.as_str()))));
        }
        made_by.sort_unstable();
        Ok(Self { rows, notes, made_by })
    }

    fn outcome(&self, row: u64) -> Result<Made, Failure> {
        let note = self.notes.get(&row);
        if !self.rows.valid(row as usize) {
            let (code, message) = note.map_or((Code::Internal, "the store does not say why"), |note| (note.code, &note.message));
            return Err(Failure { code, message: message.to_owned() });
        }
        let place = self.made_by.partition_point(|([first, _], _)| *first <= row);
        let made_by = place.checked_sub(1).map_or("", |place| self.made_by[place].1).to_owned();
        let (span, times) = (self.rows.span(row as usize), self.rows.times(row as usize));
        Ok(Made { span, times, made_by: made_by.into(), partial: note.map(|note| note.message.clone()) })
    }
}

fn fill(
    to: &ShardWriter<'_>,
    modality: &str,
    [first, end]: [u64; 2],
    stores: &[Store],
    origins: &[RowOrigin],
    stop: &Stop,
) -> Result<()> {
    let told = stores.iter().map(|store| Told::new(store, modality)).collect::<Result<Vec<_>>>()?;
    let target = to.target();
    let file = fs::RowFile::open(&target.path)?;
    for row in first..end {
        stop.check()?;
        let (store, origin) = origins[row as usize];
        let outcome = told[store].outcome(origin);
        if outcome.is_ok() {
            let (rows, origin) = (told[store].rows, origin as usize);
            match rows.header().jpeg {
                // as they are: decoded and encoded again they would lose once more
                Some(_) => target.put_jpegs(&file, row - first, rows.frames(origin))?,
                None => target.put(&file, row - first, 0, rows.bytes(origin))?,
            }
            if let Some(views) = rows.views(origin) {
                target.put(&file, row - first, target.data_bytes, views)?;
            }
        }
        to.note(row, outcome.as_ref())?;
        let segment = &stores[store].manifest().segments[origin as usize];
        let sources = told[store].rows.record(origin as usize).sources_of(segment);
        sources.for_each(|(path, identity)| to.source(path, Some(identity.clone())));
    }
    Ok(())
}
