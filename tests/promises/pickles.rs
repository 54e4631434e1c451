//! Pickles of annotations are read as pandas wrote them, and nothing that stands in them is ever run.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use mmdg::pickle::{Cell, PickledTable, read_table, read_tuples};
use mmdg::rng::Stream;

use crate::shared;

/// Our own pickles of a kind, by name.
fn fixtures(kind: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/pickles");
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(name, _)| name.starts_with(kind) && name.ends_with(".pkl"))
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect();
    found.sort();
    found
}

/// Whether a table holds what the CSV does, cell by cell.
fn same(table: &PickledTable, csv: PathBuf, name: &str) {
    let mut reader = csv::Reader::from_path(csv).unwrap();
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(table.columns, header, "{name}");
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(table.len(), records.len(), "{name}");
    for (column, cells) in table.columns.iter().zip(&table.cells) {
        for ((row, cell), record) in cells.iter().enumerate().zip(&records) {
            let written = &record[header.iter().position(|name| name == column).unwrap()];
            let equal = match cell {
                Cell::Float(value) => written.parse() == Ok(*value),
                cell => cell.to_string() == written,
            };
            assert!(equal, "{name}: {column}, row {row}: {cell:?}; the CSV has {written:?}");
        }
    }
}

#[test]
fn the_pickles_of_mm_sada_hold_what_their_csvs_do() {
    let Some(data) = shared::data("the_pickles_of_mm_sada_hold_what_their_csvs_do") else { return };
    let mut rows = 0;
    for name in ["D1_train", "D1_test", "D2_train", "D2_test", "D3_train", "D3_test"] {
        let pickle = data.join(format!("splits/MM-SADA/{name}.pkl"));
        let table = read_table(&std::fs::read(&pickle).unwrap(), pickle.display()).unwrap();
        same(&table, data.join(format!("splits/MM-SADA_csv/{name}.csv")), name);
        for number in ["uid", "start_frame", "stop_frame", "verb_class"] {
            assert!(table.column(number).unwrap().iter().all(|cell| matches!(cell, Cell::Integer(_))), "{name}: {number}");
        }
        rows += table.len();
    }
    assert_eq!(rows, 10_094);
}

#[test]
fn frames_of_every_pandas_are_the_same_table() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/pickles");
    for kind in ["epic", "plain"] {
        let found = fixtures(kind);
        assert!(found.len() >= 9, "{found:?}");
        for (name, bytes) in found {
            let table = read_table(&bytes, &name).unwrap();
            same(&table, folder.join(format!("{kind}.csv")), &name);
            let column = |column: &str| table.column(column).unwrap();
            if kind == "epic" {
                assert_eq!(column("uid"), [Cell::Integer(7), Cell::Integer(70000), Cell::Integer(9)], "{name}");
                assert_eq!(column("all_noun_classes")[1], Cell::List(vec![Cell::Integer(12), Cell::Integer(300)]), "{name}");
            } else {
                assert_eq!(column("kept")[1], Cell::Boolean(false), "{name}");
                assert_eq!(column("score")[1], Cell::Missing, "{name}");
                assert_eq!(column("mixed"), [Cell::Text("a".into()), Cell::Missing, Cell::Integer(3)], "{name}");
            }
        }
    }
}

#[test]
fn lists_of_tuples_are_rows() {
    let text = |text: &str| Cell::Text(text.into());
    for (name, bytes) in fixtures("tuples") {
        let rows = read_tuples(&bytes, &name).unwrap();
        let first =
            [text("P91_01"), Cell::Integer(66), Cell::Integer(270), text("00:00:01.10"), text("00:00:04.50"), Cell::Integer(2)];
        assert_eq!((rows.len(), rows[0].as_slice(), &rows[1][2]), (2, &first[..], &Cell::Integer(70000)), "{name}");
        let error = read_table(&bytes, &name).unwrap_err().to_string();
        assert_eq!(error, format!("{name}: expected a pandas DataFrame; found a list of 2"));
    }
    let (name, frame) = fixtures("epic").swap_remove(0);
    let error = read_tuples(&frame, &name).unwrap_err().to_string();
    assert_eq!(error, format!("{name}: expected a list of tuples; found what pandas.core.frame.DataFrame makes"));
}

