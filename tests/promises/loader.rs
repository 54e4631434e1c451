//! Batches: the rows asked for, in an order that seed and epoch alone decide, whatever reads them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use mmdg::error::{Code, Failure};
use mmdg::manifest::{Labels, Manifest, Segment, Split};
use mmdg::modality::Kind;
use mmdg::sample::{Data, Dtype, Made, Row};
use mmdg::span::Span;
use mmdg::stop::Stop;
use mmdg::store::batch::{Batch, Values};
use mmdg::store::layout::ModalityHeader;
use mmdg::store::reader::Rows;
use mmdg::store::{self, Loader, Options, Order, Plan, Store};

const ROWS: usize = 103;

fn value(modality: usize, row: usize, element: usize) -> f32 {
    (modality * 1000 + row) as f32 + element as f32 / 8.0
}

/// 103 rows of three domains of 60, 30 and 13, four classes; `video` f32 [6], `audio` f16 [4], each seventh without audio;
/// `clip` u8 [2, 3] with five views.
pub fn plan() -> Plan {
    let segment = |row: usize| Segment {
        domain: [0, 1, 2][usize::from(row >= 60) + usize::from(row >= 90)],
        split: [Split::Train, Split::Val][usize::from(row.is_multiple_of(5))],
        ..Segment::new(format!("row {row}"), "", Span::WHOLE)
    };
    let manifest = Manifest {
        labels: Labels::classes(["a", "b", "c", "d"].map(String::from).into(), (0..ROWS).map(|row| row % 4)),
        domains: ["D1", "D2", "D3"].map(String::from).into(),
        segments: (0..ROWS).map(segment).collect(),
        test_set: None,
    };
    let modality = |name: &str, kind, dtype, shape: &[u64], views: Option<Vec<u64>>| ModalityHeader {
        name: name.into(),
        kind,
        dtype,
        shape: shape.into(),
        times: 0,
        views,
        jpeg: None,
    };
    let modalities = vec![
        modality("video", Kind::VIDEO, Dtype::F32, &[6], None),
        modality("audio", Kind::AUDIO, Dtype::F16, &[4], None),
        modality("clip", Kind::VIDEO, Dtype::U8, &[2, 3], Some(vec![5, 2, 3])),
    ];
    Plan { holds: "features", manifest, modalities, recipe: serde_json::json!({"made": "here"}), shard_bytes: Some(600) }
}

pub fn row(modality: usize, row: u64) -> Result<Row, Failure> {
    let row = row as usize;
    if modality == 1 && row.is_multiple_of(7) {
        return Err(Failure { code: Code::Absent, message: "no sound".into() });
    }
    let data = match modality {
        2 => Data::U8((0..36).map(|i| (row * 2 + i) as u8).collect()),
        _ => Data::F32((0..[6, 4][modality]).map(|i| value(modality, row, i)).collect()),
    };
    Ok(Row { data, made: Made { span: [0.0, 1.0], times: Vec::new(), made_by: "test".into(), partial: None } })
}

fn open(folder: &Path) -> Arc<Store> {
    store::write(&folder.join("store"), &plan(), &Stop::default(), row).unwrap();
    Arc::new(Store::open(&folder.join("store")).unwrap())
}

fn batches(store: &Arc<Store>, options: &Options, epoch: u64) -> Vec<Batch> {
    let loader = Loader::new(store.clone(), options.clone()).unwrap();
    let batches: Vec<Batch> = loader.epoch(epoch).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(batches.len(), loader.len());
    batches
}

fn rows(batches: &[Batch]) -> Vec<usize> {
    batches.iter().flat_map(|batch| batch.rows.clone()).collect()
}

