use tch::Tensor;

use super::{Build, Declared, Method, MethodEntry};
use crate::hyperparameters::Number;
use crate::objective::{FusedClassification, Layout, NormRatio, Role, Shape, Term, column};

/// RNA-Net (Planamente et al., WACV 2022): relative norm alignment keeps the mean norms of the modalities' embeddings alike. For more than
/// two modalities the mean over pairs, as in the code of MMDG-Bench.
pub const ENTRY: MethodEntry = MethodEntry {
    takes: &[WEIGHT.setting()],
    ..MethodEntry::new(
        "rna-net",
        "mean norms of the modalities' embeddings kept alike (RNA-Net, Planamente et al., WACV 2022)",
        &[(Role::Task, "classifier", "live"), (Role::Auxiliary, "", "live")],
    )
};

pub const BUILD: Build = |runs, kind, device| Box::new(RnaNet { weight: column(runs, &WEIGHT, kind, device) });

const WEIGHT: Number = Number::new("norm-weight", 1.0, [0.0, 3.0], "λ, weight of the alignment; the code of MMDG-Bench");

#[derive(Debug)]
struct RnaNet {
    weight: Tensor,
}

impl Method for RnaNet {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let classifier = FusedClassification::declare(shape, layout);
        let ratio = NormRatio::new(self.weight.shallow_clone(), shape);
        Declared::live(vec![Term::new(Role::Task, classifier), Term::new(Role::Auxiliary, ratio)])
    }
}
