//! Methods with several forward passes: against plain PyTorch (tests/reference/methods.py), in cohorts, resumed; and which losses
//! a balancer's factors fall on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mmdg::balance::BALANCERS;
use mmdg::hyperparameters::{Hyperparameters, Range, Setting};
use mmdg::method::{self, METHODS};
use mmdg::objective::{Heads, LayerPart, Layout, Role, Shape};
use mmdg::task::Classification;
use mmdg::train::cohort::{Cohort, Run};
use mmdg::train::model::Design;
use mmdg::train::{
    Compare, DomainTask, FeatureTable, Numbers, Optimizer, Pick, Precision, Protocol, ProtocolKind, TargetSplit, TrainSettings,
};
use safetensors::SafeTensors;
use tch::{Device, Kind, Tensor};

use super::reference_steps::{below, dumped, table};
use super::train::{a_run, alone_as_together, compare, design, one_task, run, settings, small, task};

#[derive(Clone, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Case {
    name: String,
    method: String,
    balance: String,
    settings: BTreeMap<String, toml::Value>,
    seed: u64,
    batch_size: usize,
    learning_rate: f64,
    hidden: i64,
    embedding: i64,
    head_hidden: i64,
    dropout: f64,
    /// Of cases that are looked at once.
    #[serde(default)]
    steps: usize,
    /// Empty: both of the table.
    #[serde(default)]
    modalities: Vec<String>,
}

type Tensors = BTreeMap<String, Tensor>;

fn read(name: &str) -> (Tensors, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name);
    let bytes = std::fs::read(&path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let cases = header.metadata().as_ref().unwrap()["cases"].clone();
    (Tensor::read_safetensors(path).unwrap().into_iter().collect(), cases)
}

fn of_case(table: &FeatureTable, case: &Case) -> (Design, Run) {
    let (method, balance) = (method::builder(&case.method).unwrap(), mmdg::balance::builder(&case.balance).unwrap());
    let place = |name: &String| table.modalities().iter().position(|m| m.name == *name).unwrap();
    let places: Vec<usize> = if case.modalities.is_empty() { vec![0, 1] } else { case.modalities.iter().map(place).collect() };
    let design = Design {
        shape: Shape {
            modalities: places.iter().map(|&m| table.modalities()[m].name.clone()).collect(),
            widths: vec![case.embedding; places.len()],
            task: Classification::task(3),
            domains: 2,
            hidden: case.head_hidden,
            heads: Heads::default(),
        },
        inputs: places.iter().map(|&m| table.modalities()[m].width as i64).collect(),
        hidden: vec![case.hidden],
        layer_norm: false,
        class_weights: false,
        dropout: case.dropout,
        products: Default::default(),
        batches: None,
        method,
        balance,
    };
    let run = Run {
        task: DomainTask::leave_out(table, &places, 1, TargetSplit::All).unwrap().into(),
        seed: case.seed,
        epochs: 100,
        learning_rate: case.learning_rate,
        weight_decay: 0.0,
        numbers: Numbers::default(),
        hyperparameters: Hyperparameters::new(method.entry.takes.iter().chain(balance.entry.takes), &case.settings).unwrap(),
        pick: Pick::Last,
    };
    (design, run)
}

/// Of a run's parameters [P], by name, weights as [out, in].
fn named(cohort: &Cohort, flat: &Tensor) -> Tensors {
    let of = |entry: &mmdg::objective::Parameter| {
        let own = flat.narrow(0, entry.offset, entry.len()).view(&entry.shape[..]);
        (entry.name.clone(), if entry.part == LayerPart::Weight { own.transpose(0, 1) } else { own })
    };
    cohort.model().layout.entries().iter().map(of).collect()
}

/// Three runs of a case, of which the second one has its seed.
fn cohort(table: &FeatureTable, case: &Case) -> Cohort {
    let (design, run) = of_case(table, case);
    let runs = [case.seed + 7, case.seed, case.seed + 1].map(|seed| Run { seed, ..run.clone() }).to_vec();
    Cohort::new(table, &design, Optimizer::Adam, case.batch_size, runs, Kind::Double, Device::Cpu)
}

fn train(cohort: &mut Cohort, steps: usize) {
    let (mut epoch, mut left) = (0, steps);
    while left > 0 {
        left -= cohort.steps(epoch, left).1[0];
        epoch += 1;
    }
}

