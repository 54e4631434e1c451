use tch::Tensor;

use super::{Added, Balancer, BalancerEntry, Build, Choice, Groups, Needs, Number, Signals, Update, column, word};
use crate::objective::{FusedDomain, Layout, ModalityDomain, Role, Shape, Term};

/// Domain-adversarial training (Ganin et al., JMLR 2016) with one fused discriminator, or one a modality, nothing balanced: L_c + λ L_d of
/// Peng et al. (AAAI 2026, Eqs. 1–3) and so the base that GMP is to be held against. The discriminator learns from the
/// plain gradient of L_d, whatever λ is.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[LAMBDA.setting(), BY_MODALITY.setting(), RAMP.setting()],
    adds: &[Added::unless_there(Role::Domain, "discriminator")],
    plain: true,
    ..BalancerEntry::new("adversarial", "joint training against a domain discriminator")
};

pub const BUILD: Build = |runs, kind, device| {
    let (modality, ramp) = (word(runs, &BY_MODALITY), word(runs, &RAMP));
    Box::new(Adversarial { scale: -column(runs, &LAMBDA, kind, device), modality, modalities: 0, ramp })
};

/// λ ≥ 0 of Peng et al., Eq. 1.
pub const LAMBDA: Number = Number::new(
    "lambda",
    0.15,
    [0.0, 1.0],
    "weight of the reversed domain gradient; what the authors' code amounts to (0.5 · 0.3), the paper gives no value",
);

const BY_MODALITY: Choice<bool> = Choice::new(
    "discriminator",
    &["fused", "modality"],
    &[false, true],
    "one on the concatenated embeddings, or one on each modality's",
);

const RAMP: Choice<bool> = Choice::new(
    "warm-up",
    &["none", "ramp"],
    &[false, true],
    "ramp: the reversal grows by 2 / (1 + exp(-10 p)) - 1 over the share p of steps done",
);

#[derive(Debug)]
struct Adversarial {
    scale: Tensor,
    modality: bool,
    modalities: i64,
    ramp: bool,
}

impl Balancer for Adversarial {
    fn terms(&self, shape: &Shape, layout: &mut Layout, method: &[Role]) -> Vec<Term> {
        if method.contains(&Role::Domain) {
            return Vec::new();
        }
        let term = match self.modality {
            true => Term::new(Role::Domain, ModalityDomain::declare(shape, layout)),
            false => Term::new(Role::Domain, FusedDomain::declare(shape, layout)),
        };
        vec![term.scaled(self.scale.shallow_clone())]
    }

    fn needs(&self) -> Needs {
        Needs { progress: self.ramp, ..Needs::default() }
    }

    fn prepare(&mut self, shape: &Shape, _: &Layout, _: std::ops::Range<usize>, _: Groups) {
        self.modalities = shape.len();
    }

    fn weigh(&mut self, signals: &Signals) -> Option<Update> {
        let done = signals.done.as_ref().filter(|_| self.ramp)?;
        let ramp: Tensor = 2.0 / (1.0 + (done * -10.0).exp()) - 1.0;
        let domain = signals.groups.place(Role::Domain);
        let column = |t| if Some(t) == domain { ramp.shallow_clone() } else { ramp.ones_like() };
        let columns: Vec<Tensor> = (0..signals.groups.len()).map(column).collect();
        let weights = Tensor::stack(&columns, 1).unsqueeze(1);
        Some(Update::weights(weights.expand([-1, self.modalities, -1], false)))
    }
}
