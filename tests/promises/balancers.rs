//! Balancers: what all of them promise, and those that choose by inner products against an independent script.

use std::collections::BTreeMap;

use mmdg::balance::{BALANCERS, Balancer, BalancerEntry, EACH, Groups, Signals, Update};
use mmdg::hyperparameters::{Hyperparameters, Range};
use mmdg::objective::{Layout, Role, Shape, Streams};
use mmdg::rng::Stream;
use mmdg::task::{Classification, Reading};
use mmdg::train::Optimizer;
use mmdg::train::cohort::{Cohort, Run};
use tch::{Device, Kind, Tensor};

use super::train::{a_run, design, hyperparameters, small, table, task};

const CPU: (Kind, Device) = (Kind::Double, Device::Cpu);

/// Those that choose by inner products between the task's gradient and others.
const BY_GRAMIAN: [&str; 14] = [
    "pcgrad",
    "mgda",
    "cagrad",
    "mmpareto",
    "aligned-mtl",
    "nash-mtl",
    "upgrad",
    "dual-proj",
    "imtl-g",
    "config",
    "fair-grad",
    "grad-vac",
    "rgw",
    "grad-norm",
];

/// Settings by default, and with each other word in turn.
fn choices(entry: &BalancerEntry) -> Vec<Hyperparameters> {
    let mut all = vec![BTreeMap::new()];
    for setting in entry.takes {
        let Range::Word(words) = setting.range else { continue };
        let goes = setting.only.map(|(key, word)| (key.to_owned(), toml::Value::from(word)));
        let with = |&word: &&str| [(setting.name.to_owned(), toml::Value::from(word))].into_iter().chain(goes.clone()).collect();
        all.extend(words[1..].iter().map(with));
    }
    all.iter().map(|given| Hyperparameters::new(entry.takes, given).unwrap()).collect()
}

fn shape(modalities: usize, domains: i64) -> Shape {
    let widths = vec![4; modalities];
    let modalities = (0..modalities).map(|m| format!("m{m}")).collect();
    Shape { modalities, widths, task: Classification::task(3), domains, hidden: 5, heads: mmdg::objective::Heads::default() }
}

/// Objectives that encoders learn from beside one of the method's.
fn objectives(balancer: &dyn Balancer, modalities: usize) -> i64 {
    let terms = balancer.terms(&shape(modalities, 2), &mut Layout::default(), &[Role::Task]);
    1 + terms.iter().filter(|term| term.objective.trains_encoders()).count() as i64
}

/// So many groups as a balancer wants them: the task's, its own, others.
fn groups(balancer: &dyn Balancer, count: i64) -> Groups {
    let own = balancer.terms(&shape(2, 2), &mut Layout::default(), &[Role::Task]);
    let mut roles = vec![Role::Task];
    roles.extend(own.iter().filter(|term| term.objective.trains_encoders()).map(|term| term.role));
    let more = [Role::Unimodal, Role::Auxiliary, Role::Domain];
    for role in more {
        if Groups::new(balancer.groups(), &roles).len() < count {
            roles.push(role);
        }
    }
    let groups = Groups::new(balancer.groups(), &roles);
    if groups.len() == count { groups } else { Groups::of(count as u8) }
}

/// The columns of GMP's two sides.
fn sides(own: &Hyperparameters) -> (i64, i64) {
    let gmp = (mmdg::balance::builder("gmp").unwrap().build)(std::slice::from_ref(own), Kind::Double, Device::Cpu);
    let groups = groups(gmp.as_ref(), objectives(gmp.as_ref(), 3));
    let class = if own.words()["variant"] == "bench" { Role::Unimodal } else { Role::Task };
    (groups.place(class).unwrap(), groups.place(Role::Domain).unwrap())
}

/// Random gradients [R, M, T, P] with uni-modal scores, which follow `numbers`.
struct Case {
    gradients: Tensor,
    class: Tensor,
    domain: Tensor,
    loss: Tensor,
    states: Tensor,
}

