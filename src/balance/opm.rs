use tch::{Kind, Tensor};

use super::ogm::{FIRST_EPOCH, LAST_EPOCH, Window};
use super::ratio::to_mean_of_others;
use super::{Balancer, BalancerEntry, Build, Choice, Dropping, Groups, Number, Record, Signals, Update, column, spread, word};
use crate::objective::{Label, Layout, Probe, Role, Shape, Streams, Term};
use crate::task::Reading;

/// On-the-fly prediction modulation (Wei et al., TPAMI 2024, arXiv 2410.11582): the embedding of a modality that is ahead
/// by ρ > 1 is dropped from what is fused, row by row, with probability q = q_base (1 + λ tanh(ρ − 1)), at most 1; in a
/// share p_exe of the batches. What is left there is divided by 1 − θ, θ = Σ d_m q_m / Σ d_m with the embeddings' widths d. ρ comes from the
/// same batch, by linear [probes](Probe) that see every embedding.
///
/// Differences from the official code: there ρ is between slices of a linear fused head; it knows two modalities, here ρ is
/// to the mean of the others (BalanceBenchmark: to their sum), so that equal modalities have ρ = 1 whatever their number; it leaves out
/// rows that lost every modality, of which there are none where one that is not ahead is never dropped; it starts in its seventh
/// epoch of 100, here `first-epoch` says.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[Q_BASE.setting(), LAMBDA.setting(), P_EXE.setting(), RESCALE.setting(), FIRST_EPOCH.setting(), LAST_EPOCH.setting()],
    ..BalancerEntry::new("opm", "on-the-fly prediction modulation (Wei et al., TPAMI 2024)")
};

pub const BUILD: Build = |runs, kind, device| {
    let [q_base, lambda, p_exe] = [&Q_BASE, &LAMBDA, &P_EXE].map(|number| column(runs, number, kind, device).unsqueeze(1));
    let rescale = word(runs, &RESCALE);
    let shares = Tensor::zeros([0], (kind, device));
    Box::new(Opm { q_base, lambda, p_exe, rescale, shares, window: Window::new(runs, kind, device) })
};

const Q_BASE: Number =
    Number::new("q-base", 0.4, [0.0, 1.0], "q_base, the probability to be dropped at ρ = 1; BalanceBenchmark").within(0.0, 1.0);

const LAMBDA: Number = Number::new("lambda", 0.5, [0.0, 1.0], "λ, how fast it grows with ρ; BalanceBenchmark");

const P_EXE: Number =
    Number::new("p-exe", 0.7, [0.0, 1.0], "probability that a batch is dropped from at all; BalanceBenchmark").within(0.0, 1.0);

const RESCALE: Choice<bool> = Choice::new(
    "rescale",
    &["yes", "no"],
    &[true, false],
    "whether what is left is divided by 1 − θ in batches that are dropped from; the official code and BalanceBenchmark's do",
);

#[derive(Debug)]
struct Opm {
    q_base: Tensor,
    lambda: Tensor,
    p_exe: Tensor,
    rescale: bool,
    /// d_m / Σ d, \[M\].
    shares: Tensor,
    window: Window,
}

impl Opm {
    /// The probability of each modality to be dropped, [R, M].
    fn probability(&self, rho: &Tensor) -> Tensor {
        let ahead = rho.gt(1.0).to_kind(rho.kind());
        (((rho - 1.0).clamp_min(0.0).tanh() * &self.lambda + 1.0) * &self.q_base * ahead).clamp(0.0, 1.0)
    }
}

impl Dropping for Opm {
    fn factors(&mut self, class: &Reading, states: &Tensor, epoch: usize) -> Tensor {
        let probability = self.window.within(epoch, &self.probability(&to_mean_of_others(&class.confidence())), 0.0);
        let size = class.outputs().size();
        let (rows, modalities) = (size[2], size[1]);
        // element 0 decides on the batch, the others on each row and modality
        let elements = Tensor::arange(1 + rows * modalities, (Kind::Int, probability.device())).unsqueeze(0);
        let uniform =
            Streams::new(states).with("opm").uniform(&elements).to_kind(probability.kind()) * f64::from(2.0f32.powi(-24));
        let executed = uniform.narrow(1, 0, 1).lt_tensor(&self.p_exe).unsqueeze(2);
        let rows = uniform.narrow(1, 1, rows * modalities).view([-1, rows, modalities]);
        let dropped = rows.lt_tensor(&probability.unsqueeze(1)).logical_and(&executed);
        let kept: Tensor = 1.0 - dropped.to_kind(probability.kind());
        if !self.rescale {
            return kept;
        }
        let left: Tensor = 1.0 - (probability * &self.shares).sum_dim_intlist(1, true, None).unsqueeze(2);
        kept / left.where_self(&executed, &left.ones_like())
    }
}

impl Balancer for Opm {
    fn terms(&self, shape: &Shape, layout: &mut Layout, _: &[Role]) -> Vec<Term> {
        vec![Term::probe(Probe::declare(Label::Class, shape, layout))]
    }

