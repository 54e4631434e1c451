//! Values are predicted as classes are: whatever the balancer, in whatever unit, from a table of labels to the figures of a run.

use std::collections::HashMap;
use std::path::Path;

use mmdg::Error;
use mmdg::manifest::{Labels, Split};
use mmdg::measure::Unit;
use mmdg::report::{self, Comparison, RunResult};
use mmdg::synthetic::features::{DOMAINS, Linear, MODALITIES};
use mmdg::task::{Answer, TaskKind, ValueLoss};
use mmdg::train::predict::{Lacking, Predictor};
use mmdg::train::{FeatureTable, Precision, Protocol, Selection, TableModality, TrainSettings};
use tch::Tensor;

use crate::train::{compare, one_task, run, settings, small};

const LINEAR: Linear = Linear { seed: 0, rows: 200, width: 6, noise: 0.2, size: 3.0, mean: 20.0 };

/// The rows of `LINEAR`, their values times `factor` in `unit`.
fn table(factor: f32, unit: &str) -> FeatureTable {
    let manifest = LINEAR.manifest(unit).unwrap();
    let rows = manifest.len();
    let modality = |(m, name): (usize, &&str)| {
        let values = (0..rows).flat_map(|row| LINEAR.row(m, row)).collect();
        TableModality::new(*name, LINEAR.width, values, vec![true; rows])
    };
    FeatureTable::new(
        Labels::Values { unit: unit.into(), of: manifest.labels.values().iter().map(|value| factor * value).collect() },
        DOMAINS.map(String::from).to_vec(),
        MODALITIES.iter().enumerate().map(modality).collect(),
        manifest.segments.iter().map(|segment| segment.domain).collect(),
        manifest.segments.iter().map(|segment| segment.split).collect(),
    )
    .unwrap()
}

/// The target alone, with a few columns.
fn few(out: &Path, columns: &[&str]) -> TrainSettings {
    TrainSettings {
        protocol: one_task("target"),
        compare: columns.iter().map(|column| compare(column)).collect(),
        epochs: 12,
        learning_rate: 1e-2,
        dropout: 0.0,
        ..settings(out)
    }
}

const COLUMNS: [&str; 8] = [
    "name = 'none'",
    "name = 'gmp'\nbalance = 'gmp'",
    "name = 'bench'\nbalance = 'gmp'\nvariant = 'bench'",
    "name = 'cggm'\nbalance = 'cggm'\nclamp = 2",
    "name = 'cggm (paper)'\nbalance = 'cggm'\nform = 'paper'\nclamp = 2",
    "name = 'pcgrad'\nbalance = 'pcgrad'",
    "name = 'ogm'\nbalance = 'ogm'\nmethod = 'unimodal'",
    "name = 'teacher'\nmethod = 'mean-teacher'\nteacher-decay = 0.9",
];

/// Mean |y − c| of the target's rows, c the mean of the sources' training rows: what is off who knows nothing.
fn ignorant(table: &FeatureTable) -> f64 {
    let values = table.labels().values();
    let is = |row: &usize, target: bool| (table.domain()[*row] == 2) == target;
    let train: Vec<usize> = (0..table.len()).filter(|row| is(row, false) && table.split()[*row] == Split::Train).collect();
    let mean = train.iter().map(|&row| f64::from(values[row])).sum::<f64>() / train.len() as f64;
    let target: Vec<usize> = (0..table.len()).filter(|row| is(row, true)).collect();
    target.iter().map(|&row| (f64::from(values[row]) - mean).abs()).sum::<f64>() / target.len() as f64
}

