use tch::Tensor;

use super::{Batches, Build, Declared, Method, MethodEntry};
use crate::hyperparameters::Number;
use crate::objective::{FusedClassification, KernelDistance, Layout, Role, Shape, Term, column};

/// Maximum mean discrepancy (Li et al., CVPR 2018) as DomainBed has it, on the source domains' concatenated embeddings, pair by pair. For
/// balancers the distance is a domain loss.
pub const ENTRY: MethodEntry = MethodEntry {
    takes: &[WEIGHT.setting()],
    batches: Batches::ByDomain,
    ..MethodEntry::new(
        "mmd",
        "source domains drawn together by kernel means (MMD, Li et al., CVPR 2018)",
        &[(Role::Task, "classifier", "live"), (Role::Domain, "", "live")],
    )
};

pub const BUILD: Build = |runs, kind, device| Box::new(Mmd { weight: column(runs, &WEIGHT, kind, device) });

const WEIGHT: Number = Number::new("mmd-weight", 1.0, [0.1, 10.0], "γ, weight of the distance; DomainBed");

#[derive(Debug)]
struct Mmd {
    weight: Tensor,
}

impl Method for Mmd {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let classifier = FusedClassification::declare(shape, layout);
        let distance = KernelDistance::new(self.weight.shallow_clone(), shape);
        Declared::live(vec![Term::new(Role::Task, classifier), Term::new(Role::Domain, distance)])
    }
}
