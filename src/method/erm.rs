use super::{Build, Declared, Method, MethodEntry};
use crate::objective::{FusedClassification, Layout, Role, Shape, Term};

/// Empirical risk minimisation: cross-entropy on the fused embeddings and nothing else, the base of every table.
pub const ENTRY: MethodEntry = MethodEntry {
    plain: true,
    ..MethodEntry::new("erm", "cross-entropy of a fused classifier (joint training)", &[(Role::Task, "classifier", "live")])
};

pub const BUILD: Build = |_, _, _| Box::new(Erm);

#[derive(Debug)]
struct Erm;

impl Method for Erm {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        Declared::live(vec![Term::new(Role::Task, FusedClassification::declare(shape, layout))])
    }
}
