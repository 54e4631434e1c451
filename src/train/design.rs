//! What the runs of a cohort have in common.

use super::products::ProductsWord;
use crate::balance::BalancerBuilder;
use crate::method::{Batches, MethodBuilder};
use crate::objective::Shape;

/// What a cohort's runs have in common.
#[derive(Debug, Clone)]
pub struct Design {
    /// Sizes of embeddings and heads.
    pub shape: Shape,
    /// Width D of each modality's features.
    pub inputs: Vec<i64>,
    /// Hidden widths of encoders, input side first; none for linear ones.
    pub hidden: Vec<i64>,
    /// Whether LayerNorm stands before each ReLU of encoders.
    pub layer_norm: bool,
    /// Whether a row counts in class losses by the rarity of its class among the run's training rows.
    pub class_weights: bool,
    /// Share of hidden units dropped.
    pub dropout: f64,
    /// Whose kernels multiply in encoders.
    pub products: ProductsWord,
    /// What batches are drawn from; as the method says where none.
    pub batches: Option<Batches>,
    /// Which losses there are, and where they are taken.
    pub method: &'static MethodBuilder,
    /// How gradients meet.
    pub balance: &'static BalancerBuilder,
}