#[test]
fn every_kind_of_balancer_learns_a_linear_value() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(1.0, "mm");
    let ignorant = ignorant(&table);
    let results = run(&table, &few(folder.path(), &COLUMNS)).unwrap();
    assert_eq!(results.len(), COLUMNS.len());
    for result in &results {
        let measures: Vec<_> = result.metrics.iter().map(|of| (of.name.as_str(), &of.unit, of.higher_is_better)).collect();
        let mm = Unit::Of("mm".into());
        assert_eq!(measures, [("mae", &mm, false), ("rmse", &mm, false), ("pearson", &Unit::None, true)]);
        assert!(result.classes.is_empty() && result.confusion.is_empty());
        let on_target = result.on_target().unwrap();
        assert_eq!(on_target.metrics["mae"], result.target_score);
        assert!(result.target_score < 0.5 * ignorant, "{}: {} of {ignorant}", result.name, result.target_score);
        // noise of 0.2 · 3 mm is off by 0.48 mm in the mean
        assert!(result.target_score > 0.35 && on_target.metrics["rmse"] > result.target_score, "{}", result.name);
        assert!((0.9..=1.0).contains(&on_target.metrics["pearson"]), "{} {:?}", result.name, on_target.metrics);
        assert!(on_target.calibration.is_none());
        // the lowest error chooses, of equals the later epoch
        let curve: Vec<f64> = result.curve.iter().map(|epoch| epoch.validation["mae"]).collect();
        let best = curve.iter().copied().fold(f64::INFINITY, f64::min);
        let chosen = result.selected_epoch.unwrap();
        assert!(curve[chosen] == best && curve[chosen + 1..].iter().all(|mae| *mae > best), "{chosen} {curve:?}");
        assert_eq!((result.source_validation_score, result.protocol.selection_score), (best, best));
        assert!(curve[0] > best, "{}: nothing was learnt after the first epoch", result.name);
    }
    let of = |name: &str| results.iter().find(|result| result.name == name).unwrap();
    assert_eq!(of("none").losses, ["regressor"]);
    // heads of single modalities see half of the truth
    let heads = &of("bench").on_target().unwrap().heads;
    assert!(MODALITIES.iter().all(|name| heads[*name] > 2.0 * of("bench").target_score && heads[*name] < ignorant), "{heads:?}");
    reported(&results, folder.path());
}

fn reported(results: &[RunResult], folder: &Path) {
    let read = report::read(&[folder.to_owned()]).unwrap();
    assert_eq!(read.len(), results.len());
    let comparison = Comparison::new(&read).unwrap();
    let text = comparison.to_terminal();
    for wanted in [
        "Target MAE, mm (lower is better)\n",
        "Difference in target MAE to none, paired by seed, mm [95 % interval], p after Holm\n",
        "Source-validation MAE, mm (lower is better)\n",
    ] {
        assert!(text.contains(wanted), "{wanted:?} in {text}");
    }
    assert!(!text.contains('%') || text.matches('%').count() == text.matches("95 %").count(), "{text}");
    let out = folder.join("report");
    report::write(&read, &out).unwrap();
    let html = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(html.contains("RMSE on the target, mm (lower is better)") && html.contains("Pearson correlation on the target"));
    assert!(!html.contains("<h2>Confusion matrices") && !html.contains("ECE, %") && html.contains("<h4>Training MAE</h4>"));
    let csv = std::fs::read_to_string(out.join("report.csv")).unwrap();
    assert!(csv.starts_with(
        "name,method,balance,modalities,selection,sources,target,runs,target_mae,target_mae_std,source_validation_mae,"
    ));
    assert!(csv.lines().next().unwrap().contains(",target_rmse,target_rmse_std,target_pearson,"), "{csv}");
    let tex = std::fs::read_to_string(out.join("report.tex")).unwrap();
    assert!(tex.contains("Target MAE, mm (lower is better)"));
    let metrics = std::fs::read_to_string(folder.join("gmp/target-0/metrics.csv")).unwrap();
    let head = "epoch,train_loss,train_mae,learning_rate,validation_loss,validation_mae,validation_rmse,validation_pearson\n";
    assert!(metrics.starts_with(head), "{metrics}");
}

#[test]
fn nothing_depends_on_the_unit_of_the_values() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    // times a power of two, so that it is so to the bit
    let made = |place: usize, factor, unit| run(&table(factor, unit), &few(folders[place].path(), &COLUMNS[..4])).unwrap();
    for (one, other) in made(0, 1.0, "cm").iter().zip(&made(1, 0.125, "m")) {
        assert_eq!(other.target_score, 0.125 * one.target_score, "{}", one.name);
        let losses =
            |run: &RunResult| run.curve.iter().map(|epoch| [epoch.train_loss, epoch.validation_loss]).collect::<Vec<_>>();
        assert_eq!(losses(one), losses(other), "{}", one.name);
        let [a, b] = [one, other].map(|run| run.on_target().unwrap().metrics.clone());
        assert!((a["pearson"] - b["pearson"]).abs() < 1e-12 && (a["rmse"] * 0.125 - b["rmse"]).abs() < 1e-12);
        assert!(one.curve.iter().zip(&other.curve).all(|(a, b)| a.train_score * 0.125 == b.train_score), "{}", one.name);
    }
    let error = Comparison::new(&[made(0, 1.0, "cm").remove(0), made(1, 0.125, "m").remove(0)]).unwrap_err().to_string();
    assert!(error.contains("judged by MAE, m; RMSE, m; Pearson correlation, while"), "{error}");
}

