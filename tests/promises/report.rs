//! Results in, the same table and the same page out, whatever the names and figures are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mmdg::measure::{Measure, Unit};
use mmdg::report::results::{
    BalanceResult, Bin, Calibration, DomainResult, EmbeddedRow, EpochResult, FORMAT, Plain, ProtocolResult, RowCounts, RunResult,
};
use mmdg::report::{self, Comparison};

const FIGURES: [&str; 8] = ["rho", "sigma", "gamma", "k", "p", "cosine", "conflict", "projected"];

fn run(name: &str, target: &str, seed: u64, accuracy: f64) -> RunResult {
    let figures = [1.2, 0.8, 1.5, 0.7, 1.0, -0.1, 0.6, 0.1];
    let signal: BalanceResult = FIGURES.into_iter().zip(figures).collect();
    let right = (100.0 * accuracy).round() as u64;
    let epoch = |e: f64| EpochResult {
        train_loss: 2.0 / (e + 1.0),
        train_score: 0.5 + 0.1 * e,
        validation_loss: 2.0 / (e + 1.0),
        validation: [("accuracy".to_owned(), 0.4 + 0.1 * e), ("macro_f1".to_owned(), 0.4)].into(),
        learning_rate: 1e-3,
        balance: if name.starts_with("gmp") {
            [("video".into(), signal.clone()), ("audio".into(), signal.clone())].into()
        } else {
            BTreeMap::new()
        },
    };
    let domain = |domain: &str, part: &str| DomainResult {
        domain: domain.into(),
        part: part.into(),
        rows: 100,
        loss: 1.0,
        metrics: [("accuracy".to_owned(), accuracy), ("macro_f1".to_owned(), accuracy - 0.05)].into(),
        calibration: Some(Calibration { ece: 0.1, bins: vec![Bin { rows: 100, confidence: accuracy + 0.1, accuracy }] }),
        heads: if name.starts_with("gmp") { [("video".into(), 0.3), ("audio".into(), 0.5)].into() } else { BTreeMap::new() },
    };
    let losses = if name == "none" { &["classifier"][..] } else { &["classifier", "discriminator"] };
    RunResult {
        format: FORMAT,
        name: name.into(),
        method: "erm".into(),
        balance: name.split(' ').next().unwrap().into(),
        words: BTreeMap::new(),
        plain: Plain { method: true, balance: ["none", "adversarial"].contains(&name), losses: name == "none" },
        losses: losses.iter().map(|loss| (*loss).into()).collect(),
        modalities: vec!["video".into(), "audio".into()],
        sources: ["human", "animal", "cartoon"].into_iter().filter(|d| *d != target).map(String::from).collect(),
        target: target.into(),
        seed,
        selection: "source-val".into(),
        epochs: 3,
        selected_epoch: Some(2),
        diverged: None,
        settings: BTreeMap::from([("features".to_owned(), "0123456789".into()), ("epochs".into(), 3.into())]),
        store: None,
        provenance: BTreeMap::new(),
        metrics: [("accuracy", "accuracy"), ("macro_f1", "macro-F1")]
            .map(|(name, title)| Measure { name: name.into(), title: title.into(), unit: Unit::Share, higher_is_better: true })
            .into(),
        classes: vec!["eating".into(), "opening door".into()],
        rows: RowCounts { train: 100, validation: 20, target: 100, left_out: 1, masked: 0 },
        protocol: ProtocolResult::default(),
        source_validation_score: 0.9,
        target_score: accuracy,
        confusion: vec![vec![right.min(50), 50 - right.min(50)], vec![100 - right.max(50), right.max(50) - 50]],
        domains: vec![domain("animal", "validation"), domain(target, "test")],
        curve: (0..3).map(|e| epoch(f64::from(e))).collect(),
        embedding: Vec::new(),
    }
}

fn runs() -> Vec<RunResult> {
    let mut runs = Vec::new();
    for (name, gain) in [("gmp (paper)", 0.02), ("none", 0.0)] {
        for (target, level) in [("human", 0.6), ("cartoon", 0.4)] {
            runs.extend([0u32, 1, 2].map(|seed| run(name, target, seed.into(), level + f64::from(seed) * (0.01 + gain))));
        }
    }
    runs
}

