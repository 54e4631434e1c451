//! Eigenvalues of symmetric matrices of a few rows, many at once, in tensor arithmetic alone.

use tch::{Kind, Tensor};

/// Of all rotations; a single one does for two rows. They leave less than 1e-14 of the trace off the diagonal.
const SWEEPS: usize = 8;

/// The relative rounding of gradients of that kind.
pub fn rounding(kind: Kind) -> f64 {
    if kind == Kind::Double { f64::EPSILON } else { f64::from(f32::EPSILON) }
}

/// Which eigenvalues [.., T] are more than what rounding of this size leaves.
pub fn kept(values: &Tensor, epsilon: f64) -> Tensor {
    let objectives = values.size()[values.dim() - 1] as f64;
    values.gt_tensor(&(values.amax([-1i64].as_slice(), true) * (objectives * epsilon)))
}

/// A⁺ 1 of symmetric positive semidefinite matrices A [.., T, T], [.., T].
pub fn pseudo_inverse_of_ones(matrix: &Tensor, epsilon: f64) -> Tensor {
    let (values, vectors) = eigen(matrix);
    let inverse = values.reciprocal().where_self(&kept(&values, epsilon), &values.zeros_like());
    ones(&vectors, &inverse)
}

/// V diag(f) Vᵀ 1 of eigenvectors V [.., T, T] and f [.., T], [.., T].
pub fn ones(vectors: &Tensor, f: &Tensor) -> Tensor {
    let along = vectors.sum_dim_intlist(-2, false, None) * f;
    (vectors * along.unsqueeze(-2)).sum_dim_intlist(-1, false, None)
}

/// Eigenvalues [.., T], in no order, and eigenvectors [.., T, T], a column each, of symmetric matrices.
pub fn eigen(matrix: &Tensor) -> (Tensor, Tensor) {
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
