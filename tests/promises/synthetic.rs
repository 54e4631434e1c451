//! The controlled benchmark: features are what their formula says, the same each time, and the check tells valid arms from others.

use mmdg::manifest::Split;
use mmdg::synthetic::features::{Arm, COORDINATES, Draw, Parameters, TARGET, Truth};

/// Everything at work at once: 3 domains of 2000 rows.
fn parameters() -> Parameters {
    Parameters {
        seed: 3,
        h: 0.6,
        a: 3.0,
        s: 1.5,
        b: 2.0,
        kappa: 1.0,
        c: 1.5,
        c_slow: 0.5,
        rows: 2000,
        ..Arm::Imbalance.parameters()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// What lies before the rotation, O⁻¹x, of a row.
fn unrotated(draw: &Draw, modality: usize, row: usize) -> Vec<f64> {
    let (x, rotation) = (draw.row(modality, row), &draw.truth().rotation[modality]);
    let column = |j: usize| x.iter().zip(rotation).map(|(x, o)| f64::from(*x) * o[j]).sum();
    (0..x.len()).map(column).collect()
}

/// Mean over some rows, and how many there are.
fn mean(rows: impl Iterator<Item = Vec<f64>>) -> (Vec<f64>, f64) {
    let (mut sum, mut count) = (Vec::new(), 0.0);
    for row in rows {
        sum.resize(row.len(), 0.0);
        sum.iter_mut().zip(row).for_each(|(sum, x): (&mut f64, f64)| *sum += x);
        count += 1.0;
    }
    (sum.into_iter().map(|sum| sum / count).collect(), count)
}

fn close(found: &[f64], expected: &[f64], within: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < within, "{what}: {found} is not within {within} of {expected}");
    }
}

#[test]
fn rotations_are_orthogonal_cues_of_length_1_and_codes_half_apart() {
    let truth = Truth::new(&parameters());
    for rotation in &truth.rotation {
        for (i, row) in rotation.iter().enumerate() {
            for (j, other) in rotation.iter().enumerate() {
                assert!((dot(row, other) - f64::from(u8::from(i == j))).abs() < 1e-13, "{i} {j}");
            }
        }
    }
    let cues = truth.cue.iter().chain(&truth.stable_cue).chain(truth.domain_cue.iter().flatten()).chain(&truth.shift);
    assert!(cues.clone().all(|cue| (dot(cue, cue) - 1.0).abs() < 1e-13));
    // no two are the same: Q, P, and Q_d of every domain
    let all: Vec<_> = cues.collect();
    assert!((1..all.len()).all(|i| all[..i].iter().all(|other| *other != all[i])));
    for (y, code) in truth.code.iter().enumerate() {
        assert!(code.iter().all(|sign| sign.abs() == 1.0));
        assert!(truth.code[..y].iter().all(|other| dot(code, other) == 0.0), "class {y}");
    }
}

#[test]
fn the_class_of_quick_is_a_mean_that_differs_by_domain() {
    let (p, draw) = (parameters(), Draw::new(&parameters()).unwrap());
    let truth = draw.truth();
    for (d, coordinate) in COORDINATES.iter().enumerate() {
        for y in 0..p.classes {
            let rows = (0..draw.len()).filter(|&row| draw.domain(row) == d && draw.label(row) == y);
            let (found, count) = mean(rows.map(|row| unrotated(&draw, 0, row)));
            let cue = truth.cue[y].iter().zip(&truth.domain_cue[d][y]);
            let mut expected: Vec<f64> = cue.map(|(q, q_d)| p.a * (1.0 - p.h).sqrt() * q + p.a * p.h.sqrt() * q_d).collect();
            expected.extend(truth.stable_cue[y].iter().map(|x| p.s * x));
            expected.extend(truth.shift[0].iter().map(|u| p.c * coordinate * u));
            close(&found, &expected, 4.5 / count.sqrt(), &format!("domain {d}, class {y}"));
        }
    }
}

