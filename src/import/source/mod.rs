//! Where the rows of one modality are.

mod array;
mod datasets;
mod folder;
mod found;
pub(super) mod parquet;
pub(super) mod safetensors;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::labels::Labelled;
use super::places::{self, Place};
use super::settings::{ImportSettings, ModalitySource, Of};
use super::words::words;
use crate::error::Action;
use crate::manifest::Words;
use crate::npy::{Array, torch};
use crate::sample::Dtype;
use crate::{Error, Result, fs};
use array::Listed;
use datasets::{ById, Opened};
use folder::Folder;
pub(super) use found::Found;
use found::listed;

/// Rows of one modality.
pub(super) struct ArraySource {
    path: PathBuf,
    place: String,
    entries: Entries,
    /// By row of the manifest.
    places: Vec<Option<Place>>,
    /// What entries are called that no row has.
    extra: Vec<String>,
}

enum Entries {
    Array(Box<Listed>),
    ById(ById),
    Folder(Folder),
}

impl ArraySource {
    /// Finds out what a file or folder is, and which of its entries are which rows.
    pub fn open(modality: &ModalitySource, labels: &Labelled, settings: &ImportSettings) -> Result<Self> {
        let (path, element) = (modality.path.as_path(), settings.element);
        let about = std::fs::metadata(path).map_err(|error| Error::unread(path, error, ""))?;
        let begins = if about.is_file() { first_bytes(path)? } else { Vec::new() };
        // where some of these names are a row's
        let known = |names: &[String]| {
            let places = places::assign(names, &labels.manifest.segments, true);
            places.map_or(true, |places| places.iter().any(Option::is_some))
        };
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let plain = begins.starts_with(b"\x93NUM");
        if let (true, Some(key)) = (plain, &modality.key) {
            let problem = format!("a .npy has no parts; expected no key after its name, not {key:?}");
            return Err(Error::input(path.display(), problem));
        }
        let entries = match &begins[..] {
            _ if about.is_dir() => Entries::Folder(Folder::open(modality, element, known)?),
            _ if plain => Entries::Array(Box::new(Listed::plain(array::npy(path, element)?, "npy"))),
            [b'P', b'K', ..] => Entries::Array(Box::new(array::npz(modality, element)?)),
            [b'P', b'A', b'R', b'1', ..] => Entries::Array(Box::new(parquet::column(modality)?)),
            _ if ending == "safetensors" => Entries::Array(Box::new(safetensors::tensor(modality)?)),
            _ if is_hdf5(path)? => match datasets::open(modality, known)? {
                Opened::ById(by_id) => Entries::ById(by_id),
                Opened::All(listed) => Entries::Array(Box::new(listed)),
            },
            // PyTorch before 1.6 pickled everything
            [0x80, 2, 0x8a, 0x0a, ..] => return Err(Error::input(path.display(), torch(path))),
            _ if ["pt", "pth"].contains(&ending.as_str()) => return Err(Error::input(path.display(), torch(path))),
            _ => {
                let problem = "expected a .npy, .npz, .safetensors, .parquet or HDF5 file, or a folder of .npy or .npz files";
                return Err(Error::input(path.display(), format!("what it begins with is none of these; {problem}")));
            }
        };
        Self::assigned(path, entries, labels, settings)
    }

    fn assigned(path: &Path, entries: Entries, labels: &Labelled, settings: &ImportSettings) -> Result<Self> {
        let segments = &labels.manifest.segments;
        let place = match &entries {
            Entries::Array(listed) => listed.array.place().to_owned(),
            Entries::ById(by_id) => by_id.place.clone(),
            Entries::Folder(_) => path.display().to_string(),
        };
        let bad = |problem: String| Error::input(&place, problem);
        let own = match &entries {
            Entries::Array(listed) => match (&listed.ids, &settings.ids) {
                (Some(ids), _) => Some(ids.clone()),
                (None, Some(list)) => Some(id_list(list, listed.array.rows(), &place)?),
                (None, None) => None,
            },
            Entries::ById(by_id) => Some(by_id.names.clone()),
            Entries::Folder(folder) => Some(folder.names.clone()),
        };
        let Some(names) = own else {
            // in the order of the labels
            let Entries::Array(listed) = &entries else { return Err(bad("no names; expected some".into())) };
            let (rows, wanted) = (listed.array.rows(), labels.places.len());
            if rows != wanted as u64 || listed.array.header().shape.is_empty() {
                let problem =
                    format!("shape {:?} for {wanted} labels; expected as many rows, or ids", listed.array.header().shape);
                return Err(bad(problem));
            }
            let of = |segment: &crate::manifest::Segment| {
                labels.places.get(&segment.id).map(|&entry| Place { entry, of_recording: false })
            };
            let places = segments.iter().map(of).collect();
            return Ok(Self { path: path.into(), place, entries, places, extra: Vec::new() });
        };
        let recordings = settings.features_of == Of::Recording;
        let mut places = places::assign(&names, segments, recordings).map_err(bad)?;
        if !recordings && !matches!(entries, Entries::Folder(_)) {
            // only files are called by their recordings without being asked
            places.iter_mut().for_each(|place| *place = place.filter(|place| !place.of_recording));
        }
        let mut taken = vec![false; names.len()];
        places.iter().flatten().for_each(|place| taken[place.entry as usize] = true);
        let extra = names.into_iter().zip(taken).filter_map(|(name, taken)| (!taken).then_some(name)).collect();
        Ok(Self { path: path.into(), place, entries, places, extra })
    }

