//! Steps of the signal balancers against plain automatic differentiation, with every hook written out.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;

use mmdg::hyperparameters::Hyperparameters;
use mmdg::rng::Stream;
use mmdg::train::Optimizer;
use mmdg::train::cohort::Cohort;
use tch::{Device, Kind, Tensor};

use super::signals::KINDS;
use super::train::{a_run, design, hyperparameters, table, task};

const NAMES: [&str; 2] = ["video", "audio"];
const ROWS: usize = 8;

/// One run, its tensors by name.
struct Plain {
    params: BTreeMap<String, Tensor>,
    moments: BTreeMap<String, (Tensor, Tensor)>,
    steps: i32,
    own: Hyperparameters,
    /// AGM's mean scores, CGGM's accuracies.
    carried: [f64; 2],
    /// CGGM's direction by name.
    direction: BTreeMap<String, Tensor>,
    scaled: usize,
}

fn cross_entropy(scores: &Tensor, y: &Tensor) -> Tensor {
    scores.log_softmax(-1, None).nll_loss(y)
}

fn number(tensor: &Tensor) -> f64 {
    tensor.double_value(&[])
}

/// The part of a step's stream for one purpose, as [`mmdg::objective::Streams::with`].
fn part(stream: Stream, purpose: &str) -> Stream {
    Stream::new(0).with(purpose).state().into_iter().fold(stream, Stream::at)
}

impl Plain {
    fn names(&self, prefix: &str) -> Vec<String> {
        self.params.keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    }

    fn gradients(&self, loss: &Tensor, names: &[String]) -> Vec<Tensor> {
        let leaves: Vec<&Tensor> = names.iter().map(|name| &self.params[name]).collect();
        Tensor::run_backward(&[loss], &leaves, true, false)
    }

    fn linear(&self, name: &str, x: &Tensor) -> Tensor {
        let y = x.matmul(&self.params[&format!("{name}.weight")]);
        self.params.get(&format!("{name}.bias")).map_or_else(|| y.shallow_clone(), |bias| &y + bias)
    }

    /// A class head of two layers.
    fn head(&self, name: &str, x: &Tensor) -> Tensor {
        self.linear(&format!("{name}.1"), &self.linear(&format!("{name}.0"), x).relu())
    }

