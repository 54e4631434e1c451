use tch::Tensor;

use super::{Balancer, Choice, Entry, Number, Signals, Term, Update, column, word};
use crate::objective::{FusedDomain, Layout, ModalityDomain, Objective, Shape};

/// Domain-adversarial training (Ganin et al., JMLR 2016) with one fused discriminator, or one a modality, nothing balanced: L_c + λ L_d of
/// Peng et al. (AAAI 2026, Eqs. 1–3) and so the base that GMP is to be held against. The discriminator learns from the
/// plain gradient of L_d, whatever λ is.
pub const ENTRY: Entry = Entry {
    name: "adversarial",
    about: "joint training against a domain discriminator",
    takes: &[LAMBDA.setting(), BY_MODALITY.setting(), RAMP.setting()],
    build: |runs, kind, device| {
        let (modality, ramp) = (word(runs, &BY_MODALITY), word(runs, &RAMP));
        Box::new(Adversarial { scale: -column(runs, &LAMBDA, kind, device), modality, modalities: 0, ramp, done: None })
    },
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
    /// Share of each run's steps that is done, \[R\].
    done: Option<Tensor>,
}

impl Balancer for Adversarial {
    fn terms(&self, shape: &Shape, layout: &mut Layout) -> Vec<Term> {
        let objective: Box<dyn Objective> = match self.modality {
            true => Box::new(ModalityDomain::declare(shape, layout)),
            false => Box::new(FusedDomain::declare(shape, layout)),
        };
        vec![Term { objective, scale: self.scale.shallow_clone() }]
    }

    fn prepare(&mut self, shape: &Shape, _: &Layout, _: std::ops::Range<usize>) {
        self.modalities = shape.len();
    }

    fn hears_progress(&self) -> bool {
        self.ramp
    }

    fn progress(&mut self, done: &Tensor) {
        self.done = self.ramp.then(|| done.shallow_clone());
    }

    fn balance(&mut self, signals: &Signals) -> Option<Update> {
        let ramp: Tensor = 2.0 / (1.0 + (self.done.as_ref()? * -10.0).exp()) - 1.0;
        let (modalities, objectives) = (self.modalities, signals.loss.size()[1]);
        let plain = Tensor::ones([ramp.size()[0], modalities, objectives - 1], (ramp.kind(), ramp.device()));
        Some(Update::weights(Tensor::cat(&[plain, ramp.view([-1, 1, 1]).expand([-1, modalities, 1], false)], 2)))
    }
}
