//! Gramians without gradients against gradients: for every kind of encoder and every balancer.

use std::cell::RefCell;

use mmdg::balance::{BALANCERS, Balancer, BalancerBuilder, BalancerEntry, Needs, Signals, Update};
use mmdg::hyperparameters::Hyperparameters;
use mmdg::method::{self, MethodBuilder};
use mmdg::objective::{FusedDomain, Layout, Params, Role, Shape, Term, UnimodalClassification};
use mmdg::rng::Stream;
use mmdg::train::model::{Design, Inputs, Model, Moment};
use tch::{Device, Kind, Tensor};

use super::train::{design, hyperparameters, table};

const RUNS: i64 = 2;

/// Every kind of encoder, by name.
fn designs(balance: &str, dropout: f64) -> Vec<(String, Design)> {
    let table = table(&[("video", 6), ("audio", 5), ("flow", 3)], 3, 3, 1);
    [(vec![], false), (vec![16], false), (vec![16], true), (vec![12, 10], false), (vec![12, 10, 9], true)]
        .map(|(hidden, layer_norm)| {
            let name = format!("hidden {hidden:?}, layer norm {layer_norm}");
            (name, Design { hidden, layer_norm, ..design(&table, balance, dropout) })
        })
        .into()
}

thread_local! { static SEEN: RefCell<Vec<Tensor>> = const { RefCell::new(Vec::new()) } }

/// Keeps the Gramian that it is shown, and weighs objectives unequally.
#[derive(Debug)]
struct Witness(Kind);

static WITNESS: BalancerBuilder =
    BalancerBuilder { entry: &BalancerEntry::new("witness", ""), build: |_, kind, _| Box::new(Witness(kind)) };

impl Balancer for Witness {
    fn terms(&self, shape: &Shape, layout: &mut Layout, method: &[Role]) -> Vec<Term> {
        let scale = |values: [f64; RUNS as usize]| Tensor::from_slice(&values).to_kind(self.0);
        let mut terms = vec![Term::new(Role::Domain, FusedDomain::declare(shape, layout)).scaled(scale([-0.7, -0.2]))];
        if !method.contains(&Role::Unimodal) {
            terms.push(Term::new(Role::Unimodal, UnimodalClassification::declare(shape, layout)).scaled(scale([1.3, 0.4])));
        }
        terms
    }

    fn needs(&self) -> Needs {
        Needs { gramian: true, ..Needs::default() }
    }

    fn weigh(&mut self, signals: &Signals) -> Option<Update> {
        let gramian = signals.gramian.as_ref().unwrap();
        SEEN.with(|seen| seen.borrow_mut().push(gramian.copy()));
        let groups = gramian.size()[2];
        let weights = Tensor::arange(gramian.size()[1] * groups, (gramian.kind(), Device::Cpu)).view([1, -1, groups]) * 0.3 - 0.8;
        Some(Update {
            heads: Some(weights.select(1, 1).expand([RUNS, groups], false)),
            ..Update::weights(weights.expand([RUNS, -1, groups], false))
        })
    }
}

fn random(what: &str, shape: &[i64]) -> Tensor {
    let stream = Stream::new(3).with(what);
    let values: Vec<f64> = (0..shape.iter().product::<i64>() as u32).map(|i| stream.normal(i)).collect();
    Tensor::from_slice(&values).view(shape)
}

