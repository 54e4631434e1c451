//! The place where writing can be made to fail.

use std::io;

/// One step that changes the disk.
pub(super) fn step() -> io::Result<()> {
    #[cfg(feature = "faults")]
    super::fault::step()?;
    Ok(())
}