fn put(folder: &Path, runs: &[RunResult]) -> PathBuf {
    for run in runs {
        let folder = folder.join(&run.name).join(&run.target).join(format!("seed-{}", run.seed));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("results.json"), serde_json::to_vec(run).unwrap()).unwrap();
        report::record::write(&folder, &["results.json"]).unwrap();
    }
    folder.to_owned()
}

fn page(runs: &[RunResult]) -> String {
    let folder = tempfile::tempdir().unwrap();
    report::write(runs, &folder.path().join("new/folder")).unwrap();
    std::fs::read_to_string(folder.path().join("new/folder/report.html")).unwrap()
}

const TAGS: &str =
    "html head title style body h1 h2 h3 h4 p ul li em div span table caption thead tbody tr th td svg desc text rect";

/// Panics unless every tag is known and closed in order, every attribute is quoted, every id is there once and every reference leads to one.
fn check_markup(html: &str) {
    let (mut open, mut ids, mut references) = (Vec::new(), Vec::new(), Vec::new());
    for part in html.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or_else(|| panic!("not closed: {part:?}"));
        assert!(!text.contains('>'), "a stray >: {tag:?}");
        if tag == "!DOCTYPE html" {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "{part:?}");
            continue;
        }
        let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
        while let Some((key, value)) = rest.trim_start_matches(' ').split_once("=\"") {
            let (value, after) = value.split_once('"').unwrap();
            assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "attribute {key:?} of {tag:?}");
            assert!(!key.starts_with("on"), "a script: {tag:?}");
            match key {
                "id" => ids.push(value.to_owned()),
                "aria-labelledby" => references.extend(value.split(' ').map(String::from)),
                _ => {}
            }
            rest = after;
        }
        assert!(matches!(rest, "" | "/"), "{tag:?}");
        if rest != "/" && name != "meta" {
            assert!(TAGS.split(' ').any(|known| known == name), "{tag:?}");
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id is there twice");
    assert!(references.iter().all(|id| ids.binary_search(id).is_ok()));
    assert!(!html.contains("NaN") && !html.contains("inf"), "a number that is none");
}

fn check_self_contained(html: &str) {
    let html = html.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for word in ["http:", "https:", "<script", "<link", "<img", "@import", "url(", "src=", "href="] {
        assert!(!html.contains(word), "{word}");
    }
}

#[test]
fn the_table_reads_as_computed_by_hand() {
    let mut runs = runs();
    runs.retain(|run| !(run.name == "gmp (paper)" && run.target == "cartoon" && run.seed == 2));
    let table = Comparison::new(&runs).unwrap().to_terminal();
    // none: 60, 61, 62 and 40, 41, 42; gmp: 60, 63, 66 and 40, 43, without 46
    let expected = "\
Target accuracy, %
  name                 human                 cartoon                    mean
  none          61.00 ± 1.00            41.00 ± 1.00            51.00 ± 1.00
  gmp (paper)   63.00 ± 3.00   41.50 ± 2.12 (2 of 3)   51.50 ± 2.12 (2 of 3)

Difference in target accuracy to none, paired by seed, points [95 % interval], p after Holm
  name                                 human                                   cartoon                                      mean
  none                                  base                                      base                                      base
  gmp (paper)   +2.00 [-2.97, +6.97] p 0.225   +1.00 [-11.71, +13.71] p 0.500 (2 of 3)   +1.00 [-11.71, +13.71] p 0.500 (2 of 3)

Source-validation accuracy, %
  name                 human                 cartoon                    mean
  none          90.00 ± 0.00            90.00 ± 0.00            90.00 ± 0.00
  gmp (paper)   90.00 ± 0.00   90.00 ± 0.00 (2 of 3)   90.00 ± 0.00 (2 of 3)

Mean ± standard deviation over 3 seeds.
Missing runs, 1 of 12: gmp (paper) on cartoon (seed 2).
";
    assert_eq!(table, expected);
    let html = page(&runs);
    assert!(html.contains("<td>41.50 ± 2.12 (2 of 3)</td>") && html.contains("Missing runs, 1 of 12"));
    assert!(html.contains("gmp (paper) (2 of 3 seeds)"), "a confusion matrix of fewer seeds says so");
    check_markup(&html);
}