    fn step(&mut self, name: &str, x: &[Tensor], y: &Tensor, stream: Stream) {
        let z: Vec<Tensor> = (0..2).map(|m| self.head(&format!("encoder.{}", NAMES[m]), &x[m])).collect();
        let setting = |name: &str| self.own.numbers()[name];
        let mut gradients = BTreeMap::new();

        // what each modality says by itself
        let mut scores = Vec::new();
        let detached: Vec<Tensor> = z.iter().map(Tensor::detach).collect();
        for m in 0..2 {
            let z = &detached[m];
            scores.push(match name {
                "cggm" => self.head(&format!("guide.{}", NAMES[m]), z),
                "agm" => {
                    let at = |keep: [bool; 2]| {
                        let part = |j: usize| if keep[j] { detached[j].shallow_clone() } else { detached[j].zeros_like() };
                        self.head("classifier", &Tensor::cat(&[part(0), part(1)], 1))
                    };
                    (at([true, true]) - at([m == 1, m == 0]) + at([m == 0, m == 1])) * 0.5
                }
                "gradient-blending" => self.linear(&format!("unimodal.{}", NAMES[m]), z),
                _ => self.linear(&format!("probe.class.{}", NAMES[m]), z),
            });
        }
        let confidence: Vec<f64> =
            scores.iter().map(|s| number(&s.softmax(-1, None).gather(1, &y.unsqueeze(1), false).mean(None))).collect();
        let rho = [confidence[0] / confidence[1], confidence[1] / confidence[0]];

        // OPM
        let mut fused = z.iter().map(Tensor::shallow_clone).collect::<Vec<_>>();
        if name == "opm" {
            let random = part(stream, "opm");
            if f64::from(random.uniform(0)) < setting("p-exe") {
                let q = rho.map(|rho| {
                    let q = setting("q-base") * (1.0 + setting("lambda") * (rho - 1.0).tanh());
                    if rho > 1.0 { q.min(1.0) } else { 0.0 }
                });
                // both embeddings are equally wide
                let left = 1.0 - f64::midpoint(q[0], q[1]);
                for m in 0..2 {
                    let kept = |b: usize| f64::from(u8::from(f64::from(random.uniform((1 + 2 * b + m) as u32)) >= q[m])) / left;
                    let mask: Vec<f64> = (0..ROWS).map(kept).collect();
                    self.scaled += usize::from(mask.contains(&0.0));
                    fused[m] = &fused[m] * Tensor::from_slice(&mask).unsqueeze(1);
                }
            }
        }

        let hidden = self.linear("classifier.0", &Tensor::cat(&fused, 1)).relu();
        let loss = cross_entropy(&self.linear("classifier.1", &hidden), y);
        let heads = self.names("classifier");
        gradients.extend(heads.iter().cloned().zip(self.gradients(&loss, &heads)));

        let mut k = [1.0; 2];
        match name {
            "ogm" | "ogm-ge" => k = rho.map(|rho| if rho > 1.0 { 1.0 - (setting("alpha") * rho).tanh() } else { 1.0 }),
            "agm" => {
                let s: Vec<f64> = scores.iter().map(|s| number(&cross_entropy(s, y))).collect();
                let ratio = |s: &[f64], m: usize| (s[1 - m] - s[m]).exp();
                k = [0, 1].map(|m| (setting("alpha") * (ratio(&self.carried, m) - ratio(&s, m)).min(7.0)).exp());
                let n = f64::from(self.steps + 1);
                self.carried = [0, 1].map(|m| self.carried[m] * (n - 1.0) / n + s[m] / n);
            }
            "cggm" => {
                let accuracy: Vec<f64> =
                    scores.iter().map(|s| number(&s.argmax(1, false).eq_tensor(y).to_kind(Kind::Double).mean(None))).collect();
                let change = [0, 1].map(|m| accuracy[m] - self.carried[m]);
                let sum = change[0] + change[1] + 1e-8;
                let share = change.map(|change| ((sum - change) / sum).clamp(0.0, setting("clamp")));
                k = share.map(|share| share * setting("rho"));
                self.carried = [accuracy[0], accuracy[1]];
                let paper = self.own.words().get("form").copied().unwrap_or_default() == "paper";
                let last = &self.params["classifier.1.weight"];
                let slope = |loss: &Tensor, by: &Tensor| Tensor::run_backward(&[loss], &[by], true, true).remove(0);
                let whole = if paper { slope(&loss, last) } else { last.shallow_clone() };
                let mut direction = Tensor::from(0.0);
                for m in 0..2 {
                    let weight = &self.params[&format!("guide.{}.1.weight", NAMES[m])];
                    let own = if paper { slope(&cross_entropy(&scores[m], y), weight) } else { weight.shallow_clone() };
                    let (own, whole) = (own.detach().flatten(0, -1), whole.flatten(0, -1));
                    let cosine = own.dot(&whole) / (own.norm() * whole.norm());
                    direction += (share[m] - share[m] * cosine) / 2.0;
                }
                for (name, carried) in &self.direction {
                    let steered = &gradients[name] + carried * setting("lambda");
                    gradients.insert(name.clone(), steered);
                }
                let reached: Vec<String> = if paper { heads.clone() } else { vec!["classifier.1.weight".into()] };
                let leaves: Vec<&Tensor> = reached.iter().map(|name| &self.params[name]).collect();
                let found = Tensor::run_backward(&[direction], &leaves, true, false);
                let found = reached.into_iter().zip(found.into_iter().map(|g| g.detach()));
                self.direction = found.collect();
            }
            "gradient-blending" => k = [1.0 / 3.0; 2],
            _ => {}
        }
        self.scaled += usize::from(k.iter().any(|&k| k != 1.0));

        for m in 0..2 {
            let encoder = self.names(&format!("encoder.{}", NAMES[m]));
            let found: Vec<Tensor> = self.gradients(&loss, &encoder);
            for (entry, found) in encoder.into_iter().zip(found) {
                let mut g = &found * k[m];
                if name == "ogm-ge" && entry.ends_with("weight") {
                    g += noise(&found, part(stream, &entry));
                }
                gradients.insert(entry, g);
            }
        }
        match name {
            "gradient-blending" => {
                for name in &heads {
                    let third = &gradients[name] / 3.0;
                    gradients.insert(name.clone(), third);
                }
                for m in 0..2 {
                    let own = cross_entropy(&self.linear(&format!("unimodal.{}", NAMES[m]), &z[m]), y) / 3.0;
                    for prefix in ["encoder", "unimodal"] {
                        let names = self.names(&format!("{prefix}.{}", NAMES[m]));
                        for (name, g) in names.iter().zip(self.gradients(&own, &names)) {
                            let sum = gradients.get(name).map_or_else(|| g.shallow_clone(), |other| other + &g);
                            gradients.insert(name.clone(), sum);
                        }
                    }
                }
            }
            "agm" => {}
            _ => {
                let prefix = if name == "cggm" { "guide" } else { "probe" };
                let names = self.names(prefix);
                let loss = cross_entropy(&scores[0], y) + cross_entropy(&scores[1], y);
                gradients.extend(names.iter().cloned().zip(self.gradients(&loss, &names)));
            }
        }
        self.adam(gradients);
    }

