//! What balancers have in common that choose by the sizes of losses alone.

use std::fmt;

use tch::{Device, Kind, Tensor};

use super::by_gramian::{Beside, added_term};
use super::{Added, Balancer, Groups, Signals, Update};
use crate::objective::{Layout, Role, Shape, Term};

/// What they add to a method without uni-modal losses.
pub const UNIMODAL_BESIDE: &[Added] = &[Added::unless_there(Role::Unimodal, "unimodal")];

/// Why they go with no domain loss.
pub const NO_DOMAIN: &str =
    "do not go together: the size of a loss that encoders work against, or of a penalty, is no measure of what is left to learn";

/// How weights are chosen.
pub trait LossRule: Send {
    /// From the mean losses of the task's and the uni-modal heads [R, T], T = 2, to their weights [R, T].
    fn weights(&mut self, loss: &Tensor, signals: &Signals) -> Tensor;

    /// Called once, with R and T.
    fn prepare(&mut self, size: [i64; 2], kind: Kind, device: Device);

    /// As [`Balancer::state`].
    fn state(&mut self) -> Vec<(&'static str, &mut Tensor)>;
}

/// A rule that weighs the task's losses and the uni-modal ones; any other loss of the method counts as it is.
pub struct ByLosses<L> {
    name: &'static str,
    rule: L,
    one: Tensor,
    modalities: i64,
}

impl<L: LossRule + 'static> ByLosses<L> {
    /// For R runs; `one` is 1 for each, \[R\].
    pub fn boxed(name: &'static str, one: Tensor, rule: L) -> Box<dyn Balancer> {
        Box::new(Self { name, rule, one, modalities: 0 })
    }
}

impl<L> fmt::Debug for ByLosses<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)
    }
}

/// The roles that are weighed.
const WEIGHED: [Role; 2] = [Role::Task, Role::Unimodal];

impl<L: LossRule> Balancer for ByLosses<L> {
    fn terms(&self, shape: &Shape, layout: &mut Layout, method: &[Role]) -> Vec<Term> {
        added_term(Beside::Unimodal, &self.one, shape, layout, method)
    }

    fn prepare(&mut self, shape: &Shape, _: &Layout, _: std::ops::Range<usize>, _: Groups) {
        self.modalities = shape.len();
        self.rule.prepare([self.one.size()[0], WEIGHED.len() as i64], self.one.kind(), self.one.device());
    }

    fn weigh(&mut self, signals: &Signals) -> Option<Update> {
        let places: Vec<i64> = WEIGHED.iter().filter_map(|&role| signals.groups.place(role)).collect();
        let column = |of: &Tensor, t: i64| of.narrow(1, t, 1);
        let own = Tensor::cat(&places.iter().map(|&t| column(&signals.loss, t)).collect::<Vec<_>>(), 1);
        let weights = self.rule.weights(&own, signals);
        let of = |t: i64| match places.iter().position(|place| *place == t) {
            Some(i) => column(&weights, i as i64),
            None => column(&weights, 0).ones_like(),
        };
        let weights = Tensor::cat(&(0..signals.groups.len()).map(of).collect::<Vec<_>>(), 1);
        let encoders = weights.unsqueeze(1).expand([-1, self.modalities, -1], false);
        Some(Update { heads: Some(weights), ..Update::weights(encoders) })
    }

    fn state(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        self.rule.state()
    }
}

/// Means of losses over epochs, [R, T], as they come in step by step.
#[derive(Debug)]
pub struct EpochMeans {
    /// The epoch that is summed, [R, 1]; −1 before the first.
    epoch: Tensor,
    sum: Tensor,
    /// Steps of it, [R, 1].
    count: Tensor,
    /// The mean of the epoch before; NaN where there is none.
    pub last: Tensor,
    /// That of the one before that.
    pub before: Tensor,
}

impl EpochMeans {
    /// Nothing yet.
    pub fn new([runs, losses]: [i64; 2], kind: Kind, device: Device) -> Self {
        let full = |size: i64, value: f64| Tensor::full([runs, size], value, (kind, device));
        let [last, before] = [full(losses, f64::NAN), full(losses, f64::NAN)];
        Self { epoch: full(1, -1.0), sum: full(losses, 0.0), count: full(1, 0.0), last, before }
    }

    /// Takes in the losses of a step, [R, T], of the runs that take it.
    pub fn take_in(&mut self, loss: &Tensor, signals: &Signals) {
        let now = self.epoch.full_like(signals.epoch as f64);
        let new = self.epoch.ne_tensor(&now);
        let over = new.logical_and(&self.count.gt(0.0));
        let mean = &self.sum / self.count.clamp_min(1.0);
        let before = self.last.where_self(&over, &self.before);
        let last = mean.where_self(&over, &self.last);
        let going = new.logical_not().to_kind(loss.kind());
        let (sum, count) = (&self.sum * &going + loss, &self.count * going + 1.0);
        for (place, next) in [
            (&mut self.before, before),
            (&mut self.last, last),
            (&mut self.sum, sum),
            (&mut self.count, count),
            (&mut self.epoch, now),
        ] {
            *place = signals.keep(place, &next);
        }
    }

    /// As [`Balancer::state`].
    pub fn state(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        vec![
            ("epoch", &mut self.epoch),
            ("sum", &mut self.sum),
            ("count", &mut self.count),
            ("last", &mut self.last),
            ("before", &mut self.before),
        ]
    }
}
