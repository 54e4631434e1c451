use super::{Batches, Build, Declared, Method, MethodEntry};
use crate::hyperparameters::Number;
use crate::objective::{FusedClassification, Layout, Role, Shape, Spread, SpreadWeights, Term, column};

/// MER-DG (ICML 2026): each modality's projections are kept from collapsing, by their variance and by the entropy of their correlations.
///
/// Differences from the official code: the optimizer is the run's (LARS there); the epoch is chosen by validation (there by the target's
/// best accuracy, so that its figures are no yardstick); widths go with `head-hidden` (512 there). Without `contrast-weight`, 0 by default as in
/// its "Fusion + MER-DG" runs, classes are not drawn together.
pub const ENTRY: MethodEntry = MethodEntry {
    takes: &[WEIGHT.setting(), VARIANCE.setting(), ENTROPY.setting(), CONTRAST.setting()],
    batches: Batches::ByDomain,
    classes_only: Some("its contrast is between classes"),
    ..MethodEntry::new(
        "mer-dg",
        "projections of each modality kept from collapsing by variance and entropy (MER-DG, ICML 2026)",
        &[(Role::Task, "classifier", "live"), (Role::Auxiliary, "mer", "live")],
    )
};

pub const BUILD: Build = |runs, kind, device| {
    let of = |number: &Number| column(runs, number, kind, device);
    let whole = of(&WEIGHT);
    let weights = SpreadWeights { contrast: of(&CONTRAST), variance: of(&VARIANCE) * &whole, entropy: of(&ENTROPY) * whole };
    Box::new(MerDg { weights: Some(weights) })
};

const WEIGHT: Number = Number::new("mer-weight", 3.0, [0.0, 5.0], "λ on variance and entropy; the official code");
const VARIANCE: Number = Number::new("variance-weight", 1.0, [0.0, 2.0], "weight of the variance; the official code");
const ENTROPY: Number = Number::new("entropy-weight", 1.0, [0.0, 2.0], "weight of the entropy; the official code");
const CONTRAST: Number =
    Number::new("contrast-weight", 0.0, [0.0, 5.0], "weight of the contrast; the official code's plain runs");

#[derive(Debug)]
struct MerDg {
    weights: Option<SpreadWeights>,
}

impl Method for MerDg {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let mut terms = vec![Term::new(Role::Task, FusedClassification::declare(shape, layout))];
        terms.extend(self.weights.take().map(|weights| Term::new(Role::Auxiliary, Spread::declare(weights, shape, layout))));
        Declared::live(terms)
    }
}
