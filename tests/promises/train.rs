//! Training: exact, reproducible, blind to the target, and clear about bad settings.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, OnceLock};

use mmdg::balance::{Groups, Signals};
use mmdg::hyperparameters::Hyperparameters;
use mmdg::manifest::{Labels, Split};
use mmdg::objective::{Heads, Role, Shape};
use mmdg::report::results::RunResult;
use mmdg::rng::Stream;
use mmdg::stop::Stop;
use mmdg::task::{Classification, Reading};
use mmdg::train::cohort::{Cohort, Epoch, Run};
use mmdg::train::model::Design;
use mmdg::train::{
    Compare, DomainTask, FeatureTable, Numbers, Optimizer, Pick, Precision, Protocol, Subset, TableModality, TargetSplit,
    TrainSettings,
};
use mmdg::{Error, balance, method, train};
use tch::{Device, Kind, Tensor};

/// `per` rows of each class and domain: class and domain both shift the mean, noise does the rest.
pub(super) fn table(modalities: &[(&str, usize)], classes: usize, domains: usize, per: usize) -> FeatureTable {
    let rows = classes * domains * per;
    let label: Vec<usize> = (0..rows).map(|i| i % classes).collect();
    let domain: Vec<usize> = (0..rows).map(|i| i / classes % domains).collect();
    let split = |i: usize| match i / (classes * domains) % 5 {
        0 if per > 1 => Split::Val,
        _ => Split::Train,
    };
    let modality = |&(name, width): &(&str, usize)| {
        let stream = Stream::new(1).with(name);
        let direction = |what: &str, which: usize, d: usize| stream.with(what).at(which as u32).normal(d as u32);
        let value = |i: usize, d: usize| {
            let noise = stream.with("noise").at(i as u32).normal(d as u32);
            (direction("class", label[i], d) + 0.5 * direction("domain", domain[i], d) + noise + 3.0) as f32
        };
        let values = (0..rows).flat_map(|i| (0..width).map(move |d| (i, d))).map(|(i, d)| value(i, d)).collect();
        TableModality::new(name, width, values, vec![true; rows])
    };
    let names = |what: &str, n: usize| (0..n).map(|i| format!("{what}{i}")).collect();
    let split = (0..rows).map(split).collect();
    let modalities = modalities.iter().map(modality).collect();
    FeatureTable::new(Labels::classes(names("class", classes), label), names("domain", domains), modalities, domain, split)
        .unwrap()
}

/// By row, the place of its class.
pub(super) fn classes_of(table: &FeatureTable) -> Vec<usize> {
    table.labels().places().iter().map(|&place| place as usize).collect()
}

pub(super) fn small() -> FeatureTable {
    table(&[("video", 6), ("audio", 5)], 3, 3, 10)
}

pub fn compare(text: &str) -> Compare {
    toml::from_str(text).unwrap()
}

pub fn settings(out: &Path) -> TrainSettings {
    TrainSettings {
        out: out.into(),
        protocol: Protocol { seeds: vec![0, 1], ..Protocol::default() },
        epochs: 3,
        batch_size: 8,
        learning_rate: 1e-3,
        hidden: Some(16.into()),
        embedding: 8.into(),
        head_hidden: 12,
        compare: ["name = 'joint'", "name = 'adversarial'\nbalance = 'adversarial'", "name = 'gmp'\nbalance = 'gmp'"]
            .map(compare)
            .into_iter()
            .chain([compare("name = 'gmp (bench)'\nbalance = 'gmp'\nvariant = 'bench'")])
            .collect(),
        ..TrainSettings::default()
    }
}

pub fn run(table: &FeatureTable, settings: &TrainSettings) -> mmdg::Result<Vec<RunResult>> {
    train::train(table, settings, &Stop::default(), &|_| ())
}

pub(super) fn design(table: &FeatureTable, balance: &str, dropout: f64) -> Design {
    Design {
        shape: Shape {
            modalities: table.modalities().iter().map(|m| m.name.clone()).collect(),
            widths: vec![8; table.modalities().len()],
            task: Classification::task(table.classes().len() as i64),
            domains: table.domains().len() as i64 - 1,
            hidden: 12,
            heads: Heads::default(),
        },
        inputs: table.modalities().iter().map(|m| m.width as i64).collect(),
        hidden: vec![16],
        layer_norm: false,
        class_weights: false,
        dropout,
        products: Default::default(),
        batches: None,
        method: method::builder("erm").unwrap(),
        balance: balance::builder(balance).unwrap(),
    }
}

pub(super) fn task(table: &FeatureTable, target: usize) -> Arc<DomainTask> {
    let modalities: Vec<usize> = (0..table.modalities().len()).collect();
    Arc::new(DomainTask::leave_out(table, &modalities, target, TargetSplit::All).unwrap())
}

pub(super) fn a_run(task: Arc<DomainTask>, seed: u64, hyperparameters: Hyperparameters) -> Run {
    Run {
        task,
        seed,
        epochs: 3,
        learning_rate: 3e-3,
        weight_decay: 0.0,
        numbers: Numbers::default(),
        hyperparameters,
        pick: Pick::Validation,
    }
}

