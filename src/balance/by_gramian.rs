//! What balancers have in common that choose by inner products alone.

use std::fmt;

use tch::{Device, Kind, Tensor};

use super::adversarial::LAMBDA;
use super::{Added, Balancer, Choice, Groups, Hyperparameters, Needs, Number, Record, Signals, Update, column, word};
use crate::objective::{FusedDomain, Layout, Role, Shape, Term, UnimodalClassification};

/// What meets the class loss of the fused head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// The reversed domain loss.
    Domain,
    /// The uni-modal class losses.
    Unimodal,
}

/// Which it is.
pub const OBJECTIVES: Choice<Beside> = Choice::new(
    "objectives",
    &["domain", "unimodal"],
    &[Beside::Domain, Beside::Unimodal],
    "beside the fused class loss: the reversed domain loss, or the uni-modal ones",
);

/// What that adds.
pub const BESIDE: &[Added] = &[
    Added::unless_there(Role::Domain, "discriminator").only(&[("objectives", "domain")]),
    Added::unless_there(Role::Unimodal, "unimodal").only(&[("objectives", "unimodal")]),
];

/// [`LAMBDA`], for the domain loss.
pub const DOMAIN_WEIGHT: Number = LAMBDA.only("objectives", "domain");

/// Over which parameters inner products are taken. Official codes take all shared parameters as one vector.
pub const GRAMIAN: Choice<bool> = Choice::new(
    "gramian",
    &["per-modality", "shared"],
    &[false, true],
    "weights for each encoder by its own gradients, or one choice for all by the sum of their inner products",
);

/// How weights are chosen.
pub trait Rule: Send {
    /// From Gramians [R, M, T, T] (M = 1 where shared; in f64, the largest squared norm 1) to weights [R, M, T] that do not
    /// change when all gradients grow alike.
    fn weights(&mut self, gramian: &Tensor, signals: &Signals) -> Tensor;

    /// Called once, with R, M and T.
    fn prepare(&mut self, _size: [i64; 3], _device: Device) {}

    /// As [`Balancer::state`].
    fn state(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        Vec::new()
    }
}

impl<F: Fn(&Tensor, &Signals) -> Tensor + Send> Rule for F {
    fn weights(&mut self, gramian: &Tensor, signals: &Signals) -> Tensor {
        self(gramian, signals)
    }
}

/// A rule and what it weighs: the method's losses by their roles, and one more where the method has none of that role.
pub struct ByGramian {
    name: &'static str,
    beside: Beside,
    shared: bool,
    scale: Tensor,
    rule: Box<dyn Rule>,
}

impl ByGramian {
    /// With what `runs` say of [`OBJECTIVES`], [`DOMAIN_WEIGHT`] and [`GRAMIAN`], where they say it.
    pub fn boxed(
        name: &'static str,
        runs: &[Hyperparameters],
        kind: Kind,
        device: Device,
        rule: impl Fn(&Tensor, &Signals) -> Tensor + Send + 'static,
    ) -> Box<dyn Balancer> {
        Self::with_rule(name, runs, kind, device, rule)
    }

    /// The same with a rule that remembers.
    pub fn with_rule(
        name: &'static str,
        runs: &[Hyperparameters],
        kind: Kind,
        device: Device,
        rule: impl Rule + 'static,
    ) -> Box<dyn Balancer> {
        let beside = word(runs, &OBJECTIVES);
        let scale = added_scale(beside, runs, kind, device);
        Box::new(Self { name, beside, shared: word(runs, &GRAMIAN), scale, rule: Box::new(rule) })
    }
}

/// The factor of the added objective: −λ of the domain loss, 1 of uni-modal ones.
pub fn added_scale(beside: Beside, runs: &[Hyperparameters], kind: Kind, device: Device) -> Tensor {
    match beside {
        Beside::Unimodal => Tensor::ones([runs.len() as i64], (kind, device)),
        Beside::Domain => -column(runs, &DOMAIN_WEIGHT, kind, device),
    }
}

