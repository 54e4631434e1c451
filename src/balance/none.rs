use super::{Balancer, BalancerEntry, Build, Signals, Update};

/// Joint training: every gradient counts as it is.
pub const ENTRY: BalancerEntry = BalancerEntry { plain: true, ..BalancerEntry::new("none", "joint training, nothing balanced") };

pub const BUILD: Build = |_, _, _| Box::new(Joint);

#[derive(Debug)]
struct Joint;

impl Balancer for Joint {
    fn weigh(&mut self, _: &Signals) -> Option<Update> {
        None
    }
}