impl Case {
    fn new(number: u64, runs: i64, modalities: i64, objectives: i64, domains: i64) -> Self {
        let random = |what: &str, shape: &[i64]| {
            let stream = Stream::new(number).with(what);
            let values: Vec<f64> = (0..shape.iter().product::<i64>() as u32).map(|i| stream.normal(i)).collect();
            Tensor::from_slice(&values).view(shape)
        };
        let streams: Vec<Stream> = (0..runs as u32).map(|r| Stream::new(number).at(r)).collect();
        Self {
            gradients: random("gradients", &[runs, modalities, objectives, 6]),
            class: random("class", &[runs, modalities, 4, 3]),
            domain: random("domain", &[runs, modalities, 4, domains]),
            loss: random("loss", &[runs, objectives]).exp(),
            states: Streams::states(&streams),
        }
    }

    fn gramian(&self) -> Tensor {
        self.gradients.matmul(&self.gradients.transpose(2, 3))
    }

    fn signals(&self, kind: Kind) -> Signals {
        let runs = self.loss.size()[0];
        let options = (kind, Device::Cpu);
        let (truth, share) = (Tensor::zeros([runs, 4], (Kind::Int64, Device::Cpu)), Tensor::full([runs, 4], 0.25, options));
        Signals {
            loss: self.loss.to_kind(kind),
            class: Some(Reading::new(&Classification::of(2), &self.class.to_kind(kind), &truth, &share)),
            domain: Some(Reading::new(&Classification::of(2), &self.domain.to_kind(kind), &truth, &share)),
            gramian: Some(self.gramian().to_kind(kind)),
            active: Tensor::ones([runs], options),
            states: self.states.shallow_clone(),
            epoch: 0,
            done: None,
            groups: Groups::new(EACH, &[Role::Task]),
        }
    }

    /// The same with modalities in another order.
    fn permuted(&self, order: &[i64]) -> Self {
        let take = |x: &Tensor| x.index_select(1, &Tensor::from_slice(order));
        let [gradients, class, domain] = [&self.gradients, &self.class, &self.domain].map(take);
        Self { gradients, class, domain, loss: self.loss.shallow_clone(), states: self.states.shallow_clone() }
    }

    fn scaled(&self, factor: &Tensor) -> Self {
        let same = |x: &Tensor| x.shallow_clone();
        let [class, domain, loss, states] = [&self.class, &self.domain, &self.loss, &self.states].map(same);
        Self { gradients: &self.gradients * factor, class, domain, loss, states }
    }

    /// Σ_t w_t g_t of each modality, [R, M, P].
    fn updates(&self, weights: &Tensor) -> Tensor {
        (&self.gradients * weights.unsqueeze(3)).sum_dim_intlist(2, false, None)
    }
}

/// Three steps of one balancer.
fn steps(entry: &BalancerEntry, own: &Hyperparameters, cases: &[Case], kind: Kind) -> Vec<Option<Update>> {
    let runs = cases[0].loss.size()[0] as usize;
    let mut balancer = (mmdg::balance::builder(entry.name).unwrap().build)(&vec![own.clone(); runs], kind, Device::Cpu);
    let (shape, mut layout) = (shape(cases[0].gradients.size()[1] as usize, 2), Layout::default());
    let groups = groups(balancer.as_ref(), cases[0].loss.size()[1]);
    balancer.terms(&shape, &mut layout, &[Role::Task]);
    balancer.prepare(&shape, &layout, 0..0, groups);
    cases.iter().map(|case| balancer.weigh(&Signals { groups, ..case.signals(kind) })).collect()
}

fn largest(x: &Tensor) -> f64 {
    x.abs().max().double_value(&[])
}

fn dot(a: &Tensor, b: &Tensor) -> Tensor {
    (a * b).sum_dim_intlist(-1, false, None)
}

