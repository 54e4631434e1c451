//! Features that others keep in HDF5.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ::hdf5::types::{FloatSize, IntSize, TypeDescriptor};
use ::hdf5::{Dataset, H5Type, Hyperslab, IndexType, IterationOrder, LinkType};
use half::f16;

use super::{MAX_SAMPLES, elsewhere};
use crate::error::{Action, few};
use crate::sample::Dtype;
use crate::{Error, Result, fs};

/// Elements that are copied at once.
const SOME: usize = 1 << 22;

type Links = Arc<BTreeMap<String, LinkType>>;

/// A file of features: datasets of floats or bytes, in groups.
#[derive(Debug)]
pub struct Features {
    pub(super) file: ::hdf5::File,
    path: PathBuf,
    /// By group, as far as they were asked for.
    links: Mutex<BTreeMap<String, Links>>,
}

/// A dataset's shape, type and elements.
pub type Floats = (Vec<u64>, Dtype, Vec<f64>);

/// A dataset, with type and shape of its elements.
type Looked = (Dataset, Dtype, Vec<u64>);

/// What is called by a path in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// A group.
    Group,
    /// A dataset.
    Dataset,
}

impl Features {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::Input`] for what is no HDF5 file.
    pub fn open(path: &Path) -> Result<Self> {
        // HDF5 does not say what the system said
        fs::open(path, "an HDF5 file")?;
        let file = super::open(path).map_err(|problem| Error::input(path.display(), problem))?;
        Ok(Self { file, path: path.into(), links: Mutex::default() })
    }

    pub(super) fn fail(&self, key: &str, problem: impl std::fmt::Display) -> Error {
        Error::input(format!("{}:{key}", self.path.display()), problem.to_string())
    }

    /// What is in a group; `""` is the root.
    fn links(&self, group: &str) -> Result<Links> {
        let mut known = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(links) = known.get(group) {
            return Ok(links.clone());
        }
        let visit = || -> ::hdf5::Result<BTreeMap<String, LinkType>> {
            let opened = if group.is_empty() { self.file.as_group()? } else { self.file.group(group)? };
            let mut found = BTreeMap::new();
            opened.iter_visit(IndexType::Name, IterationOrder::Native, |name, link| {
                found.insert(name.to_owned(), link.link_type);
                Ok(())
            })?;
            Ok(found)
        };
        let links: Links = Arc::new(visit().map_err(|error| self.fail(group, format!("HDF5: {error}")))?);
        known.insert(group.to_owned(), links.clone());
        Ok(links)
    }

    /// What a path is; `None` where nothing is called so, or where a link leads to nothing.
    ///
    /// # Errors
    /// [`Error::Input`] for links into other files.
    pub fn node(&self, key: &str) -> Result<Option<Node>> {
        let (mut group, mut found) = (String::new(), Some(Node::Group));
        for part in key.split('/').filter(|part| !part.is_empty()) {
            if found != Some(Node::Group) {
                return Ok(None);
            }
            match self.links(&group)?.get(part) {
                None => return Ok(None),
                Some(LinkType::External) => {
                    return Err(self.fail(key, format!("{part:?} is a link into another file; expected the elements themselves")));
                }
                Some(_) => {}
            }
            if !group.is_empty() {
                group.push('/');
            }
            group.push_str(part);
            let ours = |file: String| Path::new(&file) == Path::new(&self.file.filename());
            found = if let Ok(opened) = self.file.group(&group) {
                ours(opened.filename()).then_some(Node::Group)
            } else {
                self.file.dataset(&group).ok().filter(|dataset| ours(dataset.filename())).map(|_| Node::Dataset)
            };
        }
        Ok(found)
    }

    /// The names in a group.
    ///
    /// # Errors
    /// [`Error::Input`] where it cannot be read.
    pub fn names(&self, group: &str) -> Result<Vec<String>> {
        Ok(self.links(group.trim_matches('/'))?.keys().cloned().collect())
    }

    /// The dataset of a path, and type and shape of its elements; none where it is there but holds nothing at all.
    fn dataset(&self, key: &str) -> Result<Option<Looked>> {
        match self.node(key)? {
            Some(Node::Dataset) => {}
            Some(Node::Group) => return Err(self.fail(key, "it is a group; expected a dataset of floats")),
            None => {
                let (group, name) = key.rsplit_once('/').unwrap_or(("", key));
                let names = self.names(group)?;
                let others: Vec<&String> = names.iter().filter(|other| *other != name).collect();
                return Err(
                    self.fail(key, format!("no dataset can be read under this name; expected one such as {}", few(&others)))
                );
            }
        }
        let look = || -> ::hdf5::Result<Result<Option<Looked>, String>> {
            let dataset = self.file.dataset(key)?;
            if dataset.space()?.is_null() {
                return Ok(Ok(None));
            }
            if let Some(problem) = elsewhere(&dataset)? {
                return Ok(Err(problem));
            }
            let shape: Vec<u64> = dataset.shape().into_iter().map(|n| n as u64).collect();
            // a chunk is read whole
            let chunk: Vec<u64> = dataset.chunk().unwrap_or_default().into_iter().map(|n| n as u64).collect();
            if chunk.iter().try_fold(1, |product: u64, &n| product.checked_mul(n)).is_none_or(|n| n > MAX_SAMPLES) {
                return Ok(Err(format!("chunks of shape {chunk:?}; at most {MAX_SAMPLES} elements are read at once")));
            }
            let dtype = match dataset.dtype()?.to_descriptor()? {
                TypeDescriptor::Float(FloatSize::U2) => Dtype::F16,
                TypeDescriptor::Float(FloatSize::U4) => Dtype::F32,
                TypeDescriptor::Float(FloatSize::U8) => Dtype::F64,
                TypeDescriptor::Unsigned(IntSize::U1) => Dtype::U8,
                other => return Ok(Err(format!("its type is {other}; expected float16, float32 or float64, or pixels (uint8)"))),
            };
            Ok(Ok(Some((dataset, dtype, shape))))
        };
        look().map_err(|error| self.fail(key, format!("HDF5: {error}")))?.map_err(|problem| self.fail(key, problem))
    }

    /// A dataset; `None` where there is nothing in it.
    ///
    /// # Errors
    /// [`Error::Input`] for no such dataset, for elements that are no floats or bytes, lie in another file or are stored through a filter that is not built in,
    /// for more than 268,435,456 of them, and for what cannot be read.
    pub fn read(&self, key: &str) -> Result<Option<Floats>> {
        let Some((dataset, dtype, shape)) = self.dataset(key)? else { return Ok(None) };
        if shape.iter().try_fold(1, |product: u64, &n| product.checked_mul(n)).is_none_or(|n| n > MAX_SAMPLES) {
            return Err(self.fail(key, format!("shape {shape:?}; at most {MAX_SAMPLES} elements are read")));
        }
        let values = dataset.read_raw::<f64>().map_err(|error| self.fail(key, format!("HDF5: {error}")))?;
        Ok(Some((shape, dtype, values)))
    }

    /// All elements of a dataset, little-endian and rows first, in a file without a name.
    ///
    /// # Errors
    /// As [`read`](Self::read), but for the number of elements; [`Error::Io`].
    pub fn copy(&self, key: &str) -> Result<(Vec<u64>, Dtype, File)> {
        let Some((dataset, dtype, shape)) = self.dataset(key)? else {
            return Err(self.fail(key, "it is empty; expected rows"));
        };
        let io = |error| Error::io(Action::Write, &std::env::temp_dir())(error);
        let mut out = BufWriter::new(tempfile::tempfile().map_err(io)?);
        let width: usize = shape.iter().skip(1).map(|&n| n as usize).product();
        let several = (SOME / width.max(1)).max(1);
        let rows = shape.first().copied().unwrap_or(1) as usize;
        for first in (0..rows).step_by(several) {
            let block = first..(first + several).min(rows);
            let bytes = match dtype {
                Dtype::U8 => some::<u8>(&dataset, block, |value, to| to.push(value)),
                Dtype::F16 => some::<f16>(&dataset, block, |value, to| to.extend(value.to_le_bytes())),
                Dtype::F32 => some::<f32>(&dataset, block, |value, to| to.extend(value.to_le_bytes())),
                _ => some::<f64>(&dataset, block, |value, to| to.extend(value.to_le_bytes())),
            };
            let bytes = bytes.map_err(|error| self.fail(key, format!("HDF5: {error}")))?;
            out.write_all(&bytes).map_err(io)?;
        }
        let file = out.into_inner().map_err(|error| io(error.into_error()))?;
        Ok((shape, dtype, file))
    }
}

/// The bytes of some rows.
fn some<T: H5Type>(dataset: &Dataset, rows: std::ops::Range<usize>, write: impl Fn(T, &mut Vec<u8>)) -> ::hdf5::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if dataset.ndim() == 0 {
        dataset.read_raw::<T>()?.into_iter().for_each(|value| write(value, &mut bytes));
        return Ok(bytes);
    }
    let slab: Vec<_> = std::iter::once(rows.into()).chain((1..dataset.ndim()).map(|_| (..).into())).collect();
    let block = dataset.read_slice::<T, _, ndarray::IxDyn>(Hyperslab::from(slab))?;
    block.into_iter().for_each(|value| write(value, &mut bytes));
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datasets_of_a_file_are_read_and_other_things_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mtcn.hdf5");
        let file = ::hdf5::File::create(&path).unwrap();
        let group = file.create_group("visual_features").unwrap();
        let values: Vec<f32> = (0..6).map(|i| i as f32 / 4.0).collect();
        group.new_dataset::<f32>().shape((2, 3)).create("a").unwrap().write_raw(&values).unwrap();
        let numbers: Vec<f64> = (0..300).map(f64::from).collect();
        let packed = || group.new_dataset::<f64>().shape(300).chunk(100);
        packed().deflate(3).create("deflate").unwrap().write_raw(&numbers).unwrap();
        packed().shuffle().fletcher32().create("sums").unwrap().write_raw(&numbers).unwrap();
        packed().lzf().create("lzf").unwrap().write_raw(&numbers).unwrap();
        group.new_dataset::<i64>().shape(3).create("whole").unwrap();
        group.create_group("group").unwrap();
        group.link_soft("a", "soft").unwrap();
        group.link_soft("nothing", "dangling").unwrap();
        group.link_external("other.hdf5", "a", "elsewhere").unwrap();
        group.new_dataset::<f32>().shape(10).with_dcpl(|plist| plist.external("raw.bin", 0, 40)).create("raw").unwrap();
        group.new_dataset::<f32>().shape((1 << 20, 1 << 20)).chunk((1, 1 << 10)).create("vast").unwrap();
        group.new_dataset::<f32>().shape((1 << 15, 1 << 15)).chunk((1 << 14, 1 << 15)).create("chunk").unwrap();
        file.link_external("other.hdf5", "x", "outside").unwrap();
        file.link_soft("/visual_features", "video").unwrap();
        file.close().unwrap();

        let features = Features::open(&path).unwrap();
        let wanted: Vec<f64> = values.iter().map(|&value| value.into()).collect();
        for key in ["visual_features/a", "/visual_features/a", "video/a", "visual_features/soft"] {
            assert_eq!(features.read(key).unwrap(), Some((vec![2, 3], Dtype::F32, wanted.clone())), "{key}");
        }
        for name in ["deflate", "sums", "lzf"] {
            let key = format!("visual_features/{name}");
            assert_eq!(features.read(&key).unwrap(), Some((vec![300], Dtype::F64, numbers.clone())), "{name}");
        }
        let (shape, dtype, mut copied) = features.copy("visual_features/a").unwrap();
        let mut bytes = Vec::new();
        std::io::Seek::rewind(&mut copied).unwrap();
        std::io::Read::read_to_end(&mut copied, &mut bytes).unwrap();
        assert_eq!((shape, dtype), (vec![2, 3], Dtype::F32));
        assert_eq!(bytes, values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
        assert_eq!(features.node("video").unwrap(), Some(Node::Group));
        assert_eq!(features.node("visual_features/none").unwrap(), None);
        assert_eq!(features.node("visual_features/a/b").unwrap(), None);
        assert_eq!(features.names("visual_features").unwrap().len(), 12);
        for (name, says) in [
            ("whole", "its type is int64; expected float16, float32 or float64"),
            ("group", "it is a group"),
            ("dangling", "no dataset can be read under this name; expected one such as \"a\", \"chunk\""),
            ("elsewhere", "\"elsewhere\" is a link into another file"),
            ("raw", "lie in another file"),
            ("vast", "shape [1048576, 1048576]; at most"),
            ("chunk", "chunks of shape [16384, 32768]; at most"),
        ] {
            let error = features.read(&format!("visual_features/{name}")).unwrap_err().to_string();
            assert!(error.contains(&format!("mtcn.hdf5:visual_features/{name}: ")) && error.contains(says), "{error}");
        }
        assert!(features.node("outside").unwrap_err().to_string().contains("a link into another file"));
        std::fs::write(folder.path().join("page"), "<html>").unwrap();
        assert!(Features::open(&folder.path().join("page")).unwrap_err().to_string().contains("HDF5"));
    }
}
