//! A kind of modality is one file and one line; what is no kind comes in under any name; a manifest has the columns that some row has something in.

use std::collections::BTreeSet;
use std::path::Path;

use mmdg::modality::{KINDS, Kind, Media, columns};

use crate::layering::{sources, tokens, without_tests};

/// Folders that name kinds: their own, and lists whose lines are of one (networks, presets, data sets).
const NAMING: [&str; 5] = ["modality", "backbone", "preset", "dataset", "synthetic"];

/// Kinds that a source names, as `Kind::NAME`, as its word in quotes, or by one of its columns.
fn named(source: &str) -> BTreeSet<&'static str> {
    let tokens = without_tests(tokens(source));
    let constants = tokens.windows(3).filter(|three| (three[0].text, three[1].text) == ("Kind", "::"));
    let constants: BTreeSet<String> = constants.map(|three| three[2].text.to_lowercase()).collect();
    let code = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    // features of the build have such names too
    let of_build = |line: &str| line.contains("feature = ") || line.contains("not_built(");
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//") && !of_build(line));
    let code: String = lines.collect::<Vec<_>>().join("\n");
    let quoted = |word: &str| code.contains(&format!("\"{word}\""));
    // what a store holds is a word too, and what a message is about
    let of = |kind: &&Kind| {
        let word = quoted(kind.name) && **kind != Kind::FEATURES;
        constants.contains(kind.name) || word || kind.columns.iter().any(|column| quoted(column.name))
    };
    KINDS.iter().filter(of).map(|kind| kind.name).collect()
}

#[test]
fn only_its_own_file_and_lists_name_a_kind() {
    assert_eq!(named("fn f() { g(Kind::AUDIO) }\n// \"video\"").into_iter().collect::<Vec<_>>(), ["audio"]);
    assert_eq!(named("let (a, b) = (\"video\", \"flow_rate\");\n#[cfg(test)]\nmod tests { \"audio\" }").len(), 2);
    let sources = sources();
    for kind in KINDS {
        let own = format!("modality/{}.rs", kind.name);
        let others: Vec<_> = sources.iter().filter(|(path, _)| path.starts_with("modality")).collect();
        assert!(sources[Path::new(&own)].contains(&format!("name: \"{}\"", kind.name)), "{own}");
        for column in kind.columns {
            let has: Vec<_> = others.iter().filter(|(_, text)| text.contains(&format!("\"{}\"", column.name))).collect();
            assert!(has.iter().all(|(path, text)| path.ends_with(format!("{}.rs", kind.name)) || text.contains("#[cfg(test)]")));
        }
    }
    let mut naming = 0;
    for (path, source) in &sources {
        let folder = path.iter().next().and_then(|folder| folder.to_str()).unwrap();
        let named = named(source);
        naming += usize::from(!named.is_empty());
        // FFmpeg has words of its own for streams; an import's usual kind is what is no other; CMRF's code halves a modality by its name
        let single = ["cli/exchange.rs", "method/cmrf.rs"].map(Path::new);
        let allowed = NAMING.contains(&folder) || folder == "media" || single.contains(&path.as_path());
        assert!(
            named.is_empty() || allowed,
            "{}: names {named:?}; behaviour of a kind belongs into src/modality/",
            path.display()
        );
    }
    assert!(naming > 10, "{naming}");
}

#[test]
fn docs_list_every_kind_with_its_columns() {
    let docs = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kinds.md")).unwrap();
    for kind in KINDS {
        let line = docs.lines().find(|line| line.starts_with(&format!("| `{}` |", kind.name)));
        let line = line.unwrap_or_else(|| panic!("docs/kinds.md has no line of {}", kind.name));
        assert!(line.contains(kind.about), "{line}\n{}", kind.about);
        let said: Vec<&str> = line.split('`').filter(|word| columns().any(|(_, column)| column.name == *word)).collect();
        assert!(said.iter().eq(kind.columns.iter().map(|column| &column.name)), "{line}");
    }
}