/// Balancers, their words, and numbers of objectives to try each with.
fn walk(modalities: usize, mut visit: impl FnMut(&BalancerEntry, &Hyperparameters, i64)) {
    tch::set_num_threads(1);
    for entry in BALANCERS {
        for own in choices(entry) {
            let balancer =
                (mmdg::balance::builder(entry.name).unwrap().build)(std::slice::from_ref(&own), Kind::Double, Device::Cpu);
            let least = objectives(balancer.as_ref(), modalities);
            let most = if least == 1 { 1 } else { Groups::new(balancer.groups(), &Role::ALL).len() };
            (least..=most).for_each(|count| visit(entry, &own, count));
        }
    }
}

#[test]
fn names_are_unique_and_every_setting_is_explained() {
    for (i, entry) in BALANCERS.iter().enumerate() {
        assert!(BALANCERS[..i].iter().all(|other| other.name != entry.name), "{}", entry.name);
        assert!(!entry.about.is_empty());
        for (j, setting) in entry.takes.iter().enumerate() {
            assert!(setting.about.len() > 5 && entry.takes[..j].iter().all(|other| other.name != setting.name));
            if let Range::Number { default, least, most, search } = setting.range {
                assert!((least..=most).contains(&default), "{} {}", entry.name, setting.name);
                assert!(least <= search[0] && search[0] <= search[1] && search[1] <= most, "{} {}", entry.name, setting.name);
            }
        }
    }
}

#[test]
fn weights_follow_the_modalities() {
    let order = [2, 0, 1];
    walk(3, |entry, own, objectives| {
        let cases = [1, 2, 3].map(|number| Case::new(number, 2, 3, objectives, 2));
        let permuted = [0, 1, 2].map(|i| cases[i].permuted(&order));
        let (one, other) = (steps(entry, own, &cases, Kind::Double), steps(entry, own, &permuted, Kind::Double));
        for (one, other) in one.into_iter().zip(other) {
            assert_eq!(one.is_some(), other.is_some());
            let (Some(one), Some(other)) = (one, other) else { continue };
            let wanted = one.weights.index_select(1, &Tensor::from_slice(&order));
            assert!(largest(&(&wanted - other.weights)) < 1e-9 * (1.0 + largest(&wanted)), "{} {own:?}", entry.name);
        }
    });
}

#[test]
fn weights_do_not_depend_on_the_common_scale_of_gradients() {
    walk(2, |entry, own, objectives| {
        // its weights learn at a rate that goes by the length of gradients
        if entry.name == "grad-norm" {
            return;
        }
        let case = Case::new(4, 2, 2, objectives, 2);
        let of = |factor: f64| steps(entry, own, &[case.scaled(&Tensor::from(factor))], Kind::Double).remove(0);
        let Some(wanted) = of(1.0) else { return };
        for factor in [1e-4, 1e5] {
            let found = of(factor).unwrap().weights;
            assert!(largest(&(found - &wanted.weights)) < 1e-9 * (1.0 + largest(&wanted.weights)), "{} {own:?}", entry.name);
        }
    });
}