/// Leaves this domain out, with seed 0.
pub fn one_task(target: &str) -> Protocol {
    Protocol { targets: vec![target.into()], seeds: vec![0], ..Protocol::default() }
}

/// Kinds of a cohort: balancer and the settings that its runs share.
const KINDS: [(&str, &str); 5] = [
    ("none", ""),
    ("adversarial", ""),
    ("gmp", "variant = 'paper'"),
    ("gmp", "variant = 'bench'"),
    ("gmp", "variant = 'bench'\nunimodal-head = 'projected'"),
];

/// TrainSettings of a balancer; of `more` those that it takes.
pub(super) fn hyperparameters(balance: &str, words: &str, more: &[(&str, f64)]) -> Hyperparameters {
    let takes = balance::find(balance).unwrap().takes;
    let mut given: BTreeMap<String, toml::Value> = toml::from_str(words).unwrap();
    for (name, value) in more {
        given.insert((*name).into(), (*value).into());
        if Hyperparameters::new(takes, &given).is_err() {
            given.remove(*name);
        }
    }
    Hyperparameters::new(takes, &given).unwrap()
}

/// Three epochs of `runs` give the bits and figures that each run gives by itself.
pub(super) fn alone_as_together(table: &FeatureTable, design: &Design, runs: Vec<Run>, what: &str) {
    let train = |runs: Vec<Run>| {
        let mut cohort = Cohort::new(table, design, Optimizer::Adam, 8, runs, Kind::Float, Device::Cpu);
        let epochs: Vec<Vec<Option<Epoch>>> = (0..3).map(|epoch| cohort.epoch(epoch)).collect();
        (cohort.parameters().copy(), epochs)
    };
    let (together, epochs) = train(runs.clone());
    for (r, run) in runs.into_iter().enumerate() {
        let (alone, own) = train(vec![run]);
        assert_eq!(alone.get(0), together.get(r as i64), "{what} run {r}");
        for (own, all) in own.iter().zip(&epochs) {
            // as text: figures that a balancer does not have are NaN, which equals nothing
            assert_eq!(format!("{:?}", own[0]), format!("{:?}", all[r]), "{what} run {r}");
        }
    }
}

#[test]
fn a_run_alone_and_in_a_cohort_are_bit_equal() {
    tch::set_num_threads(1);
    let full = small();
    let mut split = full.split().to_vec();
    // one domain with fewer training rows: runs differ in steps an epoch
    (0..full.len()).filter(|&i| full.domain()[i] == 2 && i % 3 == 0).for_each(|i| split[i] = Split::Test);
    let (labels, domains) = (full.labels().clone(), full.domains().to_vec());
    let table = FeatureTable::new(labels, domains, full.modalities().to_vec(), full.domain().to_vec(), split).unwrap();
    for (name, words) in KINDS {
        let design = design(&table, name, 0.4);
        let own = |i: usize| hyperparameters(name, words, &[("lambda", 0.1 + i as f64), ("alpha-k", 0.2 * i as f64)]);
        let mut runs: Vec<Run> = (0..5).map(|i| a_run(task(&table, i % 3), i as u64 / 2, own(i))).collect();
        runs[1].epochs = 1;
        runs[3].learning_rate = 1e-4;
        alone_as_together(&table, &design, runs, &format!("{name} {words:?}"));
    }
}

/// One run written out plainly: one backward pass for each objective, explicit vectors, explicit projection.
struct Reference {
    params: BTreeMap<String, Tensor>,
    moments: BTreeMap<String, (Tensor, Tensor)>,
    branches: [usize; 5],
}

impl Reference {
    fn linear(&self, name: &str, x: &Tensor) -> Tensor {
        let y = x.matmul(&self.params[&format!("{name}.weight")]);
        self.params.get(&format!("{name}.bias")).map_or_else(|| y.shallow_clone(), |bias| &y + bias)
    }

    fn gradient(&self, loss: &Tensor, names: &[String]) -> Vec<Tensor> {
        let leaves: Vec<&Tensor> = names.iter().map(|name| &self.params[name]).collect();
        Tensor::run_backward(&[loss], &leaves, true, false)
    }

    fn names(&self, prefix: &str) -> Vec<String> {
        self.params.keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    }

    /// Sets the gradient of heads whose names start so.
    fn heads(&self, into: &mut BTreeMap<String, Tensor>, loss: &Tensor, prefix: &str) {
        let names = self.names(prefix);
        into.extend(names.iter().cloned().zip(self.gradient(loss, &names)));
    }

