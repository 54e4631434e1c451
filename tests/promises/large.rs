//! Tables with as many classes as rows: what looked through a list for every row would take minutes here.

use std::path::Path;
use std::time::{Duration, Instant};

use mmdg::dataset::{self, DatasetSettings};
use mmdg::error::Failure;
use mmdg::manifest::{Labels, Manifest, Segment, Split};
use mmdg::modality::Kind;
use mmdg::sample::{Data, Dtype, Made, Row};
use mmdg::span::Span;
use mmdg::stop::Stop;
use mmdg::store::layout::ModalityHeader;
use mmdg::store::{self, Plan, Store};
use serde_json::json;

const ROWS: usize = 60_000;

/// What a machine that is busy with other things needs for what is not quadratic.
const LIMIT: Duration = Duration::from_secs(90);

fn class(row: usize) -> String {
    format!("class of row {row:06}")
}

fn path(row: usize) -> String {
    format!("media/part-{:03}/recording-{row:06}/camera.mp4", row / 100)
}

/// A table in an order that is not that of the paths, with `more` lines.
fn table(folder: &Path, more: &str) -> DatasetSettings {
    // 7 has no factor in common with the number of rows but 1
    let line = |i: usize| i * 7 % (ROWS + 1);
    let rows = (0..=ROWS).map(line).filter(|row| *row < ROWS);
    let rows: String =
        rows.map(|row| format!("id/{row:06},{},0,{}.5,{},D{}\n", path(row), 1 + row % 3, class(row), row % 2)).collect();
    std::fs::write(folder.join("table.csv"), format!("id,path,start,end,label,domain\n{rows}{more}")).unwrap();
    serde_json::from_value(json!({"dataset": "table", "table": folder.join("table.csv")})).unwrap()
}

fn plan(rows: std::ops::Range<usize>) -> Plan {
    let segment = |row: usize| {
        let span = Span { start: 0.0, end: Some(2.5) };
        Segment { domain: row % 2, split: Split::Test, ..Segment::new(format!("id/{row:06}"), path(row), span) }
    };
    let manifest = Manifest {
        labels: Labels::classes(rows.clone().map(class).collect(), 0..rows.len()),
        domains: ["D0", "D1"].map(String::from).into(),
        segments: rows.clone().map(segment).collect(),
        test_set: None,
    };
    let modality = ModalityHeader {
        name: "video".into(),
        kind: Kind::VIDEO,
        dtype: Dtype::F32,
        shape: vec![1],
        times: 0,
        views: None,
        jpeg: None,
    };
    Plan { holds: "features", manifest, modalities: vec![modality], recipe: json!({"made": "here"}), shard_bytes: None }
}

fn write(folder: &Path, plan: &Plan) {
    let row = |_: usize, row: u64| -> Result<Row, Failure> {
        Ok(Row {
            data: Data::F32(vec![row as f32]),
            made: Made { span: [0.0, 2.5], times: Vec::new(), made_by: "test".into(), partial: None },
        })
    };
    store::write(folder, plan, &Stop::default(), row).unwrap();
}

#[test]
fn a_class_for_every_row_is_read_checked_and_written_in_time() {
    let begin = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut settings = table(folder, "");
    let manifest = dataset::read(&settings).unwrap();
    assert!(manifest.labels.names().iter().cloned().eq((0..ROWS).map(class)));
    let fits = |(row, segment): (usize, &Segment)| {
        manifest.labels.places()[row] as usize == row
            && segment.domain == row % 2
            && segment.path == Path::new(&path(row))
            && segment.span.end.is_some()
    };
    assert!(manifest.segments.iter().enumerate().all(fits));
    let held = manifest.segments.iter().filter(|segment| segment.split == Split::Val).count();
    assert_eq!(held, ROWS / 5);
    let (labelled, ids) = dataset::labelled(&folder.join("table.csv"), None, 0).unwrap();
    assert!(labelled == manifest && ids[1] == "id/000007");

    // names that are asked for keep their order, and faults their lines
    settings.classes = Some((0..ROWS).rev().map(class).collect());
    assert!(dataset::read(&settings).unwrap().labels.places().iter().map(|&place| place as usize).eq((0..ROWS).rev()));
    let mut settings = table(
        folder,
        "id/000001,a.mp4,0,1,nothing,D0\nid/000002,a.mp4,0,1\n\nid/000003,a.mp4,0,x,nothing,D0\nid/000004,a.mp4,0,1,class of row 000004,D1\n",
    );
    settings.classes = Some((0..ROWS).map(class).collect());
    let (manifest, findings) = dataset::check(&settings);
    let faults: Vec<String> = findings.faults.iter().map(|fault| fault.to_string()).collect();
    let expected = [
        format!("line {}: 4 fields; expected 6 as in the header", ROWS + 3),
        format!("line {}: end \"x\"; expected seconds", ROWS + 5),
        format!("line {}: label \"nothing\"; expected one of \"class of row 000000\", \"class of row 000001\"", ROWS + 2),
        "id \"id/000004\" stands twice; expected it once".into(),
    ];
    assert!(faults.len() == 4 && faults.iter().zip(&expected).all(|(fault, says)| fault.contains(says)), "{faults:#?}");
    assert_eq!(manifest.unwrap().len(), ROWS + 1);

    // two halves, each with its own classes
    let [one, other, both] = ["one", "other", "both"].map(|name| folder.join(name));
    let (first, last) = (plan(0..ROWS / 2), plan(ROWS / 2..ROWS));
    write(&one, &first);
    write(&other, &last);
    assert!(*Store::open(&one).unwrap().manifest() == first.manifest);
    let work = mmdg::merge::MergeWork { link: false, stop: &Stop::default(), progress: &|_, _| () };
    mmdg::merge::merge(&both, &[one, other], work).unwrap();
    let store = Store::open(&both).unwrap();
    assert!(*store.manifest() == plan(0..ROWS).manifest);
    #[cfg(feature = "torch")]
    {
        let table = mmdg::train::FeatureTable::from_store(&store).unwrap();
        assert_eq!(table.classes().len(), ROWS);
    }
    assert!(begin.elapsed() < LIMIT, "{:?}", begin.elapsed());
}

#[test]
fn what_is_nowhere_is_told_by_file_in_the_order_of_names() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = table(folder, "id/more,media/part-000/recording-000000/camera.mp4,3,4,class of row 000000,D0\n");
    let pipeline = serde_json::from_value(json!({"data": data})).unwrap();
    let mut told = Vec::new();
    let found = mmdg::validate::validate(&pipeline, &mut |fault| {
        told.push(fault.to_string());
        Ok(())
    });
    let found = found.unwrap();
    assert_eq!((found.rows, found.files, found.faults, told.len()), (ROWS + 1, ROWS, ROWS, ROWS));
    let rows = |row: usize| if row == 0 { 2 } else { 1 };
    let fault = |row: usize| format!("{}: no such file ({} rows, the first video of \"id/{row:06}\")", path(row), rows(row));
    assert!(told.iter().enumerate().all(|(row, told)| *told == fault(row)));
}