#[test]
fn a_part_of_a_longer_table_beside_pyarrow_is_that_part() {
    let found = fixtures("part_3.1-pyarrow26");
    assert_eq!(found.len(), 4);
    for (name, bytes) in found {
        let table = read_table(&bytes, &name).unwrap();
        let narrations: Vec<Cell> =
            (11..19).map(|row| if row % 3 > 0 { Cell::Missing } else { Cell::Text(format!("row {row} é")) }).collect();
        assert_eq!(table.column("narration").unwrap(), narrations, "{name}");
        assert_eq!(table.column("number").unwrap(), (11..19).map(Cell::Integer).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn names_that_no_table_needs_are_refused_by_name() {
    let marker = tempfile::tempdir().unwrap();
    let marker = marker.path().join("ran");
    let command = format!("touch {}", marker.display());
    let text = |text: &str| [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let eval = [&b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93"[..], &text("open('x', 'w')"), b"\x85R."].concat();
    // what `__reduce__` of an object gives, among the values of a DataFrame
    let within =
        [&b"\x80\x02cpandas.core.frame\nDataFrame\n)\x81}"[..], &text("_mgr"), b"cposix\nsystem\n", &text(&command), b"\x85Rsb."];
    let cases = [
        ([&b"\x80\x02cos\nsystem\n"[..], &text(&command), b"\x85R."].concat(), "byte 2: names os.system,"),
        (format!("cos\nsystem\n(S'{command}'\ntR.").into_bytes(), "byte 0: names os.system,"),
        (b"(ios\nsystem\n.".to_vec(), "byte 1: names os.system,"),
        (eval, "byte 18: names builtins.eval,"),
        (within.concat(), "byte 43: names posix.system,"),
        (b"\x80\x02cbuiltins\ngetattr\n.".to_vec(), "byte 2: names builtins.getattr,"),
        (b"\x80\x02cpandas.io.pickle\nread_pickle\n.".to_vec(), "byte 2: names pandas.io.pickle.read_pickle,"),
        (b"\x80\x02cpandas.arrays\nArrowExtensionArray\n.".to_vec(), "byte 2: names pandas.arrays.ArrowExtensionArray,"),
        (b"\x80\x02cpyarrow.lib\n_restore_table\n.".to_vec(), "byte 2: names pyarrow.lib._restore_table,"),
        (b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__init__\x93.".to_vec(), "byte 25: names numpy.dtype.__init__,"),
        (b"\x80\x02cfunctools\npartial\ncos\nsystem\n.".to_vec(), "byte 21: names os.system,"),
        // persistent objects, numbers of an extension registry, buffers out of band
        (b"\x80\x02U\x01xQ.".to_vec(), "byte 5: step 0x51, which no table needs"),
        (b"\x80\x02\x82\x01.".to_vec(), "byte 2: step 0x82, which no table needs"),
        (b"\x80\x05\x97.".to_vec(), "byte 2: step 0x97, which no table needs"),
        (b"\x80\x06.".to_vec(), "byte 0: protocol 6; expected 2 to 5"),
        (b"<!DOCTYPE html>".to_vec(), "byte 0: not a pickle; expected one of protocol 2 to 5"),
        (Vec::new(), "byte 0: expected 1 more bytes; the file has 0 left"),
    ];
    for (bytes, says) in cases {
        for error in [read_table(&bytes, "bad.pkl").unwrap_err(), read_tuples(&bytes, "bad.pkl").unwrap_err()] {
            assert!(error.to_string().starts_with(&format!("bad.pkl: {says}")), "{error}; expected {says}");
        }
    }
    assert!(!marker.exists());
}

#[test]
fn what_is_cut_short_is_an_error_at_every_length() {
    for (name, bytes) in fixtures("").into_iter().filter(|(name, _)| !name.contains("2.3")) {
        for length in 0..bytes.len() {
            read_table(&bytes[..length], &name).unwrap_err();
            read_tuples(&bytes[..length], &name).unwrap_err();
        }
        let error = read_table(&[&bytes[..], b"."].concat(), &name).unwrap_err().to_string();
        assert!(error.contains("the pickle has ended; expected no more bytes"), "{error}");
    }
}

#[test]
fn flipped_bits_end_in_a_table_or_an_error() {
    let started = Instant::now();
    let fixtures = fixtures("");
    let mut read = 0;
    for round in 0..2000u32 {
        let mut bytes = fixtures[round as usize % fixtures.len()].1.clone();
        let random = Stream::new(3).at(round);
        for flip in 0..=random.bits(0) % 3 {
            let at = random.bits(2 * flip + 1) as usize % bytes.len();
            bytes[at] ^= 1 << (random.bits(2 * flip + 2) % 8);
        }
        if let Ok(table) = read_table(&bytes, "flipped.pkl") {
            assert!(table.cells.iter().all(|cells| cells.len() == table.len()));
            read += 1;
        }
        let _ = read_tuples(&bytes, "flipped.pkl");
    }
    assert!((1..1900).contains(&read), "{read} of 2000 were still tables");
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn claims_cost_nothing() {
    let deep = [&b"\x80\x02"[..], &[b']'; 1_000_000], &[b'a'; 999_999], b"."].concat();
    let cases = [
        (deep, "row 0: expected a tuple; found a list of 1"),
        // a list that holds itself
        (b"\x80\x02]q\x00h\x00a.".to_vec(), "row 0: expected a tuple; found a list of 1"),
        (b"\x80\x02]q\x00h\x00\x85a.".to_vec(), "row 0: expected text, a number or a list of these; found a tuple of 1"),
        (b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.".to_vec(), "byte 2: expected 9223372036854775807 more bytes"),
        (b"\x80\x02X\xff\xff\xff\xffab.".to_vec(), "byte 2: expected 4294967295 more bytes"),
        (b"\x80\x02\x8b\xff\xff\xff\x7f.".to_vec(), "byte 2: expected 2147483647 more bytes"),
        (b"\x80\x02Nr\xff\xff\xff\xff0j\xff\xff\xff\xff.".to_vec(), "expected a list of tuples; found None"),
        (b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x01\x00N.".to_vec(), "byte 2: a frame of 281474976710656 bytes"),
        (b"\x80\x02N0.".to_vec(), "byte 4: takes 1 values; the stack has 0"),
        (b"\x80\x02N(t0u.".to_vec(), "byte 6: goes back to a mark; there is none"),
        (b"\x80\x02}(Nu.".to_vec(), "byte 5: a key without a value"),
        (b"\x80\x02h\x07.".to_vec(), "byte 2: recalls value 7, which was never kept"),
    ];
    for (bytes, says) in cases {
        let error = read_tuples(&bytes, "claims.pkl").unwrap_err().to_string();
        assert!(error.starts_with(&format!("claims.pkl: {says}")), "{error}; expected {says}");
    }
}

#[test]
fn an_index_that_counts_further_than_the_columns_reach_is_refused() {
    // pandas' `DataFrame(index=RangeIndex(n, name="a"), columns=RangeIndex(m))`, without blocks
    let text = |text: &str| [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let index = |name: &[u8], stop: i32| {
        let parts =
            [text("name"), name.to_vec(), text("start"), b"K\0".to_vec(), text("stop"), [b"J", &stop.to_le_bytes()[..]].concat()];
        let known = b"cpandas.core.indexes.base\n_new_Index\ncpandas\nRangeIndex\n}(";
        [known.to_vec(), parts.concat(), text("step"), b"K\x01u\x86R".to_vec()].concat()
    };
    for (columns, says) in [
        (0, "0 columns; expected 1 to 4096"),
        (i32::MAX, "2147483647 columns;"),
        (2, "column \"0\" has no values; expected them in a block"),
    ] {
        let manager =
            [&b"cpandas.core.internals.managers\nBlockManager\n)]("[..], &index(b"N", columns), &index(&text("a"), i32::MAX)];
        let bytes = [&b"\x80\x02cpandas\nDataFrame\n)\x81}"[..], &text("_mgr"), &manager.concat(), b"e\x86\x81sb."].concat();
        let error = read_table(&bytes, "range.pkl").unwrap_err().to_string();
        assert!(error.starts_with(&format!("range.pkl: {says}")), "{error}; expected {says}");
    }
}