#[test]
fn the_page_is_whole_and_needs_nothing_else() {
    let html = page(&runs());
    check_markup(&html);
    check_self_contained(&html);
    for part in
        ["ρ, semantic", "σ, domain", "k, factor", "p, factor", "Steps with a conflict", "Projected share", "Confusion matrices"]
    {
        assert!(html.contains(part), "{part}");
    }
    // 60, 61 and 62 of 100 are right, 50 of them eating
    assert!(html.contains("opening door as eating: 117 of 150 (78 %)"), "counts are summed over seeds");
}

#[test]
fn embeddings_are_drawn_whatever_they_are() {
    let mut runs = runs();
    let row = |i: usize| EmbeddedRow {
        row: i,
        domain: format!("<d{}>", i % 2),
        part: if i.is_multiple_of(2) { "test" } else { "validation" }.into(),
        class: format!("c\"{}", i % 9),
        x: if i == 3 { f64::NAN } else { i as f64 },
        y: -2.0,
    };
    runs[0].embedding = (0..40).map(row).collect();
    runs[1].embedding = vec![row(0)];
    let html = page(&runs);
    check_markup(&html);
    check_self_contained(&html);
    assert!(
        html.contains("gmp (paper) on human, seed 0")
            && html.contains("&lt;d0&gt; (target)")
            && html.contains("class=\"ring s1\"")
    );
}

#[test]
fn equal_results_give_equal_bytes_by_way_of_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let root = put(folder.path(), &runs());
    let read = report::read(&[root.join("none"), root.join("gmp (paper)")]).unwrap();
    assert_eq!(read.len(), 12);
    assert_eq!(page(&read), page(&report::read(&[root.join("none"), root.clone()]).unwrap()), "a file reached twice counts once");
}

#[test]
fn hostile_names_stay_text() {
    let evil = "\"><script>alert('1')</script>&\u{1b}[2J\u{0}";
    let mut runs = runs();
    for run in &mut runs {
        run.classes = vec![evil.into(), "b".into()];
        run.modalities = vec![evil.into()];
        run.curve.iter_mut().for_each(|e| {
            e.balance = e.balance.values().map(|b| (evil.to_owned(), b.named().chain([(evil, 1.0)]).collect())).collect()
        });
        (run.method, run.balance, run.selection) = (evil.into(), evil.into(), evil.into());
        run.sources = vec![evil.into(), "\u{202e}".repeat(500)];
        run.target.push_str(evil);
        run.name.push_str(evil);
    }
    let html = page(&runs);
    check_markup(&html);
    check_self_contained(&html);
    assert!(!html.contains(|c: char| c.is_control() && c != '\n'));
    let table = Comparison::new(&runs).unwrap().to_terminal();
    assert!(!table.contains(|c: char| c.is_control() && c != '\n'));
}

#[test]
fn figures_that_are_not_finite_are_left_out_and_said_to_be() {
    let mut runs = runs();
    runs[0].curve[1].train_loss = f64::NAN;
    runs[1].curve[2].train_score = f64::INFINITY;
    for run in &mut runs {
        run.curve[1].balance.values_mut().for_each(|b| *b = [("rho", f64::NEG_INFINITY), ("sigma", 1e300)].into_iter().collect());
    }
    let folder = tempfile::tempdir().unwrap();
    let root = put(folder.path(), &runs);
    let read = report::read(&[root]).unwrap();
    assert!(read.iter().flat_map(|run| &run.curve).any(|epoch| epoch.train_loss.is_nan()), "null is read as NaN");
    for runs in [&runs, &read] {
        let html = page(runs);
        check_markup(&html);
        assert!(html.contains("Not finite, so not drawn: gmp (paper) on human, 1 of 9 figures."));
        assert!(html.contains("Too large, so not drawn: ") && html.contains("video on human, 3 of 9 figures"));
    }
    runs.iter_mut().for_each(|run| run.curve.clear());
    check_markup(&page(&runs));
    runs.iter_mut().for_each(|run| run.confusion = vec![vec![u64::MAX; 2]; 2]);
    check_markup(&page(&runs));
}

