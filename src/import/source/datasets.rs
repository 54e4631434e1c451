//! HDF5: a dataset a row, called by id, or one dataset of all rows.

use super::array::Listed;
use super::{Found, listed};
use crate::hdf5::{Features, Node};
use crate::import::settings::ModalitySource;
use crate::manifest::Words;
use crate::npy::{Array, Element, Header};
use crate::sample::Dtype;
use crate::{Error, Result};

/// What an HDF5 file turned out to hold.
pub(super) enum Opened {
    ById(ById),
    All(Listed),
}

/// A dataset a row.
pub(in crate::import) struct ById {
    features: Features,
    /// Paths of datasets, by entry.
    paths: Vec<String>,
    pub names: Vec<String>,
    pub place: String,
}

impl ById {
    pub fn row(&self, entry: u64) -> Result<Option<Found>> {
        let found = self.features.read(&self.paths[entry as usize])?.filter(|(shape, ..)| !shape.contains(&0));
        Ok(found.map(|(shape, dtype, values)| Found { shape, dtype, values, span: None, place: self.place.clone() }))
    }
}

/// What the key means: a group of datasets called by id, a dataset of all rows, or the dataset in each of the groups that are called by id. Without a key it is called as the modality or
/// as MTCN calls it, or stands at the root.
pub(super) fn open(modality: &ModalitySource, known: impl Fn(&[String]) -> bool) -> Result<Opened> {
    let features = Features::open(&modality.path)?;
    let keys = match &modality.key {
        Some(key) => vec![key.as_str()],
        None => [modality.name.as_str()].into_iter().chain(modality.kind.dataset).collect(),
    };
    let at = |key: &str| format!("{}:{key}", modality.path.display());
    for key in keys {
        match features.node(key)? {
            Some(Node::Group) => {
                let names = features.names(key)?;
                return by_id(features, key, names, None, at(key));
            }
            Some(Node::Dataset) => return all(&features, key, at(key)).map(Opened::All),
            None => {}
        }
    }
    // at the root, by id: datasets, or groups with a dataset in each
    let names = features.names("/")?;
    if known(&names) {
        return by_id(features, "/", names, modality.key.as_deref(), at("/"));
    }
    match (names.as_slice(), &modality.key) {
        ([only], None) if features.node(only)? == Some(Node::Dataset) => all(&features, only, at(only)).map(Opened::All),
        _ => {
            let wanted = modality.key.as_deref().unwrap_or(&modality.name);
            let problem =
                format!("no group or dataset {wanted:?}, and none called by an id; expected a key, one of {}", listed(names));
            Err(Error::input(modality.path.display(), problem))
        }
    }
}

/// Datasets in the group `key`, or the dataset `inner` (or the only one) in each group there.
fn by_id(features: Features, key: &str, names: Vec<String>, inner: Option<&str>, place: String) -> Result<Opened> {
    let join = |name: &str| format!("{}/{name}", key.trim_end_matches('/'));
    let path = |name: &String| -> Result<String> {
        let path = join(name);
        if features.node(&path)? != Some(Node::Group) {
            return Ok(path);
        }
        let inside = features.names(&path)?;
        let only = |inner: &str| format!("{path}/{inner}");
        match (inner, inside.as_slice()) {
            (Some(inner), names) if names.iter().any(|name| name == inner) => Ok(only(inner)),
            (None, [inner]) => Ok(only(inner)),
            (Some(inner), _) => {
                Err(Error::input(&place, format!("group {name:?} has no {inner:?}; expected one of {}", listed(inside))))
            }
            (None, _) => Err(Error::input(
                &place,
                format!("group {name:?} has {} datasets; expected a key, one of {}", inside.len(), listed(inside)),
            )),
        }
    };
    let paths = names.iter().map(path).collect::<Result<_>>()?;
    Ok(Opened::ById(ById { features, paths, names, place }))
}

/// A dataset of all rows, with the `ids` beside it.
fn all(features: &Features, key: &str, place: String) -> Result<Listed> {
    let (shape, dtype, file) = features.copy(key)?;
    let element = match dtype {
        Dtype::U8 => Element::Uint(1),
        Dtype::F16 => Element::Float(2),
        Dtype::F32 => Element::Float(4),
        _ => Element::Float(8),
    };
    let array = Array::raw(file, place, 0, Header::new(element, shape))?;
    let group = key.trim_matches('/').rsplit_once('/').map_or("", |(group, _)| group);
    let beside = format!("{group}/ids");
    let ids = if features.node(&beside)? == Some(Node::Dataset) { Some(features.words(&beside)?) } else { None };
    Listed { ids: ids.map(Words::into_texts), ..Listed::plain(array, "hdf5") }.checked()
}
