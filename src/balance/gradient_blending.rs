use tch::{Device, Kind, Tensor};

use super::{
    Added, Balancer, BalancerEntry, Build, Copies, CopyLoss, Groups, Hyperparameters, LookAhead, Losses, Number, Record, Signals,
    Update, column, keep,
};
use crate::objective::{Layout, Role, Shape, Term, UnimodalClassification};

/// Online gradient blending (Wang et al., CVPR 2020, arXiv 1905.12681): L = Σ w_k L_k over the M uni-modal losses and the
/// fused one, Σ w = 1. Every super-epoch of n epochs begins with copies of the model, parameters and optimizer, that train
/// n epochs (or those that are left) on one loss each. With a copy's loss on held-out rows L*, its generalisation
/// G = L*_before − L*_after and its overfitting O = L* − L, w_k = max(G_k, 0) / ((O_after − O_before)² + 1e-6) / Z. Equal
/// weights where no G is above 0.
///
/// The M uni-modal losses share no parameter, so one copy trains them all and a second one the fused loss; where `[train]`
/// clips gradients, by their common norm. Held out is a seeded share of the sources' training rows, from which the model
/// never learns, in copies or by itself; losses are taken without dropout. Differences: the paper takes |G|, which would
/// reward a loss that got worse; MMDG-Bench smooths weights over super-epochs, here as `momentum` says (off, as in the
/// paper).
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[SUPER_EPOCH.setting(), HELD_OUT.setting(), MOMENTUM.setting()],
    adds: &[Added::always(Role::Unimodal, "unimodal")],
    ..BalancerEntry::new("gradient-blending", "online gradient blending (Wang et al., CVPR 2020)")
};

pub const BUILD: Build = |runs, kind, device| Box::new(Blending::new(runs, kind, device));

const SUPER_EPOCH: Number =
    Number::new("super-epoch", 10.0, [5.0, 10.0], "epochs between estimates, whole; BalanceBenchmark").within(1.0, 1e6);

const HELD_OUT: Number =
    Number::new("held-out", 0.2, [0.1, 0.3], "share of the training rows that is held out (ours; the paper gives none)")
        .within(0.0, 1.0);

const MOMENTUM: Number =
    Number::new("momentum", 0.0, [0.0, 0.9], "share of the old weights that stays; 0.5 or 0.9 in MMDG-Bench").within(0.0, 1.0);

/// Added to squared overfitting; MMDG-Bench.
const SQUARE_FLOOR: f64 = 1e-6;

#[derive(Debug)]
struct Blending {
    /// By run.
    copies: Vec<Copies>,
    momentum: Tensor,
    /// What a copy trains on, while one does.
    copy: Option<CopyLoss>,
    /// Of the losses, uni-modal ones first, [R, M + 1].
    weights: Tensor,
}

impl Blending {
    fn new(runs: &[Hyperparameters], kind: Kind, device: Device) -> Self {
        let copies = |run: &Hyperparameters| Copies {
            every: run.number(&SUPER_EPOCH).max(1.0) as usize,
            epochs: run.number(&SUPER_EPOCH).max(1.0) as usize,
            held_out: run.number(&HELD_OUT),
        };
        let momentum = column(runs, &MOMENTUM, kind, device).unsqueeze(1);
        Self { copies: runs.iter().map(copies).collect(), weights: momentum.zeros_like(), momentum, copy: None }
    }
}

impl LookAhead for Blending {
    fn copies(&self) -> &[Copies] {
        &self.copies
    }

    fn train_on(&mut self, losses: Option<CopyLoss>) {
        self.copy = losses;
    }

    fn learn(&mut self, before: &Losses, after: &Losses, active: &Tensor) {
        let new = &self.weights * &self.momentum + blend(before, after) * (1.0 - &self.momentum);
        self.weights = keep(active, &self.weights, &new);
    }
}

