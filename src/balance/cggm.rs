use std::ops::Range;

use tch::Tensor;

use super::{
    Balancer, BalancerEntry, Build, Choice, Groups, Number, Record, Signals, Steering, TaskHeads, Update, column, keep, spread,
    word,
};
use crate::objective::{GuideClassification, Last, Layout, Role, Shape, Term};

/// Classifier-guided gradient modulation (Guo et al., NeurIPS 2024, arXiv 2411.01409). Classifiers on detached embeddings
/// ([`GuideClassification`]) read each modality's accuracy ε on the batch. With Δ_m its change since the last step and
/// S = Σ Δ + 1e-8: B_m = (S − Δ_m) / S, the share of the improvement that is due to the others; the encoder's gradient
/// times ρ B_m; and in the next step λ times the gradient of L_gm = 1/M Σ (|B_m| − B_m cos_m) for the fused head.
///
/// cos_m is, in the `paper`, between the gradients of the last layers of classifier m and of the fused head. The authors'
/// `code` takes the layers' weights instead. In both, classifier m counts as constant, and the gradient is that of the step
/// before, at its parameters and batch.
///
/// Differences from the official code: classifiers and fused head have one hidden layer, no transformer; the classifiers
/// learn with the model's optimizer, there with one of their own; gradients are clipped where `[train]` says so, there
/// always; in the `paper` form the fused head alone is steered, no gradient of L_gm reaches encoders. As in the code B_m
/// has no bound: where accuracies change and their sum does not, S is 1e-8. `clamp` gives it one. A single modality is left
/// as it is.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[PAPER.setting(), RHO.setting(), LAMBDA.setting(), CLAMP.setting()],
    ..BalancerEntry::new("cggm", "classifier-guided gradient modulation (Guo et al., NeurIPS 2024)")
};

pub const BUILD: Build = |runs, kind, device| {
    let [rho, lambda, clamp] = [&RHO, &LAMBDA, &CLAMP].map(|number| column(runs, number, kind, device).unsqueeze(1));
    let paper = word(runs, &PAPER);
    Box::new(Cggm { paper, accuracy: rho.zeros_like(), direction: rho.zeros_like(), rho, lambda, clamp })
};

const PAPER: Choice<bool> = Choice::new(
    "form",
    &["code", "paper"],
    &[false, true],
    "cosines between weights as in the authors' code, or between gradients as in the paper",
);

const RHO: Number =
    Number::new("rho", 1.3, [1.0, 1.3], "ρ, on every encoder's gradient; the authors' MOSI, IEMOCAP and Food-101");

const LAMBDA: Number = Number::new("lambda", 0.2, [0.05, 0.2], "λ, the weight of L_gm; the authors' MOSI and IEMOCAP");

const CLAMP: Number =
    Number::new("clamp", 0.0, [0.0, 0.0], "B_m is kept within 0 and this; 0 leaves it as it is (ours; the authors do not)");

/// Added to the sum of changes, as in the authors' code, and the least that the result counts as.
const EPSILON: f64 = 1e-8;
const SUM_FLOOR: f64 = 1e-9;
/// A norm below this has no direction.
const NORM_FLOOR: f64 = 1e-12;

#[derive(Debug)]
struct Cggm {
    paper: bool,
    rho: Tensor,
    lambda: Tensor,
    clamp: Tensor,
    /// ε of the last step, [R, M].
    accuracy: Tensor,
    /// Gradient of L_gm of the last step for the fused head, all its tensors in one row, [R, P].
    direction: Tensor,
}

impl Cggm {
    /// B, [R, M].
    fn share_of_others(&self, accuracy: &Tensor) -> Tensor {
        let change = accuracy - &self.accuracy;
        let sum = change.sum_dim_intlist(1, true, None) + EPSILON;
        let sum = sum.where_self(&sum.abs().ge(SUM_FLOOR), &sum.full_like(SUM_FLOOR));
        let share = (&sum - change) / &sum;
        let clamped = share.clamp_min(0.0).minimum(&self.clamp);
        clamped.where_self(&self.clamp.gt(0.0), &share)
    }

    /// L_gm, \[R\].
    fn loss(&self, share: &Tensor, steering: &TaskHeads) -> Tensor {
        let of = |last: &Last| if self.paper { last.gradient(steering.batch) } else { last.weight.shallow_clone() };
        let fused = of(steering.fused);
        let cosines: Vec<Tensor> = steering.probes.iter().map(|probe| cosine(&of(probe).detach(), &fused)).collect();
        let cosines = Tensor::stack(&cosines, 1);
        (share.abs() - share * cosines).mean_dim([1i64].as_slice(), false, None)
    }
}

/// Cosine of each run's tensors, [R, …] to \[R\]; 0 where one has no direction.
fn cosine(a: &Tensor, b: &Tensor) -> Tensor {
    let [a, b] = [a, b].map(|x| x.flatten(1, -1));
    let square = |x: &Tensor| x.square().sum_dim_intlist(1, false, None);
    let (aa, bb) = (square(&a), square(&b));
    let floor = NORM_FLOOR * NORM_FLOOR;
    let directed = aa.ge(floor).logical_and(&bb.ge(floor)).to_kind(a.kind());
    let norms = aa.clamp_min(floor).sqrt() * bb.clamp_min(floor).sqrt();
    (a * b).sum_dim_intlist(1, false, None) / norms * directed
}