mod stores {
    use mmdg::manifest::{LabelSpace, Labels, Manifest, Numbers, Segment};
    use mmdg::span::Span;
    use mmdg::store::manifest_csv::{OWN, read, to_csv};

    use super::*;

    const ALWAYS: &str = "row,id,path,start,end,label,domain,split";

    fn manifest(change: impl Fn(&mut Segment)) -> Manifest {
        let mut segments: Vec<Segment> =
            ["a", "b", "c"].map(|id| Segment::new(id, format!("{id}.mp4"), Span { start: 0.5, end: Some(2.0) })).into();
        change(&mut segments[1]);
        Manifest::new("test", Labels::classes(vec!["x".into()], [0; 3]), vec!["p".into()], segments).unwrap()
    }

    /// First line of the table, which is read back as it was.
    fn head(change: impl Fn(&mut Segment)) -> String {
        let manifest = manifest(change);
        let bytes = to_csv(&manifest).unwrap();
        assert_eq!(read("m.csv".as_ref(), &bytes, &manifest.labels.space(), &manifest.domains).unwrap(), manifest);
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.lines().count(), 4);
        text.lines().next().unwrap().to_owned()
    }

    #[test]
    fn a_manifest_has_the_columns_that_some_row_has_something_in() {
        assert_eq!(head(|_| ()), ALWAYS);
        assert_eq!(head(|segment| segment.extras.precut = true), format!("{ALWAYS},precut"));
        let numbers = |segment: &mut Segment| segment.extras.numbers = Some(Numbers { start: 1, stop: 3, rate: 59.94 });
        assert_eq!(head(numbers), format!("{ALWAYS},start_frame,stop_frame,number_rate"));
        let key = Media { rate: Some(24000.0), key: Some("P01".into()), ..Media::at(Kind::AUDIO, ["s.hdf5".into()]) };
        let all = |segment: &mut Segment| {
            numbers(segment);
            segment.set_media(key.clone());
            segment.set_media(Media { rate: Some(60.0), ..Media::new(Kind::VIDEO) });
            segment.set_media(Media::at(Kind::FLOW, ["u".into(), "v".into()]));
        };
        let expected = "start_frame,stop_frame,number_rate,frame_rate,flow_x_path,flow_y_path,audio_path,audio_key,audio_rate";
        assert_eq!(head(all), format!("{ALWAYS},{expected}"));
        // each alone, and in the order of the table of kinds
        for (kind, column) in columns().filter(|(kind, _)| kind.files() == 0 || *kind == Kind::AUDIO) {
            let mut media = Media::new(kind);
            if kind.files() > 0 {
                media.paths = vec!["file".into(); kind.files()];
            }
            if column.name == "audio_key" || column.name == "audio_rate" {
                continue;
            }
            media.read(column, "1", None).unwrap();
            let head = head(|segment| segment.set_media(media.clone()));
            assert!(head.starts_with(ALWAYS) && head.split(',').any(|name| name == column.name), "{head}");
        }
    }

    #[test]
    fn a_manifest_of_other_columns_is_damage_that_is_named() {
        let refused = |text: &str| {
            let error =
                read("m.csv".as_ref(), text.as_bytes(), &LabelSpace::Classes(vec!["x".into()]), &["p".into()]).unwrap_err();
            assert_eq!(error.exit_code(), 7, "{error}");
            error.to_string()
        };
        let known: Vec<&str> = OWN.into_iter().chain(columns().map(|(_, column)| column.name)).collect();
        let unknown = refused(&format!("{ALWAYS},smell_path\n"));
        assert!(unknown.contains(&format!("line 1: unknown column \"smell_path\"; expected some of {}", known.join(", "))));
        assert!(refused(&format!("{ALWAYS},precut,precut\n")).contains("line 1: column \"precut\" stands twice"));
        assert!(refused("row,id,path,start,end,label,split\n").contains("line 1: no column \"domain\"; expected row,id,path"));
        let row = "0,a,a.mp4,0,,x,p,train";
        for (column, field, says) in [
            ("flow_x_path", "u", "line 2: flow_x_path, flow_y_path; expected all of them or none"),
            ("frame_rate", "-1", "line 2: frame_rate -1; expected a number above 0"),
            ("audio_rate", "1.5", "line 2: audio_rate 1.5; expected a whole number of samples a second"),
            ("audio_track", "English", "line 2: audio_track: track \"English\"; expected"),
            ("audio_key", "k", "line 2: audio_key, audio_rate; expected both and an audio_path"),
        ] {
            let error = refused(&format!("{ALWAYS},{column}\n{row},{field}\n"));
            assert!(error.contains(says), "{error}");
        }
    }
}

