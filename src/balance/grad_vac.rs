use tch::{Device, Kind, Tensor};

use super::by_gramian::{BESIDE, ByGramian, DOMAIN_WEIGHT, GRAMIAN, OBJECTIVES, Rule, squares};
use super::pcgrad::order;
use super::{BalancerEntry, Build, Number, Signals, column};

/// Gradient vaccine (Wang et al., ICLR 2021): as gradient surgery, but towards the cosine that two objectives' gradients usually have.
/// Where φ = cos(g_i, g_j) is below its running mean φ̂, g_i += g_j ‖g_i‖ (φ̂ √(1 − φ²) − φ √(1 − φ̂²)) / (‖g_j‖ √(1 − φ̂²)), one j
/// after the other in random order; then φ̂ ← (1 − β) φ̂ + β φ, from 0. The update is the sum.
///
/// Differences from the paper: β is TorchJD's and LibMTL's; no φ̂ above [`HIGH`] is aimed at, for that takes weights without bound;
/// cosines are of each modality's encoder by default (`gramian = "shared"`), not of each layer; heads learn from the plain gradient
/// of their own loss.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[OBJECTIVES.setting(), DOMAIN_WEIGHT.setting(), GRAMIAN.setting(), BETA.setting()],
    adds: BESIDE,
    ..BalancerEntry::new("grad-vac", "gradient surgery towards the usual cosine (Wang et al., ICLR 2021)")
};

pub const BUILD: Build = |runs, kind, device| {
    let beta = column(runs, &BETA, Kind::Double, device).view([-1, 1, 1]);
    ByGramian::with_rule("grad-vac", runs, kind, device, GradVac { usual: Tensor::zeros([0], (Kind::Double, device)), beta })
};

const BETA: Number = Number::new("beta", 0.5, [0.01, 0.9], "β, how fast the usual cosine follows; TorchJD").within(0.0, 1.0);

/// The largest cosine that is aimed at.
const HIGH: f64 = 0.999;

struct GradVac {
    /// φ̂, [R, M, T, T].
    usual: Tensor,
    /// [R, 1, 1].
    beta: Tensor,
}

impl Rule for GradVac {
    fn prepare(&mut self, size: [i64; 3], device: Device) {
        let [runs, modalities, groups] = size;
        self.usual = Tensor::zeros([runs, modalities, groups, groups], (Kind::Double, device));
    }

    fn weights(&mut self, gramian: &Tensor, signals: &Signals) -> Tensor {
        let shape = gramian.size();
        let order = order(&signals.states, shape[3], "grad-vac");
        // row i: what has become of g_i, as weights of all gradients and by its inner products with them
        let mut weights = Tensor::eye(shape[3], (gramian.kind(), gramian.device())).expand_as(gramian).contiguous();
        let mut products = gramian.copy();
        let mut usual = self.usual.copy();
        let norm = squares(gramian).sqrt();
        let over = |a: Tensor, b: &Tensor| &a / b.where_self(&b.gt(0.0), &b.full_like(f64::INFINITY));
        for turn in 0..shape[3] - 1 {
            let other = order.select(2, turn).unsqueeze(1).expand(&shape[..3], false);
            let at = |of: &Tensor| of.gather(3, &other.unsqueeze(3), false).squeeze_dim(3);
            let own = (&weights * &products).sum_dim_intlist(3, false, None).clamp_min(0.0).sqrt();
            let others = norm.gather(2, &other, false);
            let phi = over(at(&products), &(&own * &others)).clamp(-1.0, 1.0);
            let before = at(&usual);
            let sine = |cosine: &Tensor| (-cosine.square() + 1.0).sqrt();
            let aim = before.clamp_max(HIGH);
            let share = over((&aim * sine(&phi) - &phi * sine(&aim)) * &own, &(&others * sine(&aim)));
            let share = share.where_self(&phi.lt_tensor(&aim), &phi.zeros_like()).unsqueeze(3);
            weights = weights.scatter_add(3, &other.unsqueeze(3), &share);
            products += &share * gramian.gather(2, &other.unsqueeze(3).expand_as(gramian), false);
            let after = &before + (phi - &before) * &self.beta;
            usual = usual.scatter(3, &other.unsqueeze(3), &after.unsqueeze(3));
        }
        self.usual = signals.keep(&self.usual, &usual);
        weights.sum_dim_intlist(2, false, None)
    }

    fn state(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        vec![("usual", &mut self.usual)]
    }
}