    fn step(&mut self, x: &[Tensor], y: &Tensor, d: &Tensor, balance: &str, own: &Hyperparameters, step: i32) {
        let modalities = ["video", "audio"];
        let ce = |logits: &Tensor, label: &Tensor| logits.log_softmax(-1, None).nll_loss(label);
        let truth = |logits: &Tensor, label: &Tensor| {
            logits.softmax(-1, None).gather(1, &label.unsqueeze(1), false).mean(None).double_value(&[])
        };
        let z: Vec<Tensor> = (0..2)
            .map(|m| {
                let name = format!("encoder.{}", modalities[m]);
                self.linear(&format!("{name}.1"), &self.linear(&format!("{name}.0"), &x[m]).relu())
            })
            .collect();
        let both = Tensor::cat(&z, 1);
        let class_loss = ce(&self.linear("classifier.1", &self.linear("classifier.0", &both).relu()), y);
        let mut gradients = BTreeMap::new();
        self.heads(&mut gradients, &class_loss, "classifier");
        for modality in modalities {
            let names = self.names(&format!("encoder.{modality}"));
            gradients.extend(names.iter().cloned().zip(self.gradient(&class_loss, &names)));
        }
        if balance != "none" {
            let (bench, number) =
                (own.words().get("variant").copied().unwrap_or_default() == "bench", |name: &str| own.numbers()[name]);
            let own_head = own.words().get("unimodal-head").copied().unwrap_or_default();
            // losses of each modality for the bench form, shared ones for the paper's
            let (mut class, mut domain, mut q, mut c) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for m in 0..2 {
                if bench {
                    let logits = self.linear(&format!("unimodal.{}", modalities[m]), &z[m]);
                    class.push(ce(&logits, y));
                    q.push(truth(&logits, y));
                    let hidden =
                        self.linear("discriminator.0", &self.linear(&format!("projection.{}", modalities[m]), &z[m]).relu());
                    let norm = ["weight", "bias"].map(|what| Some(&self.params[&format!("discriminator.norm.{what}")]));
                    let hidden = hidden.layer_norm([12i64], norm[0], norm[1], 1e-5, false).relu();
                    let logits = self.linear("discriminator.1", &hidden);
                    domain.push(ce(&logits, d));
                    c.push(truth(&logits, d));
                } else {
                    class.push(class_loss.shallow_clone());
                    domain.push(ce(&self.linear("discriminator.1", &self.linear("discriminator.0", &both).relu()), d));
                }
            }
            if bench {
                self.heads(&mut gradients, &(&domain[0] + &domain[1]), "discriminator");
                self.heads(&mut gradients, &(&domain[0] + &domain[1]), "projection");
            } else {
                self.heads(&mut gradients, &domain[0], "discriminator");
            }
            if balance == "gmp" && !bench {
                for (label, of, what) in [(y, &mut q, "class"), (d, &mut c, "domain")] {
                    for m in 0..2 {
                        let name = format!("probe.{what}.{}", modalities[m]);
                        let logits = self.linear(&name, &z[m].detach());
                        of.push(truth(&logits, label));
                        self.heads(&mut gradients, &ce(&logits, label), &name);
                    }
                }
            }
            let (class_scale, domain_scale) = if bench {
                (number("class-weight"), number("domain-weight") * number("reversal"))
            } else {
                (1.0, number("lambda"))
            };
            for m in 0..2 {
                let encoder = self.names(&format!("encoder.{}", modalities[m]));
                let own = if bench { self.names(&format!("unimodal.{}", modalities[m])) } else { Vec::new() };
                let all: Vec<String> = encoder.iter().chain(&own).cloned().collect();
                let flat = |parts: &[Tensor]| Tensor::cat(&parts.iter().map(|part| part.flatten(0, -1)).collect::<Vec<_>>(), 0);
                let mut g_c = flat(&self.gradient(&class[m], &all)) * class_scale;
                let mut parts = self.gradient(&domain[m], &encoder);
                parts.extend(own.iter().map(|name| self.params[name].zeros_like()));
                let mut g_d = flat(&parts) * -domain_scale;
                let mut of_head = g_c.shallow_clone();
                if balance == "gmp" {
                    let (rho, sigma) = (q[m] / q[1 - m], c[1 - m] / c[m]);
                    let (k_on, p_on) = (rho > 1.0, sigma > 1.0);
                    g_c *= if k_on { 1.0 - (number("alpha-k") * rho).tanh() } else { 1.0 };
                    g_d *= if p_on { 1.0 - (number("alpha-p") * sigma).tanh() } else { 1.0 };
                    of_head = g_c.shallow_clone();
                    let dot = |a: &Tensor, b: &Tensor| (a * b).sum(None).double_value(&[]);
                    let branch = match (dot(&g_c, &g_d) < 0.0, rho / sigma >= 1.0) {
                        (false, _) => 0,
                        (true, true) => {
                            g_c = &g_c - &g_d * (dot(&g_c, &g_d) / dot(&g_d, &g_d));
                            1
                        }
                        (true, false) => {
                            g_d = &g_d - &g_c * (dot(&g_c, &g_d) / dot(&g_c, &g_c));
                            2
                        }
                    };
                    self.branches[branch] += 1;
                    self.branches[3] += usize::from(k_on);
                    self.branches[4] += usize::from(p_on);
                }
                let mut update = g_c + g_d;
                if own_head == "modulated" {
                    // the head has no domain gradient to meet, as in the authors' code
                    let start: i64 = encoder.iter().map(|name| self.params[name].numel() as i64).sum();
                    update = Tensor::cat(&[update.narrow(0, 0, start), of_head.narrow(0, start, of_head.size()[0] - start)], 0);
                }
                if bench {
                    let fused = self.gradient(&class_loss, &encoder);
                    let mut parts: Vec<Tensor> = fused;
                    parts.extend(own.iter().map(|name| self.params[name].zeros_like()));
                    update += flat(&parts);
                }
                let mut at = 0;
                for name in all {
                    let param = &self.params[&name];
                    let size = param.numel() as i64;
                    gradients.insert(name.clone(), update.narrow(0, at, size).view_as(param));
                    at += size;
                }
            }
        }
        for (name, g) in gradients {
            let param = self.params.remove(&name).unwrap().detach();
            let (m, v) = self.moments.remove(&name).unwrap_or((g.zeros_like(), g.zeros_like()));
            let (m, v): (Tensor, Tensor) = (m * 0.9 + &g * 0.1, v * 0.999 + g.square() * 0.001);
            let (m_hat, v_hat): (Tensor, Tensor) = (&m / (1.0 - 0.9f64.powi(step)), &v / (1.0 - 0.999f64.powi(step)));
            let next = param - m_hat * 3e-3 / (v_hat.sqrt() + 1e-8);
            self.params.insert(name.clone(), next.set_requires_grad(true));
            self.moments.insert(name, (m, v));
        }
    }
}

