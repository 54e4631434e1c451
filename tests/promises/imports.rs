//! Features from elsewhere come in as they were, or not at all: numbers to the last digit, names as names, every row its own, every byte as it was written.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use mmdg::import::{ImportSettings, ModalitySource, Of, Reduce, import};
use mmdg::modality::Kind;
use mmdg::npy::{Archive, ArchiveWriter, Element, Header};
use mmdg::stop::Stop;
use mmdg::store::Store;
use mmdg::store::writer::Summary;
use mmdg::{Error, Result};

use crate::locks::close;

const IDS: [&str; 6] = ["c0", "c1", "c2", "c3", "c4", "c5"];

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Labels of six rows; `a` and `b` in turn.
    fn labels(&self, text: &str) -> PathBuf {
        let path = self.at("l.csv");
        std::fs::write(&path, text).unwrap();
        path
    }

    fn six(&self) -> PathBuf {
        let rows: String = IDS.iter().enumerate().map(|(n, id)| format!("{id},{},D\n", ["a", "b"][n % 2])).collect();
        self.labels(&format!("id,label,domain\n{rows}"))
    }

    /// Imports the one modality `video` to `st`, which an error leaves absent.
    fn bring(&self, file: &str, key: Option<&str>, change: impl Fn(&mut ImportSettings)) -> Result<Summary> {
        let source = ModalitySource { name: "video".into(), kind: Kind::VIDEO, path: self.at(file), key: key.map(str::to_owned) };
        let mut settings = ImportSettings { modalities: vec![source], ..ImportSettings::default() };
        change(&mut settings);
        let _ = std::fs::remove_dir_all(self.at("st"));
        let outcome = import(&self.at("st"), &settings, &Stop::default(), &|_, _| ());
        assert!(outcome.is_ok() || !self.at("st").exists(), "something was done");
        outcome
    }

    #[track_caller]
    fn refused(&self, file: &str, key: Option<&str>, change: impl Fn(&mut ImportSettings), says: &[&str]) {
        let error = self.bring(file, key, change).unwrap_err();
        let text = error.to_string();
        assert!([2, 3].contains(&error.exit_code()), "{text}");
        says.iter().for_each(|part| assert!(text.contains(part), "{part:?} is not in {text:?}"));
    }

    fn store(&self) -> Store {
        Store::open(&self.at("st")).unwrap()
    }

    /// The values of the rows by id, none where there is none.
    fn values(&self, id: &str) -> Option<Vec<f32>> {
        let store = self.store();
        let row = store.manifest().segments.iter().position(|segment| segment.id == id).unwrap();
        let rows = store.modality("video").unwrap();
        rows.valid(row).then(|| rows.values(row).into_owned())
    }

    fn npy(&self, name: &str, header: &Header, bytes: &[u8]) {
        std::fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        std::fs::write(self.at(name), [&header.written()[..], bytes].concat()).unwrap();
    }

    fn floats(&self, name: &str, shape: &[u64], first: f32) {
        let count = shape.iter().product::<u64>();
        let bytes: Vec<u8> = (0..count).flat_map(|i| (first + i as f32).to_le_bytes()).collect();
        self.npy(name, &Header::new(Element::Float(4), shape.into()), &bytes);
    }

    fn npz(&self, name: &str, arrays: &[(&str, Element, &[u64], Vec<u8>)]) {
        let mut archive = ArchiveWriter::new(BufWriter::new(File::create(self.at(name)).unwrap()));
        for (name, element, shape, bytes) in arrays {
            archive.start(name, &Header::new(*element, shape.to_vec())).unwrap().write_all(bytes).unwrap();
        }
        archive.finish().unwrap().flush().unwrap();
    }
}

fn text(texts: &[&str]) -> (Element, Vec<u8>) {
    let width = texts.iter().map(|text| text.chars().count()).max().unwrap();
    let points = texts.iter().flat_map(|text| {
        let mut points: Vec<u32> = text.chars().map(u32::from).collect();
        points.resize(width, 0);
        points
    });
    (Element::Unicode(width as u64), points.flat_map(u32::to_le_bytes).collect())
}