#[test]
fn one_run_of_one_epoch_makes_a_page() {
    let mut one = run("none", "human", 7, 1.0);
    (one.epochs, one.selected_epoch) = (1, Some(0));
    one.curve.truncate(1);
    let table = Comparison::new(std::slice::from_ref(&one)).unwrap().to_terminal();
    assert!(
        table.contains("100.00 ± –") && table.contains("One seed") && !table.contains("Difference") && !table.contains("mean "),
        "{table}"
    );
    let html = page(&[one]);
    check_markup(&html);
    assert!(html.contains("<circle class=\"dot"));
}

#[test]
fn modalities_are_compared_with_their_own_base() {
    let mut runs = runs();
    for (name, accuracy) in [("none", 0.3), ("gmp (paper)", 0.35)] {
        let mut audio = run(name, "human", 0, accuracy);
        audio.modalities = vec!["audio".into()];
        runs.push(audio);
    }
    let table = Comparison::new(&runs).unwrap().to_terminal();
    let names: Vec<&str> = table.lines().skip(2).take(4).map(|line| line.split("   ").next().unwrap().trim()).collect();
    assert_eq!(names, ["none [video+audio]", "none [audio]", "gmp (paper) [video+audio]", "gmp (paper) [audio]"]);
    assert!(table.contains("+5.00 [–] p – (1 of 3)"), "{table}");
    check_markup(&page(&runs));
}

#[test]
fn what_adds_losses_is_compared_with_a_base_that_has_them_too() {
    let mut runs = runs();
    for (target, level) in [("human", 0.61), ("cartoon", 0.41)] {
        runs.extend([0u32, 1, 2].map(|seed| run("adversarial", target, seed.into(), level + f64::from(seed) * 0.015)));
    }
    let table = Comparison::new(&runs).unwrap().to_terminal();
    let part = table.split("\n\n").find(|part| part.contains("same losses")).unwrap();
    // gmp less adversarial on human: -1, 0.5, 2
    assert!(part.contains("+0.50 [-3.23, +4.23] p 0.622") && part.contains("adversarial"), "{part}");
    assert!(part.lines().any(|line| line.trim_start().starts_with("none ") && line.matches('–').count() == 3), "{part}");
    // two names against none: the smaller p counts twice
    assert!(table.contains("+1.50 [+0.26, +2.74] p 0.070") && table.contains("+2.00 [-2.97, +6.97] p 0.225"), "{table}");
    let html = page(&runs);
    check_markup(&html);
    assert!(html.contains("Macro-F1 on the target") && html.contains("Target accuracy of video&#39;s own head or probe"));
}

#[test]
fn tables_for_other_programs_hold_the_same_figures() {
    let folder = tempfile::tempdir().unwrap();
    let mut runs = runs();
    runs.iter_mut().filter(|run| run.name == "none").for_each(|run| run.name = "50% & {none}_\\".into());
    report::write(&runs, folder.path()).unwrap();
    let tex = std::fs::read_to_string(folder.path().join("report.tex")).unwrap();
    assert!(
        tex.contains(
            "50\\% \\& \\{none\\}\\_\\textbackslash{} & 61.00 $\\pm$ 1.00 & 41.00 $\\pm$ 1.00 & 51.00 $\\pm$ 1.00 \\\\\n"
        ),
        "{tex}"
    );
    assert!(tex.contains("+2.00 {[}$-$2.97, +6.97{]} p 0.225"), "{tex}");
    assert_eq!(tex.matches("\\begin{").count(), tex.matches("\\end{").count());
    let csv = std::fs::read_to_string(folder.path().join("report.csv")).unwrap();
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert!(lines.len() == 7 && lines.iter().all(|line| line.len() == lines[0].len()), "{csv}");
    let of = |line: &[&str], key: &str| line[lines[0].iter().position(|name| *name == key).unwrap()].parse::<f64>().unwrap();
    let gmp = lines.iter().find(|line| line[0] == "gmp (paper)" && line[6] == "human").unwrap();
    assert!((of(gmp, "target_accuracy") - 63.0).abs() < 1e-9 && (of(gmp, "difference_low") + 2.968).abs() < 1e-3, "{gmp:?}");
    assert!(lines.iter().any(|line| line[0] == "gmp (paper)" && line[6] == "mean"));
}