#[test]
fn the_class_of_slow_shows_only_in_the_product() {
    let (p, draw) = (parameters(), Draw::new(&parameters()).unwrap());
    let truth = draw.truth();
    for y in 0..p.classes {
        let rows = || (0..draw.len()).filter(|&row| draw.label(row) == y).map(|row| unrotated(&draw, 1, row));
        let width = p.code_width;
        let (found, count) = mean(rows().map(|x| x[..2 * width].to_vec()));
        close(&found, &vec![0.0; 2 * width], 4.5 * (p.b * p.b + 1.0).sqrt() / count.sqrt(), "mean");
        let (square, _) = mean(rows().map(|x| x[..2 * width].iter().map(|x| x * x).collect()));
        close(&square, &vec![p.b * p.b + 1.0; 2 * width], 4.5 * (4.0 * p.b * p.b + 2.0).sqrt() / count.sqrt(), "square");
        let (product, _) = mean(rows().map(|x| (0..width).map(|j| x[j] * x[width + j]).collect()));
        let expected: Vec<f64> = truth.code[y].iter().map(|code| p.b * p.b * code).collect();
        close(&product, &expected, 4.5 * (2.0 * p.b * p.b + 1.0).sqrt() / count.sqrt(), "product");
    }
    for (d, coordinate) in COORDINATES.iter().enumerate() {
        let rows = (0..draw.len()).filter(|&row| draw.domain(row) == d);
        let (found, count) = mean(rows.map(|row| unrotated(&draw, 1, row)[2 * p.code_width..].to_vec()));
        let expected: Vec<f64> = truth.shift[1].iter().map(|u| p.c_slow * coordinate * u).collect();
        close(&found, &expected, 4.5 / count.sqrt(), "shift");
    }
}

#[test]
fn classes_come_by_the_priors_and_splits_by_fifths() {
    let (p, draw) = (parameters(), Draw::new(&parameters()).unwrap());
    let priors = &draw.truth().priors;
    close(&priors[TARGET], &vec![1.0 / p.classes as f64; p.classes], 1e-15, "target");
    assert!((0..2).all(|d| priors[d].iter().any(|prior| (prior - priors[TARGET][0]).abs() > 0.05)) && priors[0] != priors[1]);
    for (d, prior) in priors.iter().enumerate() {
        let count = |y: usize| (0..draw.len()).filter(|&row| draw.domain(row) == d && draw.label(row) == y).count();
        let found: Vec<f64> = (0..p.classes).map(|y| count(y) as f64 / p.rows as f64).collect();
        close(&found, prior, 4.5 * 0.5 / (p.rows as f64).sqrt(), "prior");
        let part = |split| (0..draw.len()).filter(|&row| draw.domain(row) == d && draw.split(row) == split).count();
        assert_eq!([Split::Train, Split::Val, Split::Test].map(part), [1200, 400, 400]);
    }
    let even = Truth::new(&Parameters { kappa: 0.0, ..p });
    assert!(even.priors.iter().flatten().all(|prior| (prior - 1.0 / p.classes as f64).abs() < 1e-15));
}

#[test]
fn equal_parameters_give_equal_features_and_one_parameter_changes_nothing_else() {
    let p = Parameters { rows: 40, ..parameters() };
    let rows = |p: Parameters| {
        let draw = Draw::new(&p).unwrap();
        (0..draw.len()).map(|row| (draw.label(row), draw.row(0, row), draw.row(1, row))).collect::<Vec<_>>()
    };
    let first = rows(p);
    assert_eq!(first, rows(p));
    assert_ne!(first, rows(Parameters { seed: p.seed + 1, ..p }));
    for (a, b) in first.iter().zip(rows(Parameters { a: 5.0, h: 0.1, ..p })) {
        assert_eq!((a.0, &a.2), (b.0, &b.2));
    }
}

#[test]
fn parameters_out_of_range_are_named() {
    let p = parameters();
    for (wrong, expected) in [
        (Parameters { h: 1.5, ..p }, "synthetic features: h: 1.5; expected a share from 0 to 1"),
        (Parameters { a: f64::NAN, ..p }, "synthetic features: a: NaN; expected a number from 0 to 1000"),
        (Parameters { classes: 1, ..p }, "synthetic features: classes: 1; expected a whole number from 2 to 1024"),
        (
            Parameters { classes: 9, ..p },
            "synthetic features: code-width: 8; expected a power of two from 9 (the number of classes) to 1024",
        ),
    ] {
        assert_eq!(Draw::new(&wrong).unwrap_err().to_string(), expected);
    }
}

