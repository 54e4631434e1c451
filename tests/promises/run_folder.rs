//! What a run leaves beside its results: figures of each step, events for TensorBoard, embeddings in the plane.

use std::collections::BTreeMap;
use std::path::Path;

use mmdg::report;
use mmdg::stop::Stop;
use mmdg::train::events::{NAME, checksum};
use mmdg::train::{self, Runs, TrainSettings, without_steps};

use crate::train::{compare, one_task, run, settings, small, walk};

/// Castagnoli's checksum, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}

/// A number of protobuf's: seven bits a byte, lowest first.
fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(byte & 127) << shift;
        shift += 7;
        if byte & 128 == 0 {
            return value;
        }
    }
}

/// Fields of a protobuf message by number: bytes of those that have them, else the number's bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                found.push((key >> 3, varint(&mut bytes).to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            other => panic!("wire type {other}"),
        };
        let (value, rest) = bytes.split_at(length);
        bytes = rest;
        found.push((key >> 3, value.to_vec()));
    }
    found
}

/// Step and figures of each record but the first.
fn events(path: &Path) -> Vec<(u64, BTreeMap<String, f32>)> {
    let file = std::fs::read(path).unwrap();
    let (mut rest, mut found) = (&file[..], Vec::new());
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        let (event, after) = (&rest[12..12 + length], &rest[12 + length..]);
        for (bytes, sum) in [(&rest[..8], &rest[8..12]), (event, &after[..4])] {
            let crc = crc(bytes);
            let masked = crc.rotate_right(15).wrapping_add(0xa282_ead8);
            assert!(sum == masked.to_le_bytes() && masked == checksum(bytes));
        }
        let event = fields(event);
        let of = |number: u64| event.iter().find(|(n, _)| *n == number).map(|(_, bytes)| bytes.clone());
        if found.is_empty() && of(3).is_some() {
            assert_eq!(of(3).unwrap(), b"brain.Event:2");
            found.push((u64::MAX, BTreeMap::new()));
        } else {
            let step = of(2).map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
            let value = |(_, value): (u64, Vec<u8>)| {
                let value = fields(&value);
                let number = f32::from_le_bytes(value[1].1.clone().try_into().unwrap());
                (String::from_utf8(value[0].1.clone()).unwrap(), number)
            };
            found.push((step, fields(&of(5).unwrap()).into_iter().map(value).collect()));
        }
        rest = &after[4..];
    }
    found.split_off(1)
}

#[test]
fn runs_that_had_ended_or_begun_before_their_steps_were_asked_for_are_named() {
    let table = small();
    let without = |out: &Path| TrainSettings {
        compare: vec![compare("name = 'gmp'\nbalance = 'gmp'"), compare("name = 'none'")],
        protocol: one_task("domain1"),
        ..settings(out)
    };
    let with = |out: &Path| TrainSettings { trace: true, dump_steps: 2, ..without(out) };
    let lacking = |out: &Path| {
        run(&table, &with(out)).unwrap();
        let (folders, runs) = without_steps(&table, &with(out)).unwrap();
        assert_eq!(runs, 2);
        folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>()
    };
    let [fresh, finished, begun] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    assert!(lacking(fresh.path()).is_empty());

    run(&table, &without(finished.path())).unwrap();
    assert_eq!(lacking(finished.path()), ["gmp/domain1-0", "none/domain1-0"]);

    let stop = Stop::default();
    let hears = |progress: train::Progress| {
        if progress.epochs_done > 0 {
            stop.ask(15);
        }
    };
    train::train(&table, &TrainSettings { cohort: Runs::AtMost(1), ..without(begun.path()) }, &stop, &hears).unwrap_err();
    assert!(begun.path().join("gmp/domain1-0/checkpoint.safetensors").exists(), "{:?}", walk(begun.path(), ""));
    assert!(lacking(begun.path()).contains(&"gmp/domain1-0".into()));
    // no part of it stands for the whole
    assert!(!begun.path().join("gmp/domain1-0/balance-steps.csv").exists());
    assert!(mmdg::report::record::verify(begun.path()).unwrap().faults.is_empty());
}

