use tch::{Device, Kind, Tensor};

use super::by_gramian::{BESIDE, Beside, DOMAIN_WEIGHT, MET, OBJECTIVES, added_scale, added_term, met, squares};
use super::{Balancer, BalancerEntry, Build, Groups, Hyperparameters, Needs, Number, Signals, Update, column, word};
use crate::objective::{Layout, Role, Shape, Term};

/// GradNorm (Chen et al., ICML 2018): weights w_t of the losses learn to give n_t = w_t ‖g_t‖ the length mean(n) r_t^α, where
/// r_t is the loss over its first value and over the mean of that: ∂/∂w_t Σ |n_t − mean(n) r_t^α| with the target held
/// constant, then w > 0 and Σ w = T. Heads learn from the weighted losses too.
///
/// Differences from the paper: ‖g_t‖ is over all encoders, with the objective's factor in it, instead of the last shared
/// layer, for modalities share none; an objective without gradient is left out of the means; the weights follow their plain
/// gradient.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[OBJECTIVES.setting(), DOMAIN_WEIGHT.setting(), ALPHA.setting(), RATE.setting()],
    adds: BESIDE,
    ..BalancerEntry::new("grad-norm", "loss weights that learn to equalise gradient norms (Chen et al., ICML 2018)")
};

pub const BUILD: Build = |runs, kind, device| Box::new(GradNorm::new(runs, kind, device));

const ALPHA: Number =
    Number::new("alpha", 1.5, [0.0, 3.0], "strength of the pull towards equal training rates; the paper tries 0 to 3");

const RATE: Number = Number::new("rate", 0.025, [0.001, 0.1], "learning rate of the weights; the paper");

/// The least weight.
const LEAST: f64 = 1e-3;

#[derive(Debug)]
struct GradNorm {
    beside: Beside,
    scale: Tensor,
    alpha: Tensor,
    rate: Tensor,
    /// [R, T].
    weights: Tensor,
    /// First losses, [R, T]; NaN before a run's first step.
    first: Tensor,
}

impl GradNorm {
    fn new(runs: &[Hyperparameters], kind: Kind, device: Device) -> Self {
        let beside = word(runs, &OBJECTIVES);
        let [alpha, rate] = [&ALPHA, &RATE].map(|number| column(runs, number, kind, device).unsqueeze(1));
        let [weights, first] = [1.0, f64::NAN].map(|value| Tensor::full([runs.len() as i64, 0], value, (kind, device)));
        Self { beside, scale: added_scale(beside, runs, kind, device), alpha, rate, weights, first }
    }
}

impl Balancer for GradNorm {
    fn terms(&self, shape: &Shape, layout: &mut Layout, method: &[Role]) -> Vec<Term> {
        added_term(self.beside, &self.scale, shape, layout, method)
    }

    fn needs(&self) -> Needs {
        Needs { gramian: true, ..Needs::default() }
    }

    fn records(&self) -> &'static [&'static str] {
        &MET
    }

    fn prepare(&mut self, _: &Shape, _: &Layout, _: std::ops::Range<usize>, groups: Groups) {
        let size = [self.weights.size()[0], groups.len()];
        self.weights = self.weights.new_ones(size, (self.scale.kind(), self.scale.device()));
        self.first = self.weights.full_like(f64::NAN);
    }

    fn weigh(&mut self, signals: &Signals) -> Option<Update> {
        let (gramian, loss) = (signals.gramian.as_ref()?, &signals.loss);
        let first = loss.where_self(&self.first.isnan(), &self.first);
        let norm = squares(&gramian.sum_dim_intlist(1, false, None)).sqrt();
        let there = norm.gt(0.0).to_kind(norm.kind());
        let mean = |x: &Tensor| {
            let sum = |x: &Tensor| x.sum_dim_intlist(1, true, None);
            sum(&(x * &there)) / sum(&there).clamp_min(1.0)
        };
        let rate = (loss / first.clamp_min(f64::from(f32::MIN_POSITIVE))).clamp(1e-6, 1e6);
        let rate = &rate / mean(&rate).clamp_min(1e-6);
        let own = &self.weights * &norm;
        // rate^α; libtorch's own power depends on where in the tensor a number stands, and so on a run's neighbours
        let target = mean(&own) * (rate.log() * &self.alpha).exp();
        let learned = (&self.weights - (own - target).sign() * &norm * &self.rate).clamp_min(LEAST);
        let objectives = loss.size()[1] as f64;
        let learned = &learned / learned.sum_dim_intlist(1, true, None) * objectives;
        let next = signals.keep(&self.weights, &learned);
        let now = std::mem::replace(&mut self.weights, next);
        self.first = signals.keep(&self.first, &first);
        let weights = now.unsqueeze(1).expand([-1, gramian.size()[1], -1], false);
        Some(Update { heads: Some(now), record: met(gramian, signals.groups), ..Update::weights(weights) })
    }

    fn state(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        vec![("weights", &mut self.weights), ("first", &mut self.first)]
    }
}
