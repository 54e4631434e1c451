//! Convex problems on the simplex and linear systems of a few unknowns, many at once, in tensor arithmetic alone.
//!
//! A minimum over the simplex of T corners lies inside one of its 2^T − 1 faces, and inside a face it is the solution of a
//! linear system: all faces are solved and the best point is taken. That is exact, takes a fixed number of operations, and
//! is meant for T up to 8 or so.

use tch::{Kind, Tensor};

/// A pivot (the share of a unit vector's square that its predecessors do not explain) below this counts as none.
const SINGULAR: f64 = 1e-13;

/// A w, [.., T], for A [.., T, T].
pub fn times(a: &Tensor, w: &Tensor) -> Tensor {
    (a * w.unsqueeze(-2)).sum_dim_intlist(-1, false, None)
}

/// √(wᵀ A w), [.., 1].
pub fn length(a: &Tensor, w: &Tensor) -> Tensor {
    (times(a, w) * w).sum_dim_intlist(-1, true, None).clamp_min(0.0).sqrt()
}

/// x [.., T, K] of A x = b for symmetric positive definite A [.., T, T] and b [.., T, K], by Gauss–Jordan elimination on A
/// with a unit diagonal; and whether every pivot was above [`SINGULAR`], [.., 1, 1]. What is not is finite all the same.
pub fn solve(a: &Tensor, b: &Tensor) -> (Tensor, Tensor) {
    let size = a.size()[a.dim() - 1];
    let scale = a.diagonal(0, -2, -1).contiguous().clamp_min(1e-300).rsqrt().unsqueeze(-1);
    let mut m = Tensor::cat(&[a * &scale * scale.transpose(-1, -2), b * &scale], -1).contiguous();
    let others = Tensor::ones([size, size], (a.kind(), a.device())) - Tensor::eye(size, (a.kind(), a.device()));
    let mut regular = scale.narrow(-2, 0, 1).ge(0.0);
    for i in 0..size {
        let pivot = m.narrow(-2, i, 1).narrow(-1, i, 1);
        let good = pivot.gt(SINGULAR);
        regular = regular.logical_and(&good);
        let row = m.narrow(-2, i, 1) / pivot.where_self(&good, &pivot.ones_like());
        m -= m.narrow(-1, i, 1) * others.narrow(-1, i, 1) * &row;
        m.narrow(-2, i, 1).copy_(&row);
    }
    let x = m.narrow(-1, size, m.size()[m.dim() - 1] - size) * scale;
    (x.contiguous(), regular)
}

/// The faces of a simplex.
struct Faces {
    /// 1 for a corner that belongs to it, [F, T].
    corners: Tensor,
    /// Its middle, [F, T].
    middle: Tensor,
}

impl Faces {
    /// Those of the simplex that weighs the gradients of `gramian`.
    fn of(gramian: &Tensor) -> Self {
        let (size, device) = (gramian.size()[gramian.dim() - 1], gramian.device());
        let bits = Tensor::arange(size, (Kind::Int64, device));
        let numbers = Tensor::arange_start(1, 1 << size, (Kind::Int64, device)).unsqueeze(1);
        let corners = numbers.bitwise_right_shift(&bits).bitwise_and(1i64).to_kind(gramian.kind());
        let middle = &corners / corners.sum_dim_intlist(-1, true, None);
        Self { corners, middle }
    }

    /// A x = b of each face, [.., F, T, K], zeros off the face; and whether the face has such a point, [.., F, 1, 1].
    fn solve(&self, a: &Tensor, b: &Tensor) -> (Tensor, Tensor) {
        let inside = self.corners.unsqueeze(-1);
        let off = (self.corners.ones_like() - &self.corners).diag_embed(0, -2, -1);
        let a = a.unsqueeze(-3) * &inside * inside.transpose(-1, -2) + off;
        solve(&a, &(b.unsqueeze(-3) * inside))
    }

    /// The candidate [.., F, T] of the least value [.., F]. One that is not `valid` [.., F, 1], or not on its face, stands
    /// aside for the face's middle.
    fn best(&self, candidates: &Tensor, valid: &Tensor, value: impl Fn(&Tensor) -> Tensor) -> Tensor {
        let least = candidates.amin([-1i64].as_slice(), true);
        let on_face = valid.logical_and(&least.ge(0.0)).logical_and(&least.le(1.0));
        Self::least(&candidates.where_self(&on_face, &self.middle), value)
    }

