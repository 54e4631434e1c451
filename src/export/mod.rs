//! The verb `export`: rows of a store as a file for other programs.

mod chosen;
mod npz;
mod parquet;
mod safetensors;

use std::path::Path;

use crate::error::Action;
use crate::stop::Stop;
use crate::store::Store;
use crate::{Error, Result, fs};
pub use chosen::Selection;
use chosen::{Broken, Chosen};

/// What a store can be written as. `import` reads all of them, and makes the same rows of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// numpy's zip of arrays: `ids`, `labels`, `class_names`, `domains`, `domain_names`, `splits`, `paths`, `starts`, `ends` (not a number where the recording's end is),
    /// and for each modality its rows as they are stored, `<modality>.valid` and `<modality>.span` in seconds.
    /// Where labels are values, `labels` are f32, and `label_unit` stands in place of `class_names`; the others likewise.
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
