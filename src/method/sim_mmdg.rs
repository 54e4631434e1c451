use tch::Tensor;

use super::{Build, Declared, Method, MethodEntry};
use crate::hyperparameters::Number;
use crate::objective::{Contrast, FusedClassification, Halves, Layout, Role, Shape, Term, Translation, column};

/// SimMMDG (Dong et al., NeurIPS 2023): each embedding's first half is what modalities share, drawn together by class and whatever the
/// modality; its last half is kept apart from it; and each modality is made of each other one.
///
/// Differences from the official code: widths go with `head-hidden` (512 there); what is tuned is encoders of pooled features, not a
/// backbone's last stage; a view without a positive, which only one modality by itself can have, counts as 0 where the code has 0 / 0.
pub const ENTRY: MethodEntry = MethodEntry {
    takes: &[CONTRAST.setting(), DISTANCE.setting(), TRANSLATION.setting()],
    classes_only: Some("it draws embeddings of one class together"),
    ..MethodEntry::new(
        "sim-mmdg",
        "embeddings in a shared and a specific half, contrast by class, translation (SimMMDG, Dong et al., NeurIPS 2023)",
        &[
            (Role::Task, "classifier", "live"),
            (Role::Auxiliary, "contrast", "live"),
            (Role::Auxiliary, "", "live"),
            (Role::Auxiliary, "translation", "live"),
        ],
    )
};

pub const BUILD: Build = |runs, kind, device| {
    let [contrast, distance, translation] = [CONTRAST, DISTANCE, TRANSLATION].map(|number| column(runs, &number, kind, device));
    Box::new(SimMmdg { contrast, distance, translation })
};

pub const CONTRAST: Number = Number::new("contrast-weight", 3.0, [0.0, 5.0], "weight of the contrast; the official code");
pub const DISTANCE: Number = Number::new("distance-weight", 0.7, [0.0, 1.0], "weight of the halves' distance; the official code");
pub const TRANSLATION: Number =
    Number::new("translation-weight", 0.1, [0.0, 1.0], "weight of the translation; the official code");

#[derive(Debug)]
struct SimMmdg {
    contrast: Tensor,
    distance: Tensor,
    translation: Tensor,
}

impl Method for SimMmdg {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let classifier = FusedClassification::declare(shape, layout);
        let contrast = Contrast::declare(self.contrast.shallow_clone(), shape, layout);
        let halves = Halves::new(self.distance.shallow_clone(), shape);
        let translation = Translation::declare(self.translation.shallow_clone(), shape, layout);
        Declared::live(vec![
            Term::new(Role::Task, classifier),
            Term::new(Role::Auxiliary, contrast),
            Term::new(Role::Auxiliary, halves),
            Term::new(Role::Auxiliary, translation),
        ])
    }
}