#[test]
fn other_losses_are_others_and_labels_that_do_not_vary_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(1.0, "");
    let of = |loss| {
        let out = folder.path().join(format!("{loss:?}"));
        run(&table, &TrainSettings { loss: Some(loss), ..few(&out, &COLUMNS[..1]) }).unwrap().remove(0)
    };
    let [mse, l1, huber] = [ValueLoss::Mse, ValueLoss::L1, ValueLoss::Huber].map(of);
    for result in [&mse, &l1, &huber] {
        assert!(result.target_score < 0.5 * ignorant(&table), "{}", result.target_score);
        assert_eq!(result.metrics[0].unit, Unit::None);
    }
    let first = |run: &RunResult| run.curve[0].train_loss;
    assert!(first(&mse) != first(&l1) && first(&l1) != first(&huber) && first(&huber) < first(&mse));
    let labels = Labels::Values { unit: String::new(), of: vec![7.0; table.len()] };
    let (domains, modalities) = (table.domains().to_vec(), table.modalities().to_vec());
    let flat = FeatureTable::new(labels, domains, modalities, table.domain().to_vec(), table.split().to_vec()).unwrap();
    let result = run(&flat, &few(&folder.path().join("flat"), &COLUMNS[..2])).unwrap().remove(0);
    assert!(result.diverged.is_none() && result.target_score < 1.0);
    assert!(result.on_target().unwrap().metrics["pearson"].is_nan(), "of values that do not vary there is none");
}

#[test]
fn a_saved_model_says_what_its_run_said() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(1.0, "mm");
    for result in run(&table, &few(folder.path(), &COLUMNS[..3])).unwrap() {
        let model = folder.path().join(&result.name).join("target-0/model.safetensors");
        let predictor = Predictor::open(&model).unwrap();
        let found = predictor.examine(&table, &Lacking::default(), |row| table.domain()[row] == 2).unwrap();
        let on_target = result.on_target().unwrap();
        // where a row stands in a batch may tell in the last digit
        let close = |found: f64, wanted: f64| assert!((found / wanted - 1.0).abs() < 1e-5, "{} {found} {wanted}", result.name);
        assert_eq!(found.metrics, result.metrics);
        on_target.metrics.iter().for_each(|(name, wanted)| close(found.all.metrics[name], *wanted));
        on_target.heads.iter().for_each(|(name, wanted)| close(found.all.heads[name], *wanted));
        close(found.all.loss, on_target.loss);
        assert_eq!(found.all.heads.len(), on_target.heads.len());
        // the values are in their unit
        let said = predictor.predict(&table, &Lacking::default()).unwrap();
        let off = |row: usize| match said[row].as_ref().unwrap().predicted {
            Some(Answer::Value(value)) => (value - f64::from(table.labels().values()[row])).abs(),
            other => panic!("{other:?}"),
        };
        let rows: Vec<usize> = (0..table.len()).filter(|&row| table.domain()[row] == 2).collect();
        let mae = rows.iter().map(|&row| off(row)).sum::<f64>() / rows.len() as f64;
        assert!((mae - found.all.metrics["mae"]).abs() < 1e-12);
        assert!(said.iter().flatten().all(|said| said.probabilities.is_empty()));
        let refused = |table: &FeatureTable| predictor.examine(table, &Lacking::default(), |_| true).unwrap_err().to_string();
        assert!(refused(&self::table(1.0, "cm")).contains("labels are values in \"cm\"; the model predicts values in \"mm\""));
        let other = Labels::classes(vec!["a".into()], vec![0; table.len()]);
        let (domains, modalities) = (table.domains().to_vec(), table.modalities().to_vec());
        let classes = FeatureTable::new(other, domains, modalities, table.domain().to_vec(), table.split().to_vec()).unwrap();
        assert!(refused(&classes).contains("labels are 1 class; the model predicts values in \"mm\""));
    }
}