    /// The candidate [.., F, T] of the least value [.., F].
    fn least(candidates: &Tensor, value: impl Fn(&Tensor) -> Tensor) -> Tensor {
        let index = value(candidates).argmin(-1, true).unsqueeze(-1);
        let shape: Vec<i64> = candidates.size();
        let mut one = shape.clone();
        if let Some(faces) = one.iter_mut().rev().nth(1) {
            *faces = 1;
        }
        candidates.gather(-2, &index.expand(&one[..], false), false).squeeze_dim(-2)
    }
}

/// The weights w ≥ 0, Σ w = 1 of the shortest Σ w_t g_t, [.., T], from ⟨g_s, g_t⟩ [.., T, T]. A gradient of zero is left
/// out, where there are others.
pub fn shortest(gramian: &Tensor) -> Tensor {
    let faces = Faces::of(gramian);
    let square = gramian.diagonal(0, -2, -1).contiguous();
    let there = square.gt(0.0);
    let least = square.where_self(&there, &square.full_like(f64::INFINITY)).amin([-1i64].as_slice(), true).unsqueeze(-1);
    // on Σ w = 1 a constant added to every product changes no minimum, and makes the system regular unless the face is flat
    let least = least.where_self(&least.isfinite(), &least.ones_like());
    let ones = least.squeeze_dim(-1).expand_as(&square).ones_like().unsqueeze(-1);
    let (x, regular) = faces.solve(&(gramian + least), &ones);
    let x = x.squeeze_dim(-1);
    let w = &x / x.sum_dim_intlist(-1, true, None);
    let missing = (there.logical_not().to_kind(w.kind()).unsqueeze(-2) * &faces.corners).sum_dim_intlist(-1, false, None) * 1e300;
    let gramian = gramian.unsqueeze(-3);
    faces.best(&w, &regular.squeeze_dim(-1), |w| (times(&gramian, w) * w).sum_dim_intlist(-1, false, None) + &missing)
}

/// With a diagonal so much larger that faces are regular whose gradients depend on each other.
fn ridged(gramian: &Tensor) -> Tensor {
    gramian + (gramian.diagonal(0, -2, -1) * 1e-12).diag_embed(0, -2, -1)
}

/// The weights w ≥ 0, Σ w = 1 of the least ⟨b, w⟩ + κ ‖Σ w_t g_t‖, [.., T], for b [.., T] and κ ≥ 0 [.., 1].
pub fn leaning(gramian: &Tensor, b: &Tensor, kappa: &Tensor) -> Tensor {
    let faces = Faces::of(gramian);
    let sides = Tensor::stack(&[b.ones_like(), b.shallow_clone()], -1);
    let (x, regular) = faces.solve(&ridged(gramian), &sides);
    let [of_one, of_b] = [0, 1].map(|side| x.select(-1, side).contiguous());
    // inside a face w = G⁻¹(μ 1 − b) / (μ 1ᵀG⁻¹1 − 1ᵀG⁻¹b), with the μ that gives both Σ w = 1 and the length of Σ w g
    let over = |x: &Tensor| x.sum_dim_intlist(-1, true, None);
    let (one_one, one_b) = (over(&of_one), over(&of_b));
    let b_b = over(&(&of_b * b.unsqueeze(-2)));
    let kappa = kappa.unsqueeze(-2);
    let square = one_b.square() - &one_one * (b_b - kappa.square());
    let root = square.clamp_min(0.0).sqrt();
    let w = (((&one_b + &root) / one_one) * of_one - of_b) / &root;
    let w = &w / over(&w);
    let valid = regular.squeeze_dim(-1).logical_and(&square.gt(0.0));
    let (gramian, b) = (gramian.unsqueeze(-3), b.unsqueeze(-2));
    faces.best(&w, &valid, |w| ((w * &b).sum_dim_intlist(-1, true, None) + length(&gramian, w) * &kappa).squeeze_dim(-1))
}