    fn adam(&mut self, gradients: BTreeMap<String, Tensor>) {
        self.steps += 1;
        assert_eq!(gradients.len(), self.params.len());
        for (name, g) in gradients {
            let param = self.params.remove(&name).unwrap().detach();
            let (m, v) = self.moments.remove(&name).unwrap_or((g.zeros_like(), g.zeros_like()));
            let (m, v): (Tensor, Tensor) = (m * 0.9 + &g * 0.1, v * 0.999 + g.square() * 0.001);
            let (m_hat, v_hat): (Tensor, Tensor) = (&m / (1.0 - 0.9f64.powi(self.steps)), &v / (1.0 - 0.999f64.powi(self.steps)));
            let next = param - m_hat * 3e-3 / (v_hat.sqrt() + 1e-8);
            self.params.insert(name.clone(), next.set_requires_grad(true));
            self.moments.insert(name, (m, v));
        }
    }
}

/// Of the standard deviation of `gradient`, element pairs by Box and Muller.
fn noise(gradient: &Tensor, stream: Stream) -> Tensor {
    let n = gradient.numel();
    let half = n.div_ceil(2);
    let pair = |i: usize| {
        let [u, v] = [2 * i, 2 * i + 1].map(|i| f64::from(stream.uniform(i as u32)));
        ((-2.0 * (1.0 - u).ln()).sqrt(), std::f64::consts::TAU * v)
    };
    let pairs: Vec<(f64, f64)> = (0..half).map(pair).collect();
    let all = pairs.iter().map(|(r, a)| r * a.cos()).chain(pairs.iter().map(|(r, a)| r * a.sin()));
    let normal: Vec<f64> = all.take(n).collect();
    Tensor::from_slice(&normal).view_as(gradient) * (number(&gradient.std(true)) + 1e-8)
}

#[test]
fn eighteen_steps_agree_with_plain_automatic_differentiation() {
    tch::set_num_threads(1);
    let table = table(&[("video", 6), ("audio", 5)], 3, 3, 17);
    let (task, seed) = (task(&table, 1), 4);
    let x: Vec<Tensor> = (0..2)
        .map(|m| {
            let of = &table.modalities()[m];
            let x = Tensor::from_slice(&of.values).to_kind(Kind::Double).view([-1, of.width as i64]);
            (x - Tensor::from_slice(&task.standard[m].mean)) * Tensor::from_slice(&task.standard[m].scale)
        })
        .collect();
    for (name, words) in KINDS {
        // weights of gradient blending stay equal; AGM's probabilities stay above their floor
        let own = hyperparameters(name, words, &[("momentum", 1.0), ("clamp", 3.0), ("alpha", 0.4), ("lambda", 0.5)]);
        let runs = vec![a_run(task.clone(), seed, own.clone())];
        let mut cohort = Cohort::new(&table, &design(&table, name, 0.0), Optimizer::Adam, ROWS, runs, Kind::Double, Device::Cpu);
        let read = |cohort: &Cohort| -> BTreeMap<String, Tensor> {
            let flat = cohort.parameters().get(0).copy();
            let view = |e: &mmdg::objective::Parameter| (e.name.clone(), flat.narrow(0, e.offset, e.len()).view(&e.shape[..]));
            cohort.model().layout.entries().iter().map(view).collect()
        };
        let params = read(&cohort).into_iter().map(|(n, t)| (n, t.copy().set_requires_grad(true))).collect();
        let (moments, direction) = (BTreeMap::new(), BTreeMap::new());
        let mut plain = Plain { params, moments, steps: 0, own, carried: [0.0; 2], direction, scaled: 0 };
        let mut train = task.train.clone();
        if name == "gradient-blending" {
            let order = Stream::new(seed).with("held-out").permutation(train.len());
            let mut fit = order[(0.2 * train.len() as f64).round() as usize..].to_vec();
            fit.sort_unstable();
            train = fit.into_iter().map(|i| task.train[i]).collect();
        }
        for epoch in 0..2 {
            let order = Stream::new(seed).with("shuffle").at(epoch).permutation(train.len());
            for (step, batch) in order.chunks_exact(ROWS).enumerate() {
                let index = |of: &dyn Fn(usize) -> usize| {
                    Tensor::from_slice(&batch.iter().map(|&i| of(train[i]) as i64).collect::<Vec<_>>())
                };
                let x: Vec<Tensor> = x.iter().map(|x| x.index_select(0, &index(&|i| i))).collect();
                let stream = Stream::new(seed).with("dropout").at(epoch).at(step as u32);
                plain.step(name, &x, &index(&|i| table.labels().places()[i] as usize), stream);
            }
            cohort.epoch(epoch as usize);
            for (key, value) in read(&cohort) {
                let wanted = &plain.params[&key];
                let error = number(&(&value - wanted).norm()) / number(&wanted.norm());
                assert!(error < 1e-9, "{name} {words:?} epoch {epoch} {key}: {error:e}");
            }
        }
        assert!(plain.scaled > 3, "{name} {}", plain.scaled);
    }
}