#[test]
fn weights_are_finite_whatever_the_gradients() {
    walk(2, |entry, own, objectives| {
        let case = Case::new(5, 1, 2, objectives, 2);
        let line = case.gradients.narrow(2, 0, 1).expand_as(&case.gradients).contiguous();
        let alternating: Vec<f64> = (0..objectives).map(|t| if t % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let powers: Vec<f64> = (0..objectives).map(|t| 1e3f64.powi(t as i32 % 3 - 1)).collect();
        let first: Vec<f64> = (0..objectives).map(|t| if t == 0 { 0.0 } else { 1.0 }).collect();
        let by = |factors: &[f64]| Tensor::from_slice(factors).view([-1, 1]);
        for gradients in [
            case.gradients.zeros_like(),
            &case.gradients * by(&first),
            &case.gradients * by(&first).neg().g_add_scalar(1.0),
            line.copy(),
            &line * by(&powers),
            &line * by(&alternating),
            &line * by(&alternating) * by(&powers),
            &case.gradients * 1e-18,
            &case.gradients * by(&powers),
            &case.gradients * 1e15,
        ] {
            for (kind, confidence) in [(Kind::Double, 1.0), (Kind::Double, 1e3), (Kind::Float, -1e3)] {
                let with = |number| {
                    let case = Case::new(number, 1, 2, objectives, 2);
                    Case {
                        gradients: gradients.shallow_clone(),
                        class: case.class * confidence,
                        domain: case.domain * confidence,
                        ..case
                    }
                };
                let cases = [with(5), Case::new(6, 1, 2, objectives, 2), with(7)];
                for update in steps(entry, own, &cases, kind).into_iter().flatten() {
                    let finite = |x: &Tensor| x.isfinite().all().int64_value(&[]) == 1;
                    let what = || format!("{} {own:?} {kind:?} {:?}", entry.name, Vec::<f64>::try_from(gradients.view([-1])));
                    assert!(finite(&update.weights), "{}", what());
                    assert!(update.heads.as_ref().is_none_or(finite), "{}", what());
                    let record = update.record;
                    let seen = record.figures().iter().map(|(_, figure)| Some(figure.shallow_clone())).collect::<Vec<_>>();
                    assert!(seen.iter().flatten().all(finite), "{}", what());
                }
            }
        }
    });
}

#[test]
fn a_run_alone_weighs_as_among_others() {
    walk(3, |entry, own, objectives| {
        for kind in [Kind::Double, Kind::Float] {
            let cases = [8, 9, 10].map(|number| Case::new(number, 5, 3, objectives, 2));
            let together = steps(entry, own, &cases, kind);
            let part = |case: &Case, r: i64| {
                let take = |x: &Tensor| x.narrow(0, r, 1).copy();
                let [gradients, class, domain, loss, states] =
                    [&case.gradients, &case.class, &case.domain, &case.loss, &case.states].map(take);
                Case { gradients, class, domain, loss, states }
            };
            for r in 0..5 {
                let alone = steps(entry, own, &[0, 1, 2].map(|i| part(&cases[i], r)), kind);
                for (alone, together) in alone.iter().zip(&together) {
                    let (Some(alone), Some(together)) = (alone, together) else { continue };
                    assert_eq!(alone.weights, together.weights.narrow(0, r, 1), "{} {own:?} {kind:?}", entry.name);
                }
            }
        }
    });
}

#[test]
fn updates_work_against_no_objective_where_that_is_promised() {
    walk(3, |entry, own, objectives| {
        let conflict_free = match entry.name {
            "mgda" | "upgrad" | "dual-proj" => true,
            "pcgrad" | "nash-mtl" | "config" | "imtl-g" => objectives == 2,
            _ => false,
        };
        for number in 0..20 {
            let case = Case::new(100 + number, 2, 3, objectives, 2);
            let scales: Vec<f64> = (0..objectives).map(|t| 1e3f64.powf(Stream::new(number).normal(t as u32).tanh())).collect();
            let case = case.scaled(&Tensor::from_slice(&scales).view([-1, 1]));
            let Some(update) = steps(entry, own, &[case.scaled(&Tensor::from(1.0))], Kind::Double).remove(0) else { continue };
            let shared = own.words().get("gramian").copied().unwrap_or_default() == "shared";
            let vectors = |x: Tensor| if shared { x.transpose(1, 2).flatten(2, 3).unsqueeze(1) } else { x };
            let gradients = vectors(case.gradients.shallow_clone());
            let d = match shared {
                true => case.updates(&update.weights).flatten(1, 2).unsqueeze(1).unsqueeze(1),
                false => case.updates(&update.weights).unsqueeze(2),
            };
            let along = dot(&gradients, &d) / (dot(&gradients, &gradients).sqrt() * dot(&d, &d).sqrt());
            if conflict_free {
                assert!(along.min().double_value(&[]) > -1e-9, "{} {own:?} {objectives} {}", entry.name, along.min());
            }
            if entry.name == "mmpareto" {
                let length = |x: &Tensor| dot(x, x).sqrt();
                let sum = gradients.sum_dim_intlist(2, true, None);
                assert!((length(&d) / length(&sum)).min().double_value(&[]) > 1.5 - 1e-9);
            }
            if entry.name == "gmp" {
                let (c, d) = sides(own);
                let gradient = |t: i64| case.gradients.select(2, t) * update.weights.select(2, t).unsqueeze(2);
                let both = gradient(c) + gradient(d);
                let (rho, sigma) = (update.record.get("rho").unwrap(), update.record.get("sigma").unwrap());
                let (every, ahead) = (rho.ones_like(), rho.ge_tensor(sigma).to_kind(Kind::Double));
                // 1 where the domain side is protected, and where the class side is
                let (domain, class) = match own.words().get("project").copied().unwrap_or_default() {
                    "stronger" => (ahead.copy(), 1.0 - ahead),
                    "weaker" => (1.0 - &ahead, ahead),
                    "class" => (every, rho.zeros_like()),
                    "domain" => (rho.zeros_like(), every),
                    "both" => (every.copy(), every),
                    _ => (rho.zeros_like(), rho.zeros_like()),
                };
                for (protected, t) in [(domain, d), (class, c)] {
                    let of = case.gradients.select(2, t);
                    let cosine = dot(&both, &of) / (dot(&both, &both).sqrt() * dot(&of, &of).sqrt());
                    assert!((cosine * protected).min().double_value(&[]) > -1e-9, "{own:?}");
                }
            }
        }
    });
}

#[test]
fn one_source_domain_leaves_the_domain_branch_of_gmp_off() {
    let gmp = mmdg::balance::find("gmp").unwrap();
    for own in choices(gmp).into_iter().filter(|own| own.words().get("modulate").copied().unwrap_or_default() != "unified") {
        let (c, d) = sides(&own);
        let case = Case::new(1, 2, 3, d + 1, 1);
        let _ = case.gradients.select(2, d).fill_(0.0);
        let update = steps(gmp, &own, &[case], Kind::Double).remove(0).unwrap();
        for one in [update.record.get("sigma"), update.record.get("p")] {
            assert_eq!(*one.unwrap(), Tensor::ones([2, 3], CPU), "{own:?}");
        }
        assert_eq!(largest(update.record.get("conflict").unwrap()), 0.0);
        assert_eq!(update.weights.select(2, c), *update.record.get("k").unwrap());
    }
}

#[test]
fn training_a_run_alone_and_in_a_cohort_is_bit_equal() {
    tch::set_num_threads(1);
    let table = small();
    for name in BY_GRAMIAN {
        for words in ["objectives = 'domain'", "objectives = 'unimodal'"] {
            let design = design(&table, name, 0.4);
            let own = |i: usize| {
                hyperparameters(name, words, &[("lambda", 0.1 + i as f64), ("c", 0.1 * i as f64), ("alpha", i as f64)])
            };
            let mut runs: Vec<Run> = (0..4).map(|i| a_run(task(&table, i % 3), i as u64 / 2, own(i))).collect();
            runs[1].epochs = 1;
            let train = |runs: Vec<Run>| {
                let mut cohort = Cohort::new(&table, &design, Optimizer::Adam, 8, runs, Kind::Float, Device::Cpu);
                let epochs: Vec<_> = (0..2).map(|epoch| cohort.epoch(epoch)).collect();
                (cohort.parameters().copy(), epochs)
            };
            let (together, epochs) = train(runs.clone());
            assert!(together.isfinite().all().int64_value(&[]) == 1);
            for (r, run) in runs.into_iter().enumerate() {
                let (alone, own) = train(vec![run]);
                assert_eq!(alone.get(0), together.get(r as i64), "{name} {words:?} run {r}");
                assert!(own.iter().zip(&epochs).all(|(own, all)| format!("{:?}", own[0]) == format!("{:?}", all[r])));
            }
        }
    }
}

#[test]
fn one_source_domain_stops_no_encoder() {
    tch::set_num_threads(1);
    let table = table(&[("video", 4), ("audio", 3), ("flow", 2)], 2, 2, 10);
    for name in BY_GRAMIAN {
        let own = hyperparameters(name, "objectives = 'domain'", &[]);
        let design = design(&table, name, 0.0);
        let runs = vec![a_run(task(&table, 0), 0, own)];
        let mut cohort = Cohort::new(&table, &design, Optimizer::Adam, 8, runs, Kind::Float, Device::Cpu);
        let before = cohort.parameters().copy();
        let epoch = cohort.epoch(0).remove(0).unwrap();
        let conflict = cohort.model().records().iter().position(|&what| what == "conflict").unwrap();
        assert!(epoch.record.iter().all(|figures| figures[conflict] == 0.0));
        for entry in cohort.model().layout.entries().iter().filter(|entry| entry.name.starts_with("encoder.")) {
            let moved = (cohort.parameters() - &before).narrow(1, entry.offset, entry.len());
            assert!(moved.isfinite().all().int64_value(&[]) == 1 && largest(&moved) > 0.0, "{name} {}", entry.name);
        }
    }
}

#[test]
fn two_objectives_of_pcgrad_are_gmps_double_projection() {
    let [pcgrad, gmp] = ["pcgrad", "gmp"].map(|name| mmdg::balance::find(name).unwrap());
    let words = BTreeMap::from([("project".to_owned(), "both".into()), ("modulate".to_owned(), "none".into())]);
    let case = Case::new(20, 8, 3, 2, 2);
    let weights = |entry: &BalancerEntry, given: &BTreeMap<String, toml::Value>| {
        let own = Hyperparameters::new(entry.takes, given).unwrap();
        steps(entry, &own, &[case.scaled(&Tensor::from(1.0))], Kind::Double).remove(0).unwrap().weights
    };
    let (one, other) = (weights(pcgrad, &BTreeMap::new()), weights(gmp, &words));
    assert!(largest(&(&one - 1.0)) > 0.1 && largest(&(one - other)) < 1e-12);
}

#[test]
fn pcgrad_takes_the_others_in_every_order() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        // the stream that a balancer makes of a step's, by its name
        let own = Stream::new(0).with("pcgrad").state().into_iter().fold(Stream::new(seed), Stream::at);
        let mut keys: Vec<(u32, u32)> = (1..4).map(|j| (own.bits(j) >> 8, j)).collect();
        keys.sort_unstable();
        seen.insert(keys.iter().map(|key| key.1).collect::<Vec<_>>());
    }
    assert_eq!(seen.len(), 6);
}

