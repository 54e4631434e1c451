//! Whatever is wrong with a store is found, and told by file and rows; a store that is well has nothing told of it.

use std::path::Path;

use mmdg::error::Action;
use mmdg::stop::Stop;
use mmdg::store::layout::{ShardRecord, read_json};
use mmdg::store::{self, Store, Writer};
use mmdg::verify::verify;
use mmdg::{Error, fs};

use crate::loader::{plan, row};

fn make(folder: &Path) {
    store::write(folder, &plan(), &Stop::default(), row).unwrap();
}

pub fn faults(folder: &Path) -> Vec<String> {
    verify(folder, &Stop::default(), &|_, _| ()).unwrap().faults.iter().map(ToString::to_string).collect()
}

/// Byte of the row `row` of an array in its shard.
fn byte(folder: &Path, shard: &str, array: &str, row: u64) -> usize {
    let record: ShardRecord = read_json(&folder.join(shard).with_extension("json")).unwrap();
    let place = &record.arrays[array];
    let row_bytes = place.shape[1..].iter().product::<u64>() * place.dtype.size();
    (place.offset + (row - record.rows[0]) * row_bytes) as usize
}

pub fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// A file of a store without the hash that it carries: what it says is looked at all the same.
pub fn unsealed(text: &str) -> String {
    text.find(",\n  \"seal\"").map_or_else(|| text.to_owned(), |seal| text[..seal].to_owned() + "\n}\n")
}

fn replace(path: &Path, from: &str, to: &str) {
    edit(path, |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.contains(from), "{text}");
        *bytes = unsealed(&text).replacen(from, to, 1).into_bytes();
    });
}

fn put(folder: &Path, shard: &str, at: usize, bytes: &[u8]) {
    edit(&folder.join(shard), |all| all[at..at + bytes.len()].copy_from_slice(bytes));
}

