use super::Method;
use crate::objective::{FusedClassification, UnimodalClassification};

/// Joint training with one linear classifier a modality beside the fused one: the base of methods that add such losses.
pub const METHOD: Method = Method {
    name: "unimodal",
    about: "cross-entropy of a fused classifier and, times unimodal-weight, of one classifier a modality",
    objectives: |shape, layout| {
        let fused = FusedClassification::declare(shape, layout);
        let own = UnimodalClassification::apart(shape, layout).weighted(shape.heads.unimodal);
        vec![Box::new(fused), Box::new(own)]
    },
};