/// What two steps write, [2, R, P]: by backward passes for each objective, or by tapes.
fn gradient(design: &Design, own: &Hyperparameters, kind: Kind, rows: i64, explicit: bool) -> Tensor {
    tch::set_num_threads(1);
    let mut model = Model::new(design, &vec![own.clone(); RUNS as usize], kind, Device::Cpu);
    let initial: Vec<Tensor> = (0..RUNS as u64).map(|seed| Tensor::from_slice(&model.layout.initial(seed))).collect();
    let flat = Tensor::stack(&initial, 0).to_kind(kind);
    let mut written = flat.zeros_like();
    let into = Params::views(&model.layout, &written);
    // where averages are no longer what is trained
    let mut sets = model.sets(flat.copy());
    sets.live.flat.copy_(&(flat + random("moved", &sets.live.flat.size()).to_kind(kind) * 0.05));
    let mut all = Vec::new();
    for step in 0..2 {
        let whole = |what: &str, n: i64| {
            (random(&format!("{what}{step}"), &[RUNS, rows]).abs() * 100.0).to_kind(Kind::Int64).remainder(n)
        };
        let features = design.shape.modalities.iter().zip(&design.inputs);
        // one row is padding in the second run
        let share = Tensor::ones([RUNS, rows], (kind, Device::Cpu));
        let _ = share.get(1).narrow(0, 0, 1).fill_(0.0);
        let share = &share / share.sum_dim_intlist(1, true, None);
        let masks = (design.dropout > 0.0).then(|| {
            let kept = random("masks", &[RUNS, rows, model.layout.dropout_width()]).gt(-0.3).to_kind(kind);
            kept / (1.0 - design.dropout)
        });
        // in every other step some rows lack a modality
        let present = (step == 1).then(|| {
            let present = random("present", &[RUNS, rows, 3]).gt(-0.5).to_kind(kind);
            let _ = present.narrow(1, 1, 1).fill_(1.0);
            present
        });
        let inputs = Inputs {
            features: features
                .map(|(name, &width)| random(&format!("{name}{step}"), &[RUNS, rows, width]).to_kind(kind))
                .collect(),
            label: whole("label", design.shape.task.outputs()),
            domain: whole("domain", design.shape.domains),
            share,
            present,
            weight: None,
            masks: model.branches().iter().map(|_| masks.as_ref().map(Tensor::shallow_clone)).collect(),
        };
        let moment = Moment {
            active: Tensor::ones([RUNS], (kind, Device::Cpu)),
            states: Tensor::from_slice(&[7i32, 8, 9, 10]).view([2, 2]),
            epoch: 0,
            done: None,
            late: Some(Tensor::ones([RUNS], (kind, Device::Cpu))),
        };
        match explicit {
            true => model.explicit_gradients(&mut sets, &into, inputs, moment),
            false => model.gradients(&mut sets, &into, inputs, moment),
        };
        all.push(written.copy());
        let _ = written.zero_();
    }
    Tensor::stack(&all, 0)
}

#[test]
fn gramians_and_updates_are_those_of_explicit_gradients() {
    for method in method::BUILDERS {
        gramians_and_updates(method);
    }
}

/// Of one method; those with several branches have products between gradients at different weights.
fn gramians_and_updates(method: &'static MethodBuilder) {
    let settings = toml::from_str("inner-rate = 0.05\nsam-rho = 0.3").unwrap();
    let mut given: std::collections::BTreeMap<String, toml::Value> = settings;
    given.retain(|key, _| method.entry.takes.iter().any(|setting| setting.name == key));
    let none = Hyperparameters::new(method.entry.takes, &given).unwrap();
    for dropout in [0.0, 0.4] {
        for (name, design) in designs("none", dropout) {
            let name = format!("{}, {name}", method.entry.name);
            let design = Design { balance: &WITNESS, method, ..design };
            // few rows and many: each layer takes the cheaper of two ways
            for rows in [2, 40] {
                let of = |kind, explicit| {
                    let written = gradient(&design, &none, kind, rows, explicit);
                    (written.to_kind(Kind::Double), SEEN.with(|seen| Tensor::stack(&seen.take(), 0)).to_kind(Kind::Double))
                };
                let (wanted, gramian) = of(Kind::Double, true);
                let norm = gramian.diagonal(0, -2, -1).sqrt();
                let bound = norm.unsqueeze(-1) * norm.unsqueeze(-2);
                // a loss that compares rows has no gradient where there is one
                let largest = bound.max().double_value(&[]);
                assert!(largest > 0.0);
                let bound = bound.clamp_min(largest * 1e-12);
                // of two rows norms over rows and gradients that nearly vanish leave f32 few digits
                let single = if rows == 2 && !method.entry.plain { 3e-2 } else { 1e-3 };
                for (kind, explicit, close) in
                    [(Kind::Double, false, 1e-10), (Kind::Float, false, single), (Kind::Float, true, single)]
                {
                    let (found, inner) = of(kind, explicit);
                    let error = ((inner - &gramian) / &bound).abs().max().double_value(&[]);
                    assert!(error < close, "{name}, {rows} rows, {kind:?}: {error:e}");
                    let error = (found - &wanted).norm().double_value(&[]) / wanted.norm().double_value(&[]);
                    assert!(error < close, "{name}, {rows} rows, {kind:?}: {error:e}");
                }
            }
        }
    }
}

#[test]
fn every_balancer_writes_the_same_either_way() {
    for entry in BALANCERS {
        let own = hyperparameters(entry.name, "", &[("first-epoch", 0.0)]);
        for (name, design) in designs(entry.name, 0.4) {
            let [wanted, found] = [true, false].map(|explicit| gradient(&design, &own, Kind::Double, 6, explicit));
            assert!(wanted.norm().double_value(&[]) > 0.0);
            let error = (found - &wanted).norm().double_value(&[]) / wanted.norm().double_value(&[]);
            assert!(error < 1e-9, "{}, {name}: {error:e}", entry.name);
        }
    }
}
