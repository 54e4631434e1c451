//! The only place that names libhdf5. It lays out a shard; rows are then written at their offsets as plain bytes, which
//! needs neither the library nor its global lock.

mod features;
mod words;

use std::path::Path;

use ::hdf5::plist::dataset_create::{AllocTime, FillTime, Layout};
use ::hdf5::types::{FloatSize, IntSize, TypeDescriptor};
use ::hdf5::{IndexType, IterationOrder, LinkType};

use crate::error::{Action, Code, Failure};
use crate::sample::Dtype;
use crate::{Error, Result};
pub use features::{Features, Floats, Node};

/// Most samples of a waveform that are read at once (1 GiB).
const MAX_SAMPLES: u64 = 1 << 28;

/// The linked library's version.
pub fn version() -> String {
    let (major, minor, patch) = ::hdf5::library_version();
    format!("{major}.{minor}.{patch}")
}

/// Makes a file of contiguous, zero-filled arrays at 64-byte offsets, whose bytes depend on names, types and shapes alone.
/// Gives the arrays' offsets.
///
/// # Errors
/// [`Error::Io`] where there can be no such file; [`Error::Environment`] with what libhdf5 said.
pub fn create(path: &Path, arrays: &[(&'static str, Dtype, Vec<u64>)]) -> Result<Vec<u64>> {
    // the library has one sentence for whatever the system refuses
    std::fs::File::create(path).map_err(Error::io(Action::Create, path))?;
    let make = || -> ::hdf5::Result<Vec<u64>> {
        let file = ::hdf5::File::with_options()
            .with_fapl(|access| access.libver_v110().alignment(1, 64))
            .with_fcpl(|creation| creation.obj_track_times(false))
            .create(path)?;
        let mut places = Vec::new();
        for (name, dtype, shape) in arrays {
            let extent: Vec<usize> = shape.iter().map(|&n| n as usize).collect();
            let dataset = file
                .new_dataset_builder()
                .empty_as(descriptor(*dtype))
                .shape(extent)
                .with_dcpl(|creation| {
                    creation.obj_track_times(false).no_chunk().alloc_time(Some(AllocTime::Early)).fill_time(FillTime::Never)
                })
                .create(*name)?;
            file.flush()?;
            places.push(dataset.offset().ok_or("an array has no place in the file")?);
        }
        file.close()?;
        Ok(places)
    };
    make().map_err(|error| Error::environment(format!("{}: HDF5: {error}", path.display()), "is the disk full?"))
}

/// Opens a file for reading, or says why not.
fn open(path: &Path) -> Result<::hdf5::File, String> {
    ::hdf5::File::open(path).map_err(|error| match error.to_string() {
        // its own sentence does not say whose lock
        error if error.contains("unable to lock file") => {
            "HDF5: locked; a process writes it, or lives that was forked while it was written; expected none, or where none writes it any more \
             HDF5_USE_FILE_LOCKING=FALSE in the environment"
                .into()
        }
        error => format!("HDF5: {error}"),
    })
}

/// `count` samples from `start` on of the waveform `key` at the root of an HDF5 file, fewer where it ends before: a one-dimensional
/// dataset of 32- or 64-bit floats in [-1, 1], or of 16-bit integers, which are divided by 32768. Only the slice is read.
///
/// # Errors
/// [`Error::Media`]: missing (no such file or key), undecodable (none of these samples is there), unreadable (no HDF5 file, or a damaged one), unsupported (another shape or type, or
/// samples that lie in another file), limit (more than 268,435,456 samples).
pub fn read_waveform(path: &Path, key: &str, start: u64, count: u64) -> Result<Vec<f32>> {
    if !path.is_file() {
        return Err(Error::media(path, Code::Missing, "no such file"));
    }
    let file = open(path).map_err(|problem| Error::media(path, Code::Unreadable, problem))?;
    let read = waveform(&file, key, start, count)
        .unwrap_or_else(|error| Err(Failure { code: Code::Unreadable, message: format!("dataset {key:?}: HDF5: {error}") }));
    read.map_err(|failure| Error::Media { path: path.into(), failure })
}

fn waveform(file: &::hdf5::File, key: &str, start: u64, count: u64) -> ::hdf5::Result<Result<Vec<f32>, Failure>> {
    let refused = |code, problem: String| Ok(Err(Failure { code, message: format!("dataset {key:?}: {problem}") }));
    let link =
        file.find_link(IndexType::Name, IterationOrder::Native, |name, link| Ok((name == key).then_some(link.link_type)))?;
    match link {
        None => return refused(Code::Missing, "there is none; expected one named by the video".into()),
        Some(LinkType::Hard) => {}
        Some(_) => return refused(Code::Unsupported, "it is a link; expected the samples themselves".into()),
    }
    let Ok(dataset) = file.dataset(key) else {
        return refused(Code::Unsupported, "it is no dataset; expected one of samples".into());
    };
    if let Some(problem) = elsewhere(&dataset)? {
        return refused(Code::Unsupported, problem);
    }
    let &[length] = dataset.shape().as_slice() else {
        return refused(Code::Unsupported, format!("its shape is {:?}; expected one dimension", dataset.shape()));
    };
    let end = start.saturating_add(count).min(length as u64);
    if start >= end {
        return refused(Code::Undecodable, format!("no sound in the segment, which begins at sample {start} of {length}"));
    }
    if end - start > MAX_SAMPLES {
        return refused(Code::Limit, format!("{} samples; at most {MAX_SAMPLES} are read", end - start));
    }
    let slice = start as usize..end as usize;
    match dataset.dtype()?.to_descriptor()? {
        TypeDescriptor::Float(FloatSize::U4 | FloatSize::U8) => Ok(Ok(dataset.read_slice_1d::<f32, _>(slice)?.to_vec())),
        TypeDescriptor::Integer(IntSize::U2) => {
            Ok(Ok(dataset.read_slice_1d::<i16, _>(slice)?.iter().map(|&sample| f32::from(sample) / 32768.0).collect()))
        }
        other => refused(Code::Unsupported, format!("its type is {other}; expected float32, float64 or int16")),
    }
}

/// Why the elements of a dataset cannot be had from this file alone, where they cannot.
fn elsewhere(dataset: &::hdf5::Dataset) -> ::hdf5::Result<Option<String>> {
    let created = dataset.create_plist()?;
    if !created.get_external()?.is_empty() || created.get_layout()? == Layout::Virtual {
        return Ok(Some("its samples lie in another file; expected them here".into()));
    }
    let filter = dataset.filters().into_iter().find(|filter| !filter.is_available());
    Ok(filter.map(|filter| {
        format!(
            "it is stored through the filter number {}; expected deflate, shuffle, fletcher32, LZF or none. In Python, `import h5py, hdf5plugin` reads it, and `new[name] = \
             old[name][()]` writes it plain into another file",
            filter.id()
        )
    }))
}

fn descriptor(dtype: Dtype) -> TypeDescriptor {
    match dtype {
        Dtype::U8 => TypeDescriptor::Unsigned(IntSize::U1),
        Dtype::U64 => TypeDescriptor::Unsigned(IntSize::U8),
        Dtype::F16 => TypeDescriptor::Float(FloatSize::U2),
        Dtype::F32 => TypeDescriptor::Float(FloatSize::U4),
        Dtype::F64 => TypeDescriptor::Float(FloatSize::U8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_of_waveforms_are_read_and_other_things_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audio.hdf5");
        let file = ::hdf5::File::create(&path).unwrap();
        let samples: Vec<f32> = (0..1000).map(|i| i as f32 / 1000.0).collect();
        let doubles: Vec<f64> = samples.iter().map(|&v| f64::from(v)).collect();
        let shorts: Vec<i16> = (0..1000).map(|i| i * 16).collect();
        file.new_dataset_builder().with_data(&samples).create("P01_01").unwrap();
        file.new_dataset_builder().with_data(&doubles).create("P01_02").unwrap();
        file.new_dataset_builder().with_data(&shorts).create("P01_03").unwrap();
        file.new_dataset_builder().with_data(&samples).chunk(100).shuffle().create("P01_04").unwrap();
        file.new_dataset::<f32>().shape((10, 2)).create("flat").unwrap();
        file.new_dataset_builder().with_data(&[1u8, 2]).create("bytes").unwrap();
        file.create_group("group").unwrap();
        file.link_soft("P01_01", "soft").unwrap();
        file.link_external("audio.hdf5", "P01_01", "elsewhere").unwrap();
        let outside = file.new_dataset::<f32>().shape(10).with_dcpl(|plist| plist.external("raw.bin", 0, 40));
        outside.create("raw").unwrap();
        file.close().unwrap();

        for key in ["P01_01", "P01_02", "P01_04"] {
            assert_eq!(read_waveform(&path, key, 100, 50).unwrap(), samples[100..150], "{key}");
        }
        assert_eq!(read_waveform(&path, "P01_03", 2, 2).unwrap(), [32.0 / 32768.0, 48.0 / 32768.0]);
        // the end, and past it
        assert_eq!(read_waveform(&path, "P01_01", 990, u64::MAX).unwrap(), samples[990..]);
        let error = read_waveform(&path, "P01_01", 5000, 10).unwrap_err().to_string();
        assert!(error.contains("no sound in the segment, which begins at sample 5000 of 1000"), "{error}");
        for (key, says) in [
            ("P99_99", "there is none; expected one named by the video (missing)"),
            ("group", "it is no dataset"),
            ("flat", "its shape is [10, 2]; expected one dimension (unsupported)"),
            ("bytes", "its type is uint8; expected float32"),
            ("soft", "it is a link"),
            ("elsewhere", "it is a link"),
            ("raw", "its samples lie in another file"),
        ] {
            let error = read_waveform(&path, key, 0, 10).unwrap_err().to_string();
            assert!(error.contains("audio.hdf5") && error.contains(&format!("{key:?}")) && error.contains(says), "{error}");
        }
        std::fs::write(folder.path().join("page.hdf5"), "<html>").unwrap();
        let error = read_waveform(&folder.path().join("page.hdf5"), "P01_01", 0, 1).unwrap_err().to_string();
        assert!(error.ends_with("(unreadable)"), "{error}");
        assert!(read_waveform(&folder.path().join("none.hdf5"), "P01_01", 0, 1).is_err());
    }
}
