use super::{Balancer, Entry, Signals, Term, Update};
use crate::objective::{Layout, Shape};

/// Joint training: every gradient counts as it is.
pub const ENTRY: Entry =
    Entry { name: "none", about: "joint training, nothing balanced", takes: &[], build: |_, _, _| Box::new(Joint) };

#[derive(Debug)]
struct Joint;

impl Balancer for Joint {
    fn terms(&self, _: &Shape, _: &mut Layout) -> Vec<Term> {
        Vec::new()
    }

    fn balance(&mut self, _: &Signals) -> Option<Update> {
        None
    }
}
