use super::switched::Switched;
use super::{Batches, BranchInput, Build, Declared, Method, MethodEntry, Switch};
use crate::hyperparameters::Number;
use crate::objective::{FusedClassification, Invariance, Layout, Role, Shape, Term};

/// Invariant risk minimisation (Arjovsky et al., 2019), IRMv1 as DomainBed has it: the gradient of each source domain's loss by a factor on
/// the outputs is to vanish; the optimizer starts anew where the penalty sets in. For balancers the penalty is a domain loss.
pub const ENTRY: MethodEntry = MethodEntry {
    takes: &[WEIGHT.setting(), FROM.setting()],
    batches: Batches::ByDomain,
    ..MethodEntry::new(
        "irm",
        "one head that is best for every source domain (IRMv1, Arjovsky et al., 2019)",
        &[(Role::Task, "classifier", "live"), (Role::Domain, "classifier", "live")],
    )
};

pub const BUILD: Build = |runs, kind, device| Box::new(Irm(Switched::new(runs, &WEIGHT, &FROM, kind, device)));

const WEIGHT: Number =
    Number::new("irm-weight", 100.0, [1.0, 1000.0], "weight of the penalty from irm-from on, 1 before; DomainBed");

const FROM: Number =
    Number::new("irm-from", 500.0, [0.0, 1000.0], "step from which irm-weight counts, or half of all; DomainBed");

#[derive(Debug)]
struct Irm(Switched);

impl Method for Irm {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let classifier = FusedClassification::declare(shape, layout);
        let penalty = Invariance::of(&classifier, self.0.weight(), shape);
        Declared::live(vec![Term::new(Role::Task, classifier), Term::new(Role::Domain, penalty)])
    }

    fn before(&mut self, _: usize, input: &mut BranchInput<'_>) {
        self.0.set(input.late);
    }

    fn switch(&self) -> Option<Switch> {
        Some(Switch { from: self.0.from.clone(), anew: true })
    }
}
