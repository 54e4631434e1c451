//! What distances between source domains have in common.

use tch::Tensor;

/// The mean over pairs of domains of S_ii + S_jj − 2 S_ij, \[R\], for sums of products S [R, C, C] with zeros for domains that are not
/// `there` [R, C], 1 or 0. 0 where there are fewer than two.
pub fn distances(products: &Tensor, there: &Tensor) -> Tensor {
    let count = there.sum_dim_intlist(1, false, None);
    let own = products.diagonal(0, 1, 2).sum_dim_intlist(1, false, None);
    // over i < j the squares are n − 1 times the trace, the products what is left of the sum
    let sum = &count * own - products.sum_dim_intlist([1i64, 2].as_slice(), false, None);
    let pairs: Tensor = &count * (&count - 1.0) * 0.5;
    sum / pairs.clamp_min(1.0)
}
