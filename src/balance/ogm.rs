use tch::{Device, Kind, Tensor};

use super::ratio::{is_ahead, to_mean_of_others};
use super::{Balancer, BalancerEntry, Build, Hyperparameters, Number, Record, Setting, Signals, Update, column, spread};
use crate::objective::{Label, Layout, Probe, Role, Shape, Term};

/// On-the-fly gradient modulation (Peng et al., CVPR 2022, arXiv 2203.15332), without noise: the encoder of a modality
/// whose confidence is ahead of the others' slows down by k = 1 − tanh(α ρ).
///
/// Differences from the official code: confidences are those of linear [probes](Probe), since fused heads with a hidden
/// layer have no slice of one modality; k scales the whole encoder, there convolution weights alone; for more than two
/// modalities ρ is the ratio to the mean of the others, there undefined.
pub const ENTRY: BalancerEntry =
    BalancerEntry { takes: TAKES, ..BalancerEntry::new("ogm", "on-the-fly gradient modulation (Peng et al., CVPR 2022)") };

pub const BUILD: Build = |runs, kind, device| Box::new(Ogm::new(runs, kind, device, false));

pub(super) const TAKES: &[Setting] = &[ALPHA.setting(), FIRST_EPOCH.setting(), LAST_EPOCH.setting()];

const ALPHA: Number =
    Number::new("alpha", 0.3, [0.0, 1.0], "α, 0 leaves k = 1; depends on the data, this is the authors' CREMA-D example");

pub(super) const FIRST_EPOCH: Number =
    Number::new("first-epoch", 0.0, [0.0, 0.0], "epoch, from 0, from which on it acts; the authors' code");

pub(super) const LAST_EPOCH: Number =
    Number::new("last-epoch", 50.0, [50.0, 50.0], "last epoch in which it acts; the authors' code");

/// The epochs in which a run is balanced, by its settings `first-epoch` and `last-epoch`.
#[derive(Debug)]
pub(super) struct Window {
    first: Tensor,
    last: Tensor,
}

impl Window {
    pub(super) fn new(runs: &[Hyperparameters], kind: Kind, device: Device) -> Self {
        let [first, last] = [&FIRST_EPOCH, &LAST_EPOCH].map(|number| column(runs, number, kind, device).unsqueeze(1));
        Self { first, last }
    }

    /// `factor` [R, M] where this epoch is within, else `otherwise`.
    pub(super) fn within(&self, epoch: usize, factor: &Tensor, otherwise: f64) -> Tensor {
        let within = self.first.le(epoch as f64).logical_and(&self.last.ge(epoch as f64));
        factor.where_self(&within, &factor.full_like(otherwise))
    }
}

#[derive(Debug)]
pub(super) struct Ogm {
    alpha: Tensor,
    window: Window,
    noise: bool,
}

impl Ogm {
    pub(super) fn new(runs: &[Hyperparameters], kind: Kind, device: Device, noise: bool) -> Self {
        let alpha = column(runs, &ALPHA, kind, device).unsqueeze(1);
        Self { alpha, window: Window::new(runs, kind, device), noise }
    }
}

impl Balancer for Ogm {
    fn terms(&self, shape: &Shape, layout: &mut Layout, _: &[Role]) -> Vec<Term> {
        vec![Term::probe(Probe::declare(Label::Class, shape, layout))]
    }

    fn records(&self) -> &'static [&'static str] {
        &["rho", "k"]
    }

    fn weigh(&mut self, signals: &Signals) -> Option<Update> {
        let rho = to_mean_of_others(&signals.class.as_ref()?.confidence());
        let slowed = 1.0 - (&rho * &self.alpha).tanh() * is_ahead(&rho);
        let k = self.window.within(signals.epoch, &slowed, 1.0);
        let noise = self.noise.then(|| self.window.within(signals.epoch, &k.ones_like(), 0.0));
        let weights = spread(&k, signals);
        Some(Update { noise, record: Record::of([("rho", rho), ("k", k)]), ..Update::weights(weights) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{close, settings, signals, weights};
    use super::super::ogm_ge;
    use super::*;

    #[test]
    fn the_modality_ahead_slows_down_within_the_epochs_set() {
        let own = settings(&ENTRY, "alpha = 0.5\nfirst-epoch = 2\nlast-epoch = 3");
        let mut ogm = BUILD(&own, Kind::Double, Device::Cpu);
        // rho = 0.6 / 0.4
        let slow = 1.0 - 0.75f64.tanh();
        for (epoch, wanted) in [(1, 1.0), (2, slow), (3, slow), (4, 1.0)] {
            assert!(close(&weights(ogm.weigh(&signals(&[0.6, 0.4], epoch))), &[wanted, 1.0]));
        }
        assert!(close(&weights(ogm.weigh(&signals(&[0.8, 0.4, 0.4], 2))), &[1.0 - 1.0f64.tanh(), 1.0, 1.0]));
        assert!(ogm.weigh(&signals(&[0.6, 0.4], 2)).unwrap().noise.is_none());
    }

    #[test]
    fn noise_goes_to_every_modality_within_the_epochs_set() {
        let own = settings(&ogm_ge::ENTRY, "last-epoch = 0");
        let mut ogm = ogm_ge::BUILD(&own, Kind::Double, Device::Cpu);
        for (epoch, wanted) in [(0, [1.0, 1.0]), (1, [0.0, 0.0])] {
            let noise = ogm.weigh(&signals(&[0.6, 0.4], epoch)).unwrap().noise.unwrap();
            assert!(close(&Vec::<f64>::try_from(noise.get(0)).unwrap(), &wanted));
        }
    }
}