fn whole(numbers: &[i64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn six_by_two() -> Vec<u8> {
    (0..12u8).flat_map(|value| f32::from(value).to_le_bytes()).collect()
}

#[test]
fn integers_stay_integers() {
    let folder = Folder::new();
    let big = 7_106_594_312_292_453_675;
    let (ids, id_bytes) = text(&IDS);
    let video = ("video", Element::Float(4), &[6u64, 2][..], six_by_two());
    let domains = ("domains", Element::Int(8), &[6u64][..], whole(&[0; 6]));
    let labels = whole(&[big, big + 1, big + 2, big, big + 1, big + 2]);
    folder
        .npz("f.npz", &[video.clone(), ("ids", ids, &[6], id_bytes), ("labels", Element::Int(8), &[6], labels), domains.clone()]);
    folder.bring("f.npz", None, |_| ()).unwrap();
    let store = folder.store();
    assert_eq!(store.header().labels.classes(), [big, big + 1, big + 2].map(|number| number.to_string()));
    assert_eq!(store.manifest().labels.places(), [0, 1, 2, 0, 1, 2]);
    // ids, and beyond 64 bits with a sign
    let csv: String = (0..6).map(|n| format!("{},a,D\n", (1u64 << 63) + n)).collect();
    let labels = folder.labels(&format!("id,label,domain\n{csv}"));
    let unsigned: Vec<u8> = (0..6).flat_map(|n| ((1u64 << 63) + n).to_le_bytes()).collect();
    folder.npz("f.npz", &[video.clone(), ("ids", Element::Uint(8), &[6], unsigned)]);
    folder.bring("f.npz", None, |settings| settings.labels = Some(labels.clone())).unwrap();
    assert_eq!(folder.values("9223372036854775813"), Some(vec![10.0, 11.0]));
    // booleans, whole floats, bytes with spaces and leading zeros
    for (labels, classes) in [
        (("labels", Element::Bool, &[6u64][..], vec![0, 1, 0, 1, 1, 1]), vec!["0", "1"]),
        (
            ("labels", Element::Float(4), &[6], [3f32, 97.0, 10.0].repeat(2).iter().flat_map(|v| v.to_le_bytes()).collect()),
            vec!["3", "10", "97"],
        ),
        (
            (
                "labels",
                Element::Bytes(3),
                &[6],
                ["1", "01", "a ", " a", "1", "01"].iter().flat_map(|text| format!("{text:\0<3}").into_bytes()).collect(),
            ),
            vec!["01", "1", " a", "a "],
        ),
    ] {
        folder.npz("f.npz", &[video.clone(), labels, domains.clone()]);
        folder.bring("f.npz", None, |_| ()).unwrap();
        assert_eq!(folder.store().header().labels.classes(), classes);
    }
    let halves: Vec<u8> = [0.5f32; 6].iter().flat_map(|value| value.to_le_bytes()).collect();
    folder.npz("f.npz", &[video.clone(), ("labels", Element::Float(4), &[6], halves), domains.clone()]);
    folder.refused("f.npz", None, |_| (), &["f.npz:labels: element 0 is a float that is no whole number"]);
    folder.npz("f.npz", &[video, ("labels", Element::Float(8), &[6], whole(&[0x7ff0_0000_0000_0000; 6])), domains]);
    folder.refused("f.npz", None, |_| (), &["expected text or integers"]);
}

/// What numpy pickles for an array of Python objects, up to the list of them.
const OBJECTS: &[u8] = b"\x80\x04\x8c\x16numpy._core.multiarray\x94\x8c\x0c_reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\0\x85\x94\
    C\x01b\x94\x87\x94R\x94(K\x01K\x06\x85\x94h\x03\x8c\x05dtype\x94\x93\x94\x8c\x02O8\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff\
    K?t\x94b\x89]\x94(";

#[test]
fn objects_are_text_or_integers_too() {
    let folder = Folder::new();
    let with = |labels: &[u8]| {
        let pickle = [OBJECTS, labels, b"et\x94b."].concat();
        let video = ("video", Element::Float(4), &[6u64, 2][..], six_by_two());
        let domains = ("domains", Element::Int(8), &[6u64][..], whole(&[0; 6]));
        folder.npz("f.npz", &[video, ("labels", Element::Object, &[6], pickle), domains]);
        folder.bring("f.npz", None, |_| ())
    };
    with(b"\x8c\x01a\x8c\x02\xc3\x9f\x8c\x0201\x8c\x011\x8c\x01a\x8c\x01a").unwrap();
    assert_eq!(folder.store().header().labels.classes(), ["01", "1", "a", "ß"]);
    with(b"K\x03K\x0a\x8a\x08\x01\0\0\0\0\0\0\x40K\x03K\x03K\x03").unwrap();
    assert_eq!(folder.store().header().labels.classes(), ["3", "10", "4611686018427387905"]);
    let error = with(b"K\x03\x8c\x01aNK\x03K\x03K\x03").unwrap_err().to_string();
    assert!(error.contains("f.npz:labels: element 0 is 3 among others; expected all text or all integers"), "{error}");
    let error = with(b"K\x03K\x03K\x03K\x03K\x03cos\nsystem\n").unwrap_err().to_string();
    assert!(error.contains("names os.system, which no table is made of"), "{error}");
}

#[test]
fn class_numbers_are_places_and_text_is_a_name() {
    let folder = Folder::new();
    let video = ("video", Element::Float(4), &[6u64, 2][..], six_by_two());
    let with = |labels: (Element, Vec<u8>), names: Option<&[&str]>, domains: &[i64]| {
        let mut arrays =
            vec![video.clone(), ("labels", labels.0, &[6], labels.1), ("domains", Element::Int(8), &[6], whole(domains))];
        let names = names.map(|names| (text(names), [names.len() as u64]));
        if let Some(((element, bytes), shape)) = &names {
            arrays.push(("class_names", *element, shape, bytes.clone()));
        }
        folder.npz("f.npz", &arrays);
        folder.bring("f.npz", None, |_| ())
    };
    let found = || {
        let store = folder.store();
        let labels = store.manifest().labels.places().to_vec();
        (store.header().labels.classes().to_vec(), labels, store.header().domains.clone())
    };
    let numbers = |numbers: &[i64]| (Element::Int(8), whole(numbers));
    with(numbers(&[0, 1, 0, 1, 0, 1]), Some(&["1", "0"]), &[0; 6]).unwrap();
    assert_eq!(found(), (["1", "0"].map(String::from).to_vec(), vec![0, 1, 0, 1, 0, 1], vec!["0".into()]));
    with(text(&["0", "1", "0", "1", "0", "1"]), Some(&["1", "0", "unused"]), &[0; 6]).unwrap();
    assert_eq!(found().0.len(), 3);
    assert_eq!(found().1, [1, 0, 1, 0, 1, 0]);
    with(numbers(&[3, 10, 97, 8_000_000, 3, 10]), None, &[7, 10, 7, 10, 7, -1]).unwrap();
    let names = ["3", "10", "97", "8000000"].map(String::from).to_vec();
    assert_eq!(found(), (names, vec![0, 1, 2, 3, 0, 1], ["-1", "7", "10"].map(String::from).to_vec()));
    for (labels, says) in [
        (numbers(&[0, 1, 2, 0, 0, 0]), "row 2 has the class 2; expected a place in 2 class_names"),
        (numbers(&[0, -1, 0, 0, 0, 0]), "row 1 has the class -1"),
        (text(&["a", "b", "c", "a", "a", "a"]), "row 2 has the class \"c\"; expected one of class_names, which are \"a\", \"b\""),
        (text(&["0"; 6]), "row 0 has the class \"0\""),
    ] {
        let error = with(labels, Some(&["a", "b"]), &[0; 6]).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    assert!(with(numbers(&[0; 6]), Some(&["a", "a"]), &[0; 6]).unwrap_err().to_string().contains("class \"a\" stands twice"));
    // a CSV has names alone
    folder.floats("f.npy", &[6, 2], 0.0);
    let labels = folder.labels("id,label,domain\nc0,1,01\nc1,01,1\nc2,1,01\nc3,3,1\nc4,1,1\nc5,01,1\n");
    folder.bring("f.npy", None, |settings| settings.labels = Some(labels.clone())).unwrap();
    assert_eq!(
        found(),
        (["01", "1", "3"].map(String::from).to_vec(), vec![1, 0, 1, 2, 1, 0], ["01", "1"].map(String::from).to_vec())
    );
}

#[test]
fn every_row_has_features_of_its_own_or_the_user_says_otherwise() {
    let folder = Folder::new();
    let labels = folder.six();
    let set = |settings: &mut ImportSettings| settings.labels = Some(labels.clone());
    let (ids, bytes) = text(&["c0", "c1", "c2", "c3", "c4", "c0"]);
    folder.npz("f.npz", &[("video", Element::Float(4), &[6, 2], six_by_two()), ("ids", ids, &[6], bytes)]);
    folder.refused("f.npz", None, set, &["f.npz:video: \"c0\" stands twice, at 0 and 5; expected it once"]);
    let (ids, bytes) = text(&["c0", "c1"]);
    folder.npz("f.npz", &[("video", Element::Float(4), &[6, 2], six_by_two()), ("ids", ids, &[2], bytes)]);
    folder.refused("f.npz", None, set, &["f.npz:video: shape [6, 2] for 2 ids; expected as many rows"]);
    folder.floats("five.npy", &[5, 2], 0.0);
    folder.refused("five.npy", None, set, &["shape [5, 2] for 6 labels"]);

    // one stem for two recordings
    folder.floats("f/0001_video.npy", &[2], 7.0);
    let two = folder.labels("id,label,domain,path\nP01-0001,a,D1,P01/0001.mp4\nP02-0001,b,D2,P02/0001.mp4\n");
    let set = |settings: &mut ImportSettings| settings.labels = Some(two.clone());
    folder.refused("f", None, set, &["\"0001\" would be that of 2 rows of different recordings (\"P01-0001\", \"P02-0001\")"]);
    std::fs::remove_dir_all(folder.at("f")).unwrap();
    folder.floats("f/P01/0001_video.npy", &[2], 1.0);
    folder.floats("f/P02/0001_video.npy", &[2], 2.0);
    folder.bring("f", None, set).unwrap();
    assert_eq!((folder.values("P01-0001"), folder.values("P02-0001")), (Some(vec![1.0, 2.0]), Some(vec![2.0, 3.0])));

    // one file for the segments of a recording
    folder.floats("g/vid_video.npy", &[3, 2], 0.0);
    let rows: String = (0..3).map(|n| format!("s{n},a,D,vid.mp4,{n},{}\n", n + 1)).collect();
    let segments = folder.labels(&format!("id,label,domain,path,start,end\n{rows}"));
    let set = |settings: &mut ImportSettings| {
        settings.labels = Some(segments.clone());
        settings.reduce = Some(Reduce::Mean);
    };
    folder.refused("g", None, set, &["\"vid\" would be that of 3 segments of one recording", "--features-of recording"]);
    folder
        .bring("g", None, |settings| {
            set(settings);
            settings.features_of = Of::Recording;
        })
        .unwrap();
    let store = folder.store();
    for row in 0..3 {
        assert_eq!(folder.values(&format!("s{row}")), Some(vec![2.0, 3.0]));
        // no stretch is claimed for what is of all
        assert_eq!(store.modality("video").unwrap().span(row), [0.0, 0.0]);
    }
    assert_eq!(store.header().recipe["features-of"], "recording");
}

#[test]
fn a_modality_stands_once_and_is_called_like_nothing_else() {
    let folder = Folder::new();
    let labels = folder.six();
    folder.floats("f.npy", &[6, 2], 0.0);
    let twice = |settings: &mut ImportSettings| {
        settings.labels = Some(labels.clone());
        settings.modalities.push(settings.modalities[0].clone());
    };
    folder.refused("f.npy", None, twice, &["--modality \"video\" stands twice"]);
    for name in ["label", "id", "row", "domain", "valid", "ids", "split", "class"] {
        let named = |settings: &mut ImportSettings| {
            settings.labels = Some(labels.clone());
            settings.modalities[0].name = name.into();
        };
        folder.refused("f.npy", None, named, &[&format!("rows have a {name:?} beside their modalities")]);
    }
}

/// Name, numbers and words of an array.
type Contents = (String, Vec<Vec<f64>>, Option<mmdg::manifest::Words>);

/// Whatever bit is flipped, what comes in is what was written, or nothing does.
#[test]
fn no_flipped_bit_of_an_archive_comes_in() {
    for packed in [false, true] {
        let folder = Folder::new();
        let (ids, id_bytes) = text(&IDS);
        let arrays = [("video", Element::Float(4), vec![6u64, 2], six_by_two()), ("ids", ids, vec![6], id_bytes)];
        let mut zip = zip::ZipWriter::new(File::create(folder.at("f.npz")).unwrap());
        let method = if packed { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
        for (name, element, shape, bytes) in &arrays {
            zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default().compression_method(method)).unwrap();
            zip.write_all(&Header::new(*element, shape.clone()).written()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
        let good = std::fs::read(folder.at("f.npz")).unwrap();
        let contents = |path: &Path| -> Result<Vec<Contents>> {
            let mut archive = Archive::open(path)?;
            let mut found = Vec::new();
            // by the names that import asks for
            for name in ["video", "ids", "video.valid", "video.span", "labels"] {
                let Some(array) = archive.array(name)? else { continue };
                let numbers = if name == "ids" {
                    Vec::new()
                } else {
                    (0..array.rows()).map(|row| array.numbers(row)).collect::<Result<_>>()?
                };
                found.push((name.to_owned(), numbers, if name == "ids" { Some(array.words()?) } else { None }));
            }
            Ok(found)
        };
        let whole = contents(&folder.at("f.npz")).unwrap();
        let mut refused = 0;
        for place in 0..good.len() {
            for bit in 0..8 {
                let mut bytes = good.clone();
                bytes[place] ^= 1 << bit;
                std::fs::write(folder.at("g.npz"), bytes).unwrap();
                match contents(&folder.at("g.npz")) {
                    Ok(found) => assert!(found == whole, "packed {packed}: bit {bit} of byte {place} of {}", good.len()),
                    Err(_) => refused += 1,
                }
            }
        }
        // times, versions and attributes of files say nothing
        assert!(refused > 6 * good.len(), "{refused} of {}", 8 * good.len());
    }
}

#[test]
fn arrays_of_other_habits_are_read() {
    let folder = Folder::new();
    let labels = folder.six();
    let set = |settings: &mut ImportSettings| settings.labels = Some(labels.clone());
    // the first index fastest, and a header of Python 2
    let columns: Vec<u8> = [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11].iter().flat_map(|&v: &u8| f32::from(v).to_le_bytes()).collect();
    let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (6L, 2L), }\n";
    let length = (header.len() as u16).to_le_bytes();
    std::fs::write(folder.at("f.npy"), [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), &columns].concat()).unwrap();
    folder.bring("f.npy", None, set).unwrap();
    assert_eq!((folder.values("c0"), folder.values("c5")), (Some(vec![0.0, 1.0]), Some(vec![10.0, 11.0])));
    // bfloat16, which numpy does not know
    let halves: Vec<u8> = (0..12u8).flat_map(|value| half::bf16::from_f32(f32::from(value) * 0.5).to_le_bytes()).collect();
    folder.npy("b.npy", &Header::new(Element::Opaque(2), vec![6, 2]), &halves);
    folder.refused("b.npy", None, set, &["2 bytes without a type", "--element bf16"]);
    let bf16 = |settings: &mut ImportSettings| {
        set(settings);
        settings.element = Some(Element::Bf16);
    };
    folder.bring("b.npy", None, bf16).unwrap();
    assert_eq!(folder.values("c5"), Some(vec![5.0, 5.5]));
    // pixels stay pixels
    folder.npy("u.npy", &Header::new(Element::Uint(1), vec![6, 2]), &(0..12).collect::<Vec<u8>>());
    folder.bring("u.npy", None, set).unwrap();
    assert_eq!(folder.store().header().modalities[0].dtype, mmdg::sample::Dtype::U8);
    assert_eq!(folder.values("c5"), Some(vec![10.0, 11.0]));
    // axes
    folder.floats("r.npy", &[6, 2, 2], 0.0);
    let axes = |axes: &str, reduce: &str| {
        let (axes, reduce) = (axes.split(',').map(str::to_owned).collect::<Vec<_>>(), reduce.to_owned());
        let labels = labels.clone();
        move |settings: &mut ImportSettings| {
            settings.labels = Some(labels.clone());
            settings.axes = Some(axes.clone());
            (settings.reduce, settings.reduce_axis) = (Some(Reduce::Mean), Some(reduce.clone()));
        }
    };
    folder.bring("r.npy", None, axes("N,T,D", "T")).unwrap();
    assert_eq!(folder.values("c1"), Some(vec![5.0, 6.0]));
    folder.bring("r.npy", None, axes("N,T,D", "D")).unwrap();
    assert_eq!(folder.values("c1"), Some(vec![4.5, 6.5]));
    folder.refused("r.npy", None, axes("N,T", "T"), &["rows of [2, 2] for the dimensions T; expected one for each"]);
    folder.refused("r.npy", None, axes("N,T,D", "X"), &["--reduce …=X"]);
    // ids of their own
    std::fs::write(folder.at("ids.txt"), "c5\nc4\nc3\nc2\nc1\nc0\n").unwrap();
    let ids = |settings: &mut ImportSettings| {
        set(settings);
        settings.ids = Some(folder.at("ids.txt"));
    };
    folder.floats("v.npy", &[6, 2], 0.0);
    folder.bring("v.npy", None, ids).unwrap();
    assert_eq!(folder.values("c5"), Some(vec![0.0, 1.0]));
    // PyTorch's
    let mut zip = zip::ZipWriter::new(File::create(folder.at("f.pt")).unwrap());
    zip.start_file("archive/data.pkl", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(b"x").unwrap();
    zip.finish().unwrap();
    std::fs::write(folder.at("old.pth"), b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.").unwrap();
    folder.refused("f.pt", None, set, &["numpy.save('f.npy', torch.load('f.pt', map_location='cpu').float().numpy())"]);
    folder.refused("old.pth", None, set, &["torch.load('old.pth'"]);
}

#[test]
fn folders_of_any_depth_and_order_are_read() {
    let folder = Folder::new();
    let labels = folder.six();
    let set = |settings: &mut ImportSettings| settings.labels = Some(labels.clone());
    for (n, id) in IDS.iter().enumerate() {
        folder.floats(&format!("plain/{id}.npy"), &[2], n as f32);
        folder.floats(&format!("deep/{}/x/{id}.npy", n % 2), &[2], n as f32);
        std::fs::create_dir_all(folder.at("archives")).unwrap();
        folder.npz(&format!("archives/{id}.npz"), &[("arr_0", Element::Float(4), &[2], six_by_two()[8 * n..][..8].to_vec())]);
    }
    for (name, last) in [("plain", [5.0, 6.0]), ("deep", [5.0, 6.0]), ("archives", [10.0, 11.0])] {
        folder.bring(name, None, set).unwrap();
        assert_eq!(folder.values("c5"), Some(last.to_vec()), "{name}");
    }
    folder.floats("deep/2/c0.npy", &[2], 9.0);
    folder.refused("deep", None, set, &["row \"c0\" could have \"0/x/c0\" or \"2/c0\"; expected one"]);
    folder.floats("plain/other.npy", &[2], 0.0);
    folder.refused("plain", None, set, &["1 ids that have no label, the first \"other\""]);
    folder.refused("plain", Some("rgb"), set, &["no files <id>_rgb.npy", "(other, c5, c4"]);
}

#[test]
fn hdf5_is_read_as_it_is_kept() {
    let folder = Folder::new();
    let labels = folder.six();
    let set = |settings: &mut ImportSettings| settings.labels = Some(labels.clone());
    let file = |name: &str| hdf5::File::create(folder.at(name)).unwrap();
    let put = |group: &hdf5::Group, name: &str, n: usize| {
        group.new_dataset_builder().with_data(&[n as f32, 0.5]).create(name).unwrap();
    };
    let (root, nested, soft) = (file("root.h5"), file("nested.h5"), file("soft.h5"));
    for (n, id) in IDS.iter().enumerate() {
        put(&root, id, n);
        let group = nested.create_group(id).unwrap();
        put(&group, "c3d_features", n);
        let group = soft.group("a").or_else(|_| soft.create_group("a")).unwrap();
        put(&group, id, n);
    }
    soft.link_soft("/a", "video").unwrap();
    let (one, called) = (file("one.h5"), file("called.h5"));
    let all: Vec<f32> = (0..6).flat_map(|n| [n as f32, 0.5]).collect();
    let block =
        |group: &hdf5::Group, name: &str| group.new_dataset::<f32>().shape((6, 2)).create(name).unwrap().write_raw(&all).unwrap();
    block(&one, "avadataset");
    block(&called, "features");
    let reversed: Vec<hdf5::types::VarLenUnicode> = IDS.iter().rev().map(|id| id.parse().unwrap()).collect();
    called.new_dataset_builder().with_data(&reversed).create("ids").unwrap();
    let packed = file("packed.h5");
    for (n, id) in IDS.iter().enumerate() {
        let builder = packed.new_dataset::<f32>().shape(2).chunk(2);
        let builder = match n % 3 {
            0 => builder.deflate(4),
            1 => builder.shuffle().fletcher32(),
            _ => builder.lzf(),
        };
        builder.create(*id).unwrap().write_raw(&[n as f32, 0.5]).unwrap();
    }
    [root, nested, soft, one, called, packed].into_iter().for_each(close);
    // a block of the user's own before it, and a dataset that holds nothing
    let user = hdf5::File::with_options().with_fcpl(|creation| creation.userblock(512)).create(folder.at("user.h5")).unwrap();
    IDS.iter().enumerate().for_each(|(n, id)| put(&user, id, n));
    close(user);
    let empty = file("empty.h5");
    IDS.iter().enumerate().skip(1).for_each(|(n, id)| put(&empty, id, n));
    empty.new_dataset::<f32>().shape(hdf5::Extents::Null).create("c0").unwrap();
    close(empty);
    assert_eq!(folder.bring("empty.h5", None, set).unwrap().absent, 1);
    assert_eq!((folder.values("c0"), folder.values("c5")), (None, Some(vec![5.0, 0.5])));
    for (name, key) in [
        ("root.h5", None),
        ("root.h5", Some("/")),
        ("nested.h5", None),
        ("nested.h5", Some("c3d_features")),
        ("soft.h5", None),
        ("one.h5", None),
        ("one.h5", Some("avadataset")),
        ("packed.h5", None),
        ("user.h5", None),
    ] {
        folder.bring(name, key, set).unwrap_or_else(|error| panic!("{name} {key:?}: {error}"));
        for (n, id) in IDS.iter().enumerate() {
            assert_eq!(folder.values(id), Some(vec![n as f32, 0.5]), "{name} {key:?} {id}");
        }
    }
    folder.bring("called.h5", Some("features"), set).unwrap();
    assert_eq!(folder.values("c5"), Some(vec![0.0, 0.5]));
    // what somebody writes is not read, and the error says whose turn it is
    let held = File::open(folder.at("one.h5")).unwrap();
    held.lock().unwrap();
    let text = folder.bring("one.h5", None, set).unwrap_err().to_string();
    assert!(text.contains("one.h5: HDF5: locked") && text.contains("HDF5_USE_FILE_LOCKING"), "{text}");
    drop(held);
    // names are neither listed by the thousand nor the one that is refused
    let many = file("many.h5");
    (0..3000).for_each(|n| drop(many.create_group(&format!("g{n}")).unwrap()));
    close(many);
    let text = folder.bring("many.h5", None, set).unwrap_err().to_string();
    assert!(text.len() < 500 && text.contains("and 2992 more"), "{text}");
}

#[test]
fn errors_of_files_that_are_cut_short_name_them() {
    let folder = Folder::new();
    let labels = folder.six();
    let set = |settings: &mut ImportSettings| settings.labels = Some(labels.clone());
    std::fs::write(folder.at("f.safetensors"), 99u64.to_le_bytes()).unwrap();
    folder.refused("f.safetensors", None, set, &["f.safetensors: ", "expected a .safetensors"]);
    std::fs::write(folder.at("g.safetensors"), u64::MAX.to_le_bytes()).unwrap();
    folder.refused("g.safetensors", None, set, &["g.safetensors: a header of 18446744073709551615 bytes"]);
    std::fs::write(folder.at("f.parquet"), "PAR1PAR1").unwrap();
    folder.refused("f.parquet", None, set, &["f.parquet: ", "expected a Parquet file"]);
    let json = r#"{"video":{"dtype":"F32","shape":[6,2],"data_offsets":[0,48]}}"#;
    std::fs::write(folder.at("short.safetensors"), [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), &[0; 40]].concat())
        .unwrap();
    folder.refused(
        "short.safetensors",
        None,
        set,
        &["short.safetensors:video: 40 bytes of elements; its header asks for [6, 2]"],
    );
    assert!(matches!(folder.bring("none.npy", None, set), Err(Error::Input { .. })));
}