#[test]
fn another_metric_chooses_in_its_own_direction() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(1.0, "mm");
    let choose = |metric: &str, selection: Selection| {
        let protocol = Protocol { metric: Some(metric.into()), selection, ..one_task("target") };
        let out = folder.path().join(format!("{metric}-{}", selection.name()));
        run(&table, &TrainSettings { protocol, ..few(&out, &COLUMNS[..1]) }).unwrap().remove(0)
    };
    let chosen = |run: &RunResult| run.selected_epoch.unwrap();
    for (metric, sign) in [("mae", -1.0), ("rmse", -1.0), ("pearson", 1.0)] {
        let run = choose(metric, Selection::SourceVal);
        let curve: Vec<f64> = run.curve.iter().map(|epoch| sign * epoch.validation[metric]).collect();
        assert!(curve.iter().all(|rank| *rank <= curve[chosen(&run)]), "{metric} {curve:?}");
        assert_eq!(run.protocol.selection_score, run.curve[chosen(&run)].validation[metric]);
        assert_eq!((run.selected_by().name.as_str(), run.measure().name.as_str()), (metric, "mae"));
        assert_eq!(run.source_validation_score, run.curve[chosen(&run)].validation["mae"]);
        let oracle = choose(metric, Selection::Oracle);
        assert!(oracle.protocol.selection_score > 0.0);
        let inner = choose(metric, Selection::LeaveOneDomainOut);
        assert!(inner.protocol.selection_score > 0.0 && inner.selection == "leave-one-domain-out");
    }
}

/// A dumped step in f64, by one plain backward pass for each loss.
#[test]
fn a_step_is_that_of_plain_automatic_differentiation() {
    let folder = tempfile::tempdir().unwrap();
    let settings = TrainSettings { dump_steps: 1, precision: Precision::F64, epochs: 1, ..few(folder.path(), &COLUMNS[..2]) };
    run(&table(1.0, "mm"), &settings).unwrap();
    for name in ["none", "gmp"] {
        let file = folder.path().join(name).join("target-0/steps/000000.safetensors");
        let dump: HashMap<String, Tensor> = Tensor::read_safetensors(file).unwrap().into_iter().collect();
        follow(&dump, name == "gmp");
    }
}

fn follow(dump: &HashMap<String, Tensor>, gmp: bool) {
    let close = |found: &Tensor, wanted: &Tensor, what: &str| {
        let far = (found - wanted).norm().double_value(&[]) / wanted.norm().double_value(&[]).max(1e-300);
        assert!(far < 1e-10, "{what} is {far:e} off");
    };
    let before = dump.iter().filter_map(|(key, tensor)| Some((key.strip_prefix("before.")?.to_owned(), tensor)));
    let leaves: HashMap<String, Tensor> = before.map(|(name, tensor)| (name, tensor.copy().set_requires_grad(true))).collect();
    let linear = |name: &str, x: &Tensor| x.linear(&leaves[&format!("{name}.weight")], leaves.get(&format!("{name}.bias")));
    let z: Vec<Tensor> = MODALITIES
        .iter()
        .map(|name| {
            let hidden = linear(&format!("encoder.{name}.0"), &dump[&format!("features.{name}")]).relu();
            linear(&format!("encoder.{name}.1"), &hidden)
        })
        .collect();
    let both = Tensor::cat(&z, 1);
    let head = |x: &Tensor, name: &str| linear(&format!("{name}.1"), &linear(&format!("{name}.0"), x).relu());
    // labels are of mean 0 and variance 1 over all training rows, not quite over a batch
    let y = &dump["label"];
    assert!(y.abs().max().double_value(&[]) < 5.0);
    let value = (head(&both, "regressor").squeeze_dim(1) - y).square().mean(None);
    let domain = gmp.then(|| head(&both, "discriminator").log_softmax(-1, None).nll_loss(&dump["domain"]));
    for (m, name) in MODALITIES.iter().enumerate() {
        let mut names: Vec<&String> = leaves.keys().filter(|key| key.starts_with(&format!("encoder.{name}."))).collect();
        names.sort();
        let params: Vec<&Tensor> = names.iter().map(|name| &leaves[*name]).collect();
        let flat = |loss: &Tensor| {
            let parts = Tensor::run_backward(&[loss], &params, true, false);
            Tensor::cat(&parts.iter().map(|part| part.flatten(0, -1)).collect::<Vec<_>>(), 0)
        };
        let wanted: Vec<Tensor> = names.iter().map(|name| dump[&format!("gradient.{name}")].flatten(0, -1)).collect();
        let wanted = Tensor::cat(&wanted, 0);
        let Some(domain) = &domain else {
            close(&dump["loss"], &value.unsqueeze(0), "loss");
            close(&flat(&value), &wanted, name);
            continue;
        };
        let both = Tensor::stack(&[flat(&value), flat(domain) * -0.15], 0);
        let weights = dump["weights"].get(m as i64).unsqueeze(0);
        close(&weights.mm(&both).squeeze_dim(0), &wanted, name);
        // the semantic confidence of a probe without bias: exp(− mean |ŷ − y|)
        let probe = z[m].detach().linear(&leaves[&format!("probe.class.{name}.weight")], None::<Tensor>).squeeze_dim(1);
        let confidence = (-(probe - y).abs().mean(None)).exp();
        close(&dump["class.confidence"].get(m as i64), &confidence, "confidence");
        let of = |of: &str, m: usize| dump[of].double_value(&[m as i64]);
        let rho = of("class.confidence", m) / of("class.confidence", 1 - m);
        let k = if rho > 1.0 { 1.0 - (0.5 * rho).tanh() } else { 1.0 };
        assert!((of("record.rho", m) / rho - 1.0).abs() < 1e-12 && (of("record.k", m) / k - 1.0).abs() < 1e-12);
    }
    let mut heads: Vec<&String> = leaves.keys().filter(|key| key.starts_with("regressor.")).collect();
    heads.sort();
    let params: Vec<&Tensor> = heads.iter().map(|name| &leaves[*name]).collect();
    for (name, found) in heads.iter().zip(Tensor::run_backward(&[&value], &params, true, false)) {
        close(&found, &dump[&format!("gradient.{name}")], name);
    }
}

