use tch::Tensor;

use super::{Balancer, Entry, Signals, Term, Update, Variant, column};
use crate::objective::{FusedDomain, Label, Layout, Probe, Shape, SharedDiscriminator, UnimodalClassification};

/// Gradient modulation projection (Peng et al., AAAI 2026, arXiv 2603.14175).
///
/// `paper` balances the fused class loss against the fused domain loss. `bench` follows the authors' code: the fused loss
/// counts in full, and the uni-modal class and domain losses of each modality are balanced on top of it. For more than two
/// modalities ratios are to the mean of the others, as in that code; for two this is Eq. 8.
pub const ENTRY: Entry = Entry {
    name: "gmp",
    about: "gradient modulation projection (Peng et al., AAAI 2026)",
    takes: |variant| match variant {
        Variant::Paper => &["variant", "alpha-k", "alpha-p", "lambda"],
        Variant::Bench => &["variant", "alpha-k", "alpha-p", "reversal", "class-weight", "domain-weight"],
    },
    build: |numbers, kind, device| {
        let variant = numbers.first().map(|n| n.variant).unwrap_or_default();
        let column = |of: fn(&super::Numbers) -> f64| column(numbers, of, kind, device);
        Box::new(Gmp {
            variant,
            alpha_k: column(|n| n.alpha_k).unsqueeze(1),
            alpha_p: column(|n| n.alpha_p).unsqueeze(1),
            class_scale: match variant {
                Variant::Paper => column(|_| 1.0),
                Variant::Bench => column(|n| n.class_weight),
            },
            domain_scale: match variant {
                Variant::Paper => column(|n| -n.lambda),
                Variant::Bench => column(|n| -n.domain_weight * n.reversal),
            },
        })
    },
};

/// Keeps ratios and quotients finite where a confidence or a gradient vanishes; the authors' code adds 1e-6 and 1e-12.
const CONFIDENCE_FLOOR: f64 = 1e-12;
const SQUARE_FLOOR: f64 = 1e-30;

#[derive(Debug)]
struct Gmp {
    variant: Variant,
    alpha_k: Tensor,
    alpha_p: Tensor,
    class_scale: Tensor,
    domain_scale: Tensor,
}

impl Balancer for Gmp {
    fn terms(&self, shape: &Shape, layout: &mut Layout) -> Vec<Term> {
        let class = self.class_scale.shallow_clone();
        let domain = self.domain_scale.shallow_clone();
        match self.variant {
            Variant::Paper => vec![
                Term { objective: Box::new(FusedDomain::declare(shape, layout)), scale: domain },
                Term { objective: Box::new(Probe::declare(Label::Class, shape, layout)), scale: class.shallow_clone() },
                Term { objective: Box::new(Probe::declare(Label::Domain, shape, layout)), scale: class },
            ],
            Variant::Bench => vec![
                Term { objective: Box::new(UnimodalClassification::declare(shape, layout)), scale: class },
                Term { objective: Box::new(SharedDiscriminator::declare(shape, layout)), scale: domain },
            ],
        }
    }

    fn needs_gramian(&self) -> bool {
        true
    }

    fn balance(&mut self, signals: &Signals) -> Option<Update> {
        let (Some(semantic), Some(domain), Some(gramian)) = (&signals.semantic, &signals.domain, &signals.gramian) else {
            return None;
        };
        let objectives = gramian.size()[3];
        let (c, d) = (objectives - 2, objectives - 1);
        let inner = |s: i64, t: i64| gramian.select(3, t).select(2, s);
        let (cc, cd, dd) = (inner(c, c), inner(c, d), inner(d, d));

        let rho = to_mean_of_others(semantic);
        let sigma = to_mean_of_others(domain).reciprocal(); // Eq. 8: the other way round
        let k = modulation(&rho, &self.alpha_k); // Eq. 9
        let p = modulation(&sigma, &self.alpha_p); // Eq. 10

        // Eqs. 11-15 in terms of inner products of g_c and g_d; rho = sigma goes with the class side, as in the code
        let product = &k * &p * &cd;
        let conflict = product.lt(0.0);
        let classes_ahead = rho.ge_tensor(&sigma);
        let class_side = conflict.logical_and(&classes_ahead).to_kind(rho.kind());
        let domain_side = conflict.logical_and(&classes_ahead.logical_not()).to_kind(rho.kind());
        let on_domain = &product / (p.square() * &dd).clamp_min(SQUARE_FLOOR);
        let on_class = &product / (k.square() * &cc).clamp_min(SQUARE_FLOOR);
        let class_weight = &k * (1.0 - on_class * &domain_side);
        let domain_weight = &p * (1.0 - on_domain * &class_side);

        let mut weights: Vec<Tensor> = (0..c).map(|_| Tensor::ones_like(&rho)).collect();
        weights.push(class_weight);
        weights.push(domain_weight);
        let cosine = (&cd / (&cc * &dd).clamp_min(SQUARE_FLOOR).sqrt()).clamp(-1.0, 1.0);
        let conflict = class_side + domain_side;
        let projected = cosine.abs() * &conflict;
        let record = Tensor::stack(&[rho, sigma, k, p, cosine, conflict, projected], 2);
        Some(Update { weights: Tensor::stack(&weights, 2), record: Some(record) })
    }
}

