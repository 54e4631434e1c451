//! Copies of a cohort's runs that train ahead, for balancers that ask what would come of it.

use tch::Tensor;

use super::cohort::{Cohort, EVALUATED};
use super::features::BatchRows;
use super::schedule::Turn;
use crate::balance::{CopyLoss, Losses};
use crate::objective::Params;
use crate::rng::Stream;

/// A run's training rows, parted by its seed: those it learns from and those held out, at least one of each where there are
/// two rows. One row is both.
pub(super) fn part(train: &[usize], held_out: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let order = Stream::new(seed).with("held-out").permutation(train.len());
    let count = ((train.len() as f64 * held_out).round() as usize).clamp(1, train.len().saturating_sub(1).max(1));
    let (held, fit) = order.split_at(count.min(order.len()));
    let rows = |places: &[usize]| {
        let mut places = places.to_vec();
        places.sort_unstable();
        places.into_iter().map(|i| train[i]).collect::<Vec<_>>()
    };
    match fit.is_empty() {
        true => (train.to_vec(), train.to_vec()),
        false => (rows(fit), rows(held)),
    }
}

impl Cohort {
    /// Before an epoch: lets copies of the runs whose balancer asks for it train ahead, each from the run's parameters and
    /// optimizer as they are, and tells the balancer what came of it. The runs themselves are left as they were.
    pub(super) fn rehearse(&mut self, epoch: usize) {
        let lengths: Vec<usize> = self
            .model
            .copies()
            .iter()
            .zip(&self.runs)
            .enumerate()
            .map(|(r, (of, run))| match run.epochs.saturating_sub(epoch) {
                left if epoch.is_multiple_of(of.every.max(1)) && self.trains(r, epoch) => of.epochs.min(left),
                _ => 0,
            })
            .collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        if longest == 0 {
            return;
        }
        let Some(before) = self.losses() else { return };
        let (weights, optimizer, average) = (self.sets.snapshot(), self.optimizer.snapshot(), self.average.take());
        let carried: Vec<Tensor> = self.model.state().1.into_iter().map(|(_, tensor)| tensor.copy()).collect();
        let mut after = Vec::new();
        for losses in [CopyLoss::Unimodal, CopyLoss::Fused] {
            self.model.train_on(Some(losses));
            for ahead in 0..longest {
                let courses: Vec<Turn> = self
                    .runs
                    .iter()
                    .zip(&self.rows)
                    .zip(&lengths)
                    .enumerate()
                    .map(|(r, ((run, rows), &length))| Turn {
                        groups: self.groups(r, &rows.0),
                        stream: Stream::new(run.seed).with("copies").at(epoch as u32),
                        active: ahead < length,
                    })
                    .collect();
                let plan = self.planned(&courses, ahead, epoch + ahead);
                for step in 0..plan.active_runs.len() {
                    let _seen = self.step(&plan, epoch + ahead, step);
                }
            }
            after.extend(self.losses());
            self.sets.put_back(&weights);
            self.model.state().1.into_iter().zip(&carried).for_each(|((_, tensor), before)| tensor.copy_(before));
            self.optimizer = optimizer.snapshot();
        }
        self.average = average;
        self.model.train_on(None);
        let active: Vec<f64> = lengths.iter().map(|&length| f64::from(u8::from(length > 0))).collect();
        let active = Tensor::from_slice(&active).to_kind(self.options().0).to_device(self.options().1);
        if let [unimodal, fused] = &after[..] {
            let own = unimodal.train.size()[1] - 1;
            let join = |a: &Tensor, b: &Tensor| Tensor::cat(&[a.narrow(1, 0, own), b.narrow(1, own, 1)], 1);
            let after =
                Losses { train: join(&unimodal.train, &fused.train), held_out: join(&unimodal.held_out, &fused.held_out) };
            self.model.learn(&before, &after, &active);
        }
    }

    /// Losses on each run's own rows.
    fn losses(&self) -> Option<Losses> {
        let of = |rows: Vec<&[usize]>| self.mean_losses(&self.sets.live.params, &rows);
        Some(Losses {
            train: of(self.rows.iter().map(|rows| &rows.0[..]).collect())?,
            held_out: of(self.rows.iter().map(|rows| &rows.1[..]).collect())?,
        })
    }

    /// [`Model::losses`](super::model::Model::losses) over rows of each run.
    fn mean_losses(&self, params: &Params, rows: &[&[usize]]) -> Option<Tensor> {
        let longest = rows.iter().map(|rows| rows.len()).max().unwrap_or(0);
        let shape = [rows.len() as i64, EVALUATED as i64];
        let (kind, device) = self.options();
        let (mut sum, mut whole): (Option<Tensor>, Option<Tensor>) = (None, None);
        for start in (0..longest).step_by(EVALUATED) {
            let (mut index, mut share) = (Vec::new(), Vec::new());
            for rows in rows {
                for place in start..start + EVALUATED {
                    index.push(rows.get(place).map_or(0, |&row| row as i64));
                    share.push(if place < rows.len() { 1.0 / rows.len() as f64 } else { 0.0 });
                }
            }
            let rows = BatchRows { index: Tensor::from_slice(&index).view(shape).to_device(device), host: &index };
            let share = Tensor::from_slice(&share).to_kind(kind).view(shape).to_device(device);
            let inputs = self.gather(&rows, share, Vec::new());
            let (losses, shares) = tch::no_grad(|| self.model.losses(params, inputs))?;
            let add = |sum: Option<Tensor>, more: Tensor| sum.map_or_else(|| more.shallow_clone(), |sum| sum + &more);
            sum = Some(add(sum, losses));
            whole = shares.map(|shares| add(whole.take(), shares));
        }
        // a modality's mean is over the rows that have it
        Some(match whole {
            Some(whole) => sum? / whole.clamp_min(1e-30),
            None => sum?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_parted_by_seed_and_none_is_lost() {
        let train: Vec<usize> = (10..60).collect();
        let (fit, held) = part(&train, 0.2, 3);
        assert_eq!((fit.len(), held.len()), (40, 10));
        let mut all = [fit.clone(), held.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, train);
        assert_ne!(part(&train, 0.2, 4).1, held);
        assert_eq!(part(&train, 0.0, 3).1.len(), 1);
        assert_eq!(part(&train, 1.0, 3).0.len(), 1);
        assert_eq!(part(&[7], 0.2, 3), (vec![7], vec![7]));
    }
}
