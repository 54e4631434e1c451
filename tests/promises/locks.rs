//! HDF5 files that tests make and then read.

use std::time::Duration;

/// Closes a file that was written, and waits until it can be read: a process that another test starts meanwhile has it open too,
/// for libhdf5 does not close its files on exec, and holds its lock for as long as it lives.
pub fn close(file: hdf5::File) {
    let path = file.filename();
    file.close().unwrap();
    for _ in 0..1200 {
        if hdf5::File::open(&path).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{path} stays locked");
}
