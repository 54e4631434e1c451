use tch::Tensor;

use super::{Build, Declared, Method, MethodEntry};
use crate::hyperparameters::Number;
use crate::objective::{FusedClassification, FusedDomain, Layout, Role, Shape, Term, column};

/// Domain-adversarial networks (Ganin et al., JMLR 2016): what [`adversarial`](crate::balance) adds to `erm`, as a method, so that a
/// balancer can go beside it.
///
/// Differences from DomainBed: the discriminator has one hidden layer, the optimizer and the learning rate of the rest, and steps once a
/// step; no gradient penalty.
pub const ENTRY: MethodEntry = MethodEntry {
    takes: &[WEIGHT.setting()],
    ..MethodEntry::new(
        "dann",
        "training against a domain discriminator (Ganin et al., JMLR 2016)",
        &[(Role::Task, "classifier", "live"), (Role::Domain, "discriminator", "live")],
    )
};

pub const BUILD: Build = |runs, kind, device| Box::new(Dann { scale: -column(runs, &WEIGHT, kind, device) });

const WEIGHT: Number = Number::new("dann-weight", 1.0, [0.0, 3.0], "λ, weight of the reversed domain gradient; DomainBed");

#[derive(Debug)]
struct Dann {
    scale: Tensor,
}

impl Method for Dann {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let classifier = FusedClassification::declare(shape, layout);
        let domain = FusedDomain::declare(shape, layout);
        let against = Term::new(Role::Domain, domain).scaled(self.scale.shallow_clone());
        Declared::live(vec![Term::new(Role::Task, classifier), against])
    }
}