#[test]
fn steps_events_and_embeddings_tell_of_the_run_and_are_equal_bytes() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let table = small();
    let of = |out: &Path| TrainSettings {
        trace: true,
        tsne: true,
        compare: vec![compare("name = 'gmp'\nbalance = 'gmp'"), compare("name = 'none'")],
        protocol: one_task("domain1"),
        ..settings(out)
    };
    let results = run(&table, &of(one.path())).unwrap();
    run(&table, &of(other.path())).unwrap();
    let read = |base: &Path, name: &str, file: &str| std::fs::read(base.join(name).join("domain1-0").join(file)).unwrap();
    for name in ["gmp", "none"] {
        for file in ["balance-steps.csv", "embedding.csv", NAME, "results.json"] {
            assert!(read(one.path(), name, file) == read(other.path(), name, file), "{name} {file}");
        }
    }

    // of a run that is finished the saved model is laid out, and nothing is trained again
    let later = tempfile::tempdir().unwrap();
    run(&table, &TrainSettings { tsne: false, ..of(later.path()) }).unwrap();
    let changed =
        |name: &str| later.path().join(name).join("domain1-0/model.safetensors").metadata().unwrap().modified().unwrap();
    let before = ["gmp", "none"].map(changed);
    let found = run(&table, &of(later.path())).unwrap();
    assert!(before == ["gmp", "none"].map(changed) && found[0].embedding == results[0].embedding);
    for name in ["gmp", "none"] {
        assert!(read(later.path(), name, "embedding.csv") == read(one.path(), name, "embedding.csv"), "{name}");
    }
    assert!(mmdg::report::record::verify(later.path()).unwrap().faults.is_empty());

    let text = String::from_utf8(read(one.path(), "gmp", "balance-steps.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let steps = results[0].rows.train / 8;
    assert_eq!(rows.len(), 3 * steps * 2);
    for (e, epoch) in results[0].curve.iter().enumerate() {
        for modality in ["video", "audio"] {
            let own: Vec<f64> = rows
                .iter()
                .filter(|row| row[0] == e.to_string() && row[2] == modality)
                .map(|row| row[3].parse().unwrap())
                .collect();
            assert_eq!(own.len(), steps);
            let mean = own.iter().sum::<f64>() / steps as f64;
            assert!(
                (mean / epoch.balance[modality].get("rho").unwrap() - 1.0).abs() < 1e-5,
                "{mean} {:?}",
                epoch.balance[modality]
            );
        }
    }
    let found = events(&one.path().join("gmp/domain1-0").join(NAME));
    assert_eq!(found.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [0, 1, 2]);
    for ((_, figures), epoch) in found.iter().zip(&results[0].curve) {
        assert_eq!(figures["accuracy/validation"], epoch.validation["accuracy"] as f32);
        assert_eq!(figures["balance/audio/k"], epoch.balance["audio"].get("k").unwrap() as f32);
        assert_eq!(figures.len(), 6 + 16);
    }

    let read = report::read(&[one.path().to_owned()]).unwrap();
    let rows = &read[0].embedding;
    assert_eq!(rows.len(), read[0].rows.validation + read[0].rows.target);
    assert!(*rows == results[0].embedding && rows.iter().all(|row| row.x.is_finite() && row.y.is_finite()));
    assert!(rows.iter().all(|row| (row.part == "test") == (row.domain == "domain1")));
    report::write(&read, one.path()).unwrap();
    let page = std::fs::read_to_string(one.path().join("report.html")).unwrap();
    assert!(
        page.contains("plane-0-0-class") && page.contains("domain1 (target)") && page.matches("plane-0-0-domain-t").count() == 2
    );
}
