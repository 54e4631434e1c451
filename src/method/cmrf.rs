use tch::Tensor;

use super::{Branch, BranchInput, Build, Declared, Method, MethodEntry, Switch, Weights};
use crate::hyperparameters::Number;
use crate::objective::{
    FusedClassification, Layout, MixedViews, Role, Shape, Term, UnimodalClassification, WeighedUnimodal, column,
};

/// CMRF (Fan et al., NeurIPS 2024): projections of every modality are drawn to mixes of those of a teacher, the mean of the weights since a step, so that
/// between modalities the loss is flat; beside uni-modal losses and a contrast by class. The student is judged, as in the official code.
///
/// Differences from the official code: widths go with `head-hidden` (512 there); the teacher has no dropout; the step is half of a run's where
/// that is sooner, and until then the teacher is the student and nothing is distilled.
pub const ENTRY: MethodEntry = MethodEntry {
    takes: &[CONTRAST.setting(), DISTILLATION.setting(), UNIMODAL.setting(), AUDIO.setting(), FROM.setting()],
    classes_only: Some("its contrast is between classes"),
    ..MethodEntry::new(
        "cmrf",
        "distillation of mixed views from an averaged teacher into each modality (CMRF, Fan et al., NeurIPS 2024)",
        &[
            (Role::Task, "classifier", "live"),
            (Role::Unimodal, "unimodal", "live"),
            (Role::Auxiliary, "view", "live"),
            (Role::Auxiliary, "view", "live, teacher"),
        ],
    )
};

pub const BUILD: Build = |runs, kind, device| {
    let of = |number: &Number| column(runs, number, kind, device);
    let distillation = of(&DISTILLATION);
    Box::new(Cmrf {
        contrast: of(&CONTRAST),
        now: distillation.zeros_like(),
        distillation,
        unimodal: of(&UNIMODAL),
        audio: of(&AUDIO),
        from: runs.iter().map(|run| run.number(&FROM)).collect(),
    })
};

const CONTRAST: Number = Number::new("contrast-weight", 3.0, [0.0, 5.0], "weight of the contrast; the official code");
const DISTILLATION: Number = Number::new("distillation-weight", 3.0, [0.0, 5.0], "weight of the distillation; the official code");
const UNIMODAL: Number = Number::new("own-weight", 2.0, [0.0, 5.0], "weight of the uni-modal losses; the official code");
const AUDIO: Number =
    Number::new("audio-weight", 0.5, [0.0, 1.0], "what a modality named audio counts in both; the official code");
const FROM: Number = Number::new(
    "teacher-from",
    400.0,
    [0.0, 1000.0],
    "step from which the teacher is a mean, or half of all; the official code, 100 for HAC",
);

#[derive(Debug)]
struct Cmrf {
    contrast: Tensor,
    distillation: Tensor,
    /// What the distillation weighs in a step.
    now: Tensor,
    unimodal: Tensor,
    audio: Tensor,
    from: Vec<f64>,
}

impl Method for Cmrf {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let share = |name: &String| match &name[..] {
            "audio" => self.audio.shallow_clone(),
            _ => self.audio.ones_like(),
        };
        let shares: Vec<Tensor> = shape.modalities.iter().map(share).collect();
        let weights = shares.iter().map(|share| share * &self.unimodal).collect();
        let classifier = FusedClassification::declare(shape, layout);
        let own = WeighedUnimodal::new(UnimodalClassification::apart(shape, layout), weights);
        let (contrast, now) = (self.contrast.shallow_clone(), self.now.shallow_clone());
        let (contrast, mixed) = MixedViews::declare(contrast, now, shares, shape, layout);
        let terms = vec![
            Term::new(Role::Task, classifier),
            Term::new(Role::Unimodal, own),
            Term::new(Role::Auxiliary, contrast),
            Term::new(Role::Auxiliary, mixed).reading(&[0, 1]),
        ];
        let teacher = Branch { weights: Weights::MeanSinceSwitch, dropout: false };
        Declared { branches: vec![Branch::live(), teacher], terms, judged: 0 }
    }

    fn before(&mut self, branch: usize, input: &mut BranchInput<'_>) {
        if let (0, Some(late)) = (branch, input.late) {
            self.now.copy_(&(&self.distillation * late));
        }
    }

    fn switch(&self) -> Option<Switch> {
        Some(Switch { from: self.from.clone(), anew: false })
    }
}
