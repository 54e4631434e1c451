use tch::Tensor;

use super::{Balancer, Entry, Setting, Signals, Term, Update, column};
use crate::objective::{FusedDomain, Layout, Shape};

/// Domain-adversarial training (Ganin et al., JMLR 2016) with one fused discriminator, nothing balanced: L_c + λ L_d of
/// Peng et al. (AAAI 2026, Eqs. 1–3) and so the base that GMP is to be held against. The discriminator learns from the
/// plain gradient of L_d, whatever λ is.
pub const ENTRY: Entry = Entry {
    name: "adversarial",
    about: "joint training against a fused domain discriminator",
    takes: &[LAMBDA],
    build: |runs, kind, device| Box::new(Adversarial { scale: -column(runs, "lambda", kind, device) }),
};

/// λ ≥ 0 of Peng et al., Eq. 1.
pub const LAMBDA: Setting = Setting::number(
    "lambda",
    0.15,
    [0.0, 1.0],
    "weight of the reversed domain gradient; what the authors' code amounts to (0.5 · 0.3), the paper gives no value",
);

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
