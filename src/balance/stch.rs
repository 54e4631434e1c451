use tch::{Device, Kind, Tensor};

use super::by_losses::{ByLosses, EpochMeans, LossRule, NO_DOMAIN, UNIMODAL_BESIDE};
use super::{BalancerEntry, Build, Number, Signals, column};

/// Smooth Tchebycheff scalarization (Lin et al., ICML 2024) as LibMTL has it: T μ log Σ exp(log(L_t / z_t) / μ), with z the mean losses of one epoch; up to
/// the end of that epoch Σ log L_t. Gradients are taken of it, so the weights are what it is differentiated by L_t to. Heads learn from
/// the weighted losses too.
///
/// In runs that end before, it is Σ log L_t throughout.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[MU.setting(), FROM.setting()],
    adds: UNIMODAL_BESIDE,
    no_domain: Some(NO_DOMAIN),
    ..BalancerEntry::new(
        "stch",
        "the largest loss relative to an early epoch's, smoothly (smooth Tchebycheff, Lin et al., ICML 2024)",
    )
};

pub const BUILD: Build = |runs, kind, device| {
    let [mu, from] = [&MU, &FROM].map(|number| column(runs, number, kind, device));
    let rule = Stch {
        mu: mu.unsqueeze(1),
        from: from.unsqueeze(1),
        means: EpochMeans::new([0, 0], kind, device),
        nadir: from.unsqueeze(1),
    };
    ByLosses::boxed("stch", mu.ones_like(), rule)
};

const MU: Number = Number::new("mu", 1.0, [0.1, 2.0], "μ, how smooth the largest is; LibMTL").within(1e-2, 1e3);
const FROM: Number = Number::new("nadir-epoch", 4.0, [0.0, 10.0], "epoch (from 0) whose mean losses are z; LibMTL");

/// The least loss that weights go by.
const LEAST: f64 = 1e-6;

#[derive(Debug)]
struct Stch {
    /// [R, 1].
    mu: Tensor,
    /// [R, 1].
    from: Tensor,
    means: EpochMeans,
    /// z, [R, T]; NaN before it is known.
    nadir: Tensor,
}

impl LossRule for Stch {
    fn weights(&mut self, loss: &Tensor, signals: &Signals) -> Tensor {
        self.means.take_in(loss, signals);
        let epoch = signals.epoch as f64;
        // the first step after that epoch finds its mean
        let found = self.nadir.isnan().logical_and(&self.from.floor().le(epoch - 1.0));
        let nadir = self.means.last.where_self(&found, &self.nadir);
        self.nadir = signals.keep(&self.nadir, &nadir);
        let own = loss.clamp_min(LEAST);
        let known = self.nadir.isfinite();
        let nadir = self.nadir.clamp_min(LEAST).where_self(&known, &own);
        let share = ((&own / nadir).log() / &self.mu).softmax(1, None) * loss.size()[1] as f64;
        share.where_self(&known, &own.ones_like()) / own
    }

    fn prepare(&mut self, size: [i64; 2], kind: Kind, device: Device) {
        self.means = EpochMeans::new(size, kind, device);
        self.nadir = Tensor::full(size, f64::NAN, (kind, device));
    }

    fn state(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        let mut state = self.means.state();
        state.push(("nadir", &mut self.nadir));
        state
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{close, settings, signals};
    use super::super::{EACH, Groups};
    use super::*;
    use crate::objective::{Layout, Role, Shape};

    /// Weights that heads learn by, step by step, from losses of the task and of uni-modal heads by epoch.
    fn weights(text: &str, steps: &[(usize, [f64; 2])]) -> Vec<Vec<f64>> {
        let mut balancer = BUILD(&settings(&ENTRY, text), Kind::Double, Device::Cpu);
        let shape = Shape {
            modalities: vec!["a".into(), "v".into()],
            widths: vec![1; 2],
            task: crate::task::Classification::task(2),
            domains: 2,
            hidden: 1,
            heads: crate::objective::Heads::default(),
        };
        let groups = Groups::new(EACH, &[Role::Task, Role::Unimodal]);
        balancer.prepare(&shape, &Layout::default(), 0..0, groups);
        let step = |(epoch, loss): &(usize, [f64; 2])| {
            let loss = Tensor::from_slice(loss).view([1, 2]);
            let update = balancer.weigh(&Signals { groups, loss, ..signals(&[0.5, 0.5], *epoch) }).unwrap();
            assert_eq!(update.weights.size(), [1, 2, 2]);
            Vec::try_from(update.heads.unwrap().view([-1])).unwrap()
        };
        steps.iter().map(step).collect()
    }

    #[test]
    fn weights_are_the_derivatives_by_the_losses() {
        let found =
            weights("nadir-epoch = 1", &[(0, [2.0, 5.0]), (1, [2.0, 4.0]), (1, [4.0, 8.0]), (2, [3.0, 12.0]), (3, [6.0, 6.0])]);
        assert!(close(&found[0], &[0.5, 0.2]) && close(&found[2], &[0.25, 0.125]), "{found:?}");
        // z = (3, 6): L / z is (1, 2), then (2, 1)
        assert!(close(&found[3], &[2.0 / 3.0 / 3.0, 4.0 / 3.0 / 12.0]), "{found:?}");
        assert!(close(&found[4], &[4.0 / 3.0 / 6.0, 2.0 / 3.0 / 6.0]), "{found:?}");
    }
}