/// Holds the second run's parameters, and the teacher's where there is one, to those of the reference.
fn held_to(cohort: &Cohort, wanted: &Tensors, prefix: &str) {
    let (name, far) = farthest(cohort, wanted, prefix);
    assert!(far < 1e-8, "{prefix}{name} is {far:e} off");
}

/// The parameter that is farthest off, and how far in parts of its norm.
fn farthest(cohort: &Cohort, wanted: &Tensors, prefix: &str) -> (String, f64) {
    let own = below(wanted, prefix);
    let mut found = named(cohort, &cohort.parameters().get(1));
    if own.keys().any(|name| name.starts_with("teacher.")) {
        let teacher = named(cohort, &cohort.judged_parameters().get(1));
        found.extend(teacher.into_iter().map(|(name, tensor)| (format!("teacher.{name}"), tensor)));
    }
    assert_eq!(own.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>(), "{prefix}");
    let far = |(name, wanted): (&String, &Tensor)| {
        let far = (&found[name] - wanted).norm().double_value(&[]) / wanted.norm().double_value(&[]);
        (name.clone(), if far.is_nan() { f64::INFINITY } else { far })
    };
    own.iter().map(far).max_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap()
}

#[test]
fn ten_steps_are_those_of_plain_pytorch() {
    tch::set_num_threads(1);
    let (wanted, cases) = read("methods.safetensors");
    let table = table(&read("steps.safetensors").0, &["video", "audio"]);
    let cases: Vec<Case> = serde_json::from_str(&cases).unwrap();
    assert_eq!(cases.len(), 6);
    for case in &cases {
        let mut cohort = cohort(&table, case);
        train(&mut cohort, case.steps);
        held_to(&cohort, &wanted, &format!("{}.", case.name));
    }
}

/// Published methods after 1, 10 and 100 steps (tests/reference/published.py).
#[test]
fn a_hundred_steps_are_those_of_plain_pytorch() {
    tch::set_num_threads(1);
    let (wanted, cases) = read("published.safetensors");
    let table = table(&wanted, &["video", "audio", "flow"]);
    let cases: Vec<Case> = serde_json::from_str(&cases).unwrap();
    let looked_at = [1, 10, 100];
    let mut methods: BTreeSet<&str> = BTreeSet::new();
    for case in &cases {
        methods.insert(&case.method);
        for steps in looked_at {
            let mut cohort = cohort(&table, case);
            train(&mut cohort, steps);
            held_to(&cohort, &wanted, &format!("{}@{steps}.", case.name));
        }
    }
    assert_eq!((cases.len(), methods.len()), (34, 14));
}