impl Steering for Cggm {
    fn steer(&mut self, steering: &TaskHeads) -> Option<Tensor> {
        if steering.probes.len() < 2 {
            return None;
        }
        let loss = self.loss(&self.share_of_others(&steering.class.accuracy()), steering);
        let leaves: Vec<&Tensor> = steering.heads.iter().collect();
        let found = Tensor::run_backward(&[loss.sum(None)], &leaves, true, false);
        let flat = |(found, leaf): (&Tensor, &Tensor)| match found.defined() {
            true => found.flatten(1, -1),
            false => leaf.zeros_like().flatten(1, -1),
        };
        let next = Tensor::cat(&found.iter().zip(steering.heads).map(flat).collect::<Vec<_>>(), 1);
        let now = &self.direction * &self.lambda;
        self.direction = keep(steering.active, &self.direction, &next);
        Some(now)
    }
}

impl Balancer for Cggm {
    fn terms(&self, shape: &Shape, layout: &mut Layout, _: &[Role]) -> Vec<Term> {
        vec![Term::probe(GuideClassification::declare(shape, layout))]
    }

    fn prepare(&mut self, shape: &Shape, layout: &Layout, heads: Range<usize>, _: Groups) {
        let width = layout.entries()[heads].iter().map(|entry| entry.len()).sum();
        self.accuracy = self.rho.zeros_like().repeat([1, shape.len()]);
        self.direction = self.rho.zeros_like().repeat([1, width]);
    }

    fn records(&self) -> &'static [&'static str] {
        &["k"]
    }

    fn steering(&mut self) -> Option<&mut dyn Steering> {
        Some(self)
    }

    fn weigh(&mut self, signals: &Signals) -> Option<Update> {
        let accuracy = signals.class.as_ref()?.accuracy();
        let scale = match accuracy.size()[1] {
            1 => accuracy.ones_like(),
            _ => self.share_of_others(&accuracy) * &self.rho,
        };
        self.accuracy = signals.keep(&self.accuracy, &accuracy);
        let weights = spread(&scale, signals);
        Some(Update { record: Record::of([("k", scale)]), ..Update::weights(weights) })
    }

    fn state(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        vec![("accuracy", &mut self.accuracy), ("direction", &mut self.direction)]
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{close, settings};
    use super::*;
    use tch::{Device, Kind};

    fn shares(clamp: f64, before: [f64; 2], after: [f64; 2]) -> Vec<f64> {
        let [own] = settings(&ENTRY, &format!("clamp = {clamp:?}"));
        let column = |x: f64| Tensor::from_slice(&[x]).unsqueeze(1);
        let accuracy = Tensor::from_slice(&before).unsqueeze(0);
        let (rho, lambda, clamp) = (column(1.0), column(1.0), column(own.number(&CLAMP)));
        let cggm = Cggm { paper: false, direction: column(0.0), accuracy, rho, lambda, clamp };
        Vec::try_from(cggm.share_of_others(&Tensor::from_slice(&after).unsqueeze(0)).get(0)).unwrap()
    }

    #[test]
    fn who_improves_least_gets_most() {
        let near = |found: Vec<f64>, wanted: [f64; 2]| {
            assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} {wanted:?}");
        };
        near(shares(0.0, [0.0, 0.0], [0.3, 0.1]), [0.25, 0.75]);
        near(shares(0.0, [0.5, 0.25], [0.5, 0.25]), [1.0, 1.0]);
        near(shares(0.0, [0.5, 0.5], [0.25, 1.0]), [2.0, -1.0]);
        near(shares(1.5, [0.5, 0.5], [0.25, 1.0]), [1.5, 0.0]);
        assert!(shares(0.0, [0.5, 0.5], [0.25, 0.75]).iter().all(|b| b.is_finite() && b.abs() > 1e6));
        assert!(shares(2.0, [0.5, 0.5], [0.25, 0.75]).iter().all(|b| (0.0..=2.0).contains(b)));
    }

    #[test]
    fn cosines_are_those_of_the_tensors_and_nothing_has_no_direction() {
        let tensor = |x: &[f64]| Tensor::from_slice(x).view([2, 1, 2]);
        let found = cosine(&tensor(&[3.0, 0.0, 1.0, 1.0]), &tensor(&[1.0, 1.0, 0.0, 0.0]));
        assert!(close(&Vec::<f64>::try_from(found).unwrap(), &[0.5f64.sqrt(), 0.0]));
        let zero = Tensor::zeros([1, 1, 2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let slope = Tensor::run_backward(&[cosine(&zero.ones_like(), &zero).sum(None)], &[&zero], false, false);
        assert_eq!(slope[0].abs().max().double_value(&[]), 0.0);
    }
}
