//! The rows of one modality in one shard, and what runs them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::network::{Compared, Network};
use super::rows::ClipOrigin;
use crate::backbone::onnx::Backbone;
use crate::backbone::spec::feed;
use crate::error::{Code, Failure};
use crate::pipeline::guarded;
use crate::sample::{Data, Made, Row};
use crate::source::Identity;
use crate::store::units::{Round, Unit as Shard};
use crate::store::{ModalityHeader, ShardWriter, Writer};
use crate::worker::Scratch;
use crate::{Error, Result};

/// The rows of a modality of clips that are in one shard of features, and are missing there.
pub(super) struct Unit<'a> {
    pub(super) writer: &'a Writer,
    pub(super) round: &'a Round<'a>,
    pub(super) header: &'a ModalityHeader,
    /// Place of the modality among those of the clips.
    pub(super) clips: usize,
    pub(super) shard: u64,
    /// First, and one past the last.
    pub(super) rows: [u64; 2],
    /// Rows that are run together: whole batches of every network of the modality.
    pub(super) rows_per_whole: u64,
    /// Networks to run, and of each the places of its outputs in the store that are missing, `None` for those that are there.
    pub(super) networks: Vec<(usize, Vec<Option<usize>>)>,
    /// Outputs that are missing.
    pub(super) outputs: usize,
    /// Rows for whose sake a shard that is there is made again.
    pub(super) asked: BTreeSet<u64>,
    /// Wholes that are not done.
    pub(super) left: AtomicUsize,
    pub(super) begun: Mutex<Begun<'a>>,
}

/// What became of a unit when its first row came.
#[derive(Default)]
pub(super) enum Begun<'a> {
    #[default]
    NotYet,
    Open(Arc<Open<'a>>),
    /// Another process makes some of its shards, or has made some since it was looked at.
    Elsewhere,
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

    /// Its shards, in order.
    fn shards(&self) -> Vec<Shard> {
        self.networks.iter().flat_map(|(_, places)| places).flatten().map(|place| (*place, self.shard)).collect()
    }

    /// What it is worked on with, begun by whoever comes first; none where its shards are made elsewhere.
    pub(super) fn open(&self, origin: &ClipOrigin<'_>) -> Result<Option<Arc<Open<'a>>>> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        match &*begun {
            Begun::NotYet => {}
            Begun::Open(open) => return Ok(Some(open.clone())),
            Begun::Elsewhere => return Ok(None),
        }
        // all of them, so that the rows of a unit are decoded by one process
        let mut leases = self.round.lease(&self.shards())?.into_iter();
        if leases.len() == 0 {
            *begun = Begun::Elsewhere;
            return Ok(None);
        }
        let mut shard = |place: &Option<usize>| match place {
            Some(_) => leases.next().map(|lease| self.writer.begin(lease)).transpose(),
            None => Ok(None),
        };
        let mut shards = Vec::new();
        for (_, places) in &self.networks {
            shards.push(places.iter().map(&mut shard).collect::<Result<Vec<_>>>()?);
        }
        let rows = self.rows[1] - self.rows[0];
        let outcomes = Mutex::new(vec![None; rows as usize]);
        let open = Arc::new(Open { shards, scratch: origin.scratch(self.clips, rows)?, outcomes });
        *begun = Begun::Open(open.clone());
        Ok(Some(open))
    }

    /// Runs the rows `first..end` through every network; the last whole of the unit commits its shards.
    pub(super) fn take(&self, rows: [u64; 2], origin: &ClipOrigin<'_>, networks: &[Network], runner: &mut Runner) -> Result<()> {
        let Some(open) = self.open(origin)? else { return Ok(()) };
        self.fill(rows, &open, origin, networks, runner)?;
        drop(open);
        if self.left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Ok(());
        }
        let begun = std::mem::take(&mut *self.begun.lock().unwrap_or_else(PoisonError::into_inner));
        let Begun::Open(open) = begun else { return Ok(()) };
        let shards = Arc::into_inner(open).map(|open| open.shards).unwrap_or_default();
        for (shard, unit) in shards.into_iter().flatten().flatten().zip(self.shards()) {
            // nothing that is there is given for another attempt
            let worse = self.writer.there(unit.0, unit.1)?.is_some_and(|before| shard.is_worse_than(&before, &self.asked));
            if !worse && !shard.commit()? {
                self.round.lost([unit]);
            }
        }
        Ok(())
    }

    fn fill(
        &self,
        [first, end]: [u64; 2],
        open: &Open<'_>,
        origin: &ClipOrigin<'_>,
        networks: &[Network],
        runner: &mut Runner,
    ) -> Result<()> {
        let row_bytes = (self.header.row_elements() * self.header.dtype.size()) as usize;
        runner.rows.resize((end - first) as usize * row_bytes, 0);
        let read = |(row, data): (u64, &mut [u8])| origin.read(self, open, row, data);
        let made = (first..end).zip(runner.rows.chunks_exact_mut(row_bytes)).map(read).collect::<Result<Vec<_>>>()?;
        for ((number, _), shards) in self.networks.iter().zip(&open.shards) {
            let Runner { backbones, rows, input } = runner;
            let backbone = &mut backbones[*number];
            // the same rows are in the same batch, whichever of the others failed
            for (place, made) in made.chunks(backbone.batch()).enumerate() {
                let at = place * backbone.batch();
                let rows = &rows[at * row_bytes..][..made.len() * row_bytes];
                let features = self.run(backbone, &networks[*number], made, rows, input)?;
                self.write(first + at as u64, made, &features, shards)?;
            }
        }
        match &open.scratch {
            Some(scratch) => scratch.free(first - self.rows[0], end - self.rows[0]),
            None => Ok(()),
        }
    }

    /// Values of each output for one batch: rows that failed are zeros in it, and so is what it lacks.
    fn run(
        &self,
        backbone: &mut Backbone,
        network: &Network,
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
                        feed(&rows[i * row_bytes..][..row_bytes], self.header.dtype, &reading, &network.norm, planes);
                    }
                    _ => planes.fill(0.0),
                }
            }
            let ran = backbone.rows(input, batch, |output, found| values[output].extend_from_slice(found));
            let ran = ran.and_then(|()| compare(network, input, made, &values));
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
                shard.lost_or(shard.write(first + i as u64, row.as_ref()))?;
            }
        }
        Ok(())
    }
}

/// Clips that are compared, as many as tell enough.
const COMPARED: usize = 16;

/// Runs the batch a second time, with what it is compared with, while there are not enough.
fn compare(network: &Network, input: &[f32], made: &[Result<Made, Failure>], values: &[Vec<f32>]) -> Result<(), String> {
    let Some(compared) = &network.compared else { return Ok(()) };
    let mut compared = compared.lock().unwrap_or_else(PoisonError::into_inner);
    let Compared { reference, agreement } = &mut *compared;
    if agreement.clips >= COMPARED {
        return Ok(());
    }
    let batch = reference.batch();
    let good = |row: &usize| made.get(*row).is_some_and(Result::is_ok);
    agreement.clips += (0..batch).filter(good).count();
    reference.rows(input, batch, |output, expected| {
        let width = expected.len() / batch;
        for row in (0..batch).filter(good) {
            let part = row * width..(row + 1) * width;
            agreement.add(&values[output][part.clone()], &expected[part]);
        }
    })
}