#[derive(serde::Deserialize)]
struct Golden {
    cases: Vec<BTreeMap<String, serde_json::Value>>,
    #[serde(rename = "grad-norm")]
    grad_norm: Vec<BTreeMap<String, Vec<Vec<f64>>>>,
    #[serde(rename = "grad-vac")]
    grad_vac: Vec<Vaccinated>,
}

/// Jacobians one after the other, and what becomes of each.
#[derive(serde::Deserialize)]
struct Vaccinated {
    #[serde(rename = "J")]
    jacobians: Vec<Vec<Vec<f64>>>,
    /// None where the order does not matter.
    #[serde(default)]
    seeds: Vec<u64>,
    updates: Vec<Vec<f64>>,
}

/// One run of one modality with these gradients.
fn of_jacobian(rows: &[Vec<f64>], seed: u64) -> Case {
    let t = rows.len() as i64;
    let gradients = Tensor::from_slice(&rows.concat()).view([1, 1, t, -1]);
    Case { gradients, states: Streams::states(&[Stream::new(seed)]), ..Case::new(1, 1, 1, t, 2) }
}

/// By default settings but for these numbers.
fn update_of(name: &str, numbers: &[(&str, toml::Value)], case: &Case) -> Tensor {
    let entry = mmdg::balance::find(name).unwrap();
    let given = numbers.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let own = Hyperparameters::new(entry.takes, &given).unwrap();
    let update = steps(entry, &own, &[case.scaled(&Tensor::from(1.0))], Kind::Double).remove(0).unwrap();
    case.updates(&update.weights).view([-1])
}