    /// File and place in it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Name of the file or folder.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }

    /// What it is.
    pub fn format(&self) -> &'static str {
        match &self.entries {
            Entries::Array(listed) => listed.format,
            Entries::ById(_) => "hdf5",
            Entries::Folder(_) => "folder",
        }
    }

    /// What it has that is no row's, in order.
    pub fn extra(&self) -> &[String] {
        &self.extra
    }

    /// Shape and type of rows, where they are known without any that is there.
    pub fn stated(&self) -> Option<(Vec<u64>, Dtype)> {
        let Entries::Array(listed) = &self.entries else { return None };
        listed.valid.as_ref()?;
        Some((listed.array.header().shape.get(1..)?.to_vec(), listed.dtype.or(array::dtype(&listed.array).ok())?))
    }

    /// The row of the manifest; `None` where there is none.
    pub fn row(&self, row: usize) -> Result<Option<Found>> {
        let Some(place) = self.places[row] else { return Ok(None) };
        let found = match &self.entries {
            Entries::Array(listed) => listed.row(place.entry)?,
            Entries::ById(by_id) => by_id.row(place.entry)?,
            Entries::Folder(folder) => folder.row(place.entry)?,
        };
        // what is the whole recording's does not show the row's stretch
        let span = |found: Found| Found { span: if place.of_recording { Some([0.0; 2]) } else { found.span }, ..found };
        Ok(found.map(span))
    }

    /// Hash of the file; of a folder, of the names and hashes of the files of rows that are there.
    pub fn hash(&self, there: &[bool]) -> Result<String> {
        let of = |path: &Path| {
            let mut hasher = blake3::Hasher::new();
            let file = fs::open(path, "a file")?;
            hasher.update_reader(file).map_err(Error::io(Action::Read, path))?;
            Ok::<_, Error>(hasher.finalize().to_hex().to_string())
        };
        let Entries::Folder(folder) = &self.entries else { return of(&self.path) };
        let mut hasher = blake3::Hasher::new();
        let used = self.places.iter().zip(there).filter(|(_, there)| **there).filter_map(|(place, _)| *place);
        let used: BTreeMap<&Path, ()> = used.map(|place| (folder.file(place.entry), ())).collect();
        for path in used.into_keys() {
            let name = path.strip_prefix(&self.path).unwrap_or(path).to_string_lossy();
            hasher.update(format!("{name}\n{}\n", of(path)?).as_bytes());
        }
        Ok(hasher.finalize().to_hex().to_string())
    }
}

fn first_bytes(path: &Path) -> Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let file = fs::open(path, "a file")?;
    file.take(8).read_to_end(&mut bytes).map_err(Error::io(Action::Read, path))?;
    Ok(bytes)
}

/// Whether HDF5's signature stands at the beginning, or behind a block of the user's own of 512, 1024, 2048, … bytes.
fn is_hdf5(path: &Path) -> Result<bool> {
    use std::os::unix::fs::FileExt;
    let file = fs::open(path, "a file")?;
    let length = file.metadata().map_err(Error::io(Action::Read, path))?.len();
    let mut at = 0;
    while at + 8 <= length {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, at).map_err(Error::io(Action::Read, path))?;
        if bytes == *b"\x89HDF\r\n\x1a\n" {
            return Ok(true);
        }
        at = if at == 0 { 512 } else { 2 * at };
    }
    Ok(false)
}

/// The ids of a list of their own: a `.npy`, or text with one a line.
fn id_list(path: &Path, rows: u64, place: &str) -> Result<Vec<String>> {
    let ids = match first_bytes(path)?.as_slice() {
        [0x93, b'N', b'U', b'M', ..] => words(&Array::open(path)?)?,
        _ => Words::Texts(crate::fs::read_text(path)?.lines().map(str::to_owned).collect()),
    };
    if ids.len() as u64 != rows {
        return Err(Error::input(path.display(), format!("{} ids for the {rows} rows of {place}; expected as many", ids.len())));
    }
    Ok(ids.into_texts())
}
