//! Soon.

/// The version of the HDF5 library in this program, such as `2.2.0`.
pub fn version() -> String {
    let (major, minor, release) = ::hdf5::library_version();
    format!("{major}.{minor}.{release}")
}
