//! What is exported comes in again as it was, in every format: ids, names, classes and domains that no row has, masks, seconds, values.

use std::collections::BTreeSet;
use std::path::Path;

use mmdg::error::{Code, Failure};
use mmdg::export::{Format, Selection, export};
use mmdg::import::{ImportSettings, ModalitySource, import};
use mmdg::manifest::{Labels, Manifest, Segment, Split};
use mmdg::modality::Kind;
use mmdg::sample::{Data, Dtype, Made, Row};
use mmdg::span::Span;
use mmdg::stop::Stop;
use mmdg::store::{self, ModalityHeader, Plan, Store};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::verify::faults;

const DTYPES: [Dtype; 3] = [Dtype::F16, Dtype::F32, Dtype::U8];

/// Names that look like other things.
fn name() -> impl Strategy<Value = String> {
    let odd = [
        "1", "01", "3", "0", "-1", "10", "1.0", "nan", "None", "ß", "日本", "a b", " a", "a ", "x,y", "\"q\"", "D1", "8000000",
        "true",
    ];
    prop_oneof![prop::sample::select(odd.to_vec()).prop_map(String::from), "\\PC{1,5}"]
}

fn names(most: usize) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(name(), 1..=most).prop_map(unique)
}

fn unique(names: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.into_iter().filter(|name| seen.insert(name.clone())).collect()
}

/// Label, domain, split, path, start, length.
type Line = (usize, usize, usize, String, u8, Option<u8>);
/// Type, shape, seed, and which rows are there.
type Modality = (usize, Vec<u64>, u32, Vec<bool>);

#[derive(Debug, Clone)]
struct Case {
    classes: Vec<String>,
    domains: Vec<String>,
    ids: Vec<String>,
    rows: Vec<Line>,
    modalities: Vec<Modality>,
    sorted: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let row =
        (any::<usize>(), any::<usize>(), 0..3usize, prop_oneof![Just(String::new()), name()], 0..9u8, prop::option::of(1..9u8));
    let modality = (0..3usize, prop::collection::vec(1..4u64, 1..=3), any::<u32>(), prop::collection::vec(any::<bool>(), 10));
    let parts =
        (names(4), names(3), names(10), prop::collection::vec(row, 10), prop::collection::vec(modality, 1..=3), any::<bool>());
    parts.prop_map(|(classes, domains, ids, mut rows, modalities, sorted)| {
        rows.truncate(ids.len());
        Case { classes, domains, ids, rows, modalities, sorted }
    })
}

