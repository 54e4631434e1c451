use tch::Tensor;

use super::{Balancer, Entry, Signals, Term, Update, column};
use crate::objective::{FusedDomain, Layout, Shape};

/// Domain-adversarial training (Ganin et al., JMLR 2016) with one fused discriminator, nothing balanced: L_c + λ L_d of
/// Peng et al. (AAAI 2026, Eqs. 1–3) and so the base that GMP is to be held against. The discriminator learns from the
/// plain gradient of L_d, whatever λ is.
pub const ENTRY: Entry = Entry {
    name: "adversarial",
    about: "joint training against a fused domain discriminator",
    takes: |_| &["lambda"],
    build: |numbers, kind, device| Box::new(Adversarial { scale: column(numbers, |n| -n.lambda, kind, device) }),
};

#[derive(Debug)]
struct Adversarial {
    scale: Tensor,
}

impl Balancer for Adversarial {
    fn terms(&self, shape: &Shape, layout: &mut Layout) -> Vec<Term> {
        vec![Term { objective: Box::new(FusedDomain::declare(shape, layout)), scale: self.scale.shallow_clone() }]
    }

    fn balance(&mut self, _: &Signals) -> Option<Update> {
        None
    }
}
