//! Training many small models on cached features at once.
//!
//! A run is one model: a method, a balancer, source domains and a target, a seed. Runs of one shape are trained side by
//! side as a [cohort](cohort::Cohort); [`train`] makes all runs that [`TrainSettings`] ask for.
//!
//! On the CPU a run alone gives the bits that it gives among others where `MKL_CBWR=AUTO,STRICT` stands in the environment when
//! the program starts, as `mmdg` sets it for itself: without, MKL's sums depend on where in memory their operands lie.

mod amount;
mod average;
mod by_domain;
mod campaign;
mod checkpoint;
pub mod cohort;
mod compare;
mod copies;
mod design;
pub mod device;
mod dropout;
mod encoder;
mod evaluate;
pub mod events;
mod features;
mod gradients;
mod memory;
pub mod model;
mod noise;
mod norm;
mod optimizer;
mod output;
mod placed;
mod plain;
mod plane;
pub mod predict;
pub mod products;
mod protocol;
mod queue;
mod recipe;
mod run;
mod run_config;
pub mod saved;
mod schedule;
mod search;
mod seeds;
mod selection;
pub mod sets;
mod settings;
mod stretch;
mod subset;
mod table;
mod task;
mod trial;
mod watch;
mod widths;
mod workers;

pub use amount::{Bytes, Runs};
pub use campaign::{unfilled, unsuited, without_steps};
pub use checkpoint::damaged;
pub use cohort::{Course, Trained};
pub use compare::{Column, Compare};
pub use evaluate::Evaluation;
pub use features::{InMemory, Streamed};
pub use placed::Placed;
pub use protocol::{Protocol, ProtocolKind, TargetSplit};
pub use recipe::{Averaging, Numbers, Optimizer, Precision, Recipe, Schedule};
pub use run::{Hears, Progress, ready, train};
pub use run_config::RunConfig;
pub use seeds::Seeds;
pub use selection::{Choice, Pick, Selection};
pub use settings::{Encoder, TrainSettings};
pub use subset::Subset;
pub use table::{FeatureTable, TableModality};
pub use task::{Absent, DomainTask, Standard};
pub use widths::{Embedding, Widths};
