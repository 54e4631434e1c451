//! Features that others keep in HDF5.

use std::collections::BTreeMap;
use std::path::Path;

use ::hdf5::types::{FloatSize, TypeDescriptor};
use ::hdf5::{IndexType, IterationOrder, LinkType};

use super::{MAX_SAMPLES, elsewhere};
use crate::sample::Dtype;
use crate::{Error, Result};

/// Datasets of floats in one group of a file, by name: features as MTCN keeps them.
#[derive(Debug)]
pub struct Features {
    group: ::hdf5::Group,
    place: String,
    names: BTreeMap<String, LinkType>,
}

/// A dataset's shape, type and elements.
pub type Floats = (Vec<u64>, Dtype, Vec<f64>);

impl Features {
    /// Opens the group at `key`, such as `visual_features`; the root for `/`.
    ///
    /// # Errors
    /// [`Error::Input`] for what is no HDF5 file, and for no such group (with those that there are).
    pub fn open(path: &Path, key: &str) -> Result<Self> {
        let fail = |error: ::hdf5::Error| Error::input(path.display(), format!("HDF5: {error}"));
        let file = ::hdf5::File::open(path).map_err(fail)?;
        let mut group = file.as_group().map_err(fail)?;
        for part in key.split('/').filter(|part| !part.is_empty()) {
            let links = links(&group).map_err(fail)?;
            let inner = match links.get(part) {
                Some(LinkType::Hard) => group.group(part).ok(),
                _ => None,
            };
            group = inner.ok_or_else(|| {
                let names: Vec<&str> = links.keys().take(8).map(String::as_str).collect();
                Error::input(path.display(), format!("no group {key:?}; expected one of {}", names.join(", ")))
            })?;
        }
        let names = links(&group).map_err(fail)?;
        Ok(Self { group, place: format!("{}:{key}", path.display()), names })
    }

    /// File and group.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The datasets' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// A dataset; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Input`] for a link, for elements that are no floats or lie in another file, for more than 268,435,456 of them, and for what
    /// cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<Floats>> {
        let fail = |problem: String| Error::input(&self.place, format!("dataset {name:?}: {problem}"));
        match self.names.get(name) {
            None => return Ok(None),
            Some(LinkType::Hard) => {}
            Some(_) => return Err(fail("it is a link; expected the elements themselves".into())),
        }
        let read = || -> ::hdf5::Result<Result<Floats, String>> {
            let Ok(dataset) = self.group.dataset(name) else { return Ok(Err("it is no dataset; expected one of floats".into())) };
            if let Some(problem) = elsewhere(&dataset)? {
                return Ok(Err(problem));
            }
            let shape: Vec<u64> = dataset.shape().into_iter().map(|n| n as u64).collect();
            // a chunk is read whole
            let chunk: Vec<u64> = dataset.chunk().unwrap_or_default().into_iter().map(|n| n as u64).collect();
            for shape in [&shape, &chunk] {
                if shape.iter().try_fold(1, |product: u64, &n| product.checked_mul(n)).is_none_or(|n| n > MAX_SAMPLES) {
                    return Ok(Err(format!("shape {shape:?}; at most {MAX_SAMPLES} elements are read")));
                }
            }
            let dtype = match dataset.dtype()?.to_descriptor()? {
                TypeDescriptor::Float(FloatSize::U2) => Dtype::F16,
                TypeDescriptor::Float(FloatSize::U4) => Dtype::F32,
                TypeDescriptor::Float(FloatSize::U8) => Dtype::F64,
                other => return Ok(Err(format!("its type is {other}; expected float16, float32 or float64"))),
            };
            Ok(Ok((shape, dtype, dataset.read_raw::<f64>()?)))
        };
        read().map_err(|error| fail(format!("HDF5: {error}")))?.map(Some).map_err(fail)
    }
}

/// What is in a group, and whether it is there itself.
fn links(group: &::hdf5::Group) -> ::hdf5::Result<BTreeMap<String, LinkType>> {
    let mut found = BTreeMap::new();
    group.iter_visit(IndexType::Name, IterationOrder::Native, |name, link| {
        found.insert(name.to_owned(), link.link_type);
        Ok(())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datasets_of_a_group_are_read_and_other_things_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mtcn.hdf5");
        let file = ::hdf5::File::create(&path).unwrap();
        let group = file.create_group("visual_features").unwrap();
        let values: Vec<f32> = (0..6).map(|i| i as f32 / 4.0).collect();
        let builder = |name: &str| group.new_dataset::<f32>().shape((2, 3)).create(name).unwrap();
        builder("a").write_raw(&values).unwrap();
        group
            .new_dataset::<f64>()
            .shape(3)
            .chunk(2)
            .deflate(3)
            .create("packed")
            .unwrap_or_else(|_| group.new_dataset::<f64>().shape(3).chunk(2).shuffle().create("packed").unwrap());
        group.new_dataset::<i64>().shape(3).create("whole").unwrap();
        group.create_group("group").unwrap();
        group.link_soft("a", "soft").unwrap();
        group.link_external("other.hdf5", "a", "elsewhere").unwrap();
        group.new_dataset::<f32>().shape(10).with_dcpl(|plist| plist.external("raw.bin", 0, 40)).create("raw").unwrap();
        group.new_dataset::<f32>().shape((1 << 20, 1 << 20)).chunk((1, 1 << 10)).create("vast").unwrap();
        group.new_dataset::<f32>().shape((1 << 15, 1 << 15)).chunk((1 << 14, 1 << 15)).create("chunk").unwrap();
        file.link_external("other.hdf5", "x", "outside").unwrap();
        file.close().unwrap();

        let features = Features::open(&path, "visual_features").unwrap();
        let wanted: Vec<f64> = values.iter().map(|&value| value.into()).collect();
        assert_eq!(features.read("a").unwrap(), Some((vec![2, 3], Dtype::F32, wanted)));
        assert_eq!(features.read("packed").unwrap(), Some((vec![3], Dtype::F64, vec![0.0; 3])));
        assert_eq!(features.read("none").unwrap(), None);
        assert_eq!(features.names().count(), 9);
        for (name, says) in [
            ("whole", "its type is int64; expected float16, float32 or float64"),
            ("group", "it is no dataset"),
            ("soft", "it is a link"),
            ("elsewhere", "it is a link"),
            ("raw", "lie in another file"),
            ("vast", "shape [1048576, 1048576]; at most"),
            ("chunk", "shape [32768, 32768]; at most"),
        ] {
            let error = features.read(name).unwrap_err().to_string();
            assert!(error.contains(&format!("mtcn.hdf5:visual_features: dataset {name:?}: ")) && error.contains(says), "{error}");
        }
        for (key, says) in [
            ("audio_features", "no group \"audio_features\"; expected one of"),
            ("outside", "no group"),
            ("visual_features/a", "no group"),
        ] {
            let error = Features::open(&path, key).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        std::fs::write(folder.path().join("page"), "<html>").unwrap();
        assert!(Features::open(&folder.path().join("page"), "x").unwrap_err().to_string().contains("HDF5"));
    }
}
