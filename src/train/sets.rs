//! The weights of R runs at which branches of a step run.

use tch::Tensor;

use super::average;
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
    /// An average, and how it comes about.
    Average(Keeping, Set),
}

/// How an average takes in new weights.
#[derive(Debug)]
enum Keeping {
    /// Of each run so much stays in a step.
    Decay(Vec<f64>),
    /// The mean since the method's switch.
    SinceSwitch,
}

impl Keeping {
    /// What each run's average takes of new weights; `since` is how many steps it has taken since the method's switch.
    fn shares(&self, active: &[bool], since: Option<&Vec<f64>>) -> Vec<f64> {
        let share = |r: usize| match self {
            Self::Decay(decay) => 1.0 - decay[r],
            Self::SinceSwitch => match since.map(|since| since[r]) {
                Some(since) if since >= 0.0 => 1.0 / (since + 2.0),
                _ => 1.0,
            },
        };
        active.iter().enumerate().map(|(r, active)| if *active { share(r) } else { 0.0 }).collect()
    }
}

impl Sets {
    /// For these branches, from what is trained, [R, P].
    pub fn new(branches: &[Branch], layout: &Layout, live: Tensor) -> Self {
        let beside = |branch: &Branch| match &branch.weights {
            Weights::Live => None,
            Weights::Ahead { .. } => Some(Beside::Ahead(Set::new(layout, live.copy()), Set::new(layout, live.zeros_like()))),
            Weights::Average(decay) => Some(Beside::Average(Keeping::Decay(decay.clone()), Set::new(layout, live.copy()))),
            Weights::MeanSinceSwitch => Some(Beside::Average(Keeping::SinceSwitch, Set::new(layout, live.copy()))),
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

    /// Takes new weights of the `active` runs into the averages. `since` is how many steps each run has taken since the method's switch, where it
    /// has one; `ahead` are this step of [`shares`](Self::shares), none on the CPU.
    pub fn take_in(&mut self, active: &[bool], since: Option<&Vec<f64>>, ahead: &[Tensor]) {
        let mut ahead = ahead.iter();
        for beside in self.beside.iter_mut().flatten() {
            if let Beside::Average(keeping, set) = beside {
                average::take_in(&mut set.flat, &self.live.flat, &keeping.shares(active, since), ahead.next());
            }
        }
    }

    /// What stays from step to step: what is trained, and each average by its branch.
    pub fn state(&mut self) -> (&mut Tensor, Vec<(usize, &mut Tensor)>) {
        let averages = self.beside.iter_mut().enumerate().filter_map(|(branch, beside)| match beside {
            Some(Beside::Average(_, set)) => Some((branch, &mut set.flat)),
            _ => None,
        });
        (&mut self.live.flat, averages.collect())
    }

    /// What the next steps take of new weights, [S, R], for each average in their order.
    pub fn shares(&self, active: &[Vec<bool>], since: &[Vec<f64>]) -> Vec<Tensor> {
        let (live, runs) = (&self.live.flat, active.first().map_or(0, Vec::len));
        let of = |beside: &Beside| {
            let Beside::Average(keeping, _) = beside else { return None };
            let of_step = |(step, active): (usize, &Vec<bool>)| keeping.shares(active, since.get(step));
            Some(average::upload(&active.iter().enumerate().flat_map(of_step).collect::<Vec<_>>(), runs, live))
        };
        self.beside.iter().flatten().filter_map(of).collect()
    }

    /// Copies of everything that stays from step to step: what is trained, then each average.
    pub fn snapshot(&mut self) -> Vec<Tensor> {
        let (live, averages) = self.state();
        std::iter::once(live.copy()).chain(averages.into_iter().map(|(_, average)| average.copy())).collect()
    }

    /// Puts a [snapshot](Self::snapshot) back.
    pub fn put_back(&mut self, snapshot: &[Tensor]) {
        let Some((before, others)) = snapshot.split_first() else { return };
        let (live, averages) = self.state();
        live.copy_(before);
        averages.into_iter().zip(others).for_each(|((_, average), weights)| average.copy_(weights));
    }
}

/// Keeps a direction finite where there is none; the code of SAM's authors.
const NORM_FLOOR: f64 = 1e-12;