#[test]
fn published_figures_stand_only_beside_the_papers_own_data() {
    let classes = ["sleeping", "watching tv", "eating", "drinking", "swimming", "running", "opening door"];
    let mut runs = runs();
    for (target, rows) in [("human", 1387), ("cartoon", 1080)] {
        for run in runs.iter_mut().filter(|run| run.target == target) {
            (run.classes, run.rows.target) = (classes.map(String::from).into(), rows);
            run.confusion = vec![vec![1; 7]; 7];
        }
    }
    let table = Comparison::new(&runs).unwrap().to_terminal();
    let parts: Vec<&str> = table.split("\n\n").filter(|part| part.starts_with("Published, not from these runs")).collect();
    assert_eq!(parts.len(), 2, "{table}");
    assert!(parts[0].contains("64.91") && parts[0].contains("61.86") && !parts[1].contains("64.91"), "{table}");
    assert!(parts[1].contains("72.96 ± 0.69") && parts[1].contains("66.34"), "{table}");
    check_markup(&page(&runs));
    // an ablation of it is another method
    let mut ablations = runs.clone();
    ablations.iter_mut().for_each(|run| _ = run.words.insert("project".into(), "none".into()));
    assert!(!Comparison::new(&ablations).unwrap().to_terminal().contains("64.91"));
    // the demo's names, the demo's size
    runs.iter_mut().for_each(|run| run.rows.target = 168);
    assert!(!Comparison::new(&runs).unwrap().to_terminal().contains("Published"));
}

#[test]
fn one_target_with_several_sets_of_sources_is_several_tasks() {
    let mut runs = runs();
    runs[0].sources.pop();
    let table = Comparison::new(&runs).unwrap().to_terminal();
    assert!(table.contains("animal → human") && table.contains("animal, cartoon → human"), "{table}");
    check_markup(&page(&runs));
}

#[cfg(feature = "cli")]
#[test]
fn folders_of_runs_are_reported_without_a_pipeline_file() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder.path().join("runs"), &runs());
    let report = |arguments: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mmdg"));
        command.current_dir(folder.path()).args(arguments.split(' ')).output().unwrap()
    };
    assert_eq!(report("report runs/none runs/other --out made").status.code(), Some(3));
    let output = report("report runs --out made");
    assert!(
        output.status.success()
            && String::from_utf8(output.stdout).unwrap().contains("gmp (paper)   43.00 ± 3.00   63.00 ± 3.00")
    );
    for file in ["report.html", "report.csv", "report.tex"] {
        assert!(folder.path().join("made").join(file).is_file());
    }
}

#[test]
fn what_is_no_result_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a/results.json");
    let refused = |paths: &[PathBuf]| report::read(paths).map(|_| ()).unwrap_err();
    let root = [folder.path().to_owned()];
    std::fs::create_dir(folder.path().join("a")).unwrap();
    let error = refused(&root);
    assert!(error.exit_code() == 3 && error.to_string().contains("no results.json"), "{error}");
    assert!(refused(&[folder.path().join("missing")]).to_string().contains("missing: cannot read"));

    let good = serde_json::to_value(run("none", "human", 0, 0.5)).unwrap();
    let cases = [
        ("format", 4.into(), "format 4; expected 5"),
        ("seed", "one".into(), "expected the result of a run"),
        ("target_score", 61.2.into(), "expected a share in [0, 1]"),
        ("target_score", serde_json::Value::Null, "target_score is null"),
        ("metrics", serde_json::json!([]), "metrics is empty"),
        ("target_score", 0.6.into(), "target_score is 0.6, while 50 of 100 rows are right"),
        ("source_validation_score", (-0.1).into(), "expected a share in [0, 1]"),
        ("selected_epoch", serde_json::Value::Null, "expected an epoch"),
        ("diverged", 1.into(), "selected_epoch is a number of a run that diverged"),
        ("rows", serde_json::json!({"train": 1, "validation": 1, "target": 99, "left_out": 0}), "expected the 99 of the target"),
        ("epochs", 4.into(), "curve has 3 entries"),
        ("selected_epoch", 3.into(), "selected_epoch is 3"),
        ("confusion", serde_json::json!([[1], [2]]), "confusion does not have"),
        ("target", "animal".into(), "among the sources"),
    ];
    for (key, value, expected) in cases {
        let mut bad = good.clone();
        bad[key] = value;
        std::fs::write(&file, bad.to_string()).unwrap();
        report::record::write(&folder.path().join("a"), &["results.json"]).unwrap();
        let error = refused(&root);
        let text = error.to_string();
        assert!(error.exit_code() == 3 && text.contains("a/results.json") && text.contains(expected), "{key}: {text}");
    }
    std::fs::remove_file(folder.path().join("a/record.json")).unwrap();
    std::fs::write(&file, "{\"format\": 1, ").unwrap();
    assert!(refused(&root).to_string().contains("line 1 column"));
    std::fs::write(&file, [0xff]).unwrap();
    assert!(refused(&root).to_string().contains("not UTF-8"));

    std::fs::write(&file, good.to_string()).unwrap();
    std::fs::create_dir(folder.path().join("b")).unwrap();
    std::fs::write(folder.path().join("b/results.json"), good.to_string()).unwrap();
    for run in ["a", "b"] {
        report::record::write(&folder.path().join(run), &["results.json"]).unwrap();
    }
    let text = refused(&root).to_string();
    assert!(text.contains("a/results.json") && text.contains("b/results.json") && text.contains("the same run"), "{text}");
}

