use tch::Tensor;

use super::by_gramian::{BESIDE, ByGramian, DOMAIN_WEIGHT, GRAMIAN, OBJECTIVES, cosines};
use super::{BalancerEntry, Build, simplex};

/// Nash bargaining between objectives (Navon et al., ICML 2022): weights α > 0 with G α = 1/α, G over its Frobenius norm as
/// in the official code, which gives the update the length of the gradients.
///
/// Two objectives have a closed form; more are solved as the convex problem min ½ aᵀCa − Σ log a with α_t = a_t / ‖g_t‖
/// and the cosines C + [`RIDGE`]: 12 + 2 T damped Newton steps leave Ca − 1/a below 1e-9. Differences from the official
/// code: that solves a sequence of convex programs with a solver, to about 1e-3, and keeps weights for some steps; here
/// every step has its own. It clips the update at length 1; here clipping is the trainer's. Heads learn from the plain
/// gradient of their own loss.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[OBJECTIVES.setting(), DOMAIN_WEIGHT.setting(), GRAMIAN.setting()],
    adds: BESIDE,
    ..BalancerEntry::new("nash-mtl", "Nash bargaining between objectives (Navon et al., ICML 2022)")
};

pub const BUILD: Build = |runs, kind, device| ByGramian::boxed("nash-mtl", runs, kind, device, |gramian, _| bargain(gramian));

/// What keeps opposite gradients' weights finite: the least 1 + cosine of two, and on the diagonal of more.
const RIDGE: f64 = 1e-3;

fn bargain(gramian: &Tensor) -> Tensor {
    let objectives = gramian.size()[gramian.dim() - 1];
    let (cosine, inverse) = cosines(gramian);
    let frobenius = gramian.square().flatten(-2, -1).sum_dim_intlist(-1, true, None).sqrt();
    let a = match objectives {
        2 => (cosine.select(-1, 1).narrow(-1, 0, 1) + 1.0).clamp_min(RIDGE).rsqrt(),
        _ => newton(&(cosine + Tensor::eye(objectives, (gramian.kind(), gramian.device())) * RIDGE)),
    };
    a * inverse * frobenius.sqrt()
}

/// a > 0 of C a = 1/a for positive definite C [.., T, T].
fn newton(c: &Tensor) -> Tensor {
    let ones = c.select(-1, 0).ones_like();
    let mut a = &ones / simplex::length(c, &ones);
    for _ in 0..12 + 2 * ones.size()[ones.dim() - 1] {
        let inverse = a.reciprocal();
        let gradient = simplex::times(c, &a) - &inverse;
        let hessian = c + inverse.square().diag_embed(0, -2, -1);
        let step = simplex::solve(&hessian, &gradient.unsqueeze(-1)).0.squeeze_dim(-1);
        // the barrier is self-concordant: this step never leaves a > 0
        let decrement = simplex::length(&hessian, &step);
        let damping = (&decrement + 1.0).reciprocal();
        let damping = damping.where_self(&decrement.gt(0.25), &decrement.ones_like());
        a -= step * damping;
    }
    a
}

#[cfg(test)]
mod tests {
    use super::super::simplex::tests::gramians;
    use super::*;

    #[test]
    fn newton_arrives() {
        for objectives in [3, 5, 8] {
            let g = gramians(objectives);
            let c = cosines(&g).0 + Tensor::eye(objectives, (tch::Kind::Double, tch::Device::Cpu)) * RIDGE;
            let a = newton(&c);
            assert!(a.min().double_value(&[]) > 0.0);
            let left = (simplex::times(&c, &a) - a.reciprocal()).abs().max().double_value(&[]);
            assert!(left < 1e-9, "{objectives}: {left:e}");
        }
    }
}