#[test]
fn what_does_not_fit_the_labels_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (values, classes) = (table(1.0, "mm"), small());
    let of_classes = |settings: TrainSettings| TrainSettings { protocol: one_task("domain2"), ..settings };
    let plain = || few(&folder.path().join("runs"), &COLUMNS[..1]);
    let cases = [
        (
            &classes,
            of_classes(TrainSettings { task: Some(TaskKind::Regression), ..plain() }),
            "[train] task: \"regression\"; expected \"classification\": the features' labels are 3 classes",
        ),
        (
            &values,
            TrainSettings { task: Some(TaskKind::Classification), ..plain() },
            "[train] task: \"classification\"; expected \"regression\": the features' labels are values in \"mm\"",
        ),
        (&values, TrainSettings { label_smoothing: 0.1, ..plain() }, "[train] label-smoothing: of classes; expected 0"),
        (&values, TrainSettings { class_weights: true, ..plain() }, "[train] class-weights: of classes; expected false"),
        (&classes, of_classes(TrainSettings { loss: Some(ValueLoss::Mse), ..plain() }), "[train] loss: of values; expected none"),
        (
            &values,
            few(&folder.path().join("runs"), &["name = 'x'\nbalance = 'agm'"]),
            "[[train.compare]] \"x\": balance \"agm\" cannot predict values: its score is the logarithm of a class's probability",
        ),
    ];
    let one = crate::train::table(&[("video", 4)], 1, 3, 6);
    let only = (&one, of_classes(plain()), "features: \"class0\" is the only class; expected at least two, or values");
    for (table, settings, expected) in cases.into_iter().chain([only]) {
        let error = run(table, &settings).unwrap_err();
        assert!(matches!(error, Error::Input { .. }) && error.to_string().starts_with(expected), "{error} should be {expected}");
        assert!(!folder.path().join("runs").exists(), "{expected}");
    }
    let by = |name: &str, target: &str| Protocol { metric: Some(name.into()), ..one_task(target) };
    for (table, protocol, expected) in [
        (&values, by("accuracy", "target"), "\"accuracy\" is no metric of regression; expected one of mae, rmse, pearson"),
        (&classes, by("rmse", "domain2"), "\"rmse\" is no metric of classification; expected one of accuracy, macro_f1"),
    ] {
        let error = run(table, &TrainSettings { protocol, ..plain() }).unwrap_err().to_string();
        assert_eq!(error, format!("[protocol] metric: {expected}"));
    }
    let settings = |task| TrainSettings { task: Some(task), epochs: 1, ..few(&folder.path().join("told"), &COLUMNS[..1]) };
    assert_eq!(run(&values, &settings(TaskKind::Regression)).unwrap().len(), 1);
    let labels = Labels::Values { unit: String::new(), of: vec![f32::NAN; values.len()] };
    let (domains, modalities) = (values.domains().to_vec(), values.modalities().to_vec());
    let error = FeatureTable::new(labels, domains, modalities, values.domain().to_vec(), values.split().to_vec()).unwrap_err();
    assert_eq!(error.to_string(), "features: label: row 0: NaN; expected a finite number");
}