/// Where one damage is done, what `verify` says of it (each line begins with one of these and has all that follows), and what opening says.
type Damage = (&'static str, fn(&Path), &'static [(&'static str, &'static str)], Option<&'static str>);

const NAN: [u8; 4] = f32::NAN.to_le_bytes();

#[rustfmt::skip]
const DAMAGES: &[Damage] = &[
    ("cut short", |s| edit(&s.join("video/00001.h5"), |bytes| bytes.truncate(bytes.len() - 800)),
        &[("video/00001.h5: rows 8 to 15: ", "bytes; its record says"), ("video/00001.h5: rows 8 to 15: ", "data lies past the end")],
        Some("its record says")),
    ("cut to nothing", |s| edit(&s.join("video/00001.h5"), Vec::clear),
        &[("video/00001.h5: rows 8 to 15: ", "0 bytes; its record says"), ("video/00001.h5: rows 8 to 15: ", "data lies past the end")],
        Some("0 bytes; its record says")),
    ("a bit flipped in a value", |s| edit(&s.join("video/00002.h5"), |bytes| {
        let at = byte(s, "video/00002.h5", "data", 17);
        bytes[at] ^= 1;
    }), &[("video/00002.h5: rows 16 to 23: its hash is ", "its record says")], None),
    ("a bit flipped in HDF5's own bytes", |s| edit(&s.join("audio/00000.h5"), |bytes| bytes[0] ^= 1),
        &[("audio/00000.h5: rows 0 to 7: its hash is ", "its record says")], None),
    ("values that are not finite", |s| for (row, element) in [(17, 2), (18, 0), (20, 5)] {
        put(s, "video/00002.h5", byte(s, "video/00002.h5", "data", row) + 4 * element, &NAN);
    }, &[
        ("video/00002.h5: rows 16 to 23: its hash is ", ""),
        ("video/00002.h5: rows 17 to 18: data holds values that are not finite, the first: element 2 of \"row 17\" is NaN", ""),
        ("video/00002.h5: row 20: data holds values that are not finite: element 5 of \"row 20\" is NaN", ""),
    ], None),
    ("a half that is infinite", |s| put(s, "audio/00000.h5", byte(s, "audio/00000.h5", "data", 3), &[0, 0x7c]),
        &[("audio/00000.h5: rows 0 to 7: its hash", ""), ("audio/00000.h5: row 3: ", "element 0 of \"row 3\" is inf")], None),
    ("something in a row that is not there", |s| put(s, "audio/00001.h5", byte(s, "audio/00001.h5", "data", 14), &[1]),
        &[("audio/00001.h5: rows 8 to 15: its hash", ""), ("audio/00001.h5: row 14: data is not zeros, but valid is 0", "")], None),
    ("valid where the record says absent", |s| put(s, "audio/00001.h5", byte(s, "audio/00001.h5", "valid", 14), &[1]),
        &[("audio/00001.h5: rows 8 to 15: its hash", ""), ("audio/00001.h5: row 14: valid is 1, but the record lists it", "")], None),
    ("not valid, and the record does not say why", |s| put(s, "audio/00001.h5", byte(s, "audio/00001.h5", "valid", 12), &[0, 7]),
        &[("audio/00001.h5: rows 8 to 15: its hash", ""), ("audio/00001.h5: row 12: valid is 0, but the record", ""),
          ("audio/00001.h5: row 12: data is not zeros", ""), ("audio/00001.h5: row 13: valid is 7; expected 0 or 1", "")], None),
    ("two shards changed about", |s| {
        std::fs::rename(s.join("video/00001.h5"), s.join("swap")).unwrap();
        std::fs::rename(s.join("video/00002.h5"), s.join("video/00001.h5")).unwrap();
        std::fs::rename(s.join("swap"), s.join("video/00002.h5")).unwrap();
    }, &[("video/00001.h5: rows 8 to 15: its hash", ""), ("video/00002.h5: rows 16 to 23: its hash", "")], None),
    ("two shards changed about, with their records", |s| for extension in ["h5", "json"] {
        let name = |shard: &str| s.join("video").join(shard).with_extension(extension);
        std::fs::rename(name("00001"), s.join("swap")).unwrap();
        std::fs::rename(name("00002"), name("00001")).unwrap();
        std::fs::rename(s.join("swap"), name("00002")).unwrap();
    }, &[("video/00001.json: rows [16, 24]; expected [8, 16]", ""), ("video/00001.json: file, rows, bytes or blake3", "store.json"),
         ("video/00002.json: rows [8, 16]; expected [16, 24]", ""), ("video/00002.json: file, rows, bytes or blake3", "store.json")],
        Some("expected [8, 16]")),
    ("text in place of a shard", |s| std::fs::write(s.join("clip/00000.h5"), "not mine").unwrap(),
        &[("clip/00000.h5: rows 0 to 7: 8 bytes; its record says", ""), ("clip/00000.h5: rows 0 to 7: data lies past", "")],
        Some("8 bytes; its record says")),
    ("another's HDF5 in place of a shard", |s| { std::fs::copy(s.join("clip/00000.h5"), s.join("audio/00000.h5")).unwrap(); },
        &[("audio/00000.h5: ", "")], Some("its record says")),
    ("a folder in place of a shard", |s| {
        std::fs::remove_file(s.join("video/00000.h5")).unwrap();
        std::fs::create_dir(s.join("video/00000.h5")).unwrap();
    }, &[("video/00000.h5: rows 0 to 7: not a file; expected one", "")], Some("not a file; expected one")),
    ("a pipe in place of a shard", |s| {
        std::fs::remove_file(s.join("video/00000.h5")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(s.join("video/00000.h5")).status().unwrap().success());
    }, &[("video/00000.h5: rows 0 to 7: not a file; expected one", "")], Some("not a file; expected one")),
    ("a shard gone", |s| std::fs::remove_file(s.join("video/00000.h5")).unwrap(),
        &[("video/00000.h5: rows 0 to 7: cannot open", "")], Some("cannot open")),
    ("a record gone", |s| std::fs::remove_file(s.join("video/00000.json")).unwrap(),
        &[("video/00000.json: rows 0 to 7: cannot open", "")], Some("")),
    ("a record that is no JSON", |s| replace(&s.join("video/00000.json"), "{", "{{"),
        &[("video/00000.json: rows 0 to 7: ", "line 1")], Some("line 1")),
    ("a record of another recipe", |s| replace(&s.join("video/00000.json"), "\"recipe_blake3\": \"", "\"recipe_blake3\": \"0"),
        &[("video/00000.json: recipe_blake3 is 0", "the store's is")], Some("it is the record of another store")),
    ("a record with another hash", |s| replace(&s.join("video/00000.json"), "\"blake3\": \"", "\"blake3\": \"0"),
        &[("video/00000.json: file, rows, bytes or blake3", "store.json"), ("video/00000.h5: rows 0 to 7: its hash is", "")], Some("not what store.json says")),
    ("a record of places outside", |s| replace(&s.join("video/00000.json"), "\"offset\": ", "\"offset\": 9999999"),
        &[("video/00000.json: array \"data\" is missing, has another shape or lies outside the file", "")], Some("lies outside the file")),
    ("a record of another id", |s| replace(&s.join("audio/00000.json"), "\"row 7\"", "\"row 8\""),
        &[("audio/00000.json: row 7 is said to be \"row 8\"; manifest.csv says otherwise", ""), ("failures.jsonl: line 2 is not", "")], None),
    ("a record of a row twice", |s| replace(&s.join("video/00000.json"), "        0,\n        8\n", "        0,\n        7\n"),
        &[("video/00000.json: row 7 is neither made nor failed nor absent", "")], None),
    ("another list of shards", |s| replace(&s.join("store.json"), "\"blake3\": \"", "\"blake3\": \"0"),
        &[("audio/00000.json: file, rows, bytes or blake3 are not what store.json says", "")], Some("not what store.json says")),
    ("another recipe", |s| replace(&s.join("store.json"), "\"made\": \"here\"", "\"made\": \"there\""),
        &[("store.json: recipe_blake3 is not the recipe's hash", "")], Some("not the recipe's hash")),
    ("another version", |s| replace(&s.join("store.json"), "\"version\": 2", "\"version\": 1"),
        &[("store.json: format \"mmdg-store\" version 1; expected \"mmdg-store\" version 2", "")], Some("expected \"mmdg-store\" version 2")),
    ("a header of something else", |s| std::fs::write(s.join("store.json"), "{\"zarr_format\": 3}").unwrap(),
        &[("store.json: ", "zarr_format")], Some("zarr_format")),
    ("a name that leaves the folder", |s| replace(&s.join("store.json"), "\"name\": \"video\"", "\"name\": \"../video\""),
        &[("store.json: modality \"../video\": the name is no modality's", "")], Some("../video")),
    ("other segments", |s| replace(&s.join("manifest.csv"), "row 5,", "row five,"),
        &[("manifest.csv: its hash is not what the recipe says", "")], Some("its hash is not")),
    ("other domains", |s| replace(&s.join("manifest.csv"), "D1", "D9"),
        &[("manifest.csv: its hash", ""), ("manifest.csv: line 2: domain \"D9\"", "")], Some("its hash is not")),
    ("segments gone", |s| edit(&s.join("manifest.csv"), |bytes| {
        let end = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(50).unwrap().0;
        bytes.truncate(end + 1);
    }), &[("manifest.csv: its hash", ""), ("manifest.csv: 50 rows; expected 103", ""), ("store.json: 103 rows are more than", "")], Some("its hash is not")),
    ("a failure kept quiet", |s| replace(&s.join("failures.jsonl"), "\n", "\n\n"), &[("failures.jsonl: line 2 is not what the records say", "")], None),
    ("a failure made up", |s| edit(&s.join("failures.jsonl"), |bytes| bytes.extend(*b"{}\n")),
        &[("failures.jsonl: line 16: the records name no more rows", "")], None),
    ("no list of failures", |s| std::fs::remove_file(s.join("failures.jsonl")).unwrap(), &[("failures.jsonl: cannot open", "")], None),
];

#[test]
fn every_damage_is_told_by_file_and_rows() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    make(&whole);
    assert_eq!(faults(&whole), Vec::<String>::new());
    let mut wrong = Vec::new();
    for (what, damage, expected, open) in DAMAGES {
        let store = folder.path().join("store");
        copy(&whole, &store);
        damage(&store);
        let found = faults(&store);
        for (begins, has) in *expected {
            if !found.iter().any(|line| line.starts_with(begins) && line.contains(has)) {
                wrong.push(format!("{what}: no {begins:?} in {found:#?}"));
            }
        }
        let known = |line: &&String| expected.iter().any(|(begins, _)| line.starts_with(begins));
        wrong.extend(found.iter().find(|line| !known(line)).map(|line| format!("{what}: unforeseen {line}")));
        match (Store::open(&store), open) {
            (Ok(_), None) => {}
            (Err(Error::Integrity { problem, .. }), Some(says)) if problem.contains(says) => {}
            (Err(Error::Io { action: Action::Read | Action::Map, .. }), Some("")) => {}
            (outcome, _) => wrong.push(format!("{what}: opening: {:?}", outcome.map(|_| ()))),
        }
        std::fs::remove_dir_all(&store).unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &to) } else { std::fs::copy(&path, &to).map(drop).unwrap() }
    }
}

