use super::Method;
use crate::objective::FusedClassification;

/// Empirical risk minimisation: cross-entropy on the fused embeddings and nothing else, the base of every table.
pub const METHOD: Method = Method {
    name: "erm",
    about: "cross-entropy of a fused classifier (joint training)",
    objectives: |shape, layout| vec![Box::new(FusedClassification::declare(shape, layout))],
};
