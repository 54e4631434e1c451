//! Where the rows of one modality are.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::labels::Labels;
use super::settings::ModalitySource;
use crate::hdf5::Features;
use crate::manifest::Segment;
use crate::modality::Kind;
use crate::npy::{Archive, Array, Element};
use crate::sample::Dtype;
use crate::{Error, Result};

/// A row as it was found.
pub(super) struct Found {
    pub shape: Vec<u64>,
    pub dtype: Dtype,
    pub values: Vec<f64>,
    /// The seconds that it shows, where they are known.
    pub span: Option<[f64; 2]>,
    /// The file, for messages.
    pub place: String,
}

/// Rows of one modality, by id.
pub(super) struct Source {
    path: PathBuf,
    place: String,
    rows: Rows,
}

enum Rows {
    Array(Box<Listed>),
    Hdf5(Features),
    /// A file each, by what stands before the key.
    Folder(BTreeMap<String, PathBuf>),
}

/// One array, with the rows of the ids.
struct Listed {
    array: Array,
    rows: HashMap<String, u64>,
    valid: Option<Array>,
    span: Option<Array>,
    format: &'static str,
}

impl Source {
    pub fn open(modality: &ModalitySource, labels: &Labels) -> Result<Self> {
        let path = modality.path.as_path();
        let about = std::fs::metadata(path).map_err(|error| Error::input(path.display(), format!("cannot read: {error}")))?;
        let begins = if about.is_file() { first_bytes(path)? } else { Vec::new() };
        let (place, rows) = match &begins[..] {
            _ if about.is_dir() => folder(modality)?,
            [0x93, b'N', b'U', b'M', ..] => {
                let array = Array::open(path)?;
                let rows = counted(&array, labels)?;
                (array.place().to_owned(), Rows::Array(Box::new(Listed { array, rows, valid: None, span: None, format: "npy" })))
            }
            [b'P', b'K', ..] => archive(modality, labels)?,
            [0x89, b'H', b'D', b'F', ..] => hdf5(modality)?,
            _ => {
                let problem = "expected a .npy, a .npz, an HDF5 file, or a folder of .npy files";
                return Err(Error::input(path.display(), format!("what it begins with is none of these; {problem}")));
            }
        };
        Ok(Self { path: path.into(), place, rows })
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
        match &self.rows {
            Rows::Array(listed) => listed.format,
            Rows::Hdf5(_) => "hdf5",
            Rows::Folder(_) => "folder",
        }
    }

    /// Ids that it has and that have no label.
    pub fn extra(&self, labels: &Labels) -> Vec<&str> {
        let mut ids: Vec<&str> = match &self.rows {
            Rows::Array(listed) => listed.rows.keys().map(String::as_str).collect(),
            Rows::Hdf5(features) => features.names().collect(),
            Rows::Folder(files) => {
                let stems: std::collections::HashSet<&str> = labels.manifest.segments.iter().filter_map(stem).collect();
                files.keys().map(String::as_str).filter(|name| !stems.contains(name)).collect()
            }
        };
        ids.retain(|id| !labels.places.contains_key(*id));
        ids.sort_unstable();
        ids
    }

    /// The row of a segment; `None` where there is none.
    pub fn row(&self, segment: &Segment) -> Result<Option<Found>> {
        match &self.rows {
            Rows::Array(listed) => {
                let Listed { array, rows, valid, span, .. } = &**listed;
                let Some(&row) = rows.get(&segment.id) else { return Ok(None) };
                if valid.as_ref().map(|valid| valid.numbers(row)).transpose()?.is_some_and(|valid| valid == [0.0]) {
                    return Ok(None);
                }
                let span = span.as_ref().map(|span| span.numbers(row)).transpose()?;
                let span = span.and_then(|span| <[f64; 2]>::try_from(span).ok());
                let shape = array.header().shape.get(1..).unwrap_or_default().to_vec();
                Ok(Some(Found { shape, dtype: dtype(array)?, values: array.numbers(row)?, span, place: self.place.clone() }))
            }
            Rows::Hdf5(features) => {
                let found = features.read(&segment.id)?.filter(|(shape, ..)| !shape.contains(&0));
                Ok(found.map(|(shape, dtype, values)| Found { shape, dtype, values, span: None, place: self.place.clone() }))
            }
            Rows::Folder(files) => {
                let Some(path) = file_of(files, segment) else { return Ok(None) };
                let array = Array::open(path)?;
                let shape = array.header().shape.clone();
                // what is too short for a backbone has no step
                if shape.contains(&0) {
                    return Ok(None);
                }
                let mut values = Vec::new();
                for row in 0..array.rows() {
                    values.extend(array.numbers(row)?);
                }
                Ok(Some(Found { shape, dtype: dtype(&array)?, values, span: None, place: array.place().to_owned() }))
            }
        }
    }

