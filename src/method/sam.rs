use tch::Tensor;

use super::{Branch, Build, Declared, Method, MethodEntry, Move, Scope, Weights};
use crate::hyperparameters::Number;
use crate::objective::{FusedClassification, Layout, Role, Shape, Term, column};

/// Sharpness-aware minimisation (Foret et al., ICLR 2021): every loss is taken at θ + ρ g / ‖g‖, g the gradient of the class loss
/// by encoders and heads, and its gradient there is applied to θ.
///
/// Differences from the paper: the second pass draws dropout of its own; a balancer's losses are taken at the same point, which
/// is found by the class loss alone.
pub const ENTRY: MethodEntry = MethodEntry {
    takes: &[RHO.setting()],
    ..MethodEntry::new(
        "sam",
        "gradients at the worst point nearby (sharpness-aware minimisation, Foret et al., ICLR 2021)",
        &[(Role::Task, "classifier", "ahead")],
    )
};

pub const BUILD: Build = |runs, kind, device| Box::new(Sam { rho: column(runs, &RHO, kind, device) });

const RHO: Number = Number::new("sam-rho", 0.05, [0.01, 0.2], "ρ, how far the worst point is; the paper");

#[derive(Debug)]
struct Sam {
    rho: Tensor,
}

impl Method for Sam {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let classifier = FusedClassification::declare(shape, layout);
        let by = Move::Ascend(self.rho.shallow_clone());
        let ahead = Branch { weights: Weights::Ahead { along: vec![0], scope: Scope::All, by }, dropout: true };
        let here = Term::new(Role::Task, classifier.clone()).only_stepped_along();
        let terms = vec![here, Term::new(Role::Task, classifier).reading(&[1])];
        Declared { branches: vec![Branch::live(), ahead], terms, judged: 0 }
    }
}
