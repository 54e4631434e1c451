//! Whole training steps: against plain PyTorch (tests/reference/steps.py), and as they are dumped.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;
use std::path::Path;

use mmdg::balance;
use mmdg::hyperparameters::Hyperparameters;
use mmdg::manifest::{Labels, Split};
use mmdg::method;
use mmdg::objective::Shape;
use mmdg::task::Classification;
use mmdg::train::cohort::{Cohort, Run};
use mmdg::train::model::Design;
use mmdg::train::{
    DomainTask, FeatureTable, Numbers, Optimizer, Pick, Precision, Protocol, Runs, TableModality, TargetSplit, TrainSettings,
};
use safetensors::SafeTensors;
use tch::{Device, Kind, Tensor};

use super::train::{compare, one_task, run, settings, small};

const GOLDENS: &str = "tests/reference/steps.safetensors";

#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Case {
    name: String,
    balance: String,
    settings: BTreeMap<String, toml::Value>,
    seed: u64,
    batch_size: usize,
    optimizer: Optimizer,
    learning_rate: f64,
    weight_decay: f64,
    hidden: i64,
    embedding: i64,
    head_hidden: i64,
    dropout: f64,
    /// Of an epoch.
    steps: usize,
    /// How often the reference went each way in 100 steps of two modalities.
    branches: BTreeMap<String, usize>,
}

type Tensors = BTreeMap<String, Tensor>;

fn goldens() -> (Vec<Case>, Tensors) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDENS);
    let bytes = std::fs::read(&path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let cases = serde_json::from_str(&header.metadata().as_ref().unwrap()["cases"]).unwrap();
    (cases, Tensor::read_safetensors(path).unwrap().into_iter().collect())
}

pub(super) fn table(goldens: &Tensors, modalities: &[&str]) -> FeatureTable {
    let column = |name: &str| Vec::<i64>::try_from(&goldens[&format!("table.{name}")]).unwrap();
    let places = |name: &str| column(name).into_iter().map(|i| i as usize).collect::<Vec<_>>();
    let modality = |name: &str| {
        let values = &goldens[&format!("table.{name}")];
        let (rows, width) = values.size2().unwrap();
        let values = Vec::<f32>::try_from(values.flatten(0, -1)).unwrap();
        TableModality::new(name, width as usize, values, vec![true; rows as usize])
    };
    let names = |what: &str| (0..3).map(|i| format!("{what}{i}")).collect();
    let split = column("split").into_iter().map(|split| if split == 0 { Split::Train } else { Split::Val }).collect();
    let modalities = modalities.iter().copied().map(modality).collect();
    FeatureTable::new(Labels::classes(names("class"), places("label")), names("domain"), modalities, places("domain"), split)
        .unwrap()
}

fn cohort(table: &FeatureTable, case: &Case, kind: Kind) -> Cohort {
    let balance = balance::builder(&case.balance).unwrap();
    let design = Design {
        shape: Shape {
            modalities: table.modalities().iter().map(|m| m.name.clone()).collect(),
            widths: vec![case.embedding; table.modalities().len()],
            task: Classification::task(3),
            domains: 2,
            hidden: case.head_hidden,
            heads: mmdg::objective::Heads::default(),
        },
        inputs: table.modalities().iter().map(|m| m.width as i64).collect(),
        hidden: vec![case.hidden],
        layer_norm: false,
        class_weights: false,
        dropout: case.dropout,
        products: Default::default(),
        batches: None,
        method: method::builder("erm").unwrap(),
        balance,
    };
    let run = Run {
        task: DomainTask::leave_out(table, &[0, 1], 1, TargetSplit::All).unwrap().into(),
        seed: case.seed,
        epochs: 100 / case.steps,
        learning_rate: case.learning_rate,
        weight_decay: case.weight_decay,
        numbers: Numbers::default(),
        hyperparameters: Hyperparameters::new(balance.entry.takes, &case.settings).unwrap(),
        pick: Pick::Last,
    };
    Cohort::new(table, &design, case.optimizer, case.batch_size, vec![run], kind, Device::Cpu)
}

/// The largest distance of a tensor from the reference's after some steps, in norms of the reference's.
fn distance(own: &Tensors, goldens: &Tensors, case: &Case, steps: usize) -> (f64, String) {
    let prefix = format!("{}.{steps}.", case.name);
    assert_eq!(own.len(), goldens.keys().filter(|name| name.starts_with(&prefix)).count(), "{prefix}");
    let of = |(name, own): (&String, &Tensor)| {
        let wanted = &goldens[&format!("{prefix}{name}")];
        assert_eq!(own.size(), wanted.size(), "{name}");
        let difference = own.to_kind(Kind::Double) - wanted;
        (difference.norm().double_value(&[]) / wanted.norm().double_value(&[]), name.clone())
    };
    own.iter().map(of).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}

