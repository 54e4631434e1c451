//! The only place that names libhdf5. It lays out a shard; rows are then written at their offsets as plain bytes, which
//! needs neither the library nor its global lock.

use std::path::Path;

use ::hdf5::plist::dataset_create::{AllocTime, FillTime};
use ::hdf5::types::{FloatSize, IntSize, TypeDescriptor};

use crate::sample::Dtype;
use crate::{Error, Result};

/// The linked library's version.
pub fn version() -> String {
    let (major, minor, patch) = ::hdf5::library_version();
    format!("{major}.{minor}.{patch}")
}

/// Makes a file of contiguous, zero-filled arrays at 64-byte offsets, whose bytes depend on names, types and shapes alone.
/// Gives the arrays' offsets.
///
/// # Errors
/// [`Error::Environment`] with what libhdf5 said.
pub fn create(path: &Path, arrays: &[(&'static str, Dtype, Vec<u64>)]) -> Result<Vec<u64>> {
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

fn descriptor(dtype: Dtype) -> TypeDescriptor {
    match dtype {
        Dtype::U8 => TypeDescriptor::Unsigned(IntSize::U1),
        Dtype::F16 => TypeDescriptor::Float(FloatSize::U2),
        Dtype::F32 => TypeDescriptor::Float(FloatSize::U4),
        Dtype::F64 => TypeDescriptor::Float(FloatSize::U8),
    }
}