#[test]
fn eighteen_steps_agree_with_plain_automatic_differentiation() {
    let table = table(&[("video", 6), ("audio", 5)], 3, 3, 17);
    let (task, seed, rows) = (task(&table, 1), 4, 8);
    assert_eq!(task.train.len() / rows, 9);
    let x: Vec<Tensor> = (0..2)
        .map(|m| {
            let of = &table.modalities()[m];
            let (mean, scale) = (&task.standard[m].mean, &task.standard[m].scale);
            let x = Tensor::from_slice(&of.values).to_kind(Kind::Double).view([-1, of.width as i64]);
            (x - Tensor::from_slice(mean)) * Tensor::from_slice(scale)
        })
        .collect();
    for (name, words) in KINDS {
        let own = hyperparameters(name, words, &[("lambda", 0.5), ("alpha-p", 0.3)]);
        let runs = vec![a_run(task.clone(), seed, own.clone())];
        let mut cohort = Cohort::new(&table, &design(&table, name, 0.0), Optimizer::Adam, rows, runs, Kind::Double, Device::Cpu);
        let read = |cohort: &Cohort| -> BTreeMap<String, Tensor> {
            let flat = cohort.parameters().get(0).copy();
            let view = |e: &mmdg::objective::Parameter| (e.name.clone(), flat.narrow(0, e.offset, e.len()).view(&e.shape[..]));
            cohort.model().layout.entries().iter().map(view).collect()
        };
        let leaves = |p: BTreeMap<String, Tensor>| p.into_iter().map(|(n, t)| (n, t.copy().set_requires_grad(true))).collect();
        let mut reference = Reference { params: leaves(read(&cohort)), moments: BTreeMap::new(), branches: [0; 5] };
        for epoch in 0..2 {
            let order = Stream::new(seed).with("shuffle").at(epoch).permutation(task.train.len());
            for step in 0..9 {
                let batch: Vec<usize> = order[step * rows..(step + 1) * rows].iter().map(|&i| task.train[i]).collect();
                let index =
                    |of: &dyn Fn(usize) -> usize| Tensor::from_slice(&batch.iter().map(|&i| of(i) as i64).collect::<Vec<_>>());
                let here = index(&|i| i);
                let x: Vec<Tensor> = x.iter().map(|x| x.index_select(0, &here)).collect();
                let y = index(&|i| classes_of(&table)[i]);
                let d = index(&|i| task.sources.iter().position(|&s| s == table.domain()[i]).unwrap());
                reference.step(&x, &y, &d, name, &own, (epoch * 9 + step as u32 + 1) as i32);
            }
            cohort.epoch(epoch as usize);
            for (key, value) in read(&cohort) {
                let wanted = &reference.params[&key];
                let error = (&value - wanted).norm().double_value(&[]) / wanted.norm().double_value(&[]);
                assert!(error < 1e-10, "{name} {words:?} epoch {epoch} {key}: {error:e}");
            }
        }
        if name == "gmp" {
            assert!(reference.branches.iter().all(|&count| count > 0), "{words:?} {:?}", reference.branches);
        }
    }
}

/// One row whose truth has this probability, by modality.
fn reading(p: &[f64]) -> Reading {
    let scores: Vec<f64> = p.iter().flat_map(|p| [p.ln(), (1.0 - p).ln()]).collect();
    let one = Tensor::ones([1, 1], (Kind::Double, Device::Cpu));
    Reading::new(
        &Classification::of(2),
        &Tensor::from_slice(&scores).view([1, -1, 1, 2]),
        &one.zeros_like().to_kind(Kind::Int64),
        &one,
    )
}