/// A cohort's first run by name, weights as [out, in].
fn parameters(cohort: &Cohort) -> Tensors {
    let flat = cohort.parameters().get(0);
    let of_entry = |entry: &mmdg::objective::Parameter| {
        let own = flat.narrow(0, entry.offset, entry.len()).view(&entry.shape[..]);
        (entry.name.clone(), if entry.shape.len() == 2 { own.transpose(0, 1) } else { own })
    };
    cohort.model().layout.entries().iter().map(of_entry).collect()
}

/// A dumped step of the run in this folder.
pub(super) fn dumped(folder: &Path, step: usize) -> Tensors {
    Tensor::read_safetensors(folder.join(format!("steps/{step:06}.safetensors"))).unwrap().into_iter().collect()
}

/// What a dump has below a name.
pub(super) fn below(dump: &Tensors, prefix: &str) -> Tensors {
    dump.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?.to_owned(), tensor.shallow_clone()))).collect()
}

#[test]
fn steps_are_those_of_plain_pytorch_in_f64_and_f32() {
    tch::set_num_threads(1);
    let (cases, goldens) = goldens();
    let (table, folder) = (table(&goldens, &["video", "audio"]), tempfile::tempdir().unwrap());
    for case in &cases {
        assert!(case.branches.values().all(|&times| times > 0), "{}: {:?}", case.name, case.branches);
        for (kind, tolerance, last) in
            [(Kind::Double, 1e-8, 100), (Kind::Float, 1e-3, if case.name == "none" { 100 } else { 10 })]
        {
            let check = |own: &Tensors, steps: usize| {
                let (far, name) = distance(own, &goldens, case, steps);
                println!("{} {kind:?} after {steps} steps: at most {far:.1e} of a tensor's norm off, {name}", case.name);
                assert!(far < tolerance, "{} {kind:?} after {steps} steps: {name} is {far:e} off", case.name);
            };
            let mut cohort = cohort(&table, case, kind);
            cohort.dump(1, vec![folder.path().into()]);
            let mut conflicts = 0.0;
            for epoch in 0..last / case.steps {
                let done = cohort.epoch(epoch).remove(0).unwrap();
                if let Some(conflict) = cohort.model().records().iter().position(|&name| name == "conflict") {
                    conflicts += done.record.iter().map(|record| record[conflict] * case.steps as f64).sum::<f64>();
                }
                let steps = (epoch + 1) * case.steps;
                if [10, 100].contains(&steps) {
                    check(&parameters(&cohort), steps);
                }
            }
            cohort.dumped().unwrap();
            check(&below(&dumped(folder.path(), 0), "after."), 1);
            if let (true, Some(&without)) =
                (last == 100 && cohort.model().records().contains(&"conflict"), case.branches.get("no conflict"))
            {
                assert_eq!(conflicts.round() as usize, 200 - without, "{}", case.name);
            }
        }
    }
}

