use tch::Tensor;

use super::{Branch, Build, Declared, Method, MethodEntry, Move, Scope, Weights};
use crate::hyperparameters::Number;
use crate::objective::{FusedClassification, Layout, Role, Shape, Term, UnimodalClassification, column};

/// The inner step of MBCD (Wang et al., AAAI 2026, Eqs. 5 and 9) by itself: uni-modal losses at the encoders θ, the fused loss at
/// θ′ = θ − α ∇_θ Σ L_m, whose gradient is applied to θ. First order, as in the code of MMDG-Bench.
pub const ENTRY: MethodEntry = MethodEntry {
    takes: &[RATE.setting()],
    ..MethodEntry::new(
        "inner-step",
        "uni-modal losses, and the fused loss one step along them (the inner step of MBCD, AAAI 2026)",
        &[(Role::Unimodal, "unimodal", "live"), (Role::Task, "classifier", "ahead")],
    )
};

pub const BUILD: Build = |runs, kind, device| Box::new(InnerStep { rate: column(runs, &RATE, kind, device) });

pub const RATE: Number = Number::new("inner-rate", 1e-4, [0.0, 1e-3], "α, the inner learning rate; the code of MMDG-Bench");

#[derive(Debug)]
struct InnerStep {
    rate: Tensor,
}

impl Method for InnerStep {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let fused = FusedClassification::declare(shape, layout);
        let own = UnimodalClassification::apart(shape, layout);
        let by = Move::Descend(self.rate.shallow_clone());
        let ahead = Branch { weights: Weights::Ahead { along: vec![0], scope: Scope::Encoders, by }, dropout: true };
        let terms = vec![Term::new(Role::Unimodal, own), Term::new(Role::Task, fused).reading(&[1])];
        Declared { branches: vec![Branch::live(), ahead], terms, judged: 0 }
    }
}
