//! What a run would do, before it does it.

use std::fmt::{Display, Formatter};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::PreprocessSettings;
use crate::error::Failure;
use crate::manifest::Manifest;
use crate::pipeline::{Work, in_order};
use crate::store::jpeg;
use crate::store::layout::{SHARD_BYTES, rows_per_shard, shard_bytes, shard_path};
use crate::worker::{Session, WorkerPool};
use crate::{Error, Result};

/// Samples of each modality that are made to see how long one takes.
const PROBED: usize = 8;

/// What a run would do.
#[derive(Debug, Clone, PartialEq)]
pub struct DryRun {
    /// Rows of the store.
    pub rows: u64,
    /// Rows of a shard.
    pub rows_per_shard: u64,
    /// Shards of each modality.
    pub shards: u64,
    /// Threads that would work.
    pub workers: usize,
    /// By modality.
    pub modalities: Vec<Prospect>,
}

/// What it would do of one modality.
#[derive(Debug, Clone, PartialEq)]
pub struct Prospect {
    /// Its name.
    pub name: String,
    /// Bytes of all its rows; an estimate by the samples that were made where frames become JPEGs.
    pub bytes: u64,
    /// Shards that are already there.
    pub there: u64,
    /// Samples that were made to see, and how many of them failed.
    pub probed: [usize; 2],
    /// Seconds of one worker that a sample took; `None` where there was nothing to see.
    pub seconds: Option<f64>,
}

impl DryRun {
    /// Seconds until the end, if all samples are like those that were made. Segments of one recording that overlap are made
    /// together, and then take less.
    pub fn seconds(&self) -> f64 {
        let of = |modality: &Prospect| {
            let left = self.rows.saturating_sub(modality.there * self.rows_per_shard);
            modality.seconds.unwrap_or(0.0) * left as f64
        };
        self.modalities.iter().map(of).sum::<f64>() / self.workers as f64
    }
}

impl Display for DryRun {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} rows in {} shards of {} a modality", self.rows, self.shards, self.rows_per_shard)?;
        for Prospect { name, bytes, there, probed: [made, failed], seconds } in &self.modalities {
            let size = *bytes as f64 / f64::from(1 << 20);
            let pace = seconds
                .map_or_else(|| "none tried".into(), |s| format!("{:.1} ms a sample ({made} tried, {failed} failed)", s * 1e3));
            writeln!(f, "{name}: {size:.1} MiB, {there} of {} shards are there, {pace}", self.shards)?;
        }
        writeln!(f, "about {:.0} s with {} workers", self.seconds().ceil(), self.workers)
    }
}

/// Looks ahead: sizes by arithmetic, time by making a few samples spread over all rows, in memory. Nothing is written.
///
/// # Errors
/// As [`super::run`], as far as it can be told without the store.
pub fn dry_run(settings: &PreprocessSettings, dataset: &str, manifest: &Manifest, work: Work<'_>) -> Result<DryRun> {
    let session = Session { dataset: dataset.to_owned(), modalities: settings.modalities.clone() };
    let pool = WorkerPool::new(session, work.spawner, work.patience)?;
    let row_bytes = pool.makers().iter().map(|maker| maker.header.row_bytes()).max().unwrap_or(1);
    let rows_per_shard = rows_per_shard(row_bytes, shard_bytes(settings.shard_mib)?.unwrap_or(SHARD_BYTES));
    let rows = manifest.len() as u64;
    let shards = rows.div_ceil(rows_per_shard);
    let count = PROBED.min(manifest.len());
    let mut modalities = Vec::new();
    for (place, maker) in pool.makers().iter().enumerate() {
        let header = &maker.header;
        let (nanoseconds, jpegs, mut failed) = (AtomicU64::new(0), AtomicU64::new(0), 0);
        let make = |probe: usize| -> Result<Option<Failure>> {
            let segment = &manifest.segments[(2 * probe + 1) * manifest.len() / (2 * count)];
            let start = Instant::now();
            let outcome = match segment.source(maker.header.kind, &maker.track) {
                Ok(source) => {
                    let (outcome, pixels) = pool.row(place, source, segment)?;
                    if let (Ok(_), Some(quality), Some(sides)) = (&outcome, header.jpeg, header.jpeg_sides()) {
                        let mut files = Vec::new();
                        for frame in pixels.chunks_exact(3 * usize::from(sides[0]) * usize::from(sides[1])) {
                            jpeg::encode(frame, sides, quality, &mut files)
                                .map_err(|problem| Error::input(&header.name, problem))?;
                        }
                        jpegs.fetch_add(files.len() as u64, Ordering::Relaxed);
                    }
                    outcome.err()
                }
                Err(Error::Media { failure, .. }) => Some(failure),
                Err(error) => return Err(error),
            };
            let spent = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            nanoseconds.fetch_add(spent, Ordering::Relaxed);
            Ok(outcome)
        };
        let name = |item: usize| format!("a clip of {}, the {}th that was tried", maker.header.name, item + 1);
        in_order(count, work.workers, work.workers, work.stop, name, make, |_, outcome: Result<Option<Failure>>| {
            failed += usize::from(outcome?.is_some());
            Ok(())
        })?;
        let there = (0..shards).filter(|&shard| shard_path(&settings.store, &maker.header.name, shard, "json").is_file()).count();
        let spent = Duration::from_nanos(nanoseconds.into_inner()).as_secs_f64();
        modalities.push(Prospect {
            name: maker.header.name.clone(),
            bytes: match (header.jpeg, count - failed) {
                (Some(_), made @ 1..) => {
                    let offsets = 8 * header.shape.first().copied().unwrap_or_default();
                    (jpegs.into_inner() / made as u64 + offsets + header.row_bytes() - header.row_elements()) * rows
                }
                _ => header.row_bytes() * rows,
            },
            there: there as u64,
            probed: [count, failed],
            seconds: (count > 0).then(|| spent / count as f64),
        });
    }
    Ok(DryRun { rows, rows_per_shard, shards, workers: work.workers, modalities })
}