/// What is added to a method's losses, unless it has some of that role itself. Its heads learn from its plain gradient and belong
/// to no encoder.
pub fn added_term(beside: Beside, scale: &Tensor, shape: &Shape, layout: &mut Layout, method: &[Role]) -> Vec<Term> {
    let term = match beside {
        Beside::Unimodal if method.contains(&Role::Unimodal) => return Vec::new(),
        Beside::Domain if method.contains(&Role::Domain) => return Vec::new(),
        Beside::Unimodal => Term::new(Role::Unimodal, UnimodalClassification::apart(shape, layout)),
        Beside::Domain => Term::new(Role::Domain, FusedDomain::declare(shape, layout)),
    };
    vec![term.scaled(scale.shallow_clone())]
}

impl fmt::Debug for ByGramian {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)
    }
}

impl Balancer for ByGramian {
    fn terms(&self, shape: &Shape, layout: &mut Layout, method: &[Role]) -> Vec<Term> {
        added_term(self.beside, &self.scale, shape, layout, method)
    }

    fn needs(&self) -> Needs {
        Needs { gramian: true, ..Needs::default() }
    }

    fn records(&self) -> &'static [&'static str] {
        &MET
    }

    fn weigh(&mut self, signals: &Signals) -> Option<Update> {
        let gramian = signals.gramian.as_ref()?;
        let size = gramian.size();
        let own = gramian.to_kind(Kind::Double);
        let own = if self.shared { own.sum_dim_intlist(1, true, None) } else { own };
        let weights = self.rule.weights(&to_largest(&own), signals);
        let weights = weights.expand([size[0], size[1], size[3]], false).to_kind(gramian.kind());
        Some(Update { record: met(gramian, signals.groups), ..Update::weights(weights) })
    }

    fn prepare(&mut self, shape: &Shape, _: &Layout, _: std::ops::Range<usize>, groups: Groups) {
        let modalities = if self.shared { 1 } else { shape.modalities.len() as i64 };
        self.rule.prepare([self.scale.size()[0], modalities, groups.len()], self.scale.device());
    }

    fn state(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        self.rule.state()
    }
}

/// A Gramian over its largest squared norm; zeros where all gradients vanish.
fn to_largest(gramian: &Tensor) -> Tensor {
    let largest = squares(gramian).amax([-1i64].as_slice(), true).unsqueeze(-1);
    gramian / largest.where_self(&largest.gt(0.0), &largest.ones_like())
}

/// Squared norms, [.., T].
pub fn squares(gramian: &Tensor) -> Tensor {
    gramian.diagonal(0, -2, -1).contiguous().clamp_min(0.0)
}

/// Cosines [.., T, T] between gradients, and 1 / ‖g_t‖, [.., T]; 0 for a gradient of zero.
pub fn cosines(gramian: &Tensor) -> (Tensor, Tensor) {
    let square = squares(gramian);
    let inverse = square.rsqrt().where_self(&square.gt(0.0), &square.zeros_like());
    (gramian * inverse.unsqueeze(-1) * inverse.unsqueeze(-2), inverse)
}

/// The figures of [`met`].
pub const MET: [&str; 2] = ["cosine", "conflict"];

/// How the task's gradient met in each modality that of the domain losses or, where there are none, that of others.
pub fn met(gramian: &Tensor, groups: Groups) -> Record {
    let first = groups.place(Role::Task).unwrap_or(0);
    let others = [Role::Domain, Role::Unimodal, Role::Auxiliary];
    let last = others.into_iter().find_map(|role| groups.place(role)).unwrap_or(first);
    let inner = |s: i64, t: i64| gramian.select(3, t).select(2, s);
    let norm = |t: i64| inner(t, t).clamp_min(0.0).sqrt();
    let norms = norm(first) * norm(last);
    let cosine = inner(first, last) / norms.where_self(&norms.gt(0.0), &norms.ones_like());
    let cosine = cosine.clamp(-1.0, 1.0);
    let conflict = cosine.lt(0.0).to_kind(gramian.kind());
    Record::of([("cosine", cosine), ("conflict", conflict)])
}
