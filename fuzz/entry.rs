//! What the fuzzer and the tests (tests/promises/fuzz_corpus.rs) do with an input: one function for each parser of ours.
//! Each gives whether the input was one that the parser takes.

use std::path::Path;

use mmdg::dataset::{self, DatasetSettings};
use mmdg::media::movie;
use mmdg::media::tar::tar_index;
use mmdg::pickle;
use mmdg::store::Store;

/// Does with an input what a program would, and says whether it was taken.
pub type Parse = fn(&[u8]) -> bool;

/// The parsers, by the name of their folder in `fuzz/corpus`.
pub const TARGETS: &[(&str, Parse)] = &[
    ("annotations", annotations),
    ("edit_list", edit_list),
    #[cfg(feature = "onnx")]
    ("model", model),
    ("pickle", pickle),
    ("shard", shard),
    ("tar", tar),
];

/// An ONNX file, and what its metadata says.
#[cfg(feature = "onnx")]
pub fn model(bytes: &[u8]) -> bool {
    let Ok(model) = mmdg::backbone::model::examine(bytes) else { return false };
    let _ = mmdg::backbone::statement::Statement::of_file(&model.metadata, "input".into());
    true
}

/// A pickle.
pub fn pickle(bytes: &[u8]) -> bool {
    let table = pickle::read_table(bytes, "input");
    if let Ok(table) = &table {
        assert!(table.cells.iter().all(|cells| cells.len() == table.len()) && table.cells.len() == table.columns.len());
        for cell in table.cells.iter().flatten() {
            let _ = cell.to_string();
        }
    }
    pickle::read_tuples(bytes, "input").is_ok() || table.is_ok()
}

/// The file `table` of a data set. The first line is the data set's name.
pub fn annotations(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (name, table) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let Ok(folder) = tempfile::tempdir() else { return false };
    let root = folder.path();
    let write = |file: &str, bytes: &[u8]| std::fs::write(root.join(file), bytes).is_ok();
    let json = match name {
        b"hac" => {
            let other = b"a.mp4,0\nb.mp4,1\nc.mp4,2\nd.mp4,3\ne.mp4,4\nf.mp4,5\ng.mp4,6\n";
            if std::fs::create_dir(root.join("HAC_Splits")).is_err() || !write("HAC_Splits/HAC_test_only_human.csv", other) {
                return false;
            }
            write("HAC_Splits/HAC_train_only_human.csv", table);
            serde_json::json!({"dataset": "hac", "root": root, "domains": ["human"]})
        }
        b"epic-kitchens" => {
            write("D1_train.csv", table);
            write("D1_test.csv", table);
            serde_json::json!({"dataset": "epic-kitchens", "root": root, "annotations": root, "domains": ["D1"]})
        }
        b"epic-100" => {
            write("EPIC_100_train.csv", table);
            serde_json::json!({"dataset": "epic-kitchens", "root": root, "annotations": root.join("EPIC_100_train.csv")})
        }
        _ => {
            write("table.csv", table);
            serde_json::json!({"dataset": "table", "root": root, "table": root.join("table.csv")})
        }
    };
    serde_json::from_value::<DatasetSettings>(json).is_ok_and(|settings| dataset::read(&settings).is_ok())
}

/// The boxes of an mp4.
pub fn edit_list(bytes: &[u8]) -> bool {
    let Ok(folder) = tempfile::tempdir() else { return false };
    let path = folder.path().join("input.mp4");
    std::fs::write(&path, bytes).is_ok()
        && movie::read(&path).is_some_and(|movie| movie.of(*b"soun").any(|track| !track.edits.is_empty()))
}

/// A tar of extracted frames. Those of one folder must lie in it; taken is one that has some.
pub fn tar(bytes: &[u8]) -> bool {
    let Ok(index) = tar_index(std::io::Cursor::new(bytes), bytes.len() as u64) else { return false };
    let Some(places) = index.folder("").or_else(|| index.folder("u")) else { return false };
    for number in [1, 2, places.last()] {
        if let Some([offset, length]) = places.get(number) {
            assert!(offset.checked_add(length).is_some_and(|end| end <= bytes.len() as u64));
        }
    }
    assert!(places.get(places.last()).is_some());
    true
}

/// A store as one file: `=== NAME`, a line, before each of its files. All of its rows are looked at.
pub fn shard(bytes: &[u8]) -> bool {
    let Ok(folder) = tempfile::tempdir() else { return false };
    for (name, content) in files(bytes) {
        let path = folder.path().join(name);
        let _ = path.parent().map(std::fs::create_dir_all);
        let _ = std::fs::write(path, content);
    }
    let _ = mmdg::verify::verify(folder.path(), &mmdg::stop::Stop::default(), &|_, _| ());
    whole(folder.path())
}

/// Looks at everything in a store.
pub fn whole(folder: &Path) -> bool {
    let Ok(store) = Store::open(folder) else { return false };
    for modality in &store.header().modalities {
        let Ok(rows) = store.modality(&modality.name) else { return false };
        for row in 0..store.len() {
            let _ = (rows.valid(row), rows.bytes(row), rows.values(row), rows.span(row), rows.times(row), rows.views(row));
            let _ = (rows.frames(row).map(<[u8]>::len).sum::<usize>(), rows.data(row).is_ok());
        }
    }
    mmdg::inspect::inspect(folder, true).is_ok_and(|found| !found.to_string().is_empty())
}

const HEADING: &[u8] = b"=== ";

/// The files in a packed store. Names that leave the folder are passed over.
fn files(bytes: &[u8]) -> Vec<(&str, &[u8])> {
    let starts: Vec<usize> =
        (0..bytes.len()).filter(|&i| bytes[i..].starts_with(HEADING) && (i == 0 || bytes[i - 1] == b'\n')).collect();
    let ends = starts.iter().skip(1).map(|&next| next - 1).chain([bytes.len()]);
    let file = |(&start, end): (&usize, usize)| {
        let part = bytes.get(start + HEADING.len()..end)?;
        let line = part.iter().position(|&byte| byte == b'\n')?;
        let name = std::str::from_utf8(&part[..line]).ok()?;
        let plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) && part != ".."
        };
        name.split('/').all(plain).then_some((name, &part[line + 1..]))
    };
    starts.iter().zip(ends).filter_map(file).collect()
}
