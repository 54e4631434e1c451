//! Clip and feature stores: folders of immutable shards, aligned by row number.
//!
//! ```text
//! store.json            what is in it, the recipe that made it, the list of shards; there once the store is whole
//! manifest.csv          row i of every array describes line i
//! failures.jsonl        one line for each row and modality that could not be made
//! <modality>/00000.h5   rows [k·S, (k+1)·S), HDF5 with contiguous arrays
//! <modality>/00000.json the shard's commit record; a shard without it does not exist
//! plan.json             recipe and size of a store that is not yet whole
//! .leases/              who makes it now, and which shard; gone when nobody does
//! ```

#[cfg(feature = "hdf5")]
mod adopt;
pub mod batch;
#[cfg(feature = "hdf5")]
mod commit;
#[cfg(feature = "hdf5")]
mod finish;
mod gather;
pub mod header;
pub mod jpeg;
pub mod layout;
#[cfg(feature = "hdf5")]
mod lease;
pub mod loader;
pub mod manifest_csv;
#[cfg(feature = "hdf5")]
mod plan;
#[cfg(feature = "hdf5")]
mod pulse;
pub mod reader;
#[cfg(feature = "hdf5")]
pub mod recipe;
#[cfg(feature = "hdf5")]
mod resume;
#[cfg(feature = "hdf5")]
mod run;
mod sealed;
mod shard;
#[cfg(feature = "hdf5")]
mod shard_writer;
mod sources;
#[cfg(feature = "hdf5")]
mod spool;
#[cfg(feature = "hdf5")]
mod target;
#[cfg(feature = "hdf5")]
mod told;
#[cfg(feature = "hdf5")]
pub mod units;
#[cfg(feature = "hdf5")]
mod whole;
#[cfg(feature = "hdf5")]
pub mod writer;

pub use layout::{Dtype, Header, ModalityHeader, RowNote};
pub use loader::{Loader, Options, Order};
#[cfg(feature = "hdf5")]
pub use plan::Plan;
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
pub use writer::Writer;