#[test]
fn gmp_gives_the_updates_of_the_papers_equations() {
    #[derive(serde::Deserialize)]
    struct Case {
        q: Vec<f64>,
        c: Vec<f64>,
        g_c: Vec<Vec<f64>>,
        g_d: Vec<Vec<f64>>,
        alpha_k: f64,
        alpha_p: f64,
        words: BTreeMap<String, String>,
        update: Vec<Vec<f64>>,
        branches: Vec<Branch>,
    }
    #[derive(serde::Deserialize)]
    struct Branch {
        project: String,
        k: f64,
        p: f64,
    }
    let cases: Vec<Case> = serde_json::from_str(include_str!("../reference/gmp.json")).unwrap();
    let mut seen = BTreeMap::new();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for case in &cases {
        let words: String = case.words.iter().map(|(key, word)| format!("{key} = '{word}'\n")).collect();
        let own = hyperparameters("gmp", &words, &[("alpha-k", case.alpha_k), ("alpha-p", case.alpha_p)]);
        let gmp = balance::builder("gmp").unwrap();
        let mut gmp = (gmp.build)(&[own], Kind::Double, Device::Cpu);
        let products = |m: usize| {
            let (c, d) = (&case.g_c[m], &case.g_d[m]);
            [dot(c, c), dot(c, d), dot(d, c), dot(d, d)]
        };
        let gramian: Vec<f64> = (0..case.q.len()).flat_map(products).collect();
        let class = if words.contains("bench") { Role::Unimodal } else { Role::Task };
        let signals = Signals {
            groups: Groups::new(gmp.groups(), &[class, Role::Domain]),
            loss: Tensor::zeros([1, 2], (Kind::Double, Device::Cpu)),
            class: Some(reading(&case.q)),
            domain: Some(reading(&case.c)),
            gramian: Some(Tensor::from_slice(&gramian).view([1, -1, 2, 2])),
            active: Tensor::from_slice(&[1.0]),
            states: Tensor::zeros([1, 2], (Kind::Int, Device::Cpu)),
            epoch: 0,
            done: None,
        };
        let update = gmp.weigh(&signals).unwrap();
        for (m, branch) in case.branches.iter().enumerate() {
            let weight = |t: i64| update.weights.double_value(&[0, m as i64, t]);
            let (class, domain) = (&case.g_c[m], &case.g_d[m]);
            for (i, wanted) in case.update[m].iter().enumerate() {
                let got = weight(0) * class[i] + weight(1) * domain[i];
                assert!((got - wanted).abs() < 1e-12 * (1.0 + wanted.abs()), "{got} {wanted}");
            }
            // what is left of the projected side has nothing along the protected one
            let (side, protected, rest) = match branch.project.as_str() {
                "class" => (class, domain, weight(1) - branch.p),
                "domain" => (domain, class, weight(0) - branch.k),
                _ => (class, domain, 0.0),
            };
            if ["class", "domain"].contains(&branch.project.as_str()) {
                let own = if branch.project == "class" { weight(0) } else { weight(1) };
                let left: Vec<f64> = side.iter().zip(protected).map(|(a, b)| own * a + rest * b).collect();
                assert!(dot(&left, protected).abs() < 1e-12 * (1.0 + dot(side, side).sqrt() * dot(protected, protected)));
            }
            *seen.entry((case.q.len(), branch.project.clone(), branch.k < 1.0, branch.p < 1.0)).or_insert(0) += 1;
        }
    }
    for modalities in [2, 3] {
        for project in ["none", "class", "domain"] {
            assert!(seen.keys().any(|key| key.0 == modalities && key.1 == project), "{modalities} {project}");
        }
        assert!(seen.keys().any(|key| key.0 == modalities && key.2) && seen.keys().any(|key| key.0 == modalities && key.3));
    }
}

#[test]
fn sixteen_samples_are_learned_by_heart() {
    let folder = tempfile::tempdir().unwrap();
    let full = table(&[("video", 6), ("audio", 5)], 4, 3, 2);
    let split = (0..full.len()).map(|_| Split::Train).collect::<Vec<_>>();
    let mut label: Vec<usize> = (0..full.len()).map(|i| (Stream::new(3).bits(i as u32) % 4) as usize).collect();
    label[..4].copy_from_slice(&[0, 1, 2, 3]);
    // every source row is trained on; the selection rows are copies of domain 0's, as test rows
    let (mut modalities, mut domain, mut split) = (full.modalities().to_vec(), full.domain().to_vec(), split);
    let extra: Vec<usize> = (0..full.len()).filter(|&i| domain[i] < 2).collect();
    for &i in &extra {
        for m in &mut modalities {
            let row = m.values[i * m.width..(i + 1) * m.width].to_vec();
            m.values.extend(row);
            m.valid.push(true);
        }
        label.push(label[i]);
        domain.push(domain[i]);
        split.push(Split::Test);
    }
    let labels = Labels::classes(full.classes().to_vec(), label);
    let table = FeatureTable::new(labels, full.domains().to_vec(), modalities, domain, split).unwrap();
    let settings = TrainSettings {
        epochs: 150,
        dropout: 0.0,
        protocol: one_task("domain2"),
        learning_rate: 1e-2,
        ..settings(folder.path())
    };
    for result in run(&table, &settings).unwrap() {
        assert_eq!(result.rows.train, 16);
        assert_eq!(result.curve.last().unwrap().train_score, 1.0, "{}", result.name);
        assert_eq!(result.source_validation_score, 1.0, "{}", result.name);
    }
}