fn apart(found: &Tensor, wanted: &Tensor) -> f64 {
    (found - wanted).norm().double_value(&[]) / wanted.norm().double_value(&[])
}

#[test]
fn the_vaccine_follows_the_usual_cosines_of_an_independent_script_and_of_torchjd() {
    let entry = mmdg::balance::find("grad-vac").unwrap();
    let torchjd: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(include_str!("../reference/updates_of_torchjd.json")).unwrap();
    let of_torchjd: Vaccinated = serde_json::from_value(torchjd["grad-vac"].clone()).unwrap();
    let (mut runs, own) = (golden().grad_vac, Hyperparameters::new(entry.takes, &BTreeMap::new()).unwrap());
    runs.push(of_torchjd);
    for run in runs {
        let seed = |i: usize| run.seeds.get(i).copied().unwrap_or_default();
        let cases: Vec<Case> = run.jacobians.iter().enumerate().map(|(i, rows)| of_jacobian(rows, seed(i))).collect();
        let mut moved = 0;
        for ((update, case), wanted) in steps(entry, &own, &cases, Kind::Double).into_iter().zip(&cases).zip(&run.updates) {
            let (found, wanted) = (case.updates(&update.unwrap().weights).view([-1]), Tensor::from_slice(wanted));
            let error = apart(&found, &wanted);
            // TorchJD adds 1e-8 under its fractions
            assert!(error < if run.seeds.is_empty() { 1e-6 } else { 1e-9 }, "{error:e}");
            moved += usize::from(apart(&found, &case.gradients.sum_dim_intlist(2, false, None).view([-1])) > 0.01);
        }
        assert!(moved > 1, "nothing was against its usual cosine");
    }
}