/// The paper's GMP at a dumped step: one gradient for each objective, and what becomes of them.
fn follow(dump: &Tensors) {
    let leaves: Tensors =
        below(dump, "before.").into_iter().map(|(name, tensor)| (name, tensor.set_requires_grad(true))).collect();
    let linear = |name: &str, x: &Tensor| x.linear(&leaves[&format!("{name}.weight")], leaves.get(&format!("{name}.bias")));
    let mask = |start: i64, width: i64| dump["dropout"].narrow(1, start, width);
    let encode = |(m, name): (i64, &str)| {
        let hidden = linear(&format!("encoder.{name}.0"), &dump[&format!("features.{name}")]).relu() * mask(16 * m, 16);
        linear(&format!("encoder.{name}.1"), &hidden)
    };
    let ce = |logits: &Tensor, label: &str| logits.log_softmax(-1, None).nll_loss(&dump[label]);
    let both = Tensor::cat(&[(0, "video"), (1, "audio")].map(encode), 1);
    let logits = linear("classifier.1", &(linear("classifier.0", &both).relu() * mask(32, 12)));
    let class = ce(&logits, "label");
    let domain = ce(&linear("discriminator.1", &linear("discriminator.0", &both).relu()), "domain");
    let close = |found: &Tensor, wanted: &Tensor, what: &str| {
        let far = (found - wanted).norm().double_value(&[]) / wanted.norm().double_value(&[]);
        assert!(far < 1e-10, "{what} is {far:e} off");
    };
    close(&Tensor::stack(&[&class, &domain], 0), &dump["loss"], "loss");
    for (m, name) in ["video", "audio"].into_iter().enumerate() {
        let names: Vec<&String> = leaves.keys().filter(|key| key.starts_with(&format!("encoder.{name}."))).collect();
        let params: Vec<&Tensor> = names.iter().map(|name| &leaves[*name]).collect();
        let flat = |loss: &Tensor| {
            let parts = Tensor::run_backward(&[loss], &params, true, false);
            Tensor::cat(&parts.iter().map(|part| part.flatten(0, -1)).collect::<Vec<_>>(), 0)
        };
        let both = Tensor::stack(&[flat(&class), flat(&domain) * -0.15], 0);
        close(&both.mm(&both.transpose(0, 1)), &dump["gramian"].get(m as i64), "Gramian");
        let wanted: Vec<Tensor> = names.iter().map(|name| dump[&format!("gradient.{name}")].flatten(0, -1)).collect();
        let weights = dump["weights"].get(m as i64).unsqueeze(0);
        close(&weights.mm(&both).squeeze_dim(0), &Tensor::cat(&wanted, 0), name);
        // the ratios and factors that those weights stand for
        let of = |name: &str, m: usize| dump[name].double_value(&[m as i64]);
        let (rho, sigma) = ("class.confidence", "domain.confidence");
        let (rho, sigma) = (of(rho, m) / of(rho, 1 - m), of(sigma, 1 - m) / of(sigma, m));
        let factor = |ratio: f64, alpha: f64| if ratio > 1.0 { 1.0 - (alpha * ratio).tanh() } else { 1.0 };
        for (figure, wanted) in [("rho", rho), ("sigma", sigma), ("k", factor(rho, 0.5)), ("p", factor(sigma, 0.1))] {
            assert!((of(&format!("record.{figure}"), m) / wanted - 1.0).abs() < 1e-12, "{figure}");
        }
    }
    // Adam's first step is the learning rate, in the direction of the sign
    for (name, after) in below(dump, "after.") {
        let g = &dump[&format!("gradient.{name}")];
        close(&(&dump[&format!("before.{name}")] - g / (g.abs() + 1e-8) * 1e-3), &after, &name);
    }
}

/// Balancers with noise, with masks, with something to carry from step to step, and with copies that train ahead.
const MORE: [&str; 5] = ["ogm-ge", "opm", "cggm", "gradient-blending", "pcgrad"];

#[test]
fn a_dumped_step_can_be_followed_and_dumping_changes_nothing() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let make = |folder: usize, dump_steps: usize, cohort: usize| {
        let protocol = Protocol { seeds: vec![0, 1], ..one_task("domain2") };
        let (cohort, precision) = (Runs::AtMost(cohort), Precision::F64);
        let mut settings =
            TrainSettings { epochs: 2, dump_steps, protocol, cohort, precision, ..settings(folders[folder].path()) };
        settings.compare.extend(MORE.map(|name| compare(&format!("name = {name:?}\nbalance = {name:?}"))));
        run(&small(), &settings).unwrap();
    };
    make(0, 5, 16);
    make(1, 5, 1);
    make(2, 0, 16);
    for name in ["joint", "adversarial", "gmp", "gmp (bench)"].into_iter().chain(MORE) {
        for seed in 0..2 {
            let at = |folder: usize| folders[folder].path().join(name).join(format!("domain2-{seed}"));
            let equal = |a: usize, b: usize, file: &str| {
                let read = |folder: usize| std::fs::read(at(folder).join(file)).unwrap();
                assert!(read(a) == read(b), "{name} {file}");
            };
            for file in ["results.json", "model.safetensors"] {
                equal(0, 1, file);
                equal(0, 2, file);
            }
            equal(0, 1, "steps/000004.safetensors");
            assert_eq!(std::fs::read_dir(at(0).join("steps")).unwrap().count(), 5);
            assert!(!at(2).join("steps").exists());
            let [one, next] = [0, 1].map(|step| dumped(&at(0), step));
            assert!(below(&one, "after.").iter().all(|(name, after)| *after == next[&format!("before.{name}")]));
            if name == "gmp" {
                follow(&one);
            }
        }
    }
}

#[test]
fn a_step_that_cannot_be_written_is_an_error_that_names_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("joint/domain2-0");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("steps"), "in the way").unwrap();
    let settings = TrainSettings { dump_steps: 1, protocol: one_task("domain2"), ..settings(folder.path()) };
    let error = run(&small(), &settings).unwrap_err().to_string();
    assert!(error.contains("joint/domain2-0/steps"), "{error}");
}