/// x^m over the mean of the other modalities' x, [R, M]; 1 for a single modality.
fn to_mean_of_others(x: &Tensor) -> Tensor {
    let modalities = x.size()[1];
    if modalities == 1 {
        return Tensor::ones_like(x);
    }
    let options = (x.kind(), x.device());
    let others = Tensor::ones([modalities, modalities], options) - Tensor::eye(modalities, options);
    let x = x.clamp_min(CONFIDENCE_FLOOR);
    let sum = (x.unsqueeze(1) * others).sum_dim_intlist(2, false, None);
    x * (modalities - 1) as f64 / sum
}

/// 1 − tanh(α · ratio) above a ratio of 1, else 1.
fn modulation(ratio: &Tensor, alpha: &Tensor) -> Tensor {
    let above = ratio.gt(1.0).to_kind(ratio.kind());
    1.0 - (ratio * alpha).tanh() * above
}

#[cfg(test)]
mod tests {
    use super::super::Numbers;
    use super::*;
    use tch::{Device, Kind};

    fn balance(q: &[f64], c: &[f64], gramian: [f64; 3]) -> (Vec<f64>, Vec<f64>) {
        let mut gmp = (ENTRY.build)(&[Numbers::default()], Kind::Double, Device::Cpu);
        let m = q.len() as i64;
        let one = Tensor::from_slice(&[gramian[0], gramian[1], gramian[1], gramian[2]]).view([1, 1, 2, 2]);
        let signals = Signals {
            semantic: Some(Tensor::from_slice(q).unsqueeze(0)),
            domain: Some(Tensor::from_slice(c).unsqueeze(0)),
            gramian: Some(one.repeat([1, m, 1, 1])),
        };
        let update = gmp.balance(&signals).unwrap();
        let flat = |t: Tensor| Vec::<f64>::try_from(t.flatten(0, -1)).unwrap();
        (flat(update.weights), flat(update.record.unwrap()))
    }

    #[test]
    fn weights_stay_finite_where_gradients_and_confidences_vanish() {
        for gramian in
            [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0, -1.0, 1.0], [4.0, 2.0, 1.0], [1e-320, -1e-320, 1e-320]]
        {
            for q in [[0.0, 1.0], [0.5, 0.5], [1.0, 1e-300], [0.0, 0.0]] {
                let (weights, record) = balance(&q, &[0.5, 0.0], gramian);
                assert!(weights.iter().chain(&record).all(|x| x.is_finite()), "{gramian:?} {q:?} {weights:?} {record:?}");
            }
        }
    }

    #[test]
    fn one_modality_and_equal_modalities_are_not_modulated() {
        assert_eq!(balance(&[0.3], &[0.5], [1.0, 0.5, 1.0]).0, [1.0, 1.0]);
        assert_eq!(balance(&[0.3, 0.3], &[0.5, 0.5], [1.0, 0.5, 1.0]).0, [1.0; 4]);
    }

    #[test]
    fn opposite_gradients_of_equal_ratio_keep_the_domain_side() {
        // g_c = -g_d: projecting g_c leaves nothing of it, so the update is g_d = 0 g_c + 1 g_d, written as 1 g_c + 2 g_d
        assert_eq!(balance(&[0.3], &[0.5], [1.0, -1.0, 1.0]).0, [1.0, 2.0]);
    }
}
