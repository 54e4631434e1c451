use std::ops::Range;

use tch::Tensor;

use super::ogm::{FIRST_EPOCH, LAST_EPOCH, Window};
use super::{Balancer, BalancerEntry, Build, Groups, Needs, Number, Record, Signals, Update, column, spread};
use crate::objective::{Layout, Shape};

/// Adaptive gradient modulation (Li et al., ICCV 2023, arXiv 2308.07686): s_m = − mean log p_m(y) of what modality m adds
/// to the fused scores ([Shapley values](crate::objective::contributions)); r_m = exp(M / (M − 1) · (mean s − s_m)), above 1
/// where m is ahead; τ_m the same on the means of s over all earlier batches; the encoder's gradient times
/// exp(α · min(τ_m − r_m, 7)).
///
/// As in the official code, means start at 0 and leave the batch itself out, and p_m(y) counts as at least 1e-8. Differences:
/// that code scales the gradient that arrives through each modality's added scores, here that of its encoder; any number
/// of modalities; a single one is left as it is.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[ALPHA.setting(), FIRST_EPOCH.setting(), LAST_EPOCH.setting()],
    classes_only: Some("its score is the logarithm of a class's probability"),
    ..BalancerEntry::new("agm", "adaptive gradient modulation (Li et al., ICCV 2023)")
};

pub const BUILD: Build = |runs, kind, device| {
    let alpha = column(runs, &ALPHA, kind, device).unsqueeze(1);
    Box::new(Agm { window: Window::new(runs, kind, device), batches: alpha.zeros_like(), mean: alpha.zeros_like(), alpha })
};

const ALPHA: Number = Number::new("alpha", 0.1, [0.0, 1.0], "α of the scale; the authors' code");

/// The least probability that counts, and the most that τ is above r.
const PROBABILITY_FLOOR: f64 = 1e-8;
const AHEAD: f64 = 7.0;

#[derive(Debug)]
struct Agm {
    alpha: Tensor,
    window: Window,
    /// Batches seen, [R, 1].
    batches: Tensor,
    /// Mean score over them, [R, M].
    mean: Tensor,
}

/// exp(M / (M − 1) · (mean s − s_m)), [R, M].
fn ahead(score: &Tensor, modalities: i64) -> Tensor {
    let mean = score.mean_dim([1i64].as_slice(), true, None);
    ((mean - score) * (modalities as f64 / (modalities - 1) as f64)).exp()
}

impl Balancer for Agm {
    fn prepare(&mut self, shape: &Shape, _: &Layout, _: Range<usize>, _: Groups) {
        self.mean = self.alpha.zeros_like().repeat([1, shape.len()]);
    }

    fn needs(&self) -> Needs {
        Needs { contributions: true, ..Needs::default() }
    }

    fn records(&self) -> &'static [&'static str] {
        &["rho", "k"]
    }

    fn weigh(&mut self, signals: &Signals) -> Option<Update> {
        let score = signals.class.as_ref()?.loss_above(PROBABILITY_FLOOR);
        let modalities = score.size()[1];
        let (rho, scale) = match modalities {
            1 => (score.ones_like(), score.ones_like()),
            _ => {
                let rho = ahead(&score, modalities);
                let scale = ((ahead(&self.mean, modalities) - &rho).clamp_max(AHEAD) * &self.alpha).exp();
                (rho, self.window.within(signals.epoch, &scale, 1.0))
            }
        };
        let batches = &self.batches + 1.0;
        let mean = &self.mean + (score - &self.mean) / &batches;
        self.batches = signals.keep(&self.batches, &batches);
        self.mean = signals.keep(&self.mean, &mean);
        let weights = spread(&scale, signals);
        Some(Update { record: Record::of([("rho", rho), ("k", scale)]), ..Update::weights(weights) })
    }

    fn state(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        vec![("batches", &mut self.batches), ("mean", &mut self.mean)]
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{close, settings, signals, weights};
    use super::*;
    use tch::{Device, Kind};

    /// For two modalities of one run.
    fn prepared(words: &str) -> Box<dyn Balancer> {
        let mut agm = BUILD(&settings(&ENTRY, words), Kind::Double, Device::Cpu);
        let shape = Shape {
            modalities: vec!["a".into(), "v".into()],
            widths: vec![1; 2],
            task: crate::task::Classification::task(2),
            domains: 1,
            hidden: 1,
            heads: crate::objective::Heads::default(),
        };
        agm.prepare(&shape, &Layout::default(), 0..0, Groups::new(super::super::EACH, &[crate::objective::Role::Task]));
        agm
    }

    #[test]
    fn the_ratio_is_held_against_that_of_earlier_batches() {
        let mut agm = prepared("alpha = 0.5");
        // for two modalities r = p_m / p_other; before any batch tau = 1
        let wanted = [-1.0, 0.5].map(|x: f64| (0.5 * x).exp());
        assert!(close(&weights(agm.weigh(&signals(&[0.8, 0.4], 0))), &wanted));
        let wanted = [2.0 - 0.5, 0.5 - 2.0].map(|x: f64| (0.5 * x).exp());
        assert!(close(&weights(agm.weigh(&signals(&[0.4, 0.8], 0))), &wanted));
        // a finished run learns nothing more
        let done = Signals { active: Tensor::from_slice(&[0.0]), ..signals(&[0.9, 0.1], 0) };
        agm.weigh(&done);
        assert!(close(&weights(agm.weigh(&signals(&[0.5, 0.5], 0))), &[1.0, 1.0]));
    }

    #[test]
    fn tau_is_at_most_seven_ahead_and_probabilities_have_a_floor() {
        let mut agm = prepared("alpha = 1");
        assert!(weights(agm.weigh(&signals(&[1.0, 0.0], 0))).iter().all(|x| x.is_finite()));
        assert!((weights(agm.weigh(&signals(&[0.5, 0.5], 0)))[0] / 7f64.exp() - 1.0).abs() < 1e-9);
    }
}
