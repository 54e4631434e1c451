//! The controlled benchmark: [features whose truth is known](crate::synthetic::features), and what they must show before
//! methods are compared on them.

mod check;
mod figures;

pub use check::{Condition, check};
pub use figures::table;

/// The pipeline file that compares methods on the benchmark, whose settings [`check`] trains with.
pub const PIPELINE: &str = include_str!("../../pipelines/synth.toml");
