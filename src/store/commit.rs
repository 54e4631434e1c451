//! How a shard that is being made ends: published, or lost to another process.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::shard_writer::ShardWriter;
use super::spool;
use crate::error::Action;
use crate::{Error, Result, fs};

impl ShardWriter<'_> {
    /// Whether another process has taken the shard over: it had seen nothing of this one for too long. What goes wrong from then on is no fault, since the other
    /// one removes what this one has written.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn is_lost(&self) -> Result<bool> {
        Ok(self.spoilt.load(Ordering::Relaxed) || !self.lease.is_ours()?)
    }

    /// For an error in making a row: passes over it where the shard [was lost](Self::is_lost), which then will not be published.
    ///
    /// # Errors
    /// The error, where it was not.
    pub fn lost_or(&self, made: Result<()>) -> Result<()> {
        match made {
            Err(error) if matches!(error, Error::Interrupted { .. }) || !self.is_lost()? => Err(error),
            Err(_) => {
                self.spoilt.store(true, Ordering::Relaxed);
                Ok(())
            }
            well => well,
        }
    }

    /// Publishes the shard: synced, hashed, renamed, and then its commit record. One that is dropped instead leaves what was there before. Whether it was
    /// published: not where it [was lost](Self::is_lost), and is for another process to publish.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Environment`].
    pub fn commit(self) -> Result<bool> {
        let Self { writer, header, lease, rows, part, file, places, spool, runs, told, spoilt } = self;
        if spoilt.into_inner() || !lease.is_ours()? {
            return Ok(false);
        }
        let unit = lease.unit;
        let commit = || -> Result<()> {
            runs.into_inner().unwrap_or_else(PoisonError::into_inner).values_mut().try_for_each(|run| run.flush(&file))?;
            let (file, places) = match &spool {
                None => (file, places),
                Some((_, slots)) => spool::pour(part.place(), header, rows[1] - rows[0], &file, &places, slots)?,
            };
            let (synced, hash) = rayon::join(|| file.sync(), || fs::hash(part.place()));
            synced?;
            let bytes = std::fs::metadata(part.place()).map_err(Error::io(Action::Read, part.place()))?.len();
            if let Some((waiting, _)) = &spool {
                fs::remove(waiting.place())?;
            }
            let told = told.into_inner().unwrap_or_else(PoisonError::into_inner);
            let recipe = writer.header().recipe_blake3.clone();
            let record = told.record(recipe, rows, places, (bytes, hash?), &writer.provenance);
            // hashing takes a while
            if lease.is_ours()? { writer.publish_shard(unit, part, &record) } else { Ok(()) }
        };
        let committed = commit();
        let ours = lease.is_ours()?;
        match committed {
            Err(error) if ours => Err(error),
            _ => Ok(ours),
        }
    }
}
