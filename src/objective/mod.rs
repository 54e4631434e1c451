//! Losses on embeddings, one file each, with the heads they need.
//!
//! Everything has a leading run axis: R runs of one shape are trained side by side and never mix, so the gradient of a
//! sum of per-run losses holds every run's own gradient.

mod batch;
mod column;
mod consistency;
mod fused_classification;
mod fused_domain;
mod fusion;
mod guide_classification;
mod last;
mod modality_domain;
mod outcome;
mod params;
mod probe;
mod random;
mod role;
mod shapley;
mod shared_discriminator;
mod task_loss;
mod term;
mod unimodal_classification;

pub use batch::{Batch, Heads, Shape};
pub use column::column;
pub use consistency::Consistency;
pub use fused_classification::FusedClassification;
pub use fused_domain::FusedDomain;
pub use fusion::Fusion;
pub use guide_classification::GuideClassification;
pub use last::Last;
pub use modality_domain::ModalityDomain;
pub use outcome::{Objective, Outcome, View};
pub use params::{Dropout, Init, LayerPart, Layout, Linear, Parameter, Params};
pub use probe::{Label, Probe};
pub use random::Streams;
pub use role::Role;
pub use shapley::contributions;
pub use shared_discriminator::SharedDiscriminator;
pub use task_loss::{mean, task_loss};
pub use term::Term;
pub use unimodal_classification::UnimodalClassification;
