//! A loss with what it is for and where it is taken.

use tch::Tensor;

use super::outcome::Objective;
use super::role::Role;

/// One loss of a method or a balancer.
#[derive(Debug)]
pub struct Term {
    /// The loss; its heads learn from its plain gradient.
    pub objective: Box<dyn Objective>,
    /// What it is for. Of no effect for a probe.
    pub role: Role,
    /// Branches that it reads, by their places; at the first one's weights its heads are. Of a balancer's terms this says nothing:
    /// they read the branch that the task's loss reads.
    pub reads: Vec<usize>,
    /// Whether anything learns from it; if not, it is only there for a method to step along it.
    pub counts: bool,
    /// g_t = scale · ∇ loss, \[R\]; 1 where none. Negative where encoders work against the heads.
    pub scale: Option<Tensor>,
}

impl Term {
    /// A loss that is taken at the first branch.
    pub fn new(role: Role, objective: impl Objective + 'static) -> Self {
        Self { objective: Box::new(objective), role, reads: vec![0], counts: true, scale: None }
    }

    /// A loss that no encoder learns from.
    pub fn probe(objective: impl Objective + 'static) -> Self {
        Self::new(Role::Auxiliary, objective)
    }

    /// The same with a factor on what reaches the encoders, \[R\].
    #[must_use]
    pub fn scaled(self, scale: Tensor) -> Self {
        Self { scale: Some(scale), ..self }
    }

    /// The same at other branches.
    #[must_use]
    pub fn reading(self, branches: &[usize]) -> Self {
        Self { reads: branches.to_vec(), ..self }
    }

    /// The same for steps ahead alone: nothing learns from it.
    #[must_use]
    pub fn only_stepped_along(self) -> Self {
        Self { counts: false, ..self }
    }

    /// The roles of those that something learns from.
    pub fn roles(terms: &[Self]) -> Vec<Role> {
        terms.iter().filter(|term| term.counts).map(|term| term.role).collect()
    }
}