    fn prepare(&mut self, shape: &Shape, _: &Layout, _: std::ops::Range<usize>, _: Groups) {
        let whole = shape.widths.iter().sum::<i64>() as f64;
        let shares: Vec<f64> = shape.widths.iter().map(|&width| width as f64 / whole).collect();
        self.shares = Tensor::from_slice(&shares).to_kind(self.q_base.kind()).to_device(self.q_base.device());
    }

    fn records(&self) -> &'static [&'static str] {
        &["rho"]
    }

    fn dropping(&mut self) -> Option<&mut dyn Dropping> {
        Some(self)
    }

    fn weigh(&mut self, signals: &Signals) -> Option<Update> {
        let rho = to_mean_of_others(&signals.class.as_ref()?.confidence());
        let weights = spread(&rho.ones_like(), signals);
        Some(Update { record: Record::of([("rho", rho)]), ..Update::weights(weights) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{close, settings, signals};
    use super::*;
    use tch::Device;

    #[test]
    fn only_who_is_ahead_is_dropped_and_at_most_always() {
        let [own] = settings(&ENTRY, "q-base = 0.5\nlambda = 0.5");
        let number = |number| Tensor::from_slice(&[own.number(number)]).unsqueeze(1);
        let opm = |lambda| Opm {
            q_base: number(&Q_BASE),
            lambda,
            p_exe: number(&P_EXE),
            rescale: false,
            shares: Tensor::zeros([0], (Kind::Double, Device::Cpu)),
            window: Window::new(std::slice::from_ref(&own), Kind::Double, Device::Cpu),
        };
        let q =
            |opm: &Opm, rho: &[f64]| Vec::<f64>::try_from(opm.probability(&Tensor::from_slice(rho).unsqueeze(0)).get(0)).unwrap();
        let wanted = 0.5 * (1.0 + 0.5 * 1.0f64.tanh());
        assert!(close(&q(&opm(number(&LAMBDA)), &[2.0, 0.5, 1.0]), &[wanted, 0.0, 0.0]));
        assert!(close(&q(&opm(number(&LAMBDA) * 100.0), &[9.0, 0.1]), &[1.0, 0.0]));
    }

    #[test]
    fn rows_are_dropped_as_often_as_the_probabilities_say() {
        let own = settings(&ENTRY, "q-base = 0.4\nlambda = 0\np-exe = 0.5\nrescale = 'no'");
        let mut opm = BUILD(&own, Kind::Double, Device::Cpu);
        let rows = 200;
        let options = (Kind::Double, Device::Cpu);
        let scores = Tensor::from_slice(&[2.0, 0.0, 0.0, 0.0]).view([1, 2, 1, 2]).repeat([1, 1, rows, 1]);
        let label = Tensor::zeros([1, rows], (Kind::Int64, Device::Cpu));
        let class = Reading::new(
            &crate::task::Classification::of(2),
            &scores,
            &label,
            &Tensor::full([1, rows], 1.0 / rows as f64, options),
        );
        let (mut executed, mut kept) = (0, 0.0);
        for step in 0..200 {
            let states = Streams::states(&[crate::rng::Stream::new(step)]);
            let mask = opm.dropping().unwrap().factors(&class, &states, 0).mean_dim([1i64].as_slice(), false, Kind::Double);
            assert_eq!(mask.double_value(&[0, 1]), 1.0);
            executed += i32::from(mask.double_value(&[0, 0]) < 1.0);
            kept += mask.double_value(&[0, 0]) / 200.0;
        }
        assert!((80..=120).contains(&executed), "{executed}");
        assert!((kept - (1.0 - 0.4 * f64::from(executed) / 200.0)).abs() < 0.01, "{kept}");
    }

    #[test]
    fn what_is_left_is_scaled_by_its_width_and_epochs_are_kept_to() {
        let own = settings(&ENTRY, "q-base = 1\nlambda = 0\np-exe = 1\nfirst-epoch = 1");
        let mut opm = BUILD(&own, Kind::Double, Device::Cpu);
        let shape = Shape {
            modalities: vec!["video".into(), "audio".into()],
            widths: vec![30, 10],
            task: crate::task::Classification::task(2),
            domains: 1,
            hidden: 4,
            heads: crate::objective::Heads::default(),
        };
        opm.prepare(&shape, &Layout::default(), 0..0, Groups::new(super::super::EACH, &[Role::Task]));
        let class = signals(&[0.8, 0.4], 0).class.unwrap();
        for (epoch, wanted) in [(0, [1.0, 1.0]), (1, [0.0, 4.0])] {
            let mask = opm.dropping().unwrap().factors(&class, &Tensor::zeros([1, 2], (Kind::Int, Device::Cpu)), epoch);
            assert!(close(&Vec::<f64>::try_from(mask.flatten(0, -1)).unwrap(), &wanted));
        }
    }
}
