//! Averages of a run's weights over its steps.

use tch::{Device, Kind, Tensor};

use super::plain::{slice, slice_mut, wide};
use super::recipe::{Averaging, Numbers};

/// Averages of R runs, and over how many steps each goes.
#[derive(Debug)]
pub struct Average {
    kind: Averaging,
    numbers: Vec<Numbers>,
    weights: Tensor,
    steps: Vec<u32>,
}

impl Average {
    /// For a buffer like `params` [R, P] by the numbers of each run; none where nothing is averaged.
    pub fn new(kind: Averaging, params: &Tensor, numbers: Vec<Numbers>) -> Option<Self> {
        let steps = vec![0; numbers.len()];
        (kind != Averaging::None).then(|| Self { kind, weights: params.copy(), steps, numbers })
    }

    /// The averages, [R, P].
    pub fn weights(&self) -> &Tensor {
        &self.weights
    }

    /// The averages, and the steps that each goes over.
    pub fn state(&mut self) -> (&mut Tensor, &mut Vec<u32>) {
        (&mut self.weights, &mut self.steps)
    }

    /// Takes in the weights after a step of the `active` runs. `ahead` is this step of [`ahead`](Self::ahead); without it,
    /// devices other than the CPU are waited for.
    pub fn step(&mut self, params: &Tensor, active: &[bool], epoch: usize, ahead: Option<&Tensor>) {
        let shares = shares(self.kind, &mut self.steps, &self.numbers, active, epoch);
        take_in(&mut self.weights, params, &shares, ahead);
    }

    /// What the next steps take of new weights, [S, R], on the parameters' device.
    pub fn ahead(&self, active: &[Vec<bool>], epoch: usize) -> Tensor {
        let mut counts = self.steps.clone();
        let shares: Vec<f64> =
            active.iter().flat_map(|active| shares(self.kind, &mut counts, &self.numbers, active, epoch)).collect();
        upload(&shares, self.numbers.len(), &self.weights)
    }
}

/// w ← (1 − s) w + s θ for averages and weights [R, P] and a share s of each run. `ahead` has the same shares on the device, \[R\].
pub fn take_in(weights: &mut Tensor, params: &Tensor, shares: &[f64], ahead: Option<&Tensor>) {
    match (params.device(), params.kind()) {
        (Device::Cpu, Kind::Float) => {
            let width = params.size()[1] as usize;
            let rows = slice_mut::<f32>(weights).chunks_mut(width).zip(slice::<f32>(params).chunks(width));
            for ((weights, params), share) in rows.zip(shares).filter(|(_, share)| **share > 0.0) {
                let (keep, share) = ((1.0 - share) as f32, *share as f32);
                wide(|| weights.iter_mut().zip(params).for_each(|(w, p)| *w = keep * *w + share * p));
            }
        }
        _ => {
            let uploaded = || upload(shares, shares.len(), weights).squeeze_dim(0);
            let share = ahead.map_or_else(uploaded, Tensor::shallow_clone).unsqueeze(1);
            let next = &*weights * (1.0 - &share) + params * share;
            weights.copy_(&next);
        }
    }
}

/// Shares of steps and runs, [S, R], where `like` is.
pub fn upload(shares: &[f64], runs: usize, like: &Tensor) -> Tensor {
    Tensor::from_slice(shares).view([-1, runs as i64]).to_kind(like.kind()).to_device(like.device())
}

/// Counts a step of the active runs; what each average takes of the new weights.
fn shares(kind: Averaging, counts: &mut [u32], numbers: &[Numbers], active: &[bool], epoch: usize) -> Vec<f64> {
    let mut shares = Vec::with_capacity(numbers.len());
    for ((count, numbers), &active) in counts.iter_mut().zip(numbers).zip(active) {
        let share = match kind {
            _ if !active => 0.0,
            _ if epoch < numbers.average_from || *count == 0 => 1.0,
            Averaging::Ema => 1.0 - numbers.average_decay,
            Averaging::Mean | Averaging::None => 1.0 / f64::from(*count + 1),
        };
        *count += u32::from(active && epoch >= numbers.average_from);
        shares.push(share);
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_those_of_the_weights_after_each_step() {
        let (seen, from) = ([1.0, 4.0, 10.0, 3.0], 1);
        let numbers = Numbers { average_decay: 0.5, average_from: from, ..Numbers::default() };
        for kind in [Kind::Float, Kind::Double] {
            let row = |x: f64| Tensor::from_slice(&[x, -x, 7.0, 7.0]).to_kind(kind).view([2, 2]);
            for (averaging, wanted) in
                [(Averaging::Mean, (4.0 + 10.0 + 3.0) / 3.0), (Averaging::Ema, 0.25 * 4.0 + 0.25 * 10.0 + 0.5 * 3.0)]
            {
                let mut average = Average::new(averaging, &row(0.0), vec![numbers; 2]).unwrap();
                for (epoch, x) in seen.into_iter().enumerate() {
                    average.step(&row(x), &[true, false], epoch, None);
                    if epoch < from {
                        assert_eq!(average.weights().double_value(&[0, 0]), x);
                    }
                }
                assert!((average.weights().double_value(&[0, 0]) - wanted).abs() < 1e-6);
                assert!((average.weights().double_value(&[0, 1]) + wanted).abs() < 1e-6);
                assert_eq!(average.weights().double_value(&[1, 0]), 7.0);
            }
        }
    }
}