/// TorchJD's own figures, in its scale: a mean of gradients where ours is a sum.
#[test]
fn updates_are_those_of_torchjd() {
    let all: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(include_str!("../reference/updates_of_torchjd.json")).unwrap();
    let cases: Vec<BTreeMap<String, serde_json::Value>> = serde_json::from_value(all["cases"].clone()).unwrap();
    assert_eq!(cases.len(), 12);
    for case in cases {
        let numbers = |name: &str| -> Vec<f64> { serde_json::from_value(case[name].clone()).unwrap() };
        let (rows, kind): (Vec<Vec<f64>>, _) = (serde_json::from_value(case["J"].clone()).unwrap(), &case["kind"]);
        let (one, t) = (of_jacobian(&rows, 3), rows.len() as f64);
        let whole = one.gradients.norm().double_value(&[]);
        // how near: TorchJD's quadratic programs have 1e-13 to 1e-9 on their diagonal, its CAGrad is SciPy's, its MGDA takes small steps
        for (name, factor, given, near) in [
            ("upgrad", t, vec![], 1e-6),
            ("dual-proj", t, vec![], 1e-6),
            ("config", 1.0, vec![], 1e-10),
            ("imtl-g", 1.0, vec![], 1e-10),
            ("aligned-mtl", t, vec![], 1e-10),
            ("mgda", 1.0, vec![], 1e-3),
            ("cagrad", t, vec![("c", 0.4.into()), ("rescale", "none".into())], 1e-4),
        ] {
            // of gradients that point one way, TorchJD's IMTL-G weighs the longest most, where the paper's closed form weighs it least
            if name == "imtl-g" && kind == "colinear" {
                continue;
            }
            let wanted = Tensor::from_slice(&numbers(name)) * factor;
            let error = apart(&update_of(name, &given, &one), &wanted);
            assert!(error < near, "{name} {t} {kind}: {error:e}");
        }
        let same_way = |found: &Tensor, weights: Vec<f64>| {
            let wanted = one.updates(&Tensor::from_slice(&weights).view([1, 1, -1])).view([-1]);
            apart(&(found / found.norm()), &(&wanted / wanted.norm()))
        };
        // they keep gradients apart that ours take with 1e-4 and 1e-3 on the cosines' diagonal; its Nash-MTL does not get there for
        // gradients of other lengths
        let error = same_way(&update_of("fair-grad", &[("alpha", 2.0.into())], &one), numbers("fair-grad"));
        assert!(error < 1e-3, "fair-grad {t} {kind}: {error:e}");
        if kind != "norms 10³ apart" {
            let error = same_way(&update_of("nash-mtl", &[], &one), numbers("nash-mtl"));
            assert!(error < 5e-3, "nash-mtl {t} {kind}: {error:e}");
        }
        let drawn: Vec<Vec<f64>> = serde_json::from_value(case["pcgrad"].clone()).unwrap();
        let ours = |seed: u64| update_of("pcgrad", &[], &of_jacobian(&rows, seed));
        for seed in 0..if drawn.is_empty() { 0 } else { 8 } {
            let found = ours(seed);
            let nearest = drawn.iter().map(|update| (&found - Tensor::from_slice(update)).norm().double_value(&[]));
            assert!(nearest.fold(f64::INFINITY, f64::min) < 1e-9 * whole, "pcgrad {t} {kind}");
        }
    }
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../reference/balancers.json")).unwrap()
}

