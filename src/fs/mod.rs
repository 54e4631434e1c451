//! Every write of ours goes through here: under a temporary name, synced, renamed, folder synced. A file that has its name is whole.
//! With the feature `faults`, tests have each of these steps fail in turn.

mod asked;
pub mod claim;
#[cfg(feature = "faults")]
pub mod fault;
mod folder;
mod lock;
mod part;
mod process;
mod read;
mod row_file;
mod step;
mod stream;

pub use asked::Asked;
pub use folder::{create_dir_all, is_file, remove};
pub use lock::Lock;
pub use part::{Part, part, publish, write, write_among_others};
pub use process::Process;
pub use read::{hash, holds, no_file, open, read, read_named, read_text};
pub use row_file::RowFile;
pub use stream::Stream;
