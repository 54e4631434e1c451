//! Training many small models on cached features at once.
//!
//! A run is one model: a method, a balancer, source domains and a target, a seed. Runs of one shape are trained side by
//! side as a [cohort](cohort::Cohort); [`train`] makes all runs that [`Settings`] ask for.

mod average;
pub mod cohort;
pub mod device;
mod dropout;
mod encoder;
mod evaluate;
mod gradients;
mod memory;
pub mod model;
mod optimizer;
mod output;
mod protocol;
mod recipe;
mod run;
mod schedule;
mod settings;
mod table;

pub use evaluate::Evaluation;
pub use memory::keep as keep_memory;
pub use output::RunConfig;
pub use protocol::{Standard, Task};
pub use recipe::{Averaging, Numbers, Recipe, Schedule};
pub use run::{Progress, train};
pub use settings::{Compare, Optimizer, Precision, Resolved, Selection, Settings, TargetSplit};
pub use table::{Table, TableModality};
