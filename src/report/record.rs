//! `record.json` in a run's folder: its files with their sizes and hashes. It is written last, and makes a run finished; files that it does not list are
//! nobody's business.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::{Path, PathBuf};

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, fs};

/// Its name.
pub const NAME: &str = "record.json";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    /// 1.
    format: u32,
    /// By name.
    files: BTreeMap<String, FileEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    bytes: u64,
    blake3: String,
}

impl FileEntry {
    fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, blake3: blake3::hash(bytes).to_hex().to_string() }
    }
}

/// Something that is wrong with a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// What is wrong, and what was expected.
    pub problem: String,
}

impl Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.problem)
    }
}

/// Records files of a folder, all of which are there.
///
/// # Errors
/// [`Error::Io`].
pub fn write(folder: &Path, names: &[&str]) -> Result<()> {
    put(folder, Record { format: 1, files: BTreeMap::new() }, names)
}

/// Records one more file of the finished run in `folder`.
///
/// # Errors
/// [`Error::Integrity`] where its record cannot be read; [`Error::Io`].
pub fn add(folder: &Path, name: &str) -> Result<()> {
    let file = folder.join(NAME);
    let record = serde_json::from_slice(&fs::read(&file)?).map_err(|error| Error::integrity(&file, error.to_string()))?;
    put(folder, record, &[name])
}

fn put(folder: &Path, mut record: Record, names: &[&str]) -> Result<()> {
    for &name in names {
        record.files.insert(name.to_owned(), FileEntry::of(&fs::read(&folder.join(name))?));
    }
    let text = serde_json::to_string_pretty(&record).map_err(|error| Error::input(folder.display(), error.to_string()))?;
    fs::write(&folder.join(NAME), (text + "\n").as_bytes())
}

/// What is wrong with the run in `folder`, where its record says that it is finished; `None` where there is none.
///
/// # Errors
/// [`Error::Io`] where the system refuses to say.
pub fn faults(folder: &Path) -> Result<Option<Vec<Fault>>> {
    let file = folder.join(NAME);
    let Some(bytes) = there(&file)? else { return Ok(None) };
    let problem = match serde_json::from_slice::<Record>(&bytes) {
        Err(error) => Some(error.to_string()),
        Ok(Record { format, .. }) if format != 1 => Some(format!("format {format}; expected 1")),
        Ok(record) => {
            let look = |(name, entry): (&String, &FileEntry)| fault(&folder.join(name), entry).transpose();
            return record.files.iter().filter_map(look).collect::<Result<_>>().map(Some);
        }
    };
    Ok(Some(problem.into_iter().map(|problem| Fault { file: file.clone(), problem }).collect()))
}

fn fault(file: &Path, entry: &FileEntry) -> Result<Option<Fault>> {
    let Some(bytes) = there(file)? else {
        return Ok(Some(Fault { file: file.into(), problem: "it is missing; the run's record lists it".into() }));
    };
    let found = FileEntry::of(&bytes);
    let problem = match found == *entry {
        true => return Ok(None),
        false if found.bytes != entry.bytes => format!("{} bytes; the run's record says {}", found.bytes, entry.bytes),
        false => format!("its hash is {}; the run's record says {}", found.blake3, entry.blake3),
    };
    Ok(Some(Fault { file: file.into(), problem }))
}

fn there(file: &Path) -> Result<Option<Vec<u8>>> {
    Ok(if fs::is_file(file)? { Some(fs::read(file)?) } else { None })
}

/// Whether `folder` holds a finished run, whole.
pub fn is_whole(folder: &Path) -> bool {
    matches!(faults(folder), Ok(Some(faults)) if faults.is_empty())
}

/// Whether the run in `folder` has a record; what it says holds.
///
/// # Errors
/// [`Error::Integrity`] naming the file for which it does not; [`Error::Io`].
pub fn check(folder: &Path) -> Result<bool> {
    let Some(faults) = faults(folder)? else { return Ok(false) };
    match faults.into_iter().next() {
        Some(Fault { file, problem }) => Err(Error::integrity(&file, problem)),
        None => Ok(true),
    }
}

/// That a result in `folder` is without a record.
pub fn lost(folder: &Path) -> Error {
    Error::integrity(&folder.join(NAME), missing())
}

fn missing() -> String {
    "it is missing, though there is a result; expected the command that trains to be run again".into()
}

/// What was found in a folder of runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// Finished runs.
    pub runs: usize,
    /// All that is wrong with them.
    pub faults: Vec<Fault>,
}

/// Holds all finished runs in and below `folder` against their records.
///
/// # Errors
/// [`Error::Io`].
pub fn verify(folder: &Path) -> Result<Verification> {
    let folders = finished(folder)?;
    let look = |folder: &PathBuf| {
        let lost = || vec![Fault { file: folder.join(NAME), problem: missing() }];
        faults(folder).map(|faults| faults.unwrap_or_else(lost))
    };
    let found = folders.par_iter().map(look).collect::<Result<Vec<_>>>()?;
    Ok(Verification { runs: folders.len(), faults: found.concat() })
}

/// Folders in and below `folder` that hold a finished run, one that lost its result among them. A run that is set aside is not finished.
///
/// # Errors
/// As [`folders`].
pub(super) fn finished(folder: &Path) -> Result<Vec<PathBuf>> {
    folders(folder, &|names| names.contains("results.json") || (names.contains(NAME) && !names.contains("earlier.json")))
}

/// Folders in and below `folder` of whose entries' names `wanted` holds, depth first, by name; links are followed, a folder already seen is not entered again.
///
/// # Errors
/// [`Error::Input`], [`Error::Io`] for a folder that cannot be read.
pub fn folders(folder: &Path, wanted: &dyn Fn(&BTreeSet<String>) -> bool) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    find(folder, wanted, &mut BTreeSet::new(), &mut found)?;
    Ok(found)
}

fn find(
    folder: &Path,
    wanted: &dyn Fn(&BTreeSet<String>) -> bool,
    seen: &mut BTreeSet<PathBuf>,
    found: &mut Vec<PathBuf>,
) -> Result<()> {
    let unread = |error| Error::unread(folder, error, "the folder of a finished run");
    if !seen.insert(folder.canonicalize().map_err(unread)?) {
        return Ok(());
    }
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let mut paths: Vec<PathBuf> = entries.map_err(unread)?.iter().map(std::fs::DirEntry::path).collect();
    paths.sort();
    let names = paths.iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
    if wanted(&names) {
        found.push(folder.into());
    }
    paths.iter().filter(|path| path.is_dir()).try_for_each(|path| find(path, wanted, seen, found))
}
