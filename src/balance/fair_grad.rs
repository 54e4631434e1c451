use tch::{Kind, Tensor};

use super::by_gramian::{BESIDE, ByGramian, DOMAIN_WEIGHT, GRAMIAN, OBJECTIVES, cosines};
use super::{BalancerEntry, Build, Number, column, simplex};

/// FairGrad (Ban & Ji, ICML 2024): weights w > 0 of G w = w^(−1/α), the update that is α-fair between objectives: 1 is Nash
/// bargaining's, large α helps the worst most. G is over its Frobenius norm, as for [`nash-mtl`](super::nash_mtl).
///
/// With w_t = a_t / ‖g_t‖ and the cosines C + [`RIDGE`] it is the convex problem of C a = b a^(−1/α), b_t = ‖g_t‖^(1/α − 1):
/// 10 + 2 T damped Newton steps leave less than 1e-9 of the largest b a^(−1/α). Differences from the official code: that asks SciPy's least
/// squares, from 1/T and without a scale; heads learn from the plain gradient of their own loss.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[OBJECTIVES.setting(), DOMAIN_WEIGHT.setting(), GRAMIAN.setting(), ALPHA.setting()],
    adds: BESIDE,
    ..BalancerEntry::new("fair-grad", "α-fair update between objectives (Ban & Ji, ICML 2024)")
};

pub const BUILD: Build = |runs, kind, device| {
    let power = column(runs, &ALPHA, Kind::Double, device).reciprocal().view([-1, 1, 1]);
    ByGramian::boxed("fair-grad", runs, kind, device, move |gramian, _| fair(gramian, &power))
};

const ALPHA: Number = Number::new("alpha", 1.0, [0.5, 2.0], "α: 1 is Nash bargaining's; LibMTL's default").within(0.5, 2.0);

/// What keeps opposite gradients' weights finite.
const RIDGE: f64 = 1e-4;

/// `power` is 1/α, [R, 1, 1].
fn fair(gramian: &Tensor, power: &Tensor) -> Tensor {
    let objectives = gramian.size()[gramian.dim() - 1];
    let frobenius = gramian.square().flatten(-2, -1).sum_dim_intlist(-1, true, None).sqrt();
    let scale = frobenius.where_self(&frobenius.gt(0.0), &frobenius.ones_like());
    let (cosine, inverse) = cosines(&(gramian / scale.unsqueeze(-1)));
    let c = cosine + Tensor::eye(objectives, (gramian.kind(), gramian.device())) * RIDGE;
    // ‖g‖^(1/α − 1), by logarithms: libtorch's own power depends on where in a tensor a number stands, and so on a run's neighbours
    let less: Tensor = 1.0 - power;
    let b = (inverse.log() * less).exp();
    newton(&c, &b.where_self(&inverse.gt(0.0), &b.ones_like()), power) * inverse
}

/// a > 0 of C a = b a^(−p) for positive definite C [.., T, T], b > 0 [.., T] and p that broadcasts against it.
fn newton(c: &Tensor, b: &Tensor, p: &Tensor) -> Tensor {
    let over = |x: &Tensor| x.sum_dim_intlist(-1, true, None);
    // the solution if all were equal
    let start = (over(b) / c.flatten(-2, -1).sum_dim_intlist(-1, true, None)).log() / (p + 1.0);
    let mut a = start.exp() * b.ones_like();
    for _ in 0..10 + 2 * c.size()[c.dim() - 1] {
        let wanted = (a.log() * -p).exp() * b;
        let gradient = simplex::times(c, &a) - &wanted;
        let hessian = c + (wanted * p / &a).diag_embed(0, -2, -1);
        let step = simplex::solve(&hessian, &gradient.unsqueeze(-1)).0.squeeze_dim(-1);
        // no step leaves a > 0, and near the solution none is shortened
        let reach = (&step / &a).abs().amax([-1i64].as_slice(), true);
        let damping = (&reach + 1.0).reciprocal();
        a -= step * damping.where_self(&reach.gt(0.25), &reach.ones_like());
    }
    a
}

#[cfg(test)]
mod tests {
    use super::super::simplex::tests::gramians;
    use super::*;

    #[test]
    fn newton_arrives() {
        for objectives in [2, 3, 5, 8] {
            let g = gramians(objectives);
            let (cosine, inverse) = cosines(&g);
            let c = cosine + Tensor::eye(objectives, (Kind::Double, tch::Device::Cpu)) * RIDGE;
            for alpha in [0.5, 1.0, 2.0] {
                let power = Tensor::from_slice(&[1.0 / alpha]);
                let less: Tensor = 1.0 - &power;
                let b = (inverse.log() * less).exp();
                let a = newton(&c, &b, &power);
                assert!(a.min().double_value(&[]) > 0.0);
                let wanted = (a.log() * -&power).exp() * &b;
                let largest = wanted.amax([-1i64].as_slice(), true);
                let left = ((simplex::times(&c, &a) - wanted) / largest).abs().max().double_value(&[]);
                assert!(left < 1e-9, "{objectives} {alpha}: {left:e}");
            }
        }
    }
}
