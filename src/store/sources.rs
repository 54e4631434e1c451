//! What the files were that rows are made of, and which stores are made of others than there are by now.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::header::{read_header, record};
use super::layout::{Header, RowNote, ShardRecord};
use super::reader::Store;
use crate::error::Code;
use crate::manifest::Segment;
use crate::provenance::{self, Provenance};
use crate::source::Identity;
use crate::{Error, Result};

/// Files by path, with what they were: rows of one file may be in several shards, which may have been made at several times.
pub type Sources = BTreeMap<String, BTreeSet<Identity>>;

fn gathered<'a>(records: impl Iterator<Item = &'a ShardRecord>) -> Sources {
    let mut all = Sources::new();
    for (path, identity) in records.flat_map(|record| &record.sources) {
        all.entry(path.clone()).or_default().insert(identity.clone());
    }
    all
}

impl RowNote {
    /// Whether a row of features failed since its clip had.
    pub fn is_of_the_clip(&self) -> bool {
        !matches!(self.code, Code::Backbone | Code::NonFinite)
    }
}

impl ShardRecord {
    /// What the record says of the files that one of its rows is made of.
    pub fn sources_of<'a>(&'a self, segment: &'a Segment) -> impl Iterator<Item = (&'a Path, &'a Identity)> {
        let own = segment.all_media().iter().flat_map(|media| &media.paths);
        // what lies in a tar is told by the tar
        let paths = [&segment.path].into_iter().chain(own).flat_map(|path| path.ancestors());
        paths.filter_map(|path| Some((path, self.sources.get(&path.display().to_string())?)))
    }

    /// Whether a file is another by now.
    pub fn is_outdated(&self, now: &Sources) -> bool {
        self.sources.iter().any(|(path, was)| now.get(path).is_some_and(|is| !is.contains(was)))
    }

    /// What is to be known of the rows that are tried again.
    pub fn to_retry(&self) -> impl Iterator<Item = &RowNote> {
        self.failed.iter().filter(|note| note.retry)
    }

    /// Whether a row is there.
    pub fn has(&self, row: u64) -> bool {
        self.failed.iter().chain(&self.absent).all(|note| note.row != row)
    }
}

/// The records of a store, as far as they are whole.
fn records<'a>(folder: &'a Path, header: &'a Header) -> impl Iterator<Item = ShardRecord> + 'a {
    let of = move |modality: &'a str| (0..header.shard_count()).map(move |shard| record(folder, header, modality, shard));
    // what is damaged is made anew in any case
    header.modalities.iter().flat_map(move |modality| of(&modality.name)).filter_map(|record| record.ok().flatten())
}

impl Header {
    /// Blake3 over the hashes of the recipe and of all shards, in hex: a store of which one was made again has another.
    pub fn digest(&self) -> String {
        let shards = self.shards.values().flatten().map(|shard| &shard.blake3);
        let hashes: String = std::iter::once(&self.recipe_blake3).chain(shards).map(String::as_str).collect();
        blake3::hash(hashes.as_bytes()).to_hex().to_string()
    }
}

impl Store {
    /// What its shards were made with.
    pub fn provenance(&self) -> Provenance {
        provenance::united(self.rows().flat_map(|rows| rows.records()).map(|record| &record.provenance))
    }

    /// The files that it is made of, by path, with what they were.
    pub fn sources(&self) -> Sources {
        gathered(self.rows().flat_map(|rows| rows.records()))
    }
}

/// The files that the store at `folder` is made of, as far as it is made, with what they were; nothing where there is no store.
///
/// # Errors
/// [`Error::Io`].
pub fn sources(folder: &Path) -> Result<Sources> {
    match read_header(folder) {
        Ok((header, _)) => Ok(gathered(records(folder, &header).collect::<Vec<_>>().iter())),
        Err(Error::Input { .. } | Error::Integrity { .. }) => Ok(Sources::new()),
        Err(error) => Err(error),
    }
}

/// How many shards of the feature store at `features` are of rows that the store at `clips` made again since: of recordings that have changed, or that
/// had failed. 0 where either is not there.
///
/// # Errors
/// [`Error::Io`].
pub fn outdated(features: &Path, clips: &Path) -> Result<usize> {
    let Ok((header, _)) = read_header(features) else { return Ok(0) };
    let Ok(clips) = Store::open(clips) else { return Ok(0) };
    let now = clips.sources();
    let is_there = |row: u64| clips.rows().any(|rows| rows.valid(row as usize));
    let old = |record: &ShardRecord| {
        record.is_outdated(&now) || record.failed.iter().any(|note| note.is_of_the_clip() && is_there(note.row))
    };
    Ok(records(features, &header).filter(old).count())
}