#[test]
fn every_value_is_the_one_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    assert!(store.header().shards["video"].len() > 5, "rows cross shards");
    let options = Options { batch_size: 16, modalities: vec!["audio".into(), "video".into()], ..Options::default() };
    for batch in batches(&store, &options, 0) {
        let n = batch.rows.len();
        for (features, (name, modality, width)) in batch.modalities.iter().zip([("audio", 1, 4), ("video", 0, 6)]) {
            assert_eq!((features.name.as_str(), &features.shape), (name, &vec![n, width]));
            let Values::F32(values) = &features.values else { panic!("{:?}", features.values) };
            for (i, &row) in batch.rows.iter().enumerate() {
                let there = modality == 0 || row % 7 != 0;
                assert_eq!(features.valid[i], there);
                let expected: Vec<f32> = (0..width).map(|j| if there { value(modality, row, j) } else { 0.0 }).collect();
                // f16 keeps eleven bits
                let error = |(a, b): (&f32, &f32)| (a - b).abs() / (if modality == 1 { 1.0 } else { f32::INFINITY });
                assert!(values[i * width..][..width].iter().zip(&expected).all(|pair| error(pair) <= 0.5), "{row}");
                if modality == 0 {
                    assert_eq!(values[i * width..][..width], expected);
                }
            }
        }
        for (i, &row) in batch.rows.iter().enumerate() {
            let segment = &store.manifest().segments[row];
            assert_eq!((batch.labels.classes()[i], batch.domains[i]), ((batch.rows[i] % 4) as i64, segment.domain as i64));
        }
    }
    let raw = batches(&store, &Options { raw: true, modalities: vec!["audio".into()], ..options }, 0);
    let Values::F16(halves) = &raw[0].modalities[0].values else { panic!() };
    let stored = store.modality("audio").unwrap();
    assert!(
        raw[0].rows.iter().zip(halves.chunks(4)).all(|(&row, halves)| bytemuck::cast_slice::<_, u8>(halves) == stored.bytes(row))
    );
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for order in [Order::Rows, Order::Shuffled, Order::Domains, Order::Classes] {
        let options = Options { batch_size: 9, seed: 3, order, views: true, ..Options::default() };
        let alone = batches(&store, &options, 7);
        assert!(alone == batches(&store, &options, 7), "again");
        for (threads, ahead) in [(1, 0), (2, 20), (5, 1)] {
            assert!(alone == batches(&store, &Options { threads, ahead, ..options.clone() }, 7), "{order:?} {threads}");
        }
        let (epoch, seed) = (batches(&store, &options, 8), batches(&store, &Options { seed: 4, ..options.clone() }, 7));
        assert_eq!(order != Order::Rows, rows(&alone) != rows(&epoch) && rows(&alone) != rows(&seed));
        assert!(alone != epoch, "{order:?}: other views in another epoch");
    }
    // memory that is used again shows nothing of what was in it
    let loader = Loader::new(store.clone(), Options { batch_size: 9, threads: 2, ..Options::default() }).unwrap();
    let mut epoch = loader.epoch(0).unwrap();
    let mut found = Vec::new();
    while let Some(batch) = epoch.next() {
        let batch = batch.unwrap();
        found.push(batch.clone());
        epoch.recycle(batch);
    }
    assert!(found == batches(&store, &Options { batch_size: 9, ..Options::default() }, 0));
}

#[test]
fn shuffled_epochs_show_every_row_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let options = Options { batch_size: 10, ..Options::default() };
    let mut found = rows(&batches(&store, &options, 0));
    assert_ne!(found, (0..ROWS).collect::<Vec<_>>());
    found.sort_unstable();
    assert_eq!(found, (0..ROWS).collect::<Vec<_>>());
    assert_eq!(batches(&store, &Options { drop_last: true, ..options.clone() }, 0).len(), 10);
    let chosen = Options { domains: vec!["D3".into(), "D1".into()], splits: vec![Split::Val], complete: true, ..options };
    let mut found = rows(&batches(&store, &chosen, 0));
    found.sort_unstable();
    let expected = (0..ROWS).filter(|row| !(60..90).contains(row) && row % 5 == 0 && row % 7 != 0);
    assert_eq!(found, expected.collect::<Vec<_>>());
}

#[test]
fn balanced_batches_hold_as_many_of_each() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for (order, groups) in [(Order::Domains, 3), (Order::Classes, 4)] {
        let found = batches(&store, &Options { batch_size: 10, order, ..Options::default() }, 2);
        assert_eq!(rows(&found).len(), ROWS);
        let group = |batch: &Batch| if order == Order::Domains { batch.domains.clone() } else { batch.labels.classes().to_vec() };
        for batch in &found {
            let mut counts = vec![0; groups];
            group(batch).into_iter().for_each(|g| counts[g as usize] += 1);
            assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
        }
        // a group is used up before a row of it comes again
        let mut seen = BTreeMap::<usize, usize>::new();
        rows(&found).into_iter().for_each(|row| *seen.entry(row).or_default() += 1);
        let small: Vec<usize> = (90..ROWS).map(|row| seen.get(&row).copied().unwrap_or(0)).collect();
        assert!(small.iter().max().unwrap() - small.iter().min().unwrap() <= 1, "{small:?}");
        assert_eq!(order == Order::Domains, small.iter().sum::<usize>() == 34, "{small:?}");
    }
}

#[test]
fn views_are_rows_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let options = Options { views: true, modalities: vec!["clip".into()], ..Options::default() };
    let mut drawn = [0; 5];
    for epoch in 0..20 {
        for batch in batches(&store, &options, epoch) {
            let Values::U8(values) = &batch.modalities[0].values else { panic!() };
            assert_eq!(batch.modalities[0].shape, [batch.rows.len(), 2, 3]);
            for (&row, shown) in batch.rows.iter().zip(values.chunks(6)) {
                // the row itself is six bytes, its views follow
                let view = (shown[0] as usize).wrapping_sub(row * 2 + 6) % 256 / 6;
                assert!(shown.iter().enumerate().all(|(i, &v)| v == (row * 2 + 6 + view * 6 + i) as u8), "{row} {shown:?}");
                drawn[view] += 1;
            }
        }
    }
    assert!(drawn.iter().all(|n| (300..530).contains(n)), "{drawn:?}");
}