/// The same references tell a method whose setting is a hundredth off: none of a method's terms could be another without being seen.
#[test]
fn a_setting_that_is_a_hundredth_off_is_seen() {
    tch::set_num_threads(1);
    let (wanted, cases) = read("published.safetensors");
    let table = table(&wanted, &["video", "audio", "flow"]);
    let cases: Vec<Case> = serde_json::from_str(&cases).unwrap();
    let mut seen = 0;
    for case in cases.iter().filter(|case| case.balance == "none" && case.modalities.len() == 2) {
        for (key, value) in case.settings.iter().filter(|(_, value)| value.is_float()) {
            let settings = case.settings.iter().map(|(key, value)| (key.clone(), value.clone()));
            let off = (key.clone(), toml::Value::from(value.as_float().unwrap() * 1.01));
            let other = Case { settings: settings.chain([off]).collect(), ..case.clone() };
            // penalties set in after twenty steps
            let steps = if key == "irm-weight" || key == "vrex-weight" { 100 } else { 10 };
            let mut cohort = cohort(&table, &other);
            train(&mut cohort, steps);
            let (_, far) = farthest(&cohort, &wanted, &format!("{}@{steps}.", case.name));
            assert!(far > 1e-7, "{} {key}: {far:e}", case.name);
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn runs_of_every_method_alone_and_in_a_cohort_are_bit_equal() {
    tch::set_num_threads(1);
    let table = small();
    for method in method::BUILDERS {
        for balance in ["none", "gmp"] {
            let design = Design { method, ..design(&table, balance, 0.4) };
            let takes = method.entry.takes.iter().chain(design.balance.entry.takes);
            let own = Hyperparameters::new(takes, &BTreeMap::new()).unwrap();
            let other = ["inner-rate", "sam-rho", "teacher-decay"].iter().fold(own.clone(), |own, key| own.with(key, 0.25));
            let hyperparameters = [own.clone(), other, own];
            let runs = (0..3).map(|i| a_run(task(&table, i), i as u64, hyperparameters[i].clone())).collect();
            alone_as_together(&table, &design, runs, &format!("{} {balance}", method.entry.name));
        }
    }
}

#[test]
fn a_run_that_was_interrupted_goes_on_with_what_its_method_carries() {
    let table = small();
    for method in METHODS {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let column = compare(&format!("name = 'x'\nmethod = '{}'\nbalance = 'gmp'", method.name));
        let of = |folder: usize| TrainSettings {
            epochs: 4,
            checkpoint_every: 1,
            compare: vec![column.clone()],
            protocol: one_task("domain2"),
            ..settings(folders[folder].path())
        };
        run(&table, &of(0)).unwrap();
        let stop = mmdg::stop::Stop::default();
        let asks = |progress: mmdg::train::Progress| {
            if progress.epochs_done == 2 {
                stop.ask(2);
            }
        };
        assert!(mmdg::train::train(&table, &of(1), &stop, &asks).is_err(), "{}", method.name);
        assert!(folders[1].path().join("x/domain2-0/checkpoint.safetensors").exists(), "{}", method.name);
        run(&table, &of(1)).unwrap();
        let [whole, resumed] = [0, 1].map(|i| std::fs::read(folders[i].path().join("x/domain2-0/model.safetensors")).unwrap());
        assert!(whole == resumed, "{}", method.name);
    }
}

#[test]
fn what_is_judged_is_what_the_method_says() {
    let table = small();
    let design = Design { method: method::builder("mean-teacher").unwrap(), ..design(&table, "none", 0.0) };
    let own = Hyperparameters::new(design.method.entry.takes, &toml::from_str("teacher-decay = 0.5").unwrap()).unwrap();
    let mut cohort =
        Cohort::new(&table, &design, Optimizer::Sgd, 8, vec![a_run(task(&table, 2), 1, own)], Kind::Double, Device::Cpu);
    let mut teacher = cohort.parameters().copy();
    for epoch in 0..2 {
        let _one = cohort.steps(epoch, 1);
        teacher = teacher * 0.5 + cohort.parameters() * 0.5;
        assert!((cohort.judged_parameters() - &teacher).abs().max().double_value(&[]) < 1e-15);
    }
    assert!((cohort.parameters() - &teacher).abs().max().double_value(&[]) > 0.0);
}

#[test]
fn what_compares_domains_is_refused_where_there_is_one_or_too_few_rows() {
    let table = small();
    let refused = |text: &str, change: fn(&mut TrainSettings)| {
        let folder = tempfile::tempdir().unwrap();
        let mut settings =
            TrainSettings { compare: vec![compare(text)], protocol: one_task("domain2"), ..settings(folder.path()) };
        change(&mut settings);
        let error = run(&table, &settings).unwrap_err().to_string();
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "{error}");
        error
    };
    let single = refused("name = 'x'\nmethod = 'coral'", |settings| settings.protocol.kind = ProtocolKind::SingleSource);
    assert!(single.contains("[[train.compare]] \"x\": method \"coral\" compares source domains, here domain0 alone"), "{single}");
    let inner = refused("name = 'x'\nmethod = 'vrex'", |settings| {
        settings.protocol.selection = mmdg::train::Selection::LeaveOneDomainOut
    });
    assert!(inner.contains("expected two or more, or another method"), "{inner}");
    let few = refused("name = 'x'\nmethod = 'mixup'", |settings| settings.batch_size = 3);
    assert!(few.contains("batch-size = 3 with batches by domain; expected at least 2 rows of each of 2 sources"), "{few}");
    let asked = refused("name = 'x'", |settings| {
        (settings.batch_size, settings.batches) = (2, Some(mmdg::method::Batches::ByDomain));
    });
    assert!(asked.contains("batch-size = 2 with batches by domain"), "{asked}");
}

/// The method is the balancer's base, by another name.
#[test]
fn dann_is_erm_with_adversarial() {
    tch::set_num_threads(1);
    let table = small();
    let trained = |method: &str, balance: &str, key: &str| {
        let design = Design { method: method::builder(method).unwrap(), ..design(&table, balance, 0.4) };
        let takes = design.method.entry.takes.iter().chain(design.balance.entry.takes);
        let own = Hyperparameters::new(takes, &BTreeMap::new()).unwrap().with(key, 0.7);
        let mut cohort =
            Cohort::new(&table, &design, Optimizer::Adam, 8, vec![a_run(task(&table, 2), 1, own)], Kind::Double, Device::Cpu);
        train(&mut cohort, 5);
        cohort.parameters().copy()
    };
    assert_eq!(trained("dann", "none", "dann-weight"), trained("erm", "adversarial", "lambda"));
    assert_ne!(trained("dann", "none", "dann-weight"), trained("erm", "adversarial", ""));
}

/// What each method declares is what its line of the table says.
#[test]
fn tables_say_what_methods_declare() {
    let modalities = vec!["a".to_owned(), "b".into()];
    let shape =
        Shape { modalities, widths: vec![2, 3], task: Classification::task(3), domains: 2, hidden: 4, heads: Heads::default() };
    for entry in METHODS {
        assert!(
            BALANCERS.iter().all(|balancer| {
                balancer.takes.iter().all(|setting| entry.takes.iter().all(|other| other.name != setting.name))
            })
        );
        let own = Hyperparameters::new(entry.takes, &BTreeMap::new()).unwrap();
        let mut layout = Layout::default();
        let declared =
            (method::builder(entry.name).unwrap().build)(&[own], Kind::Float, Device::Cpu).declare(&shape, &mut layout);
        let counting: Vec<_> = declared.terms.iter().filter(|term| term.counts).collect();
        assert_eq!(counting.len(), entry.terms.len(), "{}", entry.name);
        // in their order: a loss is said to have the heads that are its own, and may have others beside them
        for (term, (role, heads, _)) in counting.iter().zip(entry.terms) {
            let of = &layout.entries()[term.objective.entries()];
            let found: Vec<&str> = of.iter().map(|entry| entry.name.split('.').next().unwrap()).collect();
            let named = if heads.is_empty() { found.is_empty() } else { found.contains(heads) };
            assert!(term.role == *role && named, "{} {role:?} {heads}: {found:?}", entry.name);
        }
        assert!(declared.judged < declared.branches.len());
    }
}

/// What a balancer is said to add, against what it declares beside each method with each of its words; and heads of one name
/// make no pair.
#[test]
fn tables_say_what_balancers_add() {
    let modalities = vec!["a".to_owned(), "b".into()];
    let shape =
        Shape { modalities, widths: vec![2, 3], task: Classification::task(3), domains: 2, hidden: 4, heads: Heads::default() };
    let mut pairs = [0, 0];
    for balancer in mmdg::balance::BUILDERS {
        let words = |setting: &Setting| match setting.range {
            Range::Word(words) => words.iter().map(|word| (setting.name, *word)).collect(),
            Range::Number { .. } => Vec::new(),
        };
        for (key, word) in balancer.entry.takes.iter().flat_map(words).chain([("", "")]) {
            let given: BTreeMap<String, toml::Value> =
                [(key.to_owned(), word.into())].into_iter().filter(|(key, _): &(String, toml::Value)| !key.is_empty()).collect();
            let Ok(own) = Hyperparameters::new(balancer.entry.takes, &given) else { continue };
            for method in method::BUILDERS {
                let mut layout = Layout::default();
                let runs = std::slice::from_ref(&own);
                let declared = (method.build)(runs, Kind::Float, Device::Cpu).declare(&shape, &mut layout);
                let before = layout.entries().len();
                let of_method = mmdg::objective::Term::roles(&declared.terms);
                let terms = (balancer.build)(runs, Kind::Float, Device::Cpu).terms(&shape, &mut layout, &of_method);
                let first = |place: usize| layout.entries()[place].name.split('.').next().unwrap();
                let place = format!("{} with {}, {key} = {word}", method.entry.name, balancer.entry.name);
                let trains = terms.iter().filter(|term| term.objective.trains_encoders());
                // a discriminator may have a projection before it
                let found: BTreeMap<Role, Vec<&str>> =
                    trains.map(|term| (term.role, term.objective.entries().map(first).collect())).collect();
                let said: Vec<_> = balancer.entry.added(method.entry, &own).collect();
                assert_eq!(said.len(), found.len(), "{place}");
                assert!(said.iter().all(|added| found[&added.role].contains(&added.heads)), "{place}: {said:?}, {found:?}");
                let names: BTreeSet<&str> = (0..before).map(first).collect();
                let twice = (before..layout.entries().len()).any(|place| names.contains(first(place)));
                let refused = balancer.entry.no_domain.is_some() && of_method.contains(&Role::Domain);
                assert_eq!(balancer.entry.conflict(method.entry, &own).is_some(), twice || refused, "{place}");
                pairs[usize::from(twice)] += 1;
            }
        }
    }
    assert!(pairs.iter().all(|count| *count > 0), "{pairs:?}");
}

/// The dumped first step of every pair of method and balancer: which columns there are, and which the balancer's factors fall on.
#[test]
fn factors_fall_on_the_losses_that_their_roles_say() {
    let folder = tempfile::tempdir().unwrap();
    let (methods, balancers): (Vec<String>, Vec<String>) = (
        METHODS.iter().map(|method| method.name.to_owned()).collect(),
        BALANCERS.iter().map(|balancer| balancer.name.to_owned()).collect(),
    );
    let mut columns: Vec<Compare> = Compare::product(&methods, &balancers).into_iter().filter(Compare::is_a_pair).collect();
    columns.push(compare("name = 'fused'\nmethod = 'unimodal'\nbalance = 'gmp'\nclass-gradient = 'fused'"));
    let settings = TrainSettings {
        epochs: 1,
        dump_steps: 1,
        precision: Precision::F64,
        compare: columns.clone(),
        protocol: Protocol { seeds: vec![0], ..one_task("domain2") },
        ..settings(folder.path())
    };
    run(&small(), &settings).unwrap();
    for column in &columns {
        let (method, balance) = (column.method.as_deref().unwrap(), column.balance.as_deref().unwrap());
        let step = dumped(&folder.path().join(&column.name).join("domain2-0"), 0);
        let count = step["loss"].size()[0];
        let Some(weights) = step.get("weights") else {
            assert!(["none", "adversarial"].contains(&balance), "{}", column.name);
            continue;
        };
        assert_eq!(weights.size(), [2, count], "{}", column.name);
        let of = |t: i64| Vec::<f64>::try_from(weights.select(1, t).contiguous()).unwrap();
        match balance {
            // class losses in one column, the domain loss in the other: k and p times what is left after projection
            "gmp" => {
                assert_eq!(count, if column.name == "fused" { 3 } else { 2 }, "{}", column.name);
                let [k, p] = ["record.k", "record.p"].map(|name| Vec::<f64>::try_from(&step[name]).unwrap());
                for m in 0..2 {
                    let (class, domain) = (of(0)[m], of(1)[m]);
                    assert!((class - k[m]).abs() < 1e-12 || (domain - p[m]).abs() < 1e-12, "{}", column.name);
                }
                if column.name == "fused" {
                    assert_eq!(of(2), [1.0, 1.0]);
                }
            }
            // one factor a modality on whatever its encoder learns from
            "ogm" | "ogm-ge" | "agm" | "cggm" | "opm" => {
                assert!((1..count).all(|t| of(t) == of(0)), "{}", column.name);
            }
            // the uni-modal losses are its own, whatever else there is
            "gradient-blending" => {
                let others = Role::ALL.iter().filter(|role| {
                    METHODS.iter().any(|other| other.name == method && other.terms.iter().any(|term| term.0 == **role))
                });
                assert_eq!(count, 1 + others.count() as i64, "{}", column.name);
            }
            _ => assert!(count >= 2, "{}", column.name),
        }
    }
    // unimodal with GMP: the fused class loss is modulated, and so is the uni-modal one
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    assert!(
        names.contains(&"unimodal+gmp") && names.contains(&"unimodal+mmpareto") && !names.contains(&"unimodal+gradient-blending")
    );
}
