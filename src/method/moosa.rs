use tch::Tensor;

use super::{Build, Declared, Method, MethodEntry, sim_mmdg};
use crate::hyperparameters::Number;
use crate::objective::{Contrast, Halves, Jigsaw, Layout, Role, Shape, SureHeads, Term, Translation, column};

/// MOOSA (Dong et al., ECCV 2024): SimMMDG's losses, translation of masked embeddings, a multimodal jigsaw, and heads that count by how sure
/// they are, whose entropies are kept low.
///
/// Differences from the official code: those of [`sim_mmdg`]; the 128 orders of the jigsaw are the same for every run. Rows of no known class are
/// not trained on, here or there.
pub const ENTRY: MethodEntry = MethodEntry {
    takes: &[
        sim_mmdg::CONTRAST.setting(),
        sim_mmdg::DISTANCE.setting(),
        sim_mmdg::TRANSLATION.setting(),
        MASKED.setting(),
        JIGSAW.setting(),
        ENTROPY.setting(),
        TEMPERATURE.setting(),
    ],
    classes_only: Some("it goes by entropies of classes"),
    ..MethodEntry::new(
        "moosa",
        "SimMMDG with masked translation, a jigsaw and heads that count by entropy (MOOSA, Dong et al., ECCV 2024)",
        &[
            (Role::Task, "classifier", "live"),
            (Role::Unimodal, "unimodal", "live"),
            (Role::Auxiliary, "classifier", "live"),
            (Role::Auxiliary, "contrast", "live"),
            (Role::Auxiliary, "", "live"),
            (Role::Auxiliary, "translation", "live"),
            (Role::Auxiliary, "jigsaw", "live"),
        ],
    )
};

pub const BUILD: Build = |runs, kind, device| {
    let of = |number: &Number| column(runs, number, kind, device);
    Box::new(Moosa {
        contrast: of(&sim_mmdg::CONTRAST),
        distance: of(&sim_mmdg::DISTANCE),
        translation: of(&sim_mmdg::TRANSLATION),
        masked: of(&MASKED),
        jigsaw: of(&JIGSAW),
        entropy: of(&ENTROPY),
        temperature: of(&TEMPERATURE),
    })
};

const MASKED: Number =
    Number::new("mask-ratio", 0.3, [0.0, 0.7], "share of what is translated that is put to 0; the official code")
        .within(0.0, 1.0);
const JIGSAW: Number = Number::new("jigsaw-weight", 1.0, [0.0, 2.0], "weight of the jigsaw; the official code");
const ENTROPY: Number = Number::new("entropy-weight", 1e-3, [0.0, 1.0], "weight of the heads' entropies; the official code");
const TEMPERATURE: Number =
    Number::new("entropy-temperature", 1.0, [0.5, 2.0], "T of the heads' weights; the official code").within(1e-3, 1e3);

#[derive(Debug)]
struct Moosa {
    contrast: Tensor,
    distance: Tensor,
    translation: Tensor,
    masked: Tensor,
    jigsaw: Tensor,
    entropy: Tensor,
    temperature: Tensor,
}

impl Method for Moosa {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let [fused, unimodal, entropy] = SureHeads::declare(&self.temperature, self.entropy.shallow_clone(), shape, layout);
        let contrast = Contrast::declare(self.contrast.shallow_clone(), shape, layout);
        let halves = Halves::new(self.distance.shallow_clone(), shape);
        let translation = Translation::declare(self.translation.shallow_clone(), shape, layout);
        let jigsaw = Jigsaw::declare(self.jigsaw.shallow_clone(), shape, layout);
        Declared::live(vec![
            Term::new(Role::Task, fused),
            Term::new(Role::Unimodal, unimodal),
            Term::new(Role::Auxiliary, entropy),
            Term::new(Role::Auxiliary, contrast),
            Term::new(Role::Auxiliary, halves),
            Term::new(Role::Auxiliary, translation.masking(self.masked.shallow_clone())),
            Term::new(Role::Auxiliary, jigsaw),
        ])
    }
}
