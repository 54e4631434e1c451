//! Runs the program, and small tables of sound to run it on.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

/// The program in `folder`, one word an argument.
pub fn mmdg(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mmdg"));
    command.current_dir(folder).args(arguments.split_whitespace()).env_remove("MMDG_FAULT");
    command
}

pub fn run(folder: &Path, arguments: &str) -> Output {
    mmdg(folder, arguments).output().unwrap()
}

/// Exit code and what stands on standard error.
#[track_caller]
pub fn expect(output: &Output, code: i32, says: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for part in says {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    assert!(!text.contains("panicked"), "{text}");
}

/// A 16 kHz mono wav of a tone.
pub fn tone(path: &Path, seconds: f64, hertz: f32) {
    let sample = |i: usize| (i as f32 * hertz * std::f32::consts::TAU / 16000.0).sin() * 0.25;
    let samples = (0..(seconds * 16000.0) as usize).map(sample).collect();
    mmdg::media::wav::write(path, &mmdg::sample::Waveform { sample_rate: 16000, samples }).unwrap();
}

/// A table of `rows` tones and a pipeline that makes log-mels of them, four rows a shard.
pub fn tones(folder: &Path, rows: usize) {
    let mut table = String::from("id,path,start,end,label,domain\n");
    for i in 0..rows {
        tone(&folder.join(format!("{i:03}.wav")), 0.5 + 0.1 * i as f64, 200.0 + 50.0 * i as f32);
        table += &format!("t{i},{i:03}.wav,0,,{},{}\n", ["low", "high"][i % 2], ["attic", "cellar"][i / 2 % 2]);
    }
    std::fs::write(folder.join("table.csv"), table).unwrap();
    let pipeline = "[data]\ndataset = \"table\"\ntable = \"table.csv\"\n\n[preprocess]\nstore = \"clips\"\nshard-mib = 1\n\n\
        [preprocess.modalities.audio]\npreset = \"log-mel\"\nseconds = 4.0\n";
    std::fs::write(folder.join("pipeline.toml"), pipeline).unwrap();
}

/// Has the pipeline of [`tones`] run the demo's audio network, with more keys of `[extract]` and more tables.
#[cfg(feature = "onnx")]
pub fn extracting(folder: &Path, keys: &str, tables: &str) {
    let path = folder.join("pipeline.toml");
    let pipeline = std::fs::read_to_string(&path).unwrap().replace("seconds = 4.0", "seconds = 2.0\nbins = 64");
    let extract = format!(
        "\n[extract]\nstore = \"features\"\nthreads = 1\n{keys}\n[extract.backbones.audio]\nbackbone = \"demo-audio\"\n{tables}"
    );
    std::fs::write(path, pipeline + &extract).unwrap();
}

/// Every file below `folder` with its bytes, but for how recordings looked, which is no part of a store.
pub fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(tree(&path).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
        } else if name != "seen.json" {
            found.insert(name, std::fs::read(&path).unwrap());
        }
    }
    found
}

/// Processes whose parent is `parent`.
pub fn children(parent: i32) -> Vec<i32> {
    let of = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.ok()?.path();
        let stat = std::fs::read_to_string(path.join("stat")).ok()?;
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        (fields.nth(1)?.parse() == Ok(parent)).then(|| path.file_name()?.to_str()?.parse::<i32>().ok())?
    };
    std::fs::read_dir("/proc").unwrap().filter_map(of).collect()
}
