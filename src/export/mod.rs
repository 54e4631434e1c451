//! The verb `export`: rows of a store as a file for other programs.

mod npz;
mod parquet;
mod safetensors;

use std::path::Path;

use crate::error::{Action, few};
use crate::manifest::{Segment, Split};
use crate::stop::Stop;
use crate::store::Store;
use crate::store::reader::Rows;
use crate::{Error, Result, fs};

/// What a store can be written as. `import` reads all of them, and makes the same rows of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// numpy's zip of arrays: `ids`, `labels`, `class_names`, `domains`, `domain_names`, `splits`, `paths`, `starts`, `ends` (not a number where the recording's end is),
    /// and for each modality its rows as they are stored, `<modality>.valid` and `<modality>.span` in seconds.
    Npz,
    /// Columns `id`, `class`, `domain`, `split`, `path`, `label`, `start`, `end`, and for each modality a list of floats (f16 becomes f32; bytes for pixels), null where there is none,
    /// `<modality>_start` and `<modality>_end`. Shapes, stored types, names of classes and the recipe stand in the file's metadata, whose keys begin with `mmdg.`.
    Parquet,
    /// Tensors `labels`, `domains`, `starts`, `ends`, and for each modality its rows as they are stored, `<modality>.valid` and `<modality>.span`; names, ids, splits and paths are JSON in the metadata.
    Safetensors,
}

impl Format {
    /// All of them, by the ends of their files' names.
    pub const ALL: [(&'static str, Self); 3] =
        [("npz", Self::Npz), ("parquet", Self::Parquet), ("safetensors", Self::Safetensors)];

    /// The format of a file, by its name.
    ///
    /// # Errors
    /// [`Error::Usage`] where the name tells none.
    pub fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let known = Self::ALL.into_iter().find(|(name, _)| *name == extension);
        known.map(|(_, format)| format).ok_or_else(|| {
            Error::Usage(format!(
                "{}: the name tells no format; expected .npz, .parquet or .safetensors, or --format",
                path.display()
            ))
        })
    }
}

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

/// Writes rows of the store at `folder`, in its order, to the file `out`, which appears when it is whole. Gives their number. `progress` is told rows × modalities written, and in all.
/// No more than a row is held in memory, but for Parquet, which gathers some 16 MiB of rows.
///
/// # Errors
/// As [`Store::open`]; [`Error::Input`] for a file that is there, for a selection without rows, and for names that the store does not have;
/// [`Error::Io`]; [`Error::Interrupted`].
pub fn export(
    folder: &Path,
    out: &Path,
    format: Format,
    selection: &Selection,
    stop: &Stop,
    progress: &dyn Fn(usize, usize),
) -> Result<usize> {
    if std::fs::symlink_metadata(out).is_ok() {
        return Err(Error::input(out.display(), "this is there already; expected the name of a new file"));
    }
    let store = Store::open(folder)?.trusted(selection.trust);
    let chosen = Chosen::new(&store, selection, stop, progress)?;
    let file = fs::Stream::create(out)?;
    let file = match format {
        Format::Npz => npz::write(&chosen, file),
        Format::Parquet => parquet::write(&chosen, file),
        Format::Safetensors => safetensors::write(&chosen, file),
    };
    file.map_err(|broken| match broken {
        Broken::Ours(error) => error,
        Broken::Io(source) => Error::Io { path: out.into(), action: Action::Write, source },
    })?
    .publish()?;
    Ok(chosen.rows.len())
}

/// What ends the writing of a file.
enum Broken {
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
struct Chosen<'a> {
    store: &'a Store,
    rows: Vec<usize>,
    modalities: Vec<Rows<'a>>,
    stop: &'a Stop,
    progress: &'a dyn Fn(usize, usize),
}

impl<'a> Chosen<'a> {
    fn new(store: &'a Store, selection: &Selection, stop: &'a Stop, progress: &'a dyn Fn(usize, usize)) -> Result<Self> {
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
    fn segments(&self) -> impl Iterator<Item = &'a Segment> {
        let segments = &self.store.manifest().segments;
        self.rows.iter().map(|&row| &segments[row])
    }

    /// Tells that `rows` of the modality `place` are written, and stops where a signal asks for it.
    fn written(&self, place: usize, rows: usize) -> Result<()> {
        (self.progress)(place * self.rows.len() + rows, self.modalities.len() * self.rows.len());
        self.stop.check()
    }

    /// A path as text.
    fn path(segment: &Segment) -> Result<&str> {
        segment.path.to_str().ok_or_else(|| Error::input(segment.path.display(), "the path is not UTF-8; expected UTF-8"))
    }
}