#[cfg(feature = "hdf5")]
#[test]
fn a_store_says_that_it_is_synthetic_and_with_which_parameters() {
    use mmdg::stop::Stop;
    use mmdg::store::Store;
    use mmdg::synthetic::features::write;
    let (folder, p) = (tempfile::tempdir().unwrap(), Parameters { rows: 60, ..Arm::Shift.parameters() });
    let made = |name: &str| {
        let out = folder.path().join(name);
        assert_eq!(write(&out, Arm::Shift, &p, &Stop::default()).unwrap().samples, 360);
        Store::open(&out).unwrap()
    };
    let store = made("a");
    let recipe = &store.header().recipe;
    assert!(recipe["synthetic"].as_str().unwrap().contains("nothing in them was recorded"), "{recipe}");
    assert_eq!(recipe["arm"], "shift");
    assert_eq!(serde_json::from_value::<Parameters>(recipe["parameters"].clone()).unwrap(), p);
    let draw = Draw::new(&p).unwrap();
    for (m, name) in mmdg::synthetic::features::MODALITIES.into_iter().enumerate() {
        let rows = store.modality(name).unwrap();
        assert!((0..store.len()).all(|row| *rows.values(row) == draw.row(m, row)[..]));
    }
    let labels = store.manifest().labels.places().iter().map(|&place| place as usize);
    assert!(labels.eq((0..draw.len()).map(|row| draw.label(row))));
    #[cfg(all(feature = "media", feature = "torch"))]
    assert_eq!(mmdg::train::FeatureTable::from_store(&store).unwrap().digest(), mmdg::benchmark::table(&draw).unwrap().digest());
    let shard = |name: &str| std::fs::read(folder.path().join(name).join("quick/00000.h5")).unwrap();
    made("b");
    assert!(shard("a") == shard("b"));
}

#[cfg(all(feature = "media", feature = "torch"))]
mod check {
    use mmdg::benchmark::{Condition, PIPELINE, check};
    use mmdg::config;
    use mmdg::stop::Stop;
    use mmdg::synthetic::features::{Arm, Parameters};
    use mmdg::train::TrainSettings;

    fn settings() -> TrainSettings {
        let set =
            ["protocol.seeds=[0, 1, 2]", "train.epochs=4", "train.hidden=32", "train.batch-size=16", "train.learning-rate=0.003"];
        let pipeline = config::parse(PIPELINE, "synth.toml".as_ref(), &set.map(String::from)).unwrap();
        let mut settings = pipeline.train.unwrap();
        settings.compare.retain(|column| ["none", "adversarial"].contains(&column.name.as_str()));
        settings
    }

    fn found(arm: Arm, parameters: Parameters) -> Vec<Condition> {
        let folder = tempfile::tempdir().unwrap();
        check(arm, &parameters, &settings(), false, folder.path(), &Stop::default(), &|_, _| ()).unwrap()
    }

    #[test]
    fn a_condition_holds_where_the_features_have_what_it_asks_for() {
        let p = Parameters { rows: 400, classes: 3, code_width: 4, cue_width: 4, b: 3.0, h: 0.9, ..Arm::Imbalance.parameters() };
        let bound = found(Arm::Imbalance, p);
        assert_eq!(bound.len(), 3);
        assert!(bound[2].holds && bound[2].what.contains("slow alone"), "{bound:?}");
        assert_eq!(bound, found(Arm::Imbalance, p));
        // nothing bound to a domain: no imbalance to find
        let free = found(Arm::Imbalance, Parameters { h: 0.0, ..p });
        assert!(!free[2].holds && free[2].to_string().starts_with("imbalance  FAILS  slow alone"), "{free:?}");
        // nothing to learn at all
        let nothing = found(Arm::Control, Parameters { a: 0.0, s: 0.0, b: 0.0, ..p });
        assert!(!nothing[0].holds && !nothing[1].holds, "{nothing:?}");
    }

    #[test]
    fn settings_without_a_base_or_a_spread_are_refused() {
        let run = |change: fn(&mut TrainSettings)| {
            let (mut settings, folder) = (settings(), tempfile::tempdir().unwrap());
            change(&mut settings);
            check(Arm::Shift, &Arm::Shift.parameters(), &settings, false, folder.path(), &Stop::default(), &|_, _| ())
                .unwrap_err()
                .to_string()
        };
        assert!(run(|s| s.protocol.seeds.truncate(1)).contains("expected at least two"));
        assert!(run(|s| s.compare.truncate(1)).contains("balance adversarial"));
    }
}
