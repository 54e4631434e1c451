use tch::{Device, Kind, Tensor};

use super::by_losses::{ByLosses, EpochMeans, LossRule, NO_DOMAIN, UNIMODAL_BESIDE};
use super::{BalancerEntry, Build, Number, Signals, column};

/// Dynamic weight average (Liu et al., CVPR 2019): losses count by how slowly they fell, w = T softmax(r / τ) with r the mean loss of the epoch
/// before over that of the one before that; 1 in the first two epochs. Heads learn from the weighted losses too.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[TEMPERATURE.setting()],
    adds: UNIMODAL_BESIDE,
    no_domain: Some(NO_DOMAIN),
    ..BalancerEntry::new("dwa", "losses weighted by how slowly they fall (dynamic weight average, Liu et al., CVPR 2019)")
};

pub const BUILD: Build = |runs, kind, device| {
    let temperature = column(runs, &TEMPERATURE, kind, device);
    let rule = Dwa { temperature: temperature.unsqueeze(1), means: EpochMeans::new([0, 0], kind, device) };
    ByLosses::boxed("dwa", temperature.ones_like(), rule)
};

const TEMPERATURE: Number = Number::new("temperature", 2.0, [0.5, 5.0], "τ, how even weights are; the paper").within(1e-3, 1e3);

#[derive(Debug)]
struct Dwa {
    /// [R, 1].
    temperature: Tensor,
    means: EpochMeans,
}

impl LossRule for Dwa {
    fn weights(&mut self, loss: &Tensor, signals: &Signals) -> Tensor {
        self.means.take_in(loss, signals);
        let least = f64::from(f32::MIN_POSITIVE);
        let rate = &self.means.last / self.means.before.clamp_min(least);
        let known = rate.isfinite().all_dim(1, true);
        let rate = rate.clamp_max(1e3).where_self(&known, &rate.ones_like());
        let weights = (rate / &self.temperature).softmax(1, None) * loss.size()[1] as f64;
        weights.where_self(&known, &loss.ones_like())
    }

    fn prepare(&mut self, size: [i64; 2], kind: Kind, device: Device) {
        self.means = EpochMeans::new(size, kind, device);
    }

    fn state(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        self.means.state()
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
    fn what_falls_slower_counts_more_from_the_third_epoch_on() {
        let found = weights("", &[(0, [2.0, 3.0]), (0, [4.0, 5.0]), (1, [3.0, 2.0]), (2, [9.0, 9.0]), (2, [1.0, 7.0])]);
        // means (3, 4) and (3, 2): rates 1 and 1/2 over τ = 2
        let (a, b) = (0.5f64.exp(), 0.25f64.exp());
        let wanted = [2.0 * a / (a + b), 2.0 * b / (a + b)];
        for (i, found) in found.iter().enumerate() {
            assert!(close(found, if i < 3 { &[1.0, 1.0] } else { &wanted }), "{i}: {found:?}");
        }
    }
}