#[test]
fn updates_are_those_of_an_independent_script() {
    let mut seen = 0;
    for case in golden().cases {
        let rows: Vec<Vec<f64>> = serde_json::from_value(case["J"].clone()).unwrap();
        let one = of_jacobian(&rows, case["seed"].as_u64().unwrap());
        for entry in BALANCERS {
            let Some(wanted) = case.get(entry.name) else { continue };
            let wanted = Tensor::from_slice(&serde_json::from_value::<Vec<f64>>(wanted.clone()).unwrap());
            let mut given = BTreeMap::new();
            match entry.name {
                "cagrad" => _ = given.insert("c".to_owned(), toml::Value::from(0.4)),
                "fair-grad" => _ = given.insert("alpha".to_owned(), toml::Value::from(2.0)),
                _ => (),
            }
            let words: &[&str] = if entry.name == "rgw" { &[""] } else { &["per-modality", "shared"] };
            for &word in words {
                given.extend((!word.is_empty()).then(|| ("gramian".to_owned(), word.into())));
                let own = Hyperparameters::new(entry.takes, &given).unwrap();
                let update = steps(entry, &own, &[one.scaled(&Tensor::from(1.0))], Kind::Double).remove(0).unwrap();
                let found = one.updates(&update.weights).view([-1]);
                let error = apart(&found, &wanted);
                assert!(error < 1e-9, "{} {} {}: {error:e}\n{found}\n{wanted}", entry.name, rows.len(), case["kind"]);
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 3 * 6 * (11 * 2 + 1));
}

#[test]
fn grad_norm_learns_the_weights_of_an_independent_script() {
    let entry = mmdg::balance::find("grad-norm").unwrap();
    for run in golden().grad_norm {
        let t = run["norms"][0].len() as i64;
        let own = Hyperparameters::new(entry.takes, &BTreeMap::new()).unwrap();
        let case = |(norms, losses): (&Vec<f64>, &Vec<f64>)| Case {
            // two encoders whose gradients have this length together
            gradients: (Tensor::from_slice(norms).diag(0) * 0.5f64.sqrt()).expand([1, 2, t, t], false),
            loss: Tensor::from_slice(losses).unsqueeze(0),
            ..Case::new(1, 1, 2, t, 2)
        };
        let cases: Vec<Case> = run["norms"].iter().zip(&run["losses"]).map(case).collect();
        for (update, wanted) in steps(entry, &own, &cases, Kind::Double).into_iter().zip(&run["weights"]) {
            let (update, wanted) = (update.unwrap(), Tensor::from_slice(wanted));
            assert!(largest(&(update.heads.unwrap() - &wanted)) < 1e-12);
            assert!(largest(&(update.weights - wanted)) < 1e-12);
        }
    }
}