#[test]
fn what_cannot_be_loaded_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let options = Options::default;
    for (options, expected) in [
        (Options { modalities: vec!["flow".into()], ..options() }, "no modality \"flow\"; expected one of video, audio, clip"),
        (Options { domains: vec!["D9".into()], ..options() }, "no domain \"D9\"; expected one of D1, D2, D3"),
        (Options { splits: vec![Split::Test], ..options() }, "no row is of these domains and splits"),
        (Options { batch_size: 0, ..options() }, "batches of 0 rows; expected at least 1"),
        (Options { views: true, modalities: vec!["audio".into()], ..options() }, "no training views of audio"),
    ] {
        let error = Loader::new(store.clone(), options).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let loader = Loader::new(store, options()).unwrap();
    let error = loader.read(0, &[4, 103], &mut Batch::default()).unwrap_err().to_string();
    assert!(error.contains("no row 103; expected 0 to 102"), "{error}");
}

#[test]
fn a_row_that_cannot_be_stored_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    for (modality, bad, says) in [(0, f32::NAN, "element 2 is NaN"), (1, 70000.0, "element 2 is 70000; expected -65504 to 65504")]
    {
        let spoilt = |m: usize, r: u64| {
            let mut made = row(m, r)?;
            if let (Data::F32(values), true) = (&mut made.data, (m, r) == (modality, 85)) {
                values[2] = bad;
            }
            Ok(made)
        };
        let error = store::write(&path, &plan(), &Stop::default(), spoilt).unwrap_err().to_string();
        assert!(error.starts_with("row 85 (row 85), ") && error.contains(says), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
    store::write(&path, &plan(), &Stop::default(), row).unwrap();
    let error = store::write(&path, &plan(), &Stop::default(), row).unwrap_err().to_string();
    assert!(error.contains("this is there already"), "{error}");
}

/// `cargo test` builds the examples beside the tests.
#[test]
fn the_examples_write_read_and_iterate() {
    let folder = tempfile::tempdir().unwrap();
    let examples = std::env::current_exe().unwrap().parent().unwrap().join("../examples");
    let run = |name: &str, arguments: &[&str]| {
        let program = examples.join(name);
        let output = std::process::Command::new(&program).args(arguments).current_dir(folder.path()).output();
        let output = output.unwrap_or_else(|error| panic!("{} (cargo build --examples): {error}", program.display()));
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run("write_store", &["store"]);
    let rows = run("rows", &["store", "video"]);
    assert!(rows.lines().count() == 100 && rows.starts_with("0 clip-0 open "), "{rows}");
    let batches = run("batches", &["store"]);
    assert_eq!(batches.lines().count(), 4, "{batches}");
    assert!(batches.starts_with("epoch 0: [(\"video\", [64, 512])], first row "), "{batches}");
}

#[test]
fn a_row_that_is_not_there_panics() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let rows = store.modality("clip").unwrap();
    let panics = |read: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).is_err();
    assert!(!panics(&|| rows.gather_bytes(&[102, 0], &mut [0; 12])));
    for row in [103, 104, 200, usize::MAX] {
        assert!(panics(&|| rows.gather_bytes(&[0, row], &mut [0; 12])), "{row}");
        let reads: [fn(Rows<'_>, usize); 3] =
            [|rows, row| _ = rows.valid(row), |rows, row| _ = rows.views(row), |rows, row| _ = rows.span(row)];
        for read in reads {
            assert!(panics(&|| read(rows, row)), "{row}");
        }
    }
    assert!(panics(&|| rows.gather_bytes(&[0, 1], &mut [0; 13])));
}

#[test]
fn rows_in_order_are_those_that_lie_there_across_shards() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    assert!(store.header().shard_count() > 2);
    for modality in &store.header().modalities {
        let rows = store.modality(&modality.name).unwrap();
        let each: Vec<&[u8]> = (0..store.len()).map(|row| rows.bytes(row)).collect();
        for (first, end) in [(0, store.len()), (0, 0), (1, 2), (3, store.len() - 1)] {
            let (wanted, range): (Vec<u8>, Vec<usize>) = (each[first..end].concat(), (first..end).collect());
            let mut found = vec![0; wanted.len()];
            rows.gather_bytes(&range, &mut found);
            assert!(found == wanted, "{} {first} {end}", modality.name);
        }
    }
}