#[test]
fn it_learns_and_two_runs_give_equal_bytes() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let table = table(&[("video", 12), ("audio", 8)], 5, 3, 12);
    let of = |folder: &Path| TrainSettings { epochs: 12, learning_rate: 3e-3, dropout: 0.2, ..settings(folder) };
    let results = run(&table, &of(one.path())).unwrap();
    assert_eq!(results.len(), 4 * 3 * 2);
    run(&table, &of(other.path())).unwrap();
    for result in results {
        assert!(result.source_validation_score > 0.6, "{} {}", result.name, result.source_validation_score);
        assert_eq!(result.confusion.iter().flatten().sum::<u64>(), result.rows.target as u64);
        check_domains(&result);
        assert_eq!(result.curve[0].balance.len(), if result.balance == "gmp" { 2 } else { 0 });
        for balance in result.curve.iter().flat_map(|epoch| epoch.balance.values()) {
            let (k, conflict) = (balance.get("k").unwrap(), balance.get("conflict").unwrap());
            assert!(k <= 1.0 && k > 0.0 && (0.0..=1.0).contains(&conflict), "{balance:?}");
        }
        let folder = Path::new(&result.name).join(format!("{}-{}", result.target, result.seed));
        let balance = std::fs::read_to_string(one.path().join(&folder).join("balance.csv")).unwrap();
        assert_eq!(balance.lines().count(), 1 + 12 * 2);
        let figures = if result.balance == "gmp" { ",rho,sigma,gamma,k,p,cosine,conflict,projected" } else { "" };
        assert_eq!(balance.lines().next(), Some(format!("epoch,modality{figures}").as_str()), "{balance}");
        for file in ["results.json", "config.toml", "metrics.csv", "balance.csv", "model.safetensors"] {
            let bytes = |base: &Path| std::fs::read(base.join(&folder).join(file)).unwrap();
            assert!(bytes(one.path()) == bytes(other.path()), "{} {file}", folder.display());
        }
    }
}

/// That the figures by domain add up to those of the run.
fn check_domains(run: &RunResult) {
    let parts: Vec<_> = run.domains.iter().map(|domain| (domain.domain.as_str(), domain.part.as_str())).collect();
    let mut wanted: Vec<_> = run.sources.iter().map(|source| (source.as_str(), "validation")).collect();
    wanted.push((&run.target, "test"));
    assert_eq!(parts, wanted);
    let on_target = run.on_target().unwrap();
    assert_eq!((on_target.metrics["accuracy"], on_target.rows), (run.target_score, run.rows.target as u64));
    let sources = &run.domains[..run.sources.len()];
    let right: f64 = sources.iter().map(|domain| domain.metrics["accuracy"] * domain.rows as f64).sum();
    assert!((right / run.rows.validation as f64 - run.source_validation_score).abs() < 1e-9);
    for domain in &run.domains {
        let calibration = domain.calibration.as_ref().unwrap();
        assert_eq!((calibration.bins.len(), calibration.bins.iter().map(|bin| bin.rows).sum()), (15, domain.rows));
        assert!((0.0..1.0).contains(&calibration.ece) && (0.0..=1.0).contains(&domain.metrics["macro_f1"]));
        let heads = if run.balance == "gmp" { vec!["audio", "video"] } else { vec![] };
        assert_eq!(domain.heads.keys().collect::<Vec<_>>(), heads);
        assert!(domain.heads.values().all(|share| *share > 0.2), "{:?}", domain.heads);
    }
    let losses = match run.name.as_str() {
        "joint" => vec!["classifier"],
        "gmp (bench)" => vec!["classifier", "unimodal", "projection", "discriminator"],
        _ => vec!["classifier", "discriminator"],
    };
    assert_eq!(run.losses, losses);
}