#[test]
fn runs_that_cannot_be_compared_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |runs: &[RunResult]| report::write(runs, folder.path()).unwrap_err().to_string();
    assert!(refused(&[]).contains("at least one"));
    let first = run("none", "human", 0, 0.5);
    assert!(refused(&[first.clone(), first.clone()]).contains("twice"));
    let changed = |change: fn(&mut RunResult)| {
        let mut other = run("none", "human", 1, 0.5);
        change(&mut other);
        refused(&[first.clone(), other])
    };
    assert!(changed(|run| run.classes.reverse()).contains("expected the same"));
    assert!(changed(|run| run.method = "sim-mmdg".into()).contains("sim-mmdg"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is written");
}

#[test]
fn a_figure_that_a_balancer_does_not_have_is_not_drawn() {
    let only = |k: Option<f64>| {
        let mut runs = runs();
        for balance in runs.iter_mut().flat_map(|run| &mut run.curve).flat_map(|epoch| epoch.balance.values_mut()) {
            *balance = k.map(|k| ("k", k)).into_iter().collect();
        }
        runs
    };
    let html = page(&only(Some(0.5)));
    assert!(html.contains("k, factor on the classification") && !html.contains("Not finite"));
    for absent in ["ρ, semantic", "σ, domain", "p, factor", "Steps with a conflict", "Projected share"] {
        assert!(!html.contains(absent), "{absent}");
    }
    assert!(!page(&only(None)).contains("Signals of the balancers"));
    assert!(page(&only(Some(f64::NAN))).contains("Not finite, so not drawn: video on human, 9 of 9 figures"));

    // by way of the disk: what is not there stays so, null is a number that is none
    let folder = tempfile::tempdir().unwrap();
    let mut some = only(Some(f64::NAN));
    some[1].curve[0].balance.values_mut().for_each(|balance| *balance = [("k", 0.5)].into_iter().collect());
    let read = report::read(&[put(folder.path(), &some)]).unwrap();
    let one = read.iter().find(|run| run.name == "gmp (paper)" && run.target == "human" && run.seed == 1).unwrap();
    let k: Vec<Option<f64>> = one.curve.iter().map(|epoch| epoch.balance["video"].get("k")).collect();
    assert!(k[0] == Some(0.5) && k[1].unwrap().is_nan() && one.curve[0].balance["video"].get("rho").is_none());
}

/// The same runs with many classes, of which any is taken for any.
fn many_classes(classes: usize) -> Vec<RunResult> {
    let mut all = Vec::new();
    for name in ["none", "gmp (paper)", "adversarial", "ogm"] {
        for target in ["human", "cartoon", "animal"] {
            let mut one = run(name, target, 0, 0.0);
            one.classes = (0..classes).map(|i| format!("class number {i}")).collect();
            let count = |i: usize, j: usize| ((i * 31 + j * 17) % 5) as u64;
            one.confusion = (0..classes).map(|i| (0..classes).map(|j| count(i, j)).collect()).collect();
            all.push(one);
        }
    }
    all
}

#[test]
fn a_page_of_many_classes_stays_small_and_names_what_is_confused() {
    for classes in [31, 97, 400] {
        let html = page(&many_classes(classes));
        check_markup(&html);
        assert!(html.len() < 5_000_000, "{classes} classes: {} bytes", html.len());
        assert!(html.contains(&format!("class number {}", classes - 1)));
    }
    let html = page(&many_classes(400));
    assert!(html.contains("400 classes in 31 rows. Most frequent confusions, 10 of "), "it is binned");
}

#[test]
fn the_mean_column_is_marked_so_that_it_stays_in_view() {
    let html = page(&runs());
    let table = html.split("Difference in target accuracy").nth(1).unwrap().split("</table>").next().unwrap();
    assert!(table.contains("<th scope=\"col\" class=\"mean\">mean</th>"), "{table}");
    let rows = table.split("<tbody>").nth(1).unwrap();
    assert_eq!(rows.matches("<td class=\"mean\">").count(), rows.matches("<tr>").count());
    // each part of a difference on a line of its own keeps columns narrow
    assert!(
        rows.contains("<td>+2.00 <span class=\"more\">[−2.97, +6.97]</span> <span class=\"more\">p 0.225</span></td>"),
        "{rows}"
    );
    let one_task: Vec<RunResult> = runs().into_iter().filter(|run| run.target == "human").collect();
    assert!(!page(&one_task).contains("class=\"mean\""));
}

/// Compiles a `report.tex` with pdflatex; none where there is no pdflatex.
fn pdflatex(folder: &Path) -> Option<(bool, String)> {
    let text = "\\documentclass{article}\n\\usepackage[T1]{fontenc}\n\\usepackage{booktabs,graphicx}\n\\begin{document}\n\
        \\input{report.tex}\n\\end{document}\n";
    std::fs::write(folder.join("paper.tex"), text).unwrap();
    let mut command = std::process::Command::new("pdflatex");
    let made = command.current_dir(folder).args(["-interaction=nonstopmode", "-halt-on-error", "paper.tex"]).output().ok()?;
    Some((made.status.success(), String::from_utf8_lossy(&made.stdout).into_owned()))
}

#[test]
fn report_tex_is_what_pdflatex_takes_or_says_that_it_is_not() {
    // every letter of Latin-1 and Latin Extended-A, Greek, marks after their letter, what LaTeX would read as commands
    let latin: String = ('\u{a1}'..='\u{17f}').filter(|c| !"\u{ad}ĦħŦŧĸĿŀŉſ".contains(*c)).collect();
    let greek: String = ('Α'..='Ω').chain('α'..='ω').chain("άέήίόύώϊϋΆΈΉΊΌΎΏ".chars()).filter(|c| *c != '\u{3a2}').collect();
    let names = [
        latin,
        greek,
        "Zu\u{308}rich, cafe\u{301}, na\u{300}\u{2026} „x“".into(),
        "[a] % $ # _ { } ~ ^ \\ < > | \" & −→±".into(),
    ];
    let tex = |names: &[String]| {
        let folder = tempfile::tempdir().unwrap();
        let mut all = Vec::new();
        for name in names {
            for (target, seed) in [("human", 0), ("Köln α", 0), ("human", 1), ("Köln α", 1)] {
                all.push(RunResult { name: name.clone(), ..run("none", target, seed, 0.5 + 0.01 * seed as f64) });
            }
        }
        report::write(&all, folder.path()).unwrap();
        (std::fs::read_to_string(folder.path().join("report.tex")).unwrap(), folder)
    };
    let (text, folder) = tex(&names);
    assert!(!text.contains("lualatex"), "{}", text.lines().take(4).collect::<Vec<_>>().join("\n"));
    assert!(text.contains("$\\alpha$") && text.contains("Z\\\"{u}rich, caf\\'{e}"));
    match pdflatex(folder.path()) {
        Some((made, said)) => {
            assert!(made, "{}", said.chars().rev().take(1500).collect::<String>().chars().rev().collect::<String>())
        }
        None => crate::skips::skipped("report_tex_is_what_pdflatex_takes_or_says_that_it_is_not", "no pdflatex"),
    }
    for name in ["日本", "Жук", "ħ", "e\u{302}\u{323}"] {
        let (text, _) = tex(&[name.into()]);
        assert!(text.lines().nth(2).unwrap().starts_with("% Compile with lualatex"), "{name}: {text}");
    }
}
