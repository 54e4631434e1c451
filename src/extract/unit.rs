//! The rows of one modality in one shard, and what runs them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::network::Network;
use super::rows::Origin;
use crate::backbone::onnx::Backbone;
use crate::backbone::spec::{Norm, feed};
use crate::error::{Code, Failure};
use crate::pipeline::guarded;
use crate::preprocess::again::Again;
use crate::sample::{Data, Made, Row};
use crate::source::Identity;
use crate::store::{ModalityHeader, ShardWriter, Writer};
use crate::worker::Scratch;
use crate::{Error, Result};

/// The rows of a modality of clips that are in one shard of features, and are missing there.
pub(super) struct Unit<'a> {
    writer: &'a Writer,
    pub(super) header: &'a ModalityHeader,
    /// Place of the modality among those of the clips.
    pub(super) clips: usize,
    shard: u64,
    /// First, and one past the last.
    pub(super) rows: [u64; 2],
    /// Rows that are run together: whole batches of every network of the modality.
    pub(super) rows_per_whole: u64,
    /// Networks to run, and of each the places of its outputs in the store that are missing, `None` for those that are there.
    networks: Vec<(usize, Vec<Option<usize>>)>,
    /// Outputs that are missing.
    pub(super) outputs: usize,
    /// Rows for whose sake a shard that is there is made again.
    pub(super) asked: BTreeSet<u64>,
    /// Wholes that are not done.
    left: AtomicUsize,
    open: Mutex<Option<Arc<Open<'a>>>>,
}

/// What a unit has while it is worked on.
pub(super) struct Open<'a> {
    /// By network and output, as in the unit.
    shards: Vec<Vec<Option<ShardWriter<'a>>>>,
    pub(super) scratch: Option<Scratch>,
    outcomes: Mutex<Vec<Option<Result<Made, Failure>>>>,
}

impl Open<'_> {
    /// What came of decoding a row of the shard.
    pub(super) fn told(&self, index: u64, outcome: Result<Made, Failure>) {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)[index as usize] = Some(outcome);
    }

    /// What a file was that rows are made of.
    pub(super) fn source(&self, path: &Path, identity: Option<Identity>) {
        self.shards.iter().flatten().flatten().for_each(|shard| shard.source(path, identity.clone()));
    }

    pub(super) fn outcome(&self, index: u64) -> Option<Result<Made, Failure>> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)[index as usize].take()
    }
}

/// What one run works with.
pub(super) struct Runner {
    /// One of each network.
    backbones: Vec<Backbone>,
    rows: Vec<u8>,
    input: Vec<f32>,
}

/// As many as runs at once, each with one of each network.
pub(super) fn runners(networks: &mut [Network], runs: usize) -> Vec<Mutex<Runner>> {
    let mut runners: Vec<Runner> =
        (0..runs).map(|_| Runner { backbones: Vec::new(), rows: Vec::new(), input: Vec::new() }).collect();
    for network in networks {
        for (runner, backbone) in runners.iter_mut().zip(network.backbones.drain(..)) {
            runner.backbones.push(backbone);
        }
    }
    runners.into_iter().map(Mutex::new).collect()
}

/// What is not yet in the store, shard by shard, all modalities of a shard together.
pub(super) fn missing<'a>(
    writer: &'a Writer,
    networks: &[Network],
    clips: &'a [ModalityHeader],
    origin: &Origin<'_>,
    again: Again<'_>,
) -> Result<Vec<Unit<'a>>> {
    let mut units = Vec::new();
    for shard in 0..writer.shards() {
        for (place, header) in clips.iter().enumerate() {
            let (mut rows_per_whole, mut first) = (1, 0);
            let (mut lacking, mut outputs, mut asked) = (Vec::new(), 0, BTreeSet::new());
            for (number, network) in networks.iter().enumerate() {
                let places = first..first + network.features.len();
                first = places.end;
                if network.clips != place {
                    continue;
                }
                rows_per_whole = common_multiple(rows_per_whole, network.batch);
                // a shard in which a row may be another by now is made anew
                let mut missing = |output: usize| {
                    let Some(record) = writer.there(output, shard)? else { return Ok(Some(output)) };
                    let rows = origin.again(place, &record, again, writer.may_change(output))?;
                    let stale = !rows.is_empty();
                    asked.extend(rows);
                    Ok(stale.then_some(output))
                };
                let missing = places.map(&mut missing).collect::<Result<Vec<_>>>()?;
                outputs += missing.iter().flatten().count();
                if missing.iter().any(Option::is_some) {
                    lacking.push((number, missing));
                }
            }
            if lacking.is_empty() {
                continue;
            }
            let rows = writer.rows(shard);
            units.push(Unit {
                writer,
                header,
                clips: place,
                shard,
                rows,
                rows_per_whole,
                networks: lacking,
                outputs,
                asked,
                left: AtomicUsize::new((rows[1] - rows[0]).div_ceil(rows_per_whole) as usize),
                open: Mutex::default(),
            });
        }
    }
    Ok(units)
}

fn common_multiple(a: u64, b: u64) -> u64 {
    let (mut x, mut y) = (a.max(1), b.max(1));
    while y > 0 {
        (x, y) = (y, x % y);
    }
    a.max(1) / x * b.max(1)
}

impl<'a> Unit<'a> {
    /// Bytes of a row of clips, views included.
    pub(super) fn row_bytes(&self) -> u64 {
        (self.header.row_elements() + self.header.view_elements()) * self.header.dtype.size()
    }