#[test]
fn scrambled_target_labels_change_no_parameter() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let table = small();
    let mut label = classes_of(&table);
    (0..table.len()).filter(|&i| table.domain()[i] == 2).for_each(|i| label[i] = (label[i] + 1 + i % 2) % 3);
    let scrambled = FeatureTable::new(
        Labels::classes(table.classes().to_vec(), label),
        table.domains().to_vec(),
        table.modalities().to_vec(),
        table.domain().to_vec(),
        table.split().to_vec(),
    )
    .unwrap();
    let of =
        |folder: &Path| TrainSettings { protocol: Protocol { seeds: vec![0, 1], ..one_task("domain2") }, ..settings(folder) };
    let plain = run(&table, &of(one.path())).unwrap();
    let changed = run(&scrambled, &of(other.path())).unwrap();
    assert!(plain.iter().zip(&changed).any(|(a, b)| a.target_score != b.target_score));
    for (a, b) in plain.iter().zip(&changed) {
        assert_eq!((a.selected_epoch, &a.curve), (b.selected_epoch, &b.curve));
        let file = Path::new(&a.name).join(format!("{}-{}", a.target, a.seed)).join("model.safetensors");
        assert!(std::fs::read(one.path().join(&file)).unwrap() == std::fs::read(other.path().join(&file)).unwrap());
    }
}

#[test]
fn finished_runs_are_not_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (table, settings) = (small(), settings(folder.path()));
    let stop = Stop::default();
    // one thread goes on until a run is finished and then asks to stop; the others wait for that in their first epoch, so
    // that something is left to interrupt however many cores there are
    let (leader, asked, change) = (OnceLock::new(), Mutex::new(false), Condvar::new());
    let first = train::train(&table, &settings, &stop, &|p| {
        let here = std::thread::current().id();
        if p.epochs_done == 0 {
        } else if *leader.get_or_init(|| here) != here {
            drop(change.wait_while(asked.lock().unwrap(), |asked| !*asked).unwrap());
        } else if p.runs_done > 0 {
            stop.ask(15);
            *asked.lock().unwrap() = true;
            change.notify_all();
        }
    });
    assert!(matches!(first, Err(Error::Interrupted { signal: 15 })));
    let file = |run: &RunResult| folder.path().join(&run.name).join(format!("{}-{}", run.target, run.seed)).join("results.json");
    let before: Vec<_> = walk(folder.path(), "results.json");
    assert!(!before.is_empty() && before.len() < 24, "{}", before.len());
    let times: Vec<_> = before.iter().map(|path| std::fs::metadata(path).unwrap().modified().unwrap()).collect();
    let results = run(&table, &settings).unwrap();
    assert_eq!(results.len(), 24);
    assert!(results.iter().all(|run| file(run).exists()));
    assert!(before.iter().zip(times).all(|(path, time)| std::fs::metadata(path).unwrap().modified().unwrap() == time));

    let fresh = tempfile::tempdir().unwrap();
    let undisturbed = run(&table, &TrainSettings { out: fresh.path().into(), ..settings.clone() }).unwrap();
    assert!(results == undisturbed);
    // other settings: everything anew, where that is said
    let changed = run(&table, &TrainSettings { epochs: 2, overwrite: true, ..settings }).unwrap();
    assert!(changed.iter().all(|run| run.curve.len() == 2));
    assert!(walk(folder.path(), ".part").is_empty());
}

pub fn walk(folder: &Path, ending: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(walk(&entry, ending));
        } else if entry.to_string_lossy().ends_with(ending) {
            found.push(entry);
        }
    }
    found
}

#[test]
fn rows_that_lack_a_modality_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let full = small();
    let mut modalities = full.modalities().to_vec();
    modalities[1].valid[7] = false;
    modalities[1].values[7 * 5] = f32::NAN;
    let lacking = FeatureTable::new(
        full.labels().clone(),
        full.domains().to_vec(),
        modalities,
        full.domain().to_vec(),
        full.split().to_vec(),
    )
    .unwrap();
    let one = TrainSettings { protocol: one_task("domain0"), ..settings(folder.path()) };
    for run in run(&lacking, &one).unwrap() {
        assert_eq!(run.rows.left_out, 1);
        assert_eq!(run.rows.train + run.rows.validation + run.rows.target, full.len() - 1);
        assert!(run.curve.iter().all(|epoch| epoch.train_loss.is_finite() && epoch.validation_loss.is_finite()));
    }
    let video = TrainSettings { protocol: Protocol { modalities: vec![Subset::Word("v".into())], ..one_task("domain0") }, ..one };
    assert!(run(&lacking, &video).unwrap().iter().all(|run| run.rows.left_out == 0 && run.modalities == ["video"]));
}

#[test]
fn one_source_domain_three_modalities_linear_encoders_and_large_batches_all_train() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(&[("video", 4), ("audio", 3), ("flow", 2)], 2, 2, 10);
    let settings = TrainSettings {
        hidden: Some(0.into()),
        batch_size: 64,
        protocol: Protocol { seeds: vec![u64::from(u32::MAX) + 5], ..Protocol::default() },
        precision: Precision::F64,
        ..settings(folder.path())
    };
    for run in run(&table, &settings).unwrap() {
        assert_eq!(run.sources.len(), 1);
        for epoch in &run.curve {
            assert!(epoch.train_loss.is_finite());
            // one domain: nothing to tell apart, so nothing to conflict with
            assert!(
                epoch.balance.values().all(|b| ["sigma", "p", "conflict"].map(|name| b.get(name)) == [1.0, 1.0, 0.0].map(Some)),
                "{:?}",
                epoch.balance
            );
        }
    }
}