#[test]
fn what_is_no_store_is_refused_and_what_is_not_whole_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let refused = |folder: &Path| verify(folder, &Stop::default(), &|_, _| ()).unwrap_err().to_string();
    assert!(refused(&store).contains("no store.json; expected the folder of a store"));
    std::fs::write(folder.path().join("file"), "").unwrap();
    assert!(refused(&folder.path().join("file")).contains("expected the folder of a store"));

    let writer = Writer::open(&store, &plan()).unwrap();
    let shard = writer.shard(0, 1).unwrap();
    (8..16).for_each(|i| shard.write(i, row(0, i).as_ref()).unwrap());
    shard.commit().unwrap();
    // another one is on its way
    let _half = writer.shard(0, 2).unwrap();
    let found = verify(&store, &Stop::default(), &|_, _| ()).unwrap();
    assert_eq!((found.whole, found.shards, found.shards_planned, found.faults.len()), (false, 1, 39, 0));
    let told = mmdg::inspect::inspect(&store, false).unwrap();
    assert_eq!((told.whole, told.modalities["video"].shards, told.modalities["video"].valid), (false, 1, 8));
    assert!(told.to_string().contains("not whole yet: 1 of 39 shards are there"), "{told}");
    edit(&store.join("video/00001.h5"), |bytes| bytes[0] ^= 1);
    assert_eq!(faults(&store).len(), 1);

    let stop = Stop::default();
    stop.ask(15);
    assert!(matches!(verify(&store, &stop, &|_, _| ()), Err(Error::Interrupted { signal: 15 })));
    fs::remove(&store.join("plan.json")).unwrap();
}

#[test]
fn rows_written_in_place_are_held_to_finite_values_too() {
    use mmdg::error::Code;
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::open(&folder.path().join("store"), &plan()).unwrap();
    let shard = writer.shard(0, 0).unwrap();
    let target = shard.target();
    let file = fs::RowFile::open(&target.path).unwrap();
    let made = row(0, 0).unwrap().made;
    for index in 0..8 {
        let value = if index == 3 { f32::NEG_INFINITY } else { 1.0 };
        target.put(&file, index, 8, &value.to_le_bytes()).unwrap();
        shard.note(index, Ok(&made)).unwrap();
    }
    shard.commit().unwrap();
    let record: ShardRecord = read_json(&folder.path().join("store/video/00000.json")).unwrap();
    let told: Vec<_> = record.failed.iter().map(|note| (note.row, note.code, note.message.as_str())).collect();
    assert_eq!(told, [(3, Code::NonFinite, "element 2 is -inf; expected finite values")]);
    assert_eq!(faults(&folder.path().join("store")), Vec::<String>::new());
}
