//! The weights of R runs at which branches of a step run.

use tch::Tensor;

use super::average::Average;
use super::optimizer::squares;
use crate::method::{Branch, Move, Weights};
use crate::objective::{Layout, Params};

/// A flat buffer [R, P] with views of it.
#[derive(Debug)]
pub struct Set {
    /// All parameters.
    pub flat: Tensor,
    /// Views by entry of the layout.
    pub params: Params,
    /// The same memory as leaves of automatic differentiation.
    pub leaves: Params,
}

impl Set {
    /// Views of a buffer.
    pub fn new(layout: &Layout, flat: Tensor) -> Self {
        let params = Params::views(layout, &flat);
        Self { leaves: params.leaves(), params, flat }
    }
}

/// The weights that are trained and, by branch, what a method has beside them.
#[derive(Debug)]
pub struct Sets {
    /// What is trained.
    pub live: Set,
    beside: Vec<Option<Beside>>,
}

#[derive(Debug)]
enum Beside {
    /// Moved weights, and along what.
    Ahead(Set, Set),
    /// An average, and views of it.
    Average(Average, Set),
}

impl Sets {
    /// For these branches, from what is trained, [R, P].
    pub fn new(branches: &[Branch], layout: &Layout, live: Tensor) -> Self {
        let beside = |branch: &Branch| match &branch.weights {
            Weights::Live => None,
            Weights::Ahead { .. } => Some(Beside::Ahead(Set::new(layout, live.copy()), Set::new(layout, live.zeros_like()))),
            Weights::Average(decay) => {
                let average = Average::from_start(&live, decay);
                let set = Set::new(layout, average.weights().shallow_clone());
                Some(Beside::Average(average, set))
            }
        };
        Self { beside: branches.iter().map(beside).collect(), live: Set::new(layout, live) }
    }

    /// The weights of one branch.
    pub fn at(&self, branch: usize) -> &Set {
        match self.beside.get(branch) {
            Some(Some(Beside::Ahead(set, _) | Beside::Average(_, set))) => set,
            _ => &self.live,
        }
    }

    /// Puts a branch that is ahead where `write` says to move it along, which fills views of zeros.
    pub fn move_ahead(&mut self, branch: usize, by: &Move, write: impl FnOnce(&Self, &Params)) {
        let Some(Some(Beside::Ahead(_, along))) = self.beside.get(branch) else { return };
        let mut flat = along.flat.shallow_clone();
        let _zeros = flat.zero_();
        write(self, &along.params);
        let Some(Some(Beside::Ahead(set, along))) = self.beside.get(branch) else { return };
        let step = match by {
            Move::Descend(rate) => &along.flat * -rate.unsqueeze(1),
            Move::Ascend(rho) => &along.flat * (rho / (squares(&along.flat).sqrt() + NORM_FLOOR)).unsqueeze(1),
        };
        set.flat.shallow_clone().copy_(&(&self.live.flat + step));
    }

    /// The averages, in the order of their branches.
    pub fn averages(&mut self) -> impl Iterator<Item = (usize, &mut Average)> {
        averages(&mut self.beside)
    }

    /// What stays from step to step: what is trained, and each average by its branch.
    pub fn state(&mut self) -> (&mut Tensor, Vec<(usize, &mut Tensor)>) {
        let Self { live, beside } = self;
        let averages = averages(beside).map(|(branch, average)| (branch, average.state().0));
        (&mut live.flat, averages.collect())
    }

    /// What the next steps take of new weights, [S, R], for each average in their order.
    pub fn shares(&self, active: &[Vec<bool>], epoch: usize) -> Vec<Tensor> {
        let of = |beside: &Option<Beside>| match beside {
            Some(Beside::Average(average, _)) => Some(average.ahead(active, epoch)),
            _ => None,
        };
        self.beside.iter().filter_map(of).collect()
    }

    /// Copies of everything that stays from step to step: what is trained, then each average.
    pub fn snapshot(&mut self) -> Vec<Tensor> {
        let live = self.live.flat.copy();
        std::iter::once(live).chain(self.averages().map(|(_, average)| average.weights().copy())).collect()
    }

    /// Puts a [snapshot](Self::snapshot) back.
    pub fn put_back(&mut self, snapshot: &[Tensor]) {
        let Some((live, averages)) = snapshot.split_first() else { return };
        self.live.flat.copy_(live);
        self.averages().zip(averages).for_each(|((_, average), weights)| average.state().0.copy_(weights));
    }
}

fn averages(beside: &mut [Option<Beside>]) -> impl Iterator<Item = (usize, &mut Average)> {
    beside.iter_mut().enumerate().filter_map(|(branch, beside)| match beside {
        Some(Beside::Average(average, _)) => Some((branch, average)),
        _ => None,
    })
}

/// Keeps a direction finite where there is none; the code of SAM's authors.
const NORM_FLOOR: f64 = 1e-12;