#[test]
fn bad_settings_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let table = small();
    let good = settings(folder.path());
    let refused = |settings: TrainSettings, expected: &str| {
        let error = run(&table, &settings).unwrap_err();
        assert_eq!(error.exit_code(), 3, "{error}");
        assert!(error.to_string().contains(expected), "{error} should have {expected:?}");
    };
    let protocol = |protocol: Protocol| TrainSettings { protocol, ..good.clone() };
    let subset = |text: &str| protocol(Protocol { modalities: vec![Subset::Word(text.into())], ..Protocol::default() });
    refused(protocol(one_task("mars")), "domain0, domain1, domain2");
    refused(subset("vide"), "no modality begins with 'i'");
    refused(subset("video+smell"), "video, audio");
    refused(subset("vv"), "\"video\" stands twice");
    refused(TrainSettings { epochs: 0, ..good.clone() }, "[train] epochs: 0");
    refused(TrainSettings { batch_size: 0, ..good.clone() }, "[train] batch-size: 0");
    refused(TrainSettings { learning_rate: f64::NAN, ..good.clone() }, "[train] learning-rate: NaN");
    refused(TrainSettings { dropout: 1.0, ..good.clone() }, "[train] dropout: 1");
    refused(protocol(Protocol { seeds: vec![], ..Protocol::default() }), "[protocol] seeds");
    refused(TrainSettings { device: "tpu".into(), ..good.clone() }, "expected \"cpu\", \"cuda\"");
    refused(protocol(Protocol { target_split: Some(TargetSplit::Test), ..Protocol::default() }), "no row to test on");
    let with = |text: &str| TrainSettings { compare: vec![compare(text)], ..good.clone() };
    refused(with("name = 'x'\nbalance = 'gpm'"), "none, adversarial, gmp, ogm");
    refused(with("name = 'x'\nmethod = 'mre'"), "expected one of erm");
    refused(with("name = 'a/b'"), "a folder's");
    refused(with("name = 'x'\nbalance = 'gmp'\nreversal = 0.3"), "reversal");
    refused(with("name = 'x'\nbalance = 'gmp'\nalpha-k = -1"), "alpha-k = -1");
    refused(TrainSettings { compare: vec![compare("name = 'x'"), compare("name = 'x'")], ..good.clone() }, "stands twice");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(toml::from_str::<TrainSettings>("epoch = 3").unwrap_err().to_string().contains("unknown field `epoch`"));
    let parsed: TrainSettings = toml::from_str("[[compare]]\nname = 'x'\nbalance = 'gmp'\nvariant = 'bench'").unwrap();
    assert_eq!((parsed.compare.len(), parsed.epochs), (1, 20));
    let found = train::device::libtorch().unwrap();
    if found.devices == 0 {
        let error = run(&table, &TrainSettings { device: "cuda".into(), ..good }).unwrap_err();
        assert!(matches!(error, Error::Environment { .. }) && error.exit_code() == 6, "{error}");
    }
}

#[test]
fn features_that_cannot_be_trained_on_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let full = small();
    type Change<'a> = &'a dyn Fn(&mut Vec<usize>, &mut Vec<usize>, &mut Vec<Split>);
    let refused = |change: Change, expected: &str| {
        let (mut label, mut domain, mut split) = (classes_of(&full), full.domain().to_vec(), full.split().to_vec());
        change(&mut label, &mut domain, &mut split);
        let labels = Labels::classes(full.classes().to_vec(), label);
        let table = FeatureTable::new(labels, full.domains().to_vec(), full.modalities().to_vec(), domain, split);
        let error = table.and_then(|table| run(&table, &settings(folder.path()))).unwrap_err();
        assert!(matches!(error, Error::Input { .. }) && error.to_string().contains(expected), "{error} should have {expected:?}");
    };
    refused(&|label, _, _| label[4] = 3, "row 4: 3; expected below 3");
    refused(&|label, _, _| _ = label.pop(), "expected 89");
    refused(&|label, _, _| label.iter_mut().for_each(|l| *l = (*l).min(1)), "class \"class2\" has no training row");
    refused(&|_, domain, _| domain.iter_mut().for_each(|d| *d = (*d).min(1)), "source \"domain2\" has no training row");
    refused(&|_, _, split| split.fill(Split::Train), "no row in split val or test");
    refused(&|_, _, split| split.fill(Split::Test), "no training row");
    let mut modalities = full.modalities().to_vec();
    modalities[0].values[13] = f32::INFINITY;
    let (labels, domains) = (full.labels().clone(), full.domains().to_vec());
    let error = FeatureTable::new(labels, domains, modalities, full.domain().to_vec(), full.split().to_vec()).unwrap_err();
    assert_eq!(error.to_string(), "features: video: row 2: not finite");
}