/// The best weights for what copies came to, [R, M + 1].
fn blend(before: &Losses, after: &Losses) -> Tensor {
    let gain = &before.held_out - &after.held_out;
    let overfitting = |losses: &Losses| &losses.held_out - &losses.train;
    let more = overfitting(after) - overfitting(before);
    let weights = gain.clamp_min(0.0) / (more.square() + SQUARE_FLOOR);
    let sum = weights.sum_dim_intlist(1, true, None);
    let some = sum.gt(0.0);
    let equal = weights.full_like(1.0 / weights.size()[1] as f64);
    (weights / sum.where_self(&some, &sum.ones_like())).where_self(&some, &equal)
}

impl Balancer for Blending {
    fn terms(&self, shape: &Shape, layout: &mut Layout, _: &[Role]) -> Vec<Term> {
        let scale = self.momentum.ones_like().squeeze_dim(1);
        vec![Term::new(Role::Unimodal, UnimodalClassification::declare(shape, layout)).scaled(scale)]
    }

    fn prepare(&mut self, shape: &Shape, _: &Layout, _: std::ops::Range<usize>, _: Groups) {
        let losses = shape.len() + 1;
        self.weights = self.momentum.full_like(1.0 / losses as f64).repeat([1, losses]);
    }

    fn records(&self) -> &'static [&'static str] {
        &["k"]
    }

    fn look_ahead(&mut self) -> Option<&mut dyn LookAhead> {
        Some(self)
    }

    fn weigh(&mut self, signals: &Signals) -> Option<Update> {
        let modalities = self.weights.size()[1] - 1;
        let (own, fused) = (self.weights.narrow(1, 0, modalities), self.weights.narrow(1, modalities, 1));
        let (own, fused) = match self.copy {
            Some(CopyLoss::Unimodal) => (own.ones_like(), fused.zeros_like()),
            Some(CopyLoss::Fused) => (own.zeros_like(), fused.ones_like()),
            None => (own, fused),
        };
        let unimodal = signals.groups.place(Role::Unimodal);
        let columns =
            |of: &dyn Fn(bool) -> Tensor| (0..signals.groups.len()).map(|t| of(Some(t) == unimodal)).collect::<Vec<_>>();
        let by_modality = |is_own| if is_own { own.shallow_clone() } else { fused.expand([-1, modalities], false) };
        let weights = Tensor::stack(&columns(&by_modality), 2);
        let heads = Tensor::cat(&columns(&|is_own| if is_own { fused.ones_like() } else { fused.shallow_clone() }), 1);
        let record = Record::of([("k", own)]);
        Some(Update { heads: Some(heads), record, ..Update::weights(weights) })
    }

    fn state(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        vec![("weights", &mut self.weights)]
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::close;
    use super::*;

    fn losses(train: [f64; 3], held_out: [f64; 3]) -> Losses {
        Losses { train: Tensor::from_slice(&train).unsqueeze(0), held_out: Tensor::from_slice(&held_out).unsqueeze(0) }
    }

    #[test]
    fn weights_are_gains_over_squared_overfitting() {
        let before = losses([1.0, 1.0, 1.0], [1.0, 1.0, 1.0]);
        // gains 0.5, 0.2, -0.1; overfitting 0.1, 0.2, 0.4
        let after = losses([0.4, 0.6, 0.7], [0.5, 0.8, 1.1]);
        let (a, b) = (0.5 / (0.1f64.powi(2) + 1e-6), 0.2 / (0.2f64.powi(2) + 1e-6));
        let found = Vec::<f64>::try_from(blend(&before, &after).get(0)).unwrap();
        assert!(close(&found, &[a / (a + b), b / (a + b), 0.0]), "{found:?}");
        // no gain at all, and no change at all: equal weights
        for after in [losses([0.5; 3], [1.5; 3]), losses([1.0; 3], [1.0; 3])] {
            assert!(close(&Vec::<f64>::try_from(blend(&before, &after).get(0)).unwrap(), &[1.0 / 3.0; 3]));
        }
    }
}
