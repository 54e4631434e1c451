//! Clip and feature stores: folders of immutable shards, aligned by row number.
//!
//! ```text
//! store.json            what is in it, the recipe that made it, the list of shards; there once the store is whole
//! manifest.csv          row i of every array describes line i
//! failures.jsonl        one line for each row and modality that could not be made
//! <modality>/00000.h5   rows [k·S, (k+1)·S), HDF5 with contiguous arrays
//! <modality>/00000.json the shard's commit record; a shard without it does not exist
//! plan.json             recipe and size of a store that is not yet whole
//! ```

#[cfg(feature = "hdf5")]
mod adopt;
pub mod batch;
mod gather;
pub mod header;
pub mod jpeg;
pub mod layout;
pub mod loader;
pub mod manifest_csv;
pub mod reader;
#[cfg(feature = "hdf5")]
mod resume;
#[cfg(feature = "hdf5")]
mod run;
#[cfg(feature = "hdf5")]
mod shard_writer;
mod sources;
#[cfg(feature = "hdf5")]
mod spool;
#[cfg(feature = "hdf5")]
mod target;
#[cfg(feature = "hdf5")]
mod whole;
#[cfg(feature = "hdf5")]
pub mod writer;

pub use layout::{Dtype, Header, ModalityHeader, RowNote};
pub use loader::{Loader, Options, Order};
pub use reader::Store;
#[cfg(feature = "hdf5")]
pub use shard_writer::ShardWriter;
pub use sources::{Sources, outdated, sources};
#[cfg(feature = "hdf5")]
pub use spool::Slots;
#[cfg(feature = "hdf5")]
pub use target::Target;
#[cfg(feature = "hdf5")]
pub use whole::write;
#[cfg(feature = "hdf5")]
pub use writer::{Plan, Writer};
