//! Losses in groups by their roles: what a balancer weighs.

use crate::objective::Role;

/// Which column of a step's signals and weights the losses of each role are in. Losses of one group are summed before anything is
/// weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    places: [Option<u8>; Role::ALL.len()],
    len: u8,
}

impl Groups {
    /// Of the `wanted` groups those that some of these roles are in, in their order.
    pub fn new(wanted: &[&[Role]], there: &[Role]) -> Self {
        let mut groups = Self { places: [None; Role::ALL.len()], len: 0 };
        for roles in wanted {
            if !roles.iter().any(|role| there.contains(role)) {
                continue;
            }
            roles.iter().for_each(|&role| groups.places[role as usize] = Some(groups.len));
            groups.len += 1;
        }
        groups
    }

    /// So many columns, whatever is in them: the task's losses in the first, domain losses in the last, all others in the second.
    pub fn of(len: u8) -> Self {
        let last = len.saturating_sub(1);
        let place = |role: Role| match role {
            Role::Task => 0,
            Role::Domain => last,
            Role::Unimodal | Role::Auxiliary => last.min(1),
        };
        Self { places: Role::ALL.map(|role| Some(place(role))), len }
    }

    /// The column of a role's losses; none where there are none.
    pub fn place(self, role: Role) -> Option<i64> {
        self.places[role as usize].map(i64::from)
    }

    /// Number of columns G.
    pub fn len(self) -> i64 {
        i64::from(self.len)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// Losses of each role by themselves: what most balancers want.
pub const EACH: &[&[Role]] = &[&[Role::Task], &[Role::Unimodal], &[Role::Domain], &[Role::Auxiliary]];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_without_losses_have_no_column() {
        let two: &[&[Role]] = &[&[Role::Task, Role::Unimodal], &[Role::Domain], &[Role::Auxiliary]];
        let groups = Groups::new(two, &[Role::Auxiliary, Role::Unimodal]);
        assert_eq!(groups.len(), 2);
        let places = Role::ALL.map(|role| groups.place(role));
        assert_eq!(places, [Some(0), Some(0), None, Some(1)]);
        assert_eq!(Groups::new(EACH, &[Role::Task, Role::Domain]).place(Role::Domain), Some(1));
    }
}
