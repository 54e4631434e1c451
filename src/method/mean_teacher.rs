use tch::Tensor;

use super::{Branch, Build, Declared, Method, MethodEntry, Weights};
use crate::hyperparameters::{Hyperparameters, Number};
use crate::objective::{Consistency, FusedClassification, Layout, Role, Shape, Term, column};

/// Mean teacher (Tarvainen & Valpola, NeurIPS 2017): beside its own loss the student keeps to the probabilities of a teacher, the
/// exponential average of its weights, which is what is judged.
///
/// Differences from the official code: every row has a label; the weight of the consistency loss and the decay do not grow over
/// the first epochs.
pub const ENTRY: MethodEntry = MethodEntry {
    takes: &[DECAY.setting(), WEIGHT.setting()],
    averages: true,
    ..MethodEntry::new(
        "mean-teacher",
        "consistency with a weight-averaged teacher, which is judged (Tarvainen & Valpola, NeurIPS 2017)",
        &[(Role::Task, "classifier", "live"), (Role::Auxiliary, "classifier", "live, teacher")],
    )
};

pub const BUILD: Build = |runs, kind, device| {
    let decay = runs.iter().map(|run: &Hyperparameters| run.number(&DECAY)).collect();
    Box::new(MeanTeacher { decay, weight: column(runs, &WEIGHT, kind, device) })
};

const DECAY: Number =
    Number::new("teacher-decay", 0.999, [0.9, 1.0], "how much of the teacher stays in each step; the paper").within(0.0, 1.0);

const WEIGHT: Number =
    Number::new("consistency-weight", 1.0, [0.0, 10.0], "weight of the consistency loss (ours; the paper goes by the data)");

#[derive(Debug)]
struct MeanTeacher {
    decay: Vec<f64>,
    weight: Tensor,
}

impl Method for MeanTeacher {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let classifier = FusedClassification::declare(shape, layout);
        let consistency = Consistency::of(&classifier, self.weight.shallow_clone());
        let teacher = Branch { weights: Weights::Average(self.decay.clone()), dropout: true };
        let terms = vec![Term::new(Role::Task, classifier), Term::new(Role::Auxiliary, consistency).reading(&[0, 1])];
        Declared { branches: vec![Branch::live(), teacher], terms, judged: 1 }
    }
}