#[cfg(all(feature = "cli", feature = "exchange", feature = "hdf5", feature = "torch", feature = "media"))]
mod names {
    use std::sync::Arc;

    use mmdg::npy::{Element, Header};
    use mmdg::store::batch::Values;
    use mmdg::store::{Loader, Options, Store};

    use super::*;
    use crate::command::{expect, run};

    const ROWS: u64 = 60;

    /// Rows of three domains and two classes, which `text` [300] and `imu` [4, 16] tell apart.
    fn made(folder: &Path) {
        let rows: String = (0..ROWS).map(|row| format!("r{row},{},d{}\n", ["a", "b"][(row % 2) as usize], row / 2 % 3)).collect();
        std::fs::write(folder.join("labels.csv"), format!("id,label,domain\n{rows}")).unwrap();
        for (name, shape) in [("text", &[ROWS, 300][..]), ("imu", &[ROWS, 4, 16])] {
            let width = shape[1..].iter().product::<u64>();
            let value = |row: u64, element: u64| (row % 2) as f32 - 0.5 + (row * 7 + element * 3) as f32 % 11.0 / 50.0;
            let values = (0..ROWS).flat_map(|row| (0..width).flat_map(move |element| value(row, element).to_le_bytes()));
            let bytes: Vec<u8> = Header::new(Element::Float(4), shape.into()).written().into_iter().chain(values).collect();
            std::fs::write(folder.join(format!("{name}.npy")), bytes).unwrap();
        }
    }

    #[test]
    fn modalities_of_any_name_are_imported_trained_on_and_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        made(folder);
        // several behind one --modality, the folder before or behind them
        for line in [
            "import features --labels labels.csv -q --modality text=text.npy imu=imu.npy",
            "import --labels labels.csv -q --modality text=text.npy imu=imu.npy again",
            "import third --modality text=text.npy --modality imu=imu.npy --labels labels.csv -q",
        ] {
            expect(&run(folder, line), 0, &[]);
        }
        let manifest = |store: &str| std::fs::read(folder.join(store).join("store.json")).unwrap();
        assert!(manifest("features") == manifest("again") && manifest("features") == manifest("third"));
        let inspected = run(folder, "inspect features");
        let shown = String::from_utf8_lossy(&inspected.stdout).into_owned();
        assert!(
            shown.contains("text") && shown.contains("imu") && shown.contains("features") && shown.contains("[300]"),
            "{shown}"
        );
        // a dimension of steps is reduced where that is asked for, and else it is part of the width
        expect(&run(folder, "import mean --labels labels.csv -q --reduce mean --modality text=text.npy imu=imu.npy"), 0, &[]);
        let shape = |store: &str| Store::open(&folder.join(store)).unwrap().modality("imu").unwrap().header().shape.clone();
        assert_eq!((shape("features"), shape("mean")), (vec![4, 16], vec![16]));