/// The store of a case.
fn made(folder: &Path, case: &Case) -> Store {
    let segment = |(id, row): (&String, &Line)| {
        let (_, domain, split, path, start, length) = row;
        let start = f64::from(*start) / 3.0;
        let span = Span::new(start, length.map(|length| start + f64::from(length) / 7.0)).unwrap();
        Segment {
            domain: domain % case.domains.len(),
            split: [Split::Train, Split::Val, Split::Test][*split],
            ..Segment::new(id.clone(), path, span)
        }
    };
    let segments: Vec<Segment> = case.ids.iter().zip(&case.rows).map(segment).collect();
    let labels = Labels::classes(case.classes.clone(), case.rows.iter().map(|row| row.0 % case.classes.len()));
    let domains = case.domains.clone();
    let manifest = match case.sorted {
        true => Manifest::sorted(labels, domains, segments),
        false => Manifest { labels, domains, segments, test_set: None },
    };
    let header = |(place, (dtype, shape, ..)): (usize, &Modality)| ModalityHeader {
        shape: shape.clone(),
        ..ModalityHeader::features(["audio", "clip", "video"][place], Kind::VIDEO, DTYPES[*dtype], 1)
    };
    let modalities = case.modalities.iter().enumerate().map(header).collect();
    let plan = Plan { holds: "features", manifest, modalities, recipe: serde_json::json!({}), shard_bytes: Some(100) };
    let make = |place: usize, row: u64| {
        let (_, _, seed, there) = &case.modalities[place];
        if !there[row as usize] {
            return Err(Failure { code: Code::Absent, message: "none".into() });
        }
        let header = &plan.modalities[place];
        let bits = (0..header.row_elements() as u32).map(|i| mmdg::rng::Stream::new(u64::from(*seed)).at(row as u32).bits(i));
        let finite = |value: f32| if value.is_finite() { value } else { -0.0 };
        let data = match header.dtype {
            Dtype::U8 => Data::U8(bits.map(|bits| bits as u8).collect()),
            Dtype::F16 => Data::F32(bits.map(|bits| finite(half::f16::from_bits(bits as u16).to_f32())).collect()),
            _ => Data::F32(bits.map(|bits| finite(f32::from_bits(bits))).collect()),
        };
        Ok(Row { data, made: Made { span: [row as f64 / 7.0, 99.5], times: Vec::new(), made_by: "dice".into(), partial: None } })
    };
    store::write(folder, &plan, &Stop::default(), make).unwrap();
    Store::open(folder).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, rng_seed: RngSeed::Fixed(13), ..ProptestConfig::default() })]

    #[test]
    fn export_and_import_are_the_identity(case in case()) {
        // syncing costs nothing there
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let at = |name: &str| folder.path().join(name);
        let store = made(&at("store"), &case);
        for (format, _) in Format::ALL {
            let file = at("out").with_extension(format);
            export(&at("store"), &file, Format::of(&file).unwrap(), &Selection::default(), &Stop::default(), &|_, _| ()).unwrap();
            let source = |header: &ModalityHeader| ModalitySource {
                name: header.name.clone(),
                kind: header.kind,
                path: file.clone(),
                key: None,
            };
            let modalities = store.header().modalities.iter().map(source).collect();
            import(&at(format), &ImportSettings { modalities, ..ImportSettings::default() }, &Stop::default(), &|_, _| ()).unwrap();
            let again = Store::open(&at(format)).unwrap();
            prop_assert_eq!(again.manifest(), store.manifest(), "{}", format);
            prop_assert_eq!(&again.header().modalities, &store.header().modalities, "{}", format);
            for header in &store.header().modalities {
                let (a, b) = (store.modality(&header.name).unwrap(), again.modality(&header.name).unwrap());
                for row in 0..store.len() {
                    prop_assert_eq!(a.valid(row), b.valid(row), "{} {} {}", format, header.name, row);
                    prop_assert_eq!(a.bytes(row), b.bytes(row), "{} {} {}", format, header.name, row);
                    prop_assert_eq!(a.span(row), b.span(row), "{} {} {}", format, header.name, row);
                }
            }
            prop_assert_eq!(faults(&at(format)), Vec::<String>::new());
        }
    }
}

#[test]
fn a_part_of_a_store_keeps_the_names_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let row = |label, domain| (label, domain, 0, "x".to_owned(), 0, None);
    let case = Case {
        classes: ["a", "b", "c"].map(String::from).to_vec(),
        domains: ["D0", "D1"].map(String::from).to_vec(),
        ids: ["0", "1", "2"].map(String::from).to_vec(),
        rows: vec![row(0, 0), row(1, 0), row(2, 1)],
        modalities: vec![(1, vec![2], 0, vec![true; 3])],
        sorted: true,
    };
    made(&at("store"), &case);
    for (format, _) in Format::ALL {
        let file = at("out").with_extension(format);
        let selection = Selection { domains: vec!["D0".into()], ..Selection::default() };
        export(&at("store"), &file, Format::of(&file).unwrap(), &selection, &Stop::default(), &|_, _| ()).unwrap();
        let modalities = vec![ModalitySource { name: "audio".into(), kind: Kind::AUDIO, path: file, key: None }];
        import(&at(format), &ImportSettings { modalities, ..ImportSettings::default() }, &Stop::default(), &|_, _| ()).unwrap();
        let again = Store::open(&at(format)).unwrap();
        assert_eq!(
            (again.len(), again.header().labels.classes(), &again.header().domains),
            (2, &case.classes[..], &case.domains),
            "{format}"
        );
    }
}