/// The weights w ≥ u of the shortest Σ w_t g_t, [.., T], for u [.., T]: what is left of Σ u_t g_t when it is projected onto the
/// cone of updates that work against no gradient. A gradient of zero keeps its own weight.
pub fn from_below(gramian: &Tensor, u: &Tensor) -> Tensor {
    let faces = Faces::of(gramian);
    let gramian = ridged(gramian);
    let along = times(&gramian, u);
    // w = u + v with v ≥ 0, and on the face where v is not 0 no change along it
    let (v, regular) = faces.solve(&gramian, &-along.unsqueeze(-1));
    let v = v.squeeze_dim(-1);
    let valid = regular.squeeze_dim(-1).logical_and(&v.amin([-1i64].as_slice(), true).ge(0.0));
    // v = 0, the face of no corner, stands in for those that do not hold: where it is the minimum, there is one
    let candidates = v.where_self(&valid, &v.zeros_like());
    let (gramian, along) = (gramian.unsqueeze(-3), along.unsqueeze(-2) * 2.0);
    u + Faces::least(&candidates, |v| ((times(&gramian, v) + &along) * v).sum_dim_intlist(-1, false, None))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::rng::Stream;
    use tch::Device;

    /// Gramians [n, T, T] of gradients that are random, longer and shorter by 10³, dependent, equal, opposite.
    pub fn gramians(objectives: i64) -> Tensor {
        let t = objectives as usize;
        let random = |seed: u64| {
            let numbers: Vec<f64> = (0..objectives as u32 * 4).map(|i| Stream::new(seed).normal(i)).collect();
            Tensor::from_slice(&numbers).view([objectives, 4])
        };
        let column = |f: &dyn Fn(usize) -> f64| Tensor::from_slice(&(0..t).map(f).collect::<Vec<_>>()).view([-1, 1]);
        let line = random(9).narrow(0, 0, 1);
        let mut all: Vec<Tensor> = (0..20).map(random).collect();
        all.extend((0..20).map(|seed| random(seed) * column(&|i| [1.0, 1e-3, 0.05][(i + seed as usize) % 3])));
        all.push(&line * column(&|_| 1.0));
        all.push(&line * column(&|i| if i % 2 == 0 { 1.0 } else { -1.0 }));
        all.push(&line * column(&|i| if i % 2 == 0 { 1.0 } else { -0.3 }));
        all.push(random(3) + &line * 1e3);
        let j = Tensor::stack(&all, 0);
        let g = j.bmm(&j.transpose(1, 2));
        let largest = g.diagonal(0, 1, 2).amax([1i64].as_slice(), true).unsqueeze(2);
        g / largest
    }

    #[test]
    fn the_shortest_combination_has_no_gradient_behind_it() {
        for objectives in [1, 2, 3, 5, 8] {
            let g = gramians(objectives);
            let w = shortest(&g);
            let along = times(&g, &w);
            let square = (&along * &w).sum_dim_intlist(-1, true, None);
            assert!(w.min().double_value(&[]) >= 0.0);
            assert!((w.sum_dim_intlist(-1, false, None) - 1.0).abs().max().double_value(&[]) < 1e-14);
            assert!((along - square).min().double_value(&[]) > -1e-10, "{objectives}");
        }
    }

    #[test]
    fn weights_from_below_leave_no_gradient_behind() {
        for objectives in [1, 2, 3, 5, 8] {
            let g = gramians(objectives);
            let eye = Tensor::eye(objectives, (Kind::Double, Device::Cpu));
            for u in [Tensor::ones([objectives], (Kind::Double, Device::Cpu)), eye.get(0), eye.get(objectives - 1)] {
                let u = u.expand([g.size()[0], objectives], false).contiguous();
                let w = from_below(&g, &u);
                let (along, more) = (times(&g, &w), &w - &u);
                // the conditions of the minimum: w ≥ u, ⟨g_t, d⟩ ≥ 0, and one of them tight
                assert!(more.min().double_value(&[]) >= 0.0);
                let size = w.abs().amax([-1i64].as_slice(), true);
                assert!((&along / &size).min().double_value(&[]) > -1e-9, "{objectives}");
                assert!((along * more / size.square()).abs().max().double_value(&[]) < 1e-9, "{objectives}");
            }
        }
    }

    #[test]
    fn no_corner_improves_on_the_leaning_minimum() {
        for objectives in [1, 2, 3, 5, 8] {
            let g = gramians(objectives);
            let b = g.mean_dim(-1, false, None);
            for c in [0.0, 0.3, 0.9] {
                let kappa = b.mean_dim(-1, true, None).clamp_min(0.0).sqrt() * c;
                let w = leaning(&g, &b, &kappa);
                let value = |w: &Tensor| (w * &b).sum_dim_intlist(-1, true, None) + length(&g, w) * &kappa;
                let least = value(&w);
                for t in 0..objectives {
                    let corner = Tensor::eye(objectives, (Kind::Double, Device::Cpu)).get(t);
                    for step in [1.0, 0.1, 1e-3] {
                        let there = value(&(&w * (1.0 - step) + &corner * step));
                        let gain = (&least - there).max().double_value(&[]);
                        assert!(gain < 1e-10, "{objectives} {c} {t} {step}: {gain:e}");
                    }
                }
            }
        }
    }
}
