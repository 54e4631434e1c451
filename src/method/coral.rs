use tch::Tensor;

use super::{Batches, Build, Declared, Method, MethodEntry};
use crate::hyperparameters::Number;
use crate::objective::{FusedClassification, Layout, Moments, Role, Shape, Term, column};

/// Deep CORAL (Sun & Saenko, ECCV workshop 2016) as DomainBed has it: means and covariances of the source domains' concatenated embeddings
/// are drawn together, pair by pair. For balancers the distance is a domain loss.
pub const ENTRY: MethodEntry = MethodEntry {
    takes: &[WEIGHT.setting()],
    batches: Batches::ByDomain,
    ..MethodEntry::new(
        "coral",
        "means and covariances of source domains drawn together (deep CORAL, Sun & Saenko, ECCV workshop 2016)",
        &[(Role::Task, "classifier", "live"), (Role::Domain, "", "live")],
    )
};

pub const BUILD: Build = |runs, kind, device| Box::new(Coral { weight: column(runs, &WEIGHT, kind, device) });

const WEIGHT: Number = Number::new("coral-weight", 1.0, [0.1, 10.0], "γ, weight of the distance; DomainBed");

#[derive(Debug)]
struct Coral {
    weight: Tensor,
}

impl Method for Coral {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let classifier = FusedClassification::declare(shape, layout);
        let distance = Moments::new(self.weight.shallow_clone(), shape);
        Declared::live(vec![Term::new(Role::Task, classifier), Term::new(Role::Domain, distance)])
    }
}