    /// Rows that are run together.
    pub(super) fn wholes(&self) -> impl Iterator<Item = [u64; 2]> {
        let [first, end] = self.rows;
        let step = self.rows_per_whole;
        (first..end).step_by(step as usize).map(move |start| [start, (start + step).min(end)])
    }

    /// What it is worked on with, begun by whoever comes first.
    pub(super) fn open(&self, origin: &Origin<'_>) -> Result<Arc<Open<'a>>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = &*open {
            return Ok(open.clone());
        }
        let shard = |place: &Option<usize>| place.map(|place| self.writer.shard(place, self.shard)).transpose();
        let shards = self.networks.iter().map(|(_, places)| places.iter().map(shard).collect()).collect::<Result<_>>()?;
        let rows = self.rows[1] - self.rows[0];
        let outcomes = Mutex::new(vec![None; rows as usize]);
        let begun = Arc::new(Open { shards, scratch: origin.scratch(self.clips, rows)?, outcomes });
        *open = Some(begun.clone());
        Ok(begun)
    }

    /// Runs the rows `first..end` through every network; the last whole of the unit commits its shards.
    pub(super) fn take(&self, [first, end]: [u64; 2], origin: &Origin<'_>, norms: &[Norm], runner: &mut Runner) -> Result<()> {
        let open = self.open(origin)?;
        let row_bytes = (self.header.row_elements() * self.header.dtype.size()) as usize;
        runner.rows.resize((end - first) as usize * row_bytes, 0);
        let read = |(row, data): (u64, &mut [u8])| origin.read(self, &open, row, data);
        let made = (first..end).zip(runner.rows.chunks_exact_mut(row_bytes)).map(read).collect::<Result<Vec<_>>>()?;
        for ((number, _), shards) in self.networks.iter().zip(&open.shards) {
            let Runner { backbones, rows, input } = runner;
            let backbone = &mut backbones[*number];
            // the same rows are in the same batch, whichever of the others failed
            for (place, made) in made.chunks(backbone.batch()).enumerate() {
                let at = place * backbone.batch();
                let rows = &rows[at * row_bytes..][..made.len() * row_bytes];
                let features = self.run(backbone, &norms[*number], made, rows, input)?;
                self.write(first + at as u64, made, &features, shards)?;
            }
        }
        if let Some(scratch) = &open.scratch {
            scratch.free(first - self.rows[0], end - self.rows[0])?;
        }
        drop(open);
        if self.left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Ok(());
        }
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        let shards = open.and_then(Arc::into_inner).map(|open| open.shards).unwrap_or_default();
        let places = self.networks.iter().flat_map(|(_, places)| places).flatten();
        for (shard, place) in shards.into_iter().flatten().flatten().zip(places) {
            // nothing that is there is given for another attempt
            if !self.writer.there(*place, self.shard)?.is_some_and(|before| shard.is_worse_than(&before, &self.asked)) {
                shard.commit()?;
            }
        }
        Ok(())
    }

    /// Values of each output for one batch: rows that failed are zeros in it, and so is what it lacks.
    fn run(
        &self,
        backbone: &mut Backbone,
        norm: &Norm,
        made: &[Result<Made, Failure>],
        rows: &[u8],
        input: &mut Vec<f32>,
    ) -> Result<Result<Vec<Vec<f32>>, Failure>> {
        let mut values = vec![Vec::new(); backbone.outputs().len()];
        if made.iter().all(Result::is_err) {
            return Ok(Ok(values));
        }
        let (batch, elements) = (backbone.batch(), backbone.row_elements());
        input.resize(batch * elements, 0.0);
        let row_bytes = rows.len() / made.len();
        let reading = backbone.reading().clone();
        let ran = guarded(|| {
            for (i, planes) in input.chunks_exact_mut(elements).enumerate() {
                match made.get(i) {
                    Some(Ok(_)) => {
                        feed(&rows[i * row_bytes..][..row_bytes], self.header.dtype, &reading, norm, planes);
                    }
                    _ => planes.fill(0.0),
                }
            }
            let ran = backbone.rows(input, batch, |output, found| values[output].extend_from_slice(found));
            ran.map_err(|message| Error::media(self.header.name.as_ref(), Code::Backbone, message))
        })?;
        Ok(ran.map(|()| values))
    }

    fn write(
        &self,
        first: u64,
        made: &[Result<Made, Failure>],
        features: &Result<Vec<Vec<f32>>, Failure>,
        shards: &[Option<ShardWriter<'_>>],
    ) -> Result<()> {
        for (output, shard) in shards.iter().enumerate() {
            let Some(shard) = shard else { continue };
            for (i, made) in made.iter().enumerate() {
                let row = made.as_ref().map_err(Clone::clone).and_then(|made| {
                    let values = &features.as_ref().map_err(Clone::clone)?[output];
                    let width = shard.row_elements();
                    Ok(Row { data: Data::F32(values[i * width..][..width].to_vec()), made: made.clone() })
                });
                shard.write(first + i as u64, row.as_ref())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_of_all_networks_end_together() {
        for (a, b, both) in [(1, 1, 1), (1, 16, 16), (4, 16, 16), (3, 8, 24), (6, 4, 12)] {
            assert_eq!(common_multiple(a, b), both);
        }
    }
}
