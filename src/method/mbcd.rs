use tch::{Kind, Tensor};

use super::{Branch, BranchInput, Build, Declared, Method, MethodEntry, Move, Scope, Weights, inner_step};
use crate::hyperparameters::{Choice, Hyperparameters, Number};
use crate::objective::{Distillation, FusedClassification, Layout, Role, Shape, Streams, Term, UnimodalClassification, column};

/// MBCD (Wang et al., AAAI 2026): uni-modal losses at the encoders θ; the fused loss one step along them, at θ′, with rows that lose
/// modalities whose heads are surer than the others'; and distillation into all heads from a teacher, the exponential average of the
/// weights, which is judged. First order, as in the code of MMDG-Bench.
///
/// Differences from that code: its augmentation of channel statistics (DSU) acts on nothing here, where features are pooled; uni-modal heads are
/// averaged too, which nothing reads; the epoch is chosen by validation (there the last). The drop probability goes by the mean over rows
/// that have a modality.
pub const ENTRY: MethodEntry = MethodEntry {
    takes: &[
        inner_step::RATE.setting(),
        DECAY.setting(),
        FUSED.setting(),
        UNIMODAL.setting(),
        DROPPING.setting(),
        BASE.setting(),
        STEPS.setting(),
        JUDGED.setting(),
    ],
    averages: true,
    ..MethodEntry::new(
        "mbcd",
        "modality dropout, an inner step and distillation from an averaged teacher (MBCD, Wang et al., AAAI 2026)",
        &[
            (Role::Unimodal, "unimodal", "live"),
            (Role::Task, "classifier", "ahead"),
            (Role::Auxiliary, "classifier", "ahead, teacher"),
            (Role::Auxiliary, "unimodal", "live, teacher"),
        ],
    )
};

pub const BUILD: Build = |runs, kind, device| {
    let of = |number: &Number| column(runs, number, kind, device);
    let first = runs.first().cloned().unwrap_or_default();
    Box::new(Mbcd {
        rate: of(&inner_step::RATE),
        decay: runs.iter().map(|run: &Hyperparameters| run.number(&DECAY)).collect(),
        fused: of(&FUSED),
        unimodal: of(&UNIMODAL),
        base: first.word(&DROPPING).then(|| of(&BASE)),
        ahead: first.word(&STEPS),
        judged: first.word(&JUDGED),
    })
};

const DECAY: Number =
    Number::new("teacher-decay", 0.999, [0.9, 1.0], "β, how much of the teacher stays in each step; the code of MMDG-Bench")
        .within(0.0, 1.0);
const FUSED: Number = Number::new(
    "fused-distillation",
    1.0,
    [0.0, 2.0],
    "weight of the teacher's lesson to the fused head; the code of MMDG-Bench",
);
const UNIMODAL: Number =
    Number::new("unimodal-distillation", 1.0, [0.0, 2.0], "the same to uni-modal heads; the code of MMDG-Bench");
const BASE: Number =
    Number::new("drop-base", 0.0, [0.0, 1.0], "least drop probability of a modality that is ahead; the code of MMDG-Bench")
        .within(0.0, 1.0)
        .only("modality-dropout", "yes");
const DROPPING: Choice<bool> =
    Choice::new("modality-dropout", &["yes", "no"], &[true, false], "whether rows lose modalities that are ahead (ablation)");
const STEPS: Choice<bool> =
    Choice::new("inner-step", &["yes", "no"], &[true, false], "whether the fused loss is taken one step ahead (ablation)");
const JUDGED: Choice<usize> =
    Choice::new("evaluate", &["teacher", "student"], &[TEACHER, 0], "whose weights are judged and kept");

/// The teacher's branch.
const TEACHER: usize = 2;

#[derive(Debug)]
struct Mbcd {
    rate: Tensor,
    decay: Vec<f64>,
    fused: Tensor,
    unimodal: Tensor,
    /// \[R\]; none where nothing is dropped.
    base: Option<Tensor>,
    ahead: bool,
    judged: usize,
}

impl Method for Mbcd {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let classifier = FusedClassification::declare(shape, layout).normed(shape);
        let own = UnimodalClassification::deep(shape, layout);
        let to_fused = Distillation::fused(&classifier, self.fused.shallow_clone(), shape);
        let to_own = Distillation::unimodal(&classifier, &own, self.unimodal.shallow_clone(), shape);
        let by = Move::Descend(self.rate.shallow_clone());
        let weights = match self.ahead {
            true => Weights::Ahead { along: vec![0], scope: Scope::Encoders, by },
            false => Weights::Live,
        };
        let teacher = Branch { weights: Weights::Average(self.decay.clone()), dropout: false };
        let terms = vec![
            Term::new(Role::Unimodal, own),
            Term::new(Role::Task, classifier).reading(&[1]),
            Term::new(Role::Auxiliary, to_fused).reading(&[1, TEACHER]),
            Term::new(Role::Auxiliary, to_own).reading(&[0, TEACHER]),
        ];
        Declared { branches: vec![Branch::live(), Branch { weights, dropout: true }, teacher], terms, judged: self.judged }
    }

    fn before(&mut self, branch: usize, input: &mut BranchInput<'_>) {
        let (Some(base), Some(class), Some(like)) = (&self.base, input.class, input.features.first()) else { return };
        if branch != 1 {
            return;
        }
        let [rows, modalities] = [like.size()[1], input.features.len() as i64];
        let sure = class.certainty();
        // the mean over the others of s_k / s_j
        let others = (modalities - 1).max(1) as f64;
        let ratio = (&sure * sure.reciprocal().sum_dim_intlist(1, true, None) - 1.0) / others;
        let base = base.unsqueeze(1);
        let rest: Tensor = 1.0 - &base;
        let drop = base + rest * (&ratio - 1.0).tanh();
        let drop = drop.where_self(&ratio.gt(1.0), &drop.zeros_like());
        let elements = Tensor::arange(rows * modalities, (Kind::Int, like.device())).view([1, rows, modalities]);
        let drawn = Streams::new(input.states).with("modality dropout").uniform(&elements).to_kind(like.kind());
        let drawn = drawn * f64::from(2.0f32.powi(-24));
        input.mask = Some(drawn.ge_tensor(&drop.unsqueeze(1)).to_kind(like.kind()));
    }
}