        let pipeline = "[protocol]\nseeds = [0]\ntargets = ['d2']\n[train]\nfeatures = 'STORE'\nout = 'runs-STORE'\nepochs = 2\nbatch-size = 8\n\
            hidden = 8\nembedding = 8\nhead-hidden = 8\n[[train.compare]]\nname = 'gmp'\nbalance = 'gmp'\n";
        for store in ["features", "mean"] {
            std::fs::write(folder.join("p.toml"), pipeline.replace("STORE", store)).unwrap();
            expect(&run(folder, "train p.toml -q"), 0, &[]);
            let model = format!("runs-{store}/gmp/d2-0/model.safetensors");
            let whole = run(folder, &format!("eval {model} {store}"));
            expect(&whole, 0, &[]);
            expect(&run(folder, &format!("eval {model} {store} --drop imu --fill zero")), 0, &[]);
        }
        for format in ["npz", "safetensors"] {
            expect(&run(folder, &format!("export features rows.{format} -q")), 0, &[]);
            let line = format!("import from-{format} --modality text=rows.{format} imu=rows.{format} -q");
            expect(&run(folder, &line), 0, &[]);
            assert_eq!(shape(&format!("from-{format}")), [4, 16]);
        }
        let store = Arc::new(Store::open(&folder.join("features")).unwrap());
        assert!(store.header().modalities.iter().all(|modality| modality.kind == Kind::FEATURES));
        let options = Options { batch_size: 16, seed: 1, ..Options::default() };
        let batch = Loader::new(store, options).unwrap().epoch(0).unwrap().next().unwrap().unwrap();
        let count = |values: &Values| if let Values::F32(values) = values { values.len() } else { 0 };
        let widths = batch.modalities.iter().map(|modality| count(&modality.values) / batch.rows.len());
        assert_eq!(widths.collect::<BTreeSet<_>>(), BTreeSet::from([64, 300]));
    }

    #[test]
    fn what_makes_no_sense_of_a_kind_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        made(folder);
        let import = "import new --labels labels.csv -q --modality";
        for (line, says) in [
            (format!("{import} text:smell=text.npy"), "kind \"smell\"; expected one of video, flow, audio, features"),
            (format!("{import} text"), "expected NAME[:KIND]=PATH[:KEY]"),
            (format!("{import} Text=text.npy"), "expected lower-case letters"),
            ("import --modality text=text.npy imu=imu.npy --labels labels.csv".into(), "OUT is not given"),
            ("import --modality out".into(), "OUT is not given"),
        ] {
            expect(&run(folder, &line), 2, &[says]);
        }
        crate::command::tones(folder, 4);
        let set = |key: &str| run(folder, &format!("validate pipeline.toml --set {key}"));
        let audio = "preprocess.modalities.audio";
        expect(&set(&format!("{audio}.kind=smell")), 3, &["kind \"smell\"; expected one of video, flow, audio, features"]);
        let told =
            |output: &std::process::Output| String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        let said = told(&set(&format!("{audio}.kind=features")));
        assert!(said.contains("kind \"features\": no preset makes it; expected one of video, flow, audio"), "{said}");
        let said = told(&set(&format!("{audio}.video-track=1")));
        assert!(said.contains("video-track: this modality is audio; expected it with video"), "{said}");
        expect(&set(&format!("{audio}.audio-track=0")), 0, &[]);
        // media of a kind that no row has
        let pipeline = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
        let flow = "\n[preprocess.modalities.flow]\npreset = \"uniform\"\n";
        std::fs::write(folder.join("pipeline.toml"), pipeline + flow).unwrap();
        let says = "[preprocess.modalities.flow]: no flow files in any of 4 rows; expected some (in a table, the columns flow_x_path, flow_y_path)";
        let output = run(folder, "validate pipeline.toml");
        assert!(output.status.code() == Some(3) && told(&output).contains(says), "{}", told(&output));
        expect(&run(folder, "preprocess pipeline.toml -q"), 3, &[says]);
        assert!(!folder.join("clips").exists());
        // a column that is no kind's
        let table = std::fs::read_to_string(folder.join("table.csv")).unwrap();
        std::fs::write(folder.join("table.csv"), table.replace("label,domain\n", "label,domain,smell_path\n")).unwrap();
        let said = told(&run(folder, "validate pipeline.toml"));
        assert!(said.contains("line 1: unknown column \"smell_path\"; expected some of row, id,"), "{said}");
    }
}
