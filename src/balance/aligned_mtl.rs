use tch::{Kind, Tensor};

use super::by_gramian::{BESIDE, ByGramian, DOMAIN_WEIGHT, GRAMIAN, OBJECTIVES};
use super::{BalancerEntry, Build};

/// Aligned-MTL (Senushkin et al., CVPR 2023): weights B 1 with B = √λ_min V Λ^(−1/2) Vᵀ of the Gramian V Λ Vᵀ, so that the
/// gradients B J are orthogonal and of equal length √λ_min. Eigenvalues that are zero up to rounding are dropped, and
/// λ_min is the least one kept.
///
/// Eigenvalues come from [`SWEEPS`] sweeps of Jacobi's rotations, which leave less than 1e-14 of the trace off the
/// diagonal. Differences from the official code: heads learn from the plain gradient of their own loss.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[OBJECTIVES.setting(), DOMAIN_WEIGHT.setting(), GRAMIAN.setting()],
    adds: BESIDE,
    ..BalancerEntry::new("aligned-mtl", "gradients made orthogonal and equally long (Senushkin et al., CVPR 2023)")
};

pub const BUILD: Build = |runs, kind, device| {
    let epsilon = if kind == Kind::Double { f64::EPSILON } else { f64::from(f32::EPSILON) };
    ByGramian::boxed("aligned-mtl", runs, kind, device, move |gramian, _| align(gramian, epsilon))
};

/// Of all rotations; a single one does for two objectives.
const SWEEPS: usize = 8;

/// `epsilon` is the relative rounding of the gradients.
fn align(gramian: &Tensor, epsilon: f64) -> Tensor {
    let objectives = gramian.size()[gramian.dim() - 1];
    let (values, vectors) = eigen(gramian);
    let least = values.amax([-1i64].as_slice(), true) * (objectives as f64 * epsilon);
    let kept = values.gt_tensor(&least);
    let smallest = values.where_self(&kept, &values.full_like(f64::INFINITY)).amin([-1i64].as_slice(), true);
    let root = (smallest / &values).sqrt().where_self(&kept, &values.zeros_like());
    // V diag(root) Vᵀ 1
    let along = vectors.sum_dim_intlist(-2, false, None) * root;
    (vectors * along.unsqueeze(-2)).sum_dim_intlist(-1, false, None)
}

/// Eigenvalues [.., T], in no order, and eigenvectors [.., T, T], a column each, of symmetric matrices.
fn eigen(matrix: &Tensor) -> (Tensor, Tensor) {
    let shape = matrix.size();
    let size = shape[shape.len() - 1];
    let mut a = matrix.reshape([-1, size, size]);
    let identity = a.zeros_like() + Tensor::eye(size, (a.kind(), a.device()));
    let mut vectors = identity.copy();
    for _ in 0..if size == 2 { 1 } else { SWEEPS } {
        for (p, q) in (0..size).flat_map(|p| (p + 1..size).map(move |q| (p, q))) {
            let at = |of: &Tensor, i: i64, j: i64| of.select(1, i).select(1, j);
            let off = at(&a, p, q);
            let half = (at(&a, q, q) - at(&a, p, p)) * 0.5;
            let root = (half.square() + off.square()).sqrt();
            // tan of the smaller angle that turns `off` into 0
            let sign = half.ge(0.0).to_kind(a.kind()) * 2.0 - 1.0;
            let below = half.abs() + root;
            let tan = sign * &off / below.where_self(&below.gt(0.0), &below.ones_like());
            let cos = (tan.square() + 1.0).rsqrt();
            let sin = &tan * &cos;
            let turn = identity.copy();
            for (i, j, value) in [(p, p, &cos), (q, q, &cos), (p, q, &sin)] {
                at(&turn, i, j).copy_(value);
            }
            at(&turn, q, p).copy_(&-sin);
            a = turn.transpose(1, 2).bmm(&a).bmm(&turn);
            vectors = vectors.bmm(&turn);
        }
    }
    let values = a.diagonal(0, 1, 2).contiguous();
    (values.view(&shape[..shape.len() - 1]), vectors.view(&shape[..]))
}

#[cfg(test)]
mod tests {
    use super::super::simplex::tests::gramians;
    use super::*;

    #[test]
    fn rotations_arrive() {
        for objectives in [1, 2, 3, 5, 8] {
            let g = gramians(objectives);
            let (values, vectors) = eigen(&g);
            let back = (&vectors * values.unsqueeze(-2)).bmm(&vectors.transpose(1, 2));
            let unit = vectors.transpose(1, 2).bmm(&vectors) - Tensor::eye(objectives, (Kind::Double, tch::Device::Cpu));
            assert!((back - g).abs().max().double_value(&[]) < 1e-14 * objectives as f64, "{objectives}");
            assert!(unit.abs().max().double_value(&[]) < 1e-14, "{objectives}");
        }
    }
}
