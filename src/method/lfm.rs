use tch::Tensor;

use super::{BranchInput, Build, Declared, Method, MethodEntry};
use crate::objective::{Agreement, LateClassification, Layout, Role, Shape, Term};

/// LFM (NeurIPS 2024): a head for each modality, what they say together is their mean; from epoch to epoch the loss goes from their
/// agreement to the classes, by the schedule of the official code's README: 2 (a CE + (1 − a) A), a [polynomial](SCHEDULE) of the epoch.
///
/// Differences from the official code: two modalities there, the mean over pairs here; its learned schedule, which goes by the first tensor of
/// parameters alone, is left out. From epoch 177 on the polynomial leaves [0, 1]: it is kept in.
pub const ENTRY: MethodEntry = MethodEntry {
    classes_only: Some("its agreement is between probabilities"),
    ..MethodEntry::new(
        "lfm",
        "late fusion, from agreement of the heads to classes epoch by epoch (LFM, NeurIPS 2024)",
        &[(Role::Task, "late", "live"), (Role::Auxiliary, "late", "live")],
    )
};

pub const BUILD: Build = |runs, kind, device| {
    let weight = || Tensor::ones([runs.len() as i64], (kind, device));
    Box::new(Lfm { task: weight(), agreement: weight() })
};

/// Coefficients of a by powers of the epoch.
const SCHEDULE: [f64; 6] =
    [0.204_623_704, 3.354_727_27e-3, 1.229_895_57e-4, -2.929_474_16e-6, 2.238_354_86e-8, -5.397_175_05e-11];

#[derive(Debug)]
struct Lfm {
    task: Tensor,
    agreement: Tensor,
}

impl Method for Lfm {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let heads = LateClassification::declare(self.task.shallow_clone(), shape, layout);
        let agreement = Agreement::of(&heads, self.agreement.shallow_clone());
        Declared::live(vec![Term::new(Role::Task, heads), Term::new(Role::Auxiliary, agreement)])
    }

    fn before(&mut self, _: usize, input: &mut BranchInput<'_>) {
        let share = SCHEDULE.iter().rev().fold(0.0, |sum, own| sum * input.epoch as f64 + own).clamp(0.0, 1.0);
        let _whole = self.task.fill_(2.0 * share);
        let _rest = self.agreement.fill_(2.0 * (1.0 - share));
    }
}
