//! What is not in a feature store yet.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use super::network::Network;
use super::rows::ClipOrigin;
use super::unit::Unit;
use crate::Result;
use crate::preprocess::again::Again;
use crate::store::units::{Round, Unit as Shard};
use crate::store::{ModalityHeader, Writer};

/// What is not yet in the store, shard by shard, all modalities of a shard together.
/// Where it is said which shards are `wanted`, of those alone; what was made or tried in this round already is left as it is.
pub(super) fn missing<'a>(
    round: &'a Round<'a>,
    writer: &'a Writer,
    networks: &[Network],
    clips: &'a [ModalityHeader],
    origin: &ClipOrigin<'_>,
    again: Again<'_>,
    wanted: Option<&BTreeSet<Shard>>,
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
                    if wanted.is_some_and(|wanted| !wanted.contains(&(output, shard))) {
                        return Ok(None);
                    }
                    let done = round.is_done((output, shard));
                    let Some(record) = writer.there(output, shard)? else { return Ok(Some(output)) };
                    if done {
                        return Ok(None);
                    }
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
                round,
                header,
                clips: place,
                shard,
                rows,
                rows_per_whole,
                networks: lacking,
                outputs,
                asked,
                left: AtomicUsize::new((rows[1] - rows[0]).div_ceil(rows_per_whole) as usize),
                begun: Mutex::default(),
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
