//! One shard against its record.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::rows::{Array, RowsState};
use super::{Expected, Fault, said};
use crate::Result;
use crate::store::layout::{ModalityHeader, RowNote, ShardRecord, open_regular, read_json, shard_path};

/// Bytes that are read at once; a multiple of every element's size.
const BLOCK: usize = 1 << 20;

/// The record of a shard, if it can be read, and all that is wrong with the shard.
pub(super) fn look(world: &Expected<'_>, modality: &ModalityHeader, shard: u64) -> Result<(Option<ShardRecord>, Vec<Fault>)> {
    world.stop.check()?;
    let mut faults = Vec::new();
    let path = |extension| shard_path(world.folder, &modality.name, shard, extension);
    let name = |extension| format!("{}/{shard:05}.{extension}", modality.name);
    let (record_path, data_path) = (path("json"), path("h5"));
    // a shard without its record does not exist
    if !world.whole && std::fs::symlink_metadata(&record_path).is_err() {
        return Ok((None, faults));
    }
    let rows = world.header.shard_rows(shard);
    let record = match open_regular(&record_path).and_then(|_| read_json::<ShardRecord>(&record_path)) {
        Ok(record) => Some(record),
        Err(error @ crate::Error::Io { .. }) if error.exit_code() == 6 => return Err(error),
        Err(error) => {
            faults.push(Fault { rows: Some(rows), ..Fault::new(name("json"), said(error)) });
            None
        }
    };
    if let Some(record) = &record {
        let problems = problems(world, modality, shard, record);
        faults.extend(problems.into_iter().map(|problem| Fault::new(name("json"), problem)));
    }
    let entry = world.header.shards.get(&modality.name).and_then(|entries| entries.get(shard as usize));
    let told = record.as_ref().map(|record| (record.bytes, record.blake3.as_str()));
    let told = told.or(entry.map(|entry| (entry.bytes, entry.blake3.as_str())));
    let arrays = record.as_ref().map_or_else(Vec::new, |record| arrays(modality, rows, record));
    let said = |error: std::io::Error| format!("cannot read: {error}");
    let file = match open_regular(&data_path) {
        Ok(file) => file,
        Err(error @ crate::Error::Io { .. }) if error.exit_code() == 6 => return Err(error),
        Err(error) => {
            faults.push(Fault { rows: Some(rows), ..Fault::new(name("h5"), super::said(error)) });
            return Ok((record, faults));
        }
    };
    let mut state = RowsState::new(rows, arrays);
    match pass(world, &file, &mut state) {
        Err(Broken::Stopped(error)) => return Err(error),
        Err(Broken::Unreadable(error)) => {
            faults.push(Fault { rows: Some(rows), ..Fault::new(name("h5"), said(error)) });
        }
        Ok((bytes, hash)) => {
            let problem = match told {
                Some((expected, _)) if bytes != expected => Some(format!("{bytes} bytes; its record says {expected}")),
                Some((_, expected)) if hash != expected => Some(format!("its hash is {hash}; its record says {expected}")),
                _ => None,
            };
            faults.extend(problem.map(|problem| Fault { rows: Some(rows), ..Fault::new(name("h5"), problem) }));
        }
    }
    if let Some(record) = &record {
        let id = |row: u64| Some(world.manifest?.segments.get(row as usize)?.id.as_str());
        faults.extend(
            state
                .faults(record, &id)
                .into_iter()
                .map(|(rows, problem)| Fault { rows: Some(rows), ..Fault::new(name("h5"), problem) }),
        );
    }
    Ok((record, faults))
}