#[cfg(all(feature = "cli", feature = "exchange", feature = "hdf5", feature = "media"))]
#[test]
fn the_program_goes_from_a_store_of_values_to_predictions() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mmdg = |arguments: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mmdg"));
        let output = command.current_dir(folder.path()).args(arguments.split(' ')).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let good = |arguments: &str| {
        let (code, said) = mmdg(arguments);
        assert_eq!(code, Some(0), "{arguments}: {said}");
        said
    };
    good("synth store --values mm --rows 100 -q");
    assert_eq!(mmdg("synth other --values mm --arm shift").0, Some(2));
    let said = good("inspect store");
    assert!(said.contains("\nvalues in mm\n"), "{said}");
    good("verify store");
    let header: serde_json::Value = serde_json::from_slice(&std::fs::read(at("store/store.json")).unwrap()).unwrap();
    assert_eq!(header["labels"], serde_json::json!({"values": {"unit": "mm"}}));
    let text = "[train]\nfeatures = 'store'\ntask = 'regression'\nepochs = 8\nlearning-rate = 0.01\nhidden = 16\nembedding = 8\n\
                head-hidden = 8\n[[train.compare]]\nname = 'none'\n[[train.compare]]\nname = 'gmp'\nbalance = 'gmp'\n\
                [protocol]\nseeds = [0]\ntargets = ['target']\n";
    std::fs::write(at("p.toml"), text).unwrap();
    good("train p.toml");
    let said = good("report runs --out made");
    assert!(said.contains("Target MAE, mm (lower is better)"), "{said}");
    let result: serde_json::Value =
        serde_json::from_slice(&std::fs::read(at("runs/gmp/target-0/results.json")).unwrap()).unwrap();
    let model = "runs/gmp/target-0/model.safetensors";
    let found: serde_json::Value = serde_json::from_str(&good(&format!("eval {model} store --json --domain target"))).unwrap();
    let [eval, train] = [&found["all"]["metrics"]["mae"], &result["target_score"]].map(|mae| mae.as_f64().unwrap());
    assert!((eval / train - 1.0).abs() < 1e-5, "{eval} {train}");
    assert_eq!(
        found["metrics"][0],
        serde_json::json!({"name": "mae", "title": "MAE", "unit": {"of": "mm"}, "higher_is_better": false})
    );
    let said = good(&format!("eval {model} store --split test"));
    assert!(said.contains("MAE, mm") && said.contains("quick alone, mm") && !said.contains('%'), "{said}");
    good(&format!("predict {model} store said.csv"));
    let lines: Vec<Vec<String>> = std::fs::read_to_string(at("said.csv"))
        .unwrap()
        .lines()
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect();
    assert_eq!(lines[0], ["id", "domain", "split", "value", "predicted"]);
    let target: Vec<f64> = lines[1..]
        .iter()
        .filter(|line| line[1] == "target")
        .map(|line| (line[3].parse::<f64>().unwrap() - line[4].parse::<f64>().unwrap()).abs())
        .collect();
    let mae = target.iter().sum::<f64>() / target.len() as f64;
    assert!((mae / train - 1.0).abs() < 1e-5, "{mae} {train}");
    good(&format!("predict {model} store said.npz"));
    let mut archive = mmdg::npy::Archive::open(&at("said.npz")).unwrap();
    let predicted = archive.array("predicted").unwrap().unwrap();
    let first: f64 = lines[1][4].parse().unwrap();
    assert_eq!((predicted.rows(), predicted.numbers(0).unwrap()), (300, vec![first]));
    for (arguments, expected) in [
        (
            "train p.toml --set train.task=classification",
            "task: \"classification\"; expected \"regression\": the features' labels are values in \"mm\"",
        ),
        ("train p.toml --balance agm", "balance \"agm\" cannot predict values"),
    ] {
        let (code, said) = mmdg(arguments);
        assert!(code == Some(3) && said.contains(expected), "{said}");
    }
    assert!(good("methods agm").contains("not of values: its score is"));
}
