use super::switched::Switched;
use super::{Batches, BranchInput, Build, Declared, Method, MethodEntry, Switch};
use crate::hyperparameters::Number;
use crate::objective::{FusedClassification, Layout, RiskVariance, Role, Shape, Term};

/// V-REx (Krueger et al., ICML 2021) as DomainBed has it: the variance of the source domains' losses is a loss too; the optimizer starts anew
/// where it sets in. For balancers it is a domain loss.
pub const ENTRY: MethodEntry = MethodEntry {
    takes: &[WEIGHT.setting(), FROM.setting()],
    batches: Batches::ByDomain,
    ..MethodEntry::new(
        "vrex",
        "losses of source domains kept alike (V-REx, Krueger et al., ICML 2021)",
        &[(Role::Task, "classifier", "live"), (Role::Domain, "classifier", "live")],
    )
};

pub const BUILD: Build = |runs, kind, device| Box::new(Vrex(Switched::new(runs, &WEIGHT, &FROM, kind, device)));

const WEIGHT: Number =
    Number::new("vrex-weight", 10.0, [0.1, 1000.0], "weight of the penalty from vrex-from on, 1 before; DomainBed");

const FROM: Number =
    Number::new("vrex-from", 500.0, [0.0, 1000.0], "step from which vrex-weight counts, or half of all; DomainBed");

#[derive(Debug)]
struct Vrex(Switched);

impl Method for Vrex {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let classifier = FusedClassification::declare(shape, layout);
        let penalty = RiskVariance::of(&classifier, self.0.weight(), shape);
        Declared::live(vec![Term::new(Role::Task, classifier), Term::new(Role::Domain, penalty)])
    }

    fn before(&mut self, _: usize, input: &mut BranchInput<'_>) {
        self.0.set(input.late);
    }

    fn switch(&self) -> Option<Switch> {
        Some(Switch { from: self.0.from.clone(), anew: true })
    }
}
