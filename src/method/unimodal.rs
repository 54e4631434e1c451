use super::{Build, Declared, Method, MethodEntry};
use crate::objective::{FusedClassification, Layout, Role, Shape, Term, UnimodalClassification};

/// Joint training with one linear classifier a modality beside the fused one: the base of methods that add such losses.
pub const ENTRY: MethodEntry = MethodEntry::new(
    "unimodal",
    "cross-entropy of a fused classifier and, times unimodal-weight, of one classifier a modality",
    &[(Role::Task, "classifier", "live"), (Role::Unimodal, "unimodal", "live")],
);

pub const BUILD: Build = |_, _, _| Box::new(Unimodal);

#[derive(Debug)]
struct Unimodal;

impl Method for Unimodal {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let fused = FusedClassification::declare(shape, layout);
        let own = UnimodalClassification::apart(shape, layout).weighted(shape.heads.unimodal);
        Declared::live(vec![Term::new(Role::Task, fused), Term::new(Role::Unimodal, own)])
    }
}
