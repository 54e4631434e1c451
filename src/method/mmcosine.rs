use tch::Tensor;

use super::{Build, Declared, Method, MethodEntry};
use crate::hyperparameters::Number;
use crate::objective::{CosineClassification, Layout, Role, Shape, Term, column};

/// MMCosine (ICASSP 2023) as in BalanceBenchmark: embeddings and the fused head's slices at length 1, so that no modality has its way by
/// norm alone.
pub const ENTRY: MethodEntry = MethodEntry {
    takes: &[SCALE.setting()],
    ..MethodEntry::new(
        "mmcosine",
        "a fused head of cosines, so that norms favour no modality (MMCosine, ICASSP 2023)",
        &[(Role::Task, "cosine", "live")],
    )
};

pub const BUILD: Build = |runs, kind, device| Box::new(MmCosine { scale: column(runs, &SCALE, kind, device) });

const SCALE: Number = Number::new("cosine-scale", 15.0, [5.0, 30.0], "s, what cosines are multiplied by; BalanceBenchmark");

#[derive(Debug)]
struct MmCosine {
    scale: Tensor,
}

impl Method for MmCosine {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let head = CosineClassification::declare(self.scale.shallow_clone(), shape, layout);
        Declared::live(vec![Term::new(Role::Task, head)])
    }
}
