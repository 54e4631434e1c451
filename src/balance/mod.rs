//! How objectives' gradients meet in each modality's encoder, one file a method.
//!
//! For modality m and objectives t every method here is a choice of weights: update(θ_m) = Σ_t w\[m, t\] · g_t(m). What it
//! may choose by are the [`Signals`] of a step; nothing is read back to the host.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::objective::{Layout, Objective, Shape};
use crate::{Error, Result};

mod adversarial;
mod gmp;
mod none;

/// The form of a method that has two: the paper's text or the authors' code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// The equations of the paper.
    #[default]
    Paper,
    /// The authors' code as released with MMDG-Bench.
    Bench,
}

/// The numbers of a balancer for one run. Each balancer reads those it [takes](Entry::takes).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Numbers {
    /// Form of the method.
    pub variant: Variant,
    /// α_k ≥ 0 of Peng et al., Eq. 9. Default 0.5, the authors' code; the paper gives no value. 0 leaves k = 1.
    pub alpha_k: f64,
    /// α_p ≥ 0 of Peng et al., Eq. 10. Default 0.1, the newer revision of the authors' code. 0 leaves p = 1.
    pub alpha_p: f64,
    /// λ ≥ 0 of Peng et al., Eq. 1: weight of the reversed domain gradient. Default 0.15, what the authors' code amounts to
    /// (0.5 · 0.3); the paper gives no value.
    pub lambda: f64,
    /// Strength of the gradient reversal in the `bench` form. Default 0.3, the authors' code.
    pub reversal: f64,
    /// Weight of the uni-modal losses in the `bench` form. Default 3.0, the authors' code.
    pub class_weight: f64,
    /// Weight of the domain losses in the `bench` form. Default 0.5, the authors' code.
    pub domain_weight: f64,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            variant: Variant::Paper,
            alpha_k: 0.5,
            alpha_p: 0.1,
            lambda: 0.15,
            reversal: 0.3,
            class_weight: 3.0,
            domain_weight: 0.5,
        }
    }
}

/// An objective that the balancer adds to the method's, and the factor with which it reaches the encoders.
#[derive(Debug)]
pub struct Term {
    /// The loss; its heads learn from its plain gradient.
    pub objective: Box<dyn Objective>,
    /// g_t = scale · ∇ loss, \[R\]. Negative where encoders work against the heads. Of no effect for probes.
    pub scale: Tensor,
}

/// What a balancer sees of one step of R runs, M modalities and T objectives; the method's come first, then its own terms.
/// T leaves out probes.
#[derive(Debug)]
pub struct Signals {
    /// Mean probability of the true class by modality, [R, M], where an objective gives it.
    pub semantic: Option<Tensor>,
    /// Mean probability of the true domain by modality, [R, M], where an objective gives it.
    pub domain: Option<Tensor>,
    /// ⟨g_s(m), g_t(m)⟩, [R, M, T, T], where [`Balancer::needs_gramian`].
    pub gramian: Option<Tensor>,
}

/// What a balancer decides.
#[derive(Debug)]
pub struct Update {
    /// w[m, t], [R, M, T].
    pub weights: Tensor,
    /// ρ, σ, k, p, cosine, conflict (0 or 1) and projected share, [R, M, [`RECORD`]], where it has them.
    pub record: Option<Tensor>,
}

/// Numbers in a record, in the order of the fields of a run's balance results.
pub const RECORD: i64 = 7;

/// Decides each step's weights for R runs of one kind at once. Implementers owe: no exchange between runs, nothing read
/// back to the host, and finite weights for any finite signals.
pub trait Balancer: Debug + Send {
    /// The objectives it adds, in the order of T; probes may stand among them.
    fn terms(&self, shape: &Shape, layout: &mut Layout) -> Vec<Term>;

    /// Whether it chooses by the inner products of gradients.
    fn needs_gramian(&self) -> bool {
        false
    }

    /// The weights of a step; none where every gradient counts as it is.
    fn balance(&mut self, signals: &Signals) -> Option<Update>;
}

/// One line of [`BALANCERS`].
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The word in a pipeline file.
    pub name: &'static str,
    /// What it is, with its source.
    pub about: &'static str,
    /// The fields of [`Numbers`] that it reads in this variant, as written in a pipeline file; `variant` where it has two.
    pub takes: fn(Variant) -> &'static [&'static str],
    /// Makes one for R runs, which share the variant.
    pub build: fn(&[Numbers], Kind, Device) -> Box<dyn Balancer>,
}

/// Every balancer there is.
pub static BALANCERS: &[Entry] = &[none::ENTRY, adversarial::ENTRY, gmp::ENTRY];

/// The balancer of that name.
///
/// # Errors
/// [`Error::Input`] that lists the names there are.
pub fn find(name: &str) -> Result<&'static Entry> {
    BALANCERS.iter().find(|entry| entry.name == name).ok_or_else(|| {
        let names: Vec<_> = BALANCERS.iter().map(|entry| entry.name).collect();
        Error::input(format!("balance {name:?}"), format!("not known; expected one of {}", names.join(", ")))
    })
}

/// One number of each run, \[R\].
fn column(numbers: &[Numbers], of: impl Fn(&Numbers) -> f64, kind: Kind, device: Device) -> Tensor {
    let values: Vec<f64> = numbers.iter().map(of).collect();
    Tensor::from_slice(&values).to_kind(kind).to_device(device)
}