/// What is wrong with a record by itself, and against header, list of shards and manifest.
fn problems(world: &Expected<'_>, modality: &ModalityHeader, shard: u64, record: &ShardRecord) -> Vec<String> {
    let rows = world.header.shard_rows(shard);
    let mut found = Vec::new();
    if record.recipe_blake3 != world.header.recipe_blake3 {
        found.push(format!("recipe_blake3 is {}; the store's is {}", record.recipe_blake3, world.header.recipe_blake3));
    }
    if record.rows != rows {
        found.push(format!("rows {:?}; expected {rows:?}", record.rows));
    } else if !record.rows_fit() {
        found.push(format!("failed, absent, notes or made_by name rows other than {rows:?}; expected these"));
    } else {
        found.extend(missing(record));
    }
    if let Some(entry) = world.header.shards.get(&modality.name).and_then(|entries| entries.get(shard as usize)) {
        let file = format!("{}/{shard:05}.h5", modality.name);
        if (&entry.file, entry.rows, entry.bytes, &entry.blake3) != (&file, record.rows, record.bytes, &record.blake3) {
            found.push("file, rows, bytes or blake3 are not what store.json says".into());
        }
    }
    let all = modality.arrays(rows[1] - rows[0], jpegs(record));
    let fit = arrays(modality, rows, record);
    for (name, ..) in all.iter().filter(|(name, ..)| fit.iter().all(|array| array.name != *name)) {
        found.push(format!("array {name:?} is missing, has another shape or lies outside the file"));
    }
    for name in record.arrays.keys().filter(|name| all.iter().all(|(known, ..)| known != name)) {
        found.push(format!("array {name:?} is none that the modality has"));
    }
    let mut places: Vec<[u64; 2]> = fit.iter().map(|array| [array.offset, array.end()]).collect();
    places.sort_unstable();
    if places.windows(2).any(|pair| pair[0][1] > pair[1][0]) {
        found.push("arrays lie over each other".into());
    }
    if let Some(manifest) = world.manifest {
        let notes = record.failed.iter().chain(&record.absent).chain(&record.notes);
        let other = |note: &&RowNote| manifest.segments.get(note.row as usize).is_none_or(|segment| segment.id != note.id);
        if let Some(note) = notes.into_iter().find(other) {
            found.push(format!("row {} is said to be {:?}; manifest.csv says otherwise", note.row, note.id));
        }
    }
    found
}

/// What is wrong with the lists of rows.
fn missing(record: &ShardRecord) -> Option<String> {
    let [first, end] = record.rows;
    let mut made = vec![false; (end - first) as usize];
    for [from, to] in record.made_by.values().flatten() {
        for row in *from..*to {
            if std::mem::replace(&mut made[(row - first) as usize], true) {
                return Some(format!("row {row} stands twice in made_by"));
            }
        }
    }
    for list in [&record.failed, &record.absent, &record.notes] {
        if !list.is_sorted_by(|a, b| a.row < b.row) {
            return Some("failed, absent or notes are not in order of rows".into());
        }
    }
    let mut lost = vec![false; made.len()];
    for note in record.failed.iter().chain(&record.absent) {
        if std::mem::replace(&mut lost[(note.row - first) as usize], true) {
            return Some(format!("row {} stands in both failed and absent", note.row));
        }
    }
    let odd = made.iter().zip(&lost).position(|(made, lost)| made == lost)?;
    let how = if made[odd] { "both made and not" } else { "neither made nor failed nor absent" };
    Some(format!("row {} is {how}", first + odd as u64))
}

/// Bytes of all JPEGs of the shard, where it holds such.
fn jpegs(record: &ShardRecord) -> u64 {
    record.arrays.get("bytes").and_then(|place| place.shape.first()).copied().unwrap_or_default()
}

/// The arrays whose place makes sense.
fn arrays(modality: &ModalityHeader, rows: [u64; 2], record: &ShardRecord) -> Vec<Array> {
    let count = rows[1] - rows[0];
    let fit = |(name, dtype, shape): (&'static str, _, Vec<u64>)| {
        let place = record.arrays.get(name)?;
        let bytes = shape.iter().try_fold(crate::store::Dtype::size(dtype), |product, &n| product.checked_mul(n))?;
        let end = place.offset.checked_add(bytes)?;
        let fits = place.dtype == dtype && place.shape == shape && place.offset.is_multiple_of(64) && end <= record.bytes;
        let row_bytes = if matches!(name, "bytes" | "offset") { 0 } else { bytes / count.max(1) };
        fits.then_some(Array { name, dtype, offset: place.offset, bytes, row_bytes, rows: count })
    };
    modality.arrays(count, jpegs(record)).into_iter().filter_map(fit).collect()
}

/// What ends the reading of a file.
enum Broken {
    Stopped(crate::Error),
    Unreadable(std::io::Error),
}

/// Reads the file once, front to back: its length and hash, and what its rows hold.
fn pass(world: &Expected<'_>, file: &File, state: &mut RowsState) -> Result<(u64, String), Broken> {
    let length = file.metadata().map_err(Broken::Unreadable)?.len();
    state.validity(length, &|to, at| file.read_exact_at(to, at)).map_err(Broken::Unreadable)?;
    let (mut hasher, mut block, mut at) = (blake3::Hasher::new(), vec![0; BLOCK], 0);
    while at < length {
        world.stop.check().map_err(Broken::Stopped)?;
        let part = &mut block[..(length - at).min(BLOCK as u64) as usize];
        file.read_exact_at(part, at).map_err(Broken::Unreadable)?;
        hasher.update(part);
        state.take(at, part);
        at += part.len() as u64;
        (world.tell)(part.len() as u64);
    }
    Ok((length, hasher.finalize().to_hex().to_string()))
}
