//! What of a store is written.

use crate::error::few;
use crate::manifest::{Segment, Split};
use crate::stop::Stop;
use crate::store::Store;
use crate::store::reader::Rows;
use crate::{Error, Result};

/// What to write of a store; of what is empty, everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Modalities by name.
    pub modalities: Vec<String>,
    /// Domains by name.
    pub domains: Vec<String>,
    /// Splits.
    pub splits: Vec<Split>,
    /// Whether shards are taken for what their records say, without hashing them.
    pub trust: bool,
}

/// What ends the writing of a file.
pub(super) enum Broken {
    Ours(Error),
    Io(std::io::Error),
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// What is written.
pub(super) struct Chosen<'a> {
    pub(super) store: &'a Store,
    pub(super) rows: Vec<usize>,
    pub(super) modalities: Vec<Rows<'a>>,
    pub(super) stop: &'a Stop,
    pub(super) progress: &'a dyn Fn(usize, usize),
}

impl<'a> Chosen<'a> {
    pub(super) fn new(
        store: &'a Store,
        selection: &Selection,
        stop: &'a Stop,
        progress: &'a dyn Fn(usize, usize),
    ) -> Result<Self> {
        let (header, manifest) = (store.header(), store.manifest());
        let domains = selection.domains.iter().map(|name| {
            let place = header.domains.iter().position(|known| known == name);
            let problem = || format!("no domain {name:?}; expected one of {}", few(&header.domains));
            place.ok_or_else(|| Error::input(store.folder().display(), problem()))
        });
        let domains = domains.collect::<Result<Vec<_>>>()?;
        let wanted = |segment: &Segment| {
            (domains.is_empty() || domains.contains(&segment.domain))
                && (selection.splits.is_empty() || selection.splits.contains(&segment.split))
        };
        let rows: Vec<usize> = (0..store.len()).filter(|&row| wanted(&manifest.segments[row])).collect();
        if rows.is_empty() {
            return Err(Error::input(store.folder().display(), "no row is in these domains and splits; expected at least one"));
        }
        let names = header.modalities.iter().map(|modality| &modality.name);
        let mut names: Vec<&String> =
            if selection.modalities.is_empty() { names.collect() } else { selection.modalities.iter().collect() };
        names.sort_unstable();
        names.dedup();
        let modalities: Vec<Rows<'_>> = names.into_iter().map(|name| store.modality(name)).collect::<Result<_>>()?;
        for modality in &modalities {
            for &row in &rows {
                stop.check()?;
                modality.check(row)?;
            }
        }
        Ok(Self { store, rows, modalities, stop, progress })
    }

    /// The segments of the rows.
    pub(super) fn segments(&self) -> impl Iterator<Item = &'a Segment> {
        let segments = &self.store.manifest().segments;
        self.rows.iter().map(|&row| &segments[row])
    }

    /// Tells that `rows` of the modality `place` are written, and stops where a signal asks for it.
    pub(super) fn written(&self, place: usize, rows: usize) -> Result<()> {
        (self.progress)(place * self.rows.len() + rows, self.modalities.len() * self.rows.len());
        self.stop.check()
    }

    /// A path as text.
    pub(super) fn path(segment: &Segment) -> Result<&str> {
        segment.path.to_str().ok_or_else(|| Error::input(segment.path.display(), "the path is not UTF-8; expected UTF-8"))
    }
}
