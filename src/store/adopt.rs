//! Shards of other stores of the same plan.

use std::path::Path;

use super::header::{manifest, read_header};
use super::layout::{Header, ShardRecord, read_json, shard_path};
use super::lease::TIMEOUT;
use super::plan::Planned;
use super::units::Lease;
use super::writer::Writer;
use crate::{Error, Result, fs};

impl Writer {
    /// Starts a store of the plan that the one at `of` was or is made by, or goes on with it.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`Error::Integrity`] where the manifest at `of` is not what its recipe says.
    pub fn like(folder: &Path, of: &Path) -> Result<Self> {
        let (header, _) = read_header(of)?;
        let manifest = manifest(of, &header)?;
        let table = fs::read(&of.join("manifest.csv"))?;
        let ids = manifest.segments.into_iter().map(|segment| segment.id).collect();
        let planned = Planned { header: Header { shards: Default::default(), ..header }, table, ids };
        fs::create_dir_all(folder)?;
        Self::start(folder, planned, fs::Lock::share(folder)?, TIMEOUT)
    }

    /// Takes a shard over, which this process has, from the store of the same plan at `from`: copies it, or with `link` gives the same bytes a second name, and holds it
    /// against its record.
    ///
    /// # Errors
    /// [`Error::Integrity`] naming the shard where its bytes are not what its record says; [`Error::Io`].
    pub fn adopt(&self, lease: &Lease, from: &Path, link: bool) -> Result<()> {
        let (modality, shard) = lease.unit;
        let name = &self.header().modalities[modality].name;
        let place = |extension| shard_path(from, name, shard, extension);
        let record: ShardRecord = read_json(&place("json"))?;
        let part = fs::Part::unique(&shard_path(self.folder(), name, shard, "h5"));
        part.bring(&place("h5"), link)?;
        if fs::hash(part.place())? != record.blake3 {
            return Err(Error::integrity(&place("h5"), "its hash is not what its record says"));
        }
        self.publish_shard(lease.unit, part, &record)
    }
}
