//! Whole training steps against plain PyTorch (tests/reference/steps.py).
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;
use std::path::Path;

use mmdg::balance::{self, BALANCERS, Hyperparameters, RECORD};
use mmdg::manifest::Split;
use mmdg::method;
use mmdg::objective::Shape;
use mmdg::train::cohort::{Cohort, Run};
use mmdg::train::model::Design;
use mmdg::train::{Numbers, Optimizer, Pick, Table, TableModality, TargetSplit, Task};
use safetensors::SafeTensors;
use tch::{Device, Kind, Tensor};

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

fn table(goldens: &Tensors) -> Table {
    let column = |name: &str| Vec::<i64>::try_from(&goldens[&format!("table.{name}")]).unwrap();
    let places = |name: &str| column(name).into_iter().map(|i| i as usize).collect::<Vec<_>>();
    let modality = |name: &str| {
        let values = &goldens[&format!("table.{name}")];
        let (rows, width) = values.size2().unwrap();
        let values = Vec::<f32>::try_from(values.flatten(0, -1)).unwrap();
        TableModality { name: name.into(), width: width as usize, values, valid: vec![true; rows as usize] }
    };
    let names = |what: &str| (0..3).map(|i| format!("{what}{i}")).collect();
    let split = column("split").into_iter().map(|split| if split == 0 { Split::Train } else { Split::Val }).collect();
    let modalities = ["video", "audio"].map(modality).to_vec();
    Table::new(names("class"), names("domain"), modalities, places("label"), places("domain"), split).unwrap()
}

fn cohort(table: &Table, case: &Case, kind: Kind) -> Cohort {
    let balance = balance::find(&case.balance).unwrap();
    let design = Design {
        shape: Shape {
            modalities: table.modalities().iter().map(|m| m.name.clone()).collect(),
            embedding: case.embedding,
            classes: 3,
            domains: 2,
            hidden: case.head_hidden,
            heads: mmdg::objective::Heads::default(),
        },
        inputs: table.modalities().iter().map(|m| m.width as i64).collect(),
        hidden: vec![case.hidden],
        layer_norm: false,
        class_weights: false,
        dropout: case.dropout,
        method: method::find("erm").unwrap(),
        balance,
    };
    let run = Run {
        task: Task::leave_out(table, &[0, 1], 1, TargetSplit::All).unwrap().into(),
        seed: case.seed,
        epochs: 100 / case.steps,
        learning_rate: case.learning_rate,
        weight_decay: case.weight_decay,
        numbers: Numbers::default(),
        hyperparameters: Hyperparameters::new(balance.takes, &case.settings).unwrap(),
        pick: Pick::Last,
    };
    Cohort::new(table, &design, case.optimizer, case.batch_size, vec![run], kind, Device::Cpu)
}

/// The largest distance of a tensor from the reference's after some steps, in norms of the reference's.
fn distance(cohort: &Cohort, goldens: &Tensors, case: &Case, steps: usize) -> (f64, String) {
    let flat = cohort.parameters().get(0).to_kind(Kind::Double);
    let of_entry = |entry: &mmdg::objective::Entry| {
        let own = flat.narrow(0, entry.offset, entry.len()).view(&entry.shape[..]);
        let own = if entry.shape.len() == 2 { own.transpose(0, 1) } else { own };
        let wanted = &goldens[&format!("{}.{steps}.{}", case.name, entry.name)];
        assert_eq!(own.size(), wanted.size(), "{}", entry.name);
        ((own - wanted).norm().double_value(&[]) / wanted.norm().double_value(&[]), entry.name.clone())
    };
    let entries = cohort.model().layout.entries();
    let prefix = format!("{}.{steps}.", case.name);
    assert_eq!(entries.len(), goldens.keys().filter(|name| name.starts_with(&prefix)).count(), "{prefix}");
    entries.iter().map(of_entry).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}

#[test]
fn steps_are_those_of_plain_pytorch_in_f64_and_f32() {
    tch::set_num_threads(1);
    let (cases, goldens) = goldens();
    let table = table(&goldens);
    for case in cases.iter().filter(|case| BALANCERS.iter().any(|entry| entry.name == case.balance)) {
        assert!(case.branches.values().all(|&times| times > 0), "{}: {:?}", case.name, case.branches);
        for (kind, tolerance, last) in
            [(Kind::Double, 1e-8, 100), (Kind::Float, 1e-3, if case.name == "none" { 100 } else { 10 })]
        {
            let mut cohort = cohort(&table, case, kind);
            let mut conflicts = 0.0;
            for epoch in 0..last / case.steps {
                let done = cohort.epoch(epoch).remove(0).unwrap();
                let conflict = RECORD.iter().position(|&name| name == "conflict").unwrap();
                conflicts += done.record.iter().map(|record| record[conflict] * case.steps as f64).sum::<f64>();
                let steps = (epoch + 1) * case.steps;
                if [10, 100].contains(&steps) {
                    let (far, name) = distance(&cohort, &goldens, case, steps);
                    assert!(far < tolerance, "{} {kind:?} after {steps} steps: {name} is {far:e} off", case.name);
                }
            }
            if let (true, Some(&without)) = (last == 100 && case.balance != "adversarial", case.branches.get("no conflict")) {
                assert_eq!(conflicts.round() as usize, 200 - without, "{}", case.name);
            }
        }
    }
}