    /// Hash of the file; of a folder, of the names and hashes of the files that are used.
    pub fn hash<'a>(&self, used: impl Iterator<Item = &'a Segment>) -> Result<String> {
        let of = |path: &Path| {
            let mut hasher = blake3::Hasher::new();
            let file = std::fs::File::open(path).map_err(Error::io("read", path))?;
            hasher.update_reader(file).map_err(Error::io("read", path))?;
            Ok::<_, Error>(hasher.finalize().to_hex().to_string())
        };
        let Rows::Folder(files) = &self.rows else { return of(&self.path) };
        let mut hasher = blake3::Hasher::new();
        let used: BTreeMap<&Path, ()> = used.filter_map(|segment| Some((file_of(files, segment)?, ()))).collect();
        for path in used.into_keys() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            hasher.update(format!("{name}\n{}\n", of(path)?).as_bytes());
        }
        Ok(hasher.finalize().to_hex().to_string())
    }
}

fn first_bytes(path: &Path) -> Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(Error::io("read", path))?;
    file.take(8).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    Ok(bytes)
}

fn dtype(array: &Array) -> Result<Dtype> {
    match array.header().element {
        Element::Float(2) => Ok(Dtype::F16),
        Element::Float(4) => Ok(Dtype::F32),
        Element::Float(_) => Ok(Dtype::F64),
        other => Err(Error::input(array.place(), format!("its elements are {other}; expected float16, float32 or float64"))),
    }
}

/// Rows in the order of the labels.
fn counted(array: &Array, labels: &Labels) -> Result<HashMap<String, u64>> {
    if array.rows() != labels.places.len() as u64 {
        let problem = format!("shape {:?} for {} labels; expected as many rows", array.header().shape, labels.places.len());
        return Err(Error::input(array.place(), problem));
    }
    Ok(labels.places.clone())
}

fn archive(modality: &ModalitySource, labels: &Labels) -> Result<(String, Rows)> {
    let mut archive = Archive::open(&modality.path)?;
    let name = modality.key.as_deref().unwrap_or(&modality.name);
    let Some(array) = archive.array(name)? else {
        let problem = format!("no array {name:?}; expected one of {}", archive.names().join(", "));
        return Err(Error::input(modality.path.display(), problem));
    };
    let rows = match archive.array("ids")? {
        Some(ids) if ids.rows() == array.rows() => ids.texts()?.into_iter().zip(0..).collect(),
        Some(ids) => {
            let problem = format!("shape {:?} for {} ids; expected as many rows", array.header().shape, ids.rows());
            return Err(Error::input(array.place(), problem));
        }
        None => counted(&array, labels)?,
    };
    let beside = |archive: &mut Archive, what: &str| {
        let found = archive.array(&format!("{name}.{what}"))?;
        match found.filter(|beside| beside.rows() != array.rows()) {
            Some(odd) => Err(Error::input(odd.place(), format!("{} rows; expected {}", odd.rows(), array.rows()))),
            None => archive.array(&format!("{name}.{what}")),
        }
    };
    let (valid, span) = (beside(&mut archive, "valid")?, beside(&mut archive, "span")?);
    Ok((array.place().to_owned(), Rows::Array(Box::new(Listed { array, rows, valid, span, format: "npz" }))))
}

/// A group named as asked, as the modality, or as MTCN names it.
fn hdf5(modality: &ModalitySource) -> Result<(String, Rows)> {
    let features = match &modality.key {
        Some(key) => Features::open(&modality.path, key)?,
        None => {
            let usual = match modality.kind {
                Kind::Video => "visual_features",
                Kind::Audio => "audio_features",
                Kind::Flow => "flow_features",
            };
            Features::open(&modality.path, &modality.name).or_else(|_| Features::open(&modality.path, usual))?
        }
    };
    Ok((features.place().to_owned(), Rows::Hdf5(features)))
}

fn folder(modality: &ModalitySource) -> Result<(String, Rows)> {
    let (path, key) = (&modality.path, modality.key.as_deref().unwrap_or(&modality.name));
    let (mut files, mut keys) = (BTreeMap::new(), BTreeMap::<String, usize>::new());
    for entry in std::fs::read_dir(path).map_err(Error::io("read", path))? {
        let file = entry.map_err(Error::io("read", path))?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".npy") else { continue };
        match stem.strip_suffix(key).and_then(|stem| stem.strip_suffix('_')) {
            Some(id) => drop(files.insert(id.to_owned(), file)),
            None => *keys.entry(stem.rsplit('_').next().unwrap_or_default().to_owned()).or_default() += 1,
        }
    }
    if files.is_empty() {
        let mut keys: Vec<(usize, String)> = keys.into_iter().map(|(key, count)| (count, key)).collect();
        keys.sort_unstable_by(|a, b| b.cmp(a));
        let found = keys.into_iter().take(8).map(|(_, key)| key).collect::<Vec<_>>().join(", ");
        let problem = format!(
            "no files <id>_{key}.npy; expected some, or another key ({})",
            if found.is_empty() { "there are none" } else { &found }
        );
        return Err(Error::input(path.display(), problem));
    }
    Ok((path.display().to_string(), Rows::Folder(files)))
}

/// The recording's name without its extension.
fn stem(segment: &Segment) -> Option<&str> {
    segment.path.file_stem()?.to_str()
}

fn file_of<'a>(files: &'a BTreeMap<String, PathBuf>, segment: &Segment) -> Option<&'a Path> {
    files.get(&segment.id).or_else(|| files.get(stem(segment)?)).map(PathBuf::as_path)
}
