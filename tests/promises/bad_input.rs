//! Wrong input is one clear message that names it and what was expected; nothing is done, nothing panics.

use std::path::Path;

use crate::command::{expect, run, tone, tones};

/// Writes `pipeline.toml` with one thing changed and runs `verb`.
#[track_caller]
fn refused(folder: &Path, from: &str, to: &str, code: i32, says: &[&str]) {
    tones(folder, 4);
    let path = folder.join("pipeline.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from));
    std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    expect(&run(folder, "preprocess pipeline.toml"), code, says);
    assert!(!folder.join("clips").exists(), "something was done");
}

#[test]
fn pipeline_files() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let at = |from: &str, to: &str, says: &[&str]| refused(folder, from, to, 3, says);
    at("store =", "stroe =", &["pipeline.toml", "line 6", "stroe"]);
    at("[data]", "[dta]", &["pipeline.toml", "dta"]);
    at("[data]", "[data", &["pipeline.toml", "line 1"]);
    at("seconds = 4.0", "secnds = 4.0", &["[preprocess.modalities.audio]", "secnds", "expected"]);
    at("seconds = 4.0", "seconds = -1", &["seconds = -1", "expected 0.01 to 3600"]);
    at("\"log-mel\"", "\"log-mell\"", &["log-mell", "expected one for video"]);
    at("\"table\"\n", "\"tabel\"\n", &["tabel", "expected one of epic-kitchens, hac, table"]);
    at("table.csv", "tabel.csv", &["tabel.csv", "cannot read"]);
    at("modalities.audio", "modalities.\"../x\"", &["../x", "expected lower-case letters"]);
    at("table = \"table.csv\"", "table = \"table.csv\"\nroot = \"nowhere\"", &["nowhere", "no such folder"]);
    at(
        "table = \"table.csv\"",
        "table = \"table.csv\"\nclasses = [\"low\", \"high\", \"odd\"]",
        &["no row has the class \"odd\""],
    );
    at("table = \"table.csv\"", "table = \"table.csv\"\ndomains = [\"attic\", \"roof\"]", &["no row has the domain \"roof\""]);
    at(
        "table = \"table.csv\"",
        "table = \"table.csv\"\nclasses = [\"low\"]",
        &["table.csv", "line 3: label \"high\"", "expected one of \"low\""],
    );
    at("shard-mib = 1", "shard-mib = 0", &["shard-mib: 0; expected 1 to"]);
    at("shard-mib = 1", "shard-mib = 17592186044416", &["shard-mib: 17592186044416; expected 1 to"]);
    at("store = \"clips\"", "store = \"\"", &["an empty path"]);
    std::fs::write(folder.join("nothing.toml"), "\n# nothing\n").unwrap();
    expect(&run(folder, "preprocess nothing.toml"), 3, &["nothing.toml: it is empty"]);
    expect(&run(folder, "preprocess missing.toml"), 3, &["missing.toml", "cannot read"]);
    expect(&run(folder, "extract pipeline.toml"), 3, &["no [extract] table"]);
    expect(&run(folder, "inspect nowhere"), 3, &["nowhere", "no store.json"]);
    expect(&run(folder, "report runs --set report.out=x"), 2, &["--set", "expected --out"]);
}

/// What every message has in common: one line that names something, of a length that one reads, in words.
#[track_caller]
fn plain(folder: &Path, arguments: &[&str], code: i32, says: &[&str]) {
    let mut command = crate::command::mmdg(folder, "");
    let mut child = command.args(arguments).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let started = std::time::Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed().as_secs() > 20 {
            child.kill().unwrap();
            panic!("{arguments:?} waits for ever");
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    expect(&output, code, says);
    let said = String::from_utf8(output.stderr).unwrap();
    let line = said.strip_prefix("mmdg: ").unwrap_or_else(|| panic!("{said}"));
    assert!(line.lines().count() == 1 && line.len() < 600, "{} bytes: {said}", line.len());
    assert!(!line.starts_with(':') && !line.starts_with(' '), "nothing is named: {said}");
    for word in ["usize", "u64", "f64", "i64", "Some(", "None", "Error {", "Os {"] {
        assert!(!line.contains(word), "{word}: {said}");
    }
}

#[test]
fn messages() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 4);
    let path = folder.join("pipeline.toml");
    let extract = "[extract]\nstore = \"features\"\n[extract.backbones.audio]\nbackbone = \"demo-audio\"\n";
    let text = std::fs::read_to_string(&path).unwrap().replace("seconds = 4.0", "seconds = 2.0\nbins = 64") + extract;
    std::fs::write(&path, text).unwrap();
    expect(&run(folder, "preprocess pipeline.toml -q"), 0, &[]);
    assert!(std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success());
    std::fs::create_dir(folder.join("folder")).unwrap();
    let set = |verb: &str, set: &str, says: &[&str]| plain(folder, &[verb, "pipeline.toml", "--set", set], 3, says);
    let audio = "preprocess.modalities.audio";
    set("preprocess", &format!("{audio}.seconds=\"long\""), &["[preprocess.modalities.audio]: seconds: ", "expected a number"]);
    set("preprocess", &format!("{audio}.bins=0.5"), &["bins: ", "0.5", "expected a whole number"]);
    set(
        "preprocess",
        &format!("{audio}.bins=128"),
        &["clips", "modalities.audio.parameters.bins is 64 in the store, 128 was asked for"],
    );
    set("preprocess", &format!("{audio}.secnods=3"), &["unknown field `secnods`"]);
    set("extract", "extract.store=clips", &["clips: it is a store of clips; expected one of features"]);
    set("extract", "extract.batch-size=0", &["batch-size", "0"]);
    set("extract", "extract.backbones.audio.backbone=x", &["[extract.backbones.audio]", "demo-audio"]);
    for name in ["pipe", "/dev/null", "folder", "nowhere"] {
        let what = match name {
            "pipe" => "it is a pipe",
            "/dev/null" => "it is a device",
            "folder" => "it is a folder",
            _ => "No such file",
        };
        plain(folder, &["preprocess", name], 3, &[name, what]);
        plain(folder, &["import", "new", "--modality", &format!("video={name}"), "--labels", "table.csv"], 3, &[]);
        plain(folder, &["import", "new", "--modality", "video=table.csv", "--labels", name], 3, &[name]);
        plain(folder, &["report", name], 3, &[]);
        plain(folder, &["inspect", name], 3, &[]);
        plain(folder, &["verify", name], 3, &[]);
        plain(folder, &["export", name, "new.npz"], 3, &[]);
        plain(folder, &["merge", "new", name], 3, &[]);
        plain(folder, &["eval", name, "clips"], 3, &[]);
        plain(folder, &["predict", name, "clips", "new.csv"], 3, &[]);
        let table = format!("data.table=\"{name}\"");
        plain(folder, &["preprocess", "pipeline.toml", "--set", &table], 3, &[name, what]);
        let model = format!("extract.backbones={{audio={{model=\"{name}\", input=\"x\", output=\"y\"}}}}");
        plain(folder, &["extract", "pipeline.toml", "--set", &model], 3, &[]);
    }
    // an empty path on the command line is a usage error; in a pipeline file it is named as what it is
    expect(&run(folder, "verify  "), 2, &[]);
    set("preprocess", "data.table=\"\"", &["\"\": cannot read"]);
    set("extract", "extract.backbones={audio={model=\"\", input=\"x\", output=\"y\"}}", &["\"\": cannot read"]);
    plain(folder, &["train", "pipeline.toml"], 3, &["pipeline.toml: no [train] table"]);
    // a segment past its recording's end says where that is
    std::fs::write(folder.join("table.csv"), "id,path,start,end,label,domain\na,000.wav,70.25,71.5,x,p\n").unwrap();
    plain(folder, &["preprocess", "pipeline.toml", "-q", "--set", "preprocess.store=past"], 5, &["1 of 1"]);
    let failures = std::fs::read_to_string(folder.join("past/failures.jsonl")).unwrap();
    assert!(failures.contains("no sound in the segment; the recording ends at 0.500 s"), "{failures}");
}

#[test]
fn tables() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let head = "id,path,start,end,label,domain\n";
    let at = |table: &str, says: &[&str]| {
        tones(folder, 1);
        std::fs::write(folder.join("table.csv"), table).unwrap();
        expect(&run(folder, "preprocess pipeline.toml"), 3, says);
        assert!(!folder.join("clips").exists(), "something was done");
    };
    at("", &["table.csv", "no column \"id\""]);
    at(head, &["table.csv", "no segments"]);
    at("id,path,start,end,label,domain,extra\n", &["unknown column \"extra\""]);
    at("id,path,start,end,label,domain,label\n", &["line 1: column \"label\" stands twice; expected it once"]);
    at(&format!("{head}a,000.wav,1,1,x,d\n"), &["line 2: end 1: expected seconds after the start 1"]);
    at(&format!("{head}a,000.wav,-1,1,x,d\n"), &["line 2: start -1: expected seconds, 0 or more"]);
    at(&format!("{head}a,000.wav,NaN,1,x,d\n"), &["line 2: start \"NaN\"; expected seconds"]);
    at(&format!("{head}a,000.wav,0,1e400,x,d\n"), &["line 2: end \"1e400\"; expected seconds"]);
    at(&format!("{head}a,000.wav,zero,1,x,d\n"), &["line 2: start \"zero\"; expected seconds"]);
    at(&format!("{head}a,000.wav,0,,,d\n"), &["line 2: label is empty"]);
    at(&format!("{head}a,000.wav,0,,x\n"), &["line 2: 5 fields; expected 6"]);
    at(&format!("{head}a,000.wav,0,,x,d\na,000.wav,1,,x,d\n"), &["id \"a\" stands twice"]);
    at("id,path,start,end,label,domain,split\na,000.wav,0,,x,d,dev\n", &["split \"dev\"; expected train, val or test"]);
    std::fs::write(folder.join("table.csv"), b"id,path\n\xff\xfe").unwrap();
    expect(&run(folder, "preprocess pipeline.toml"), 3, &["table.csv", "not UTF-8"]);
}

#[test]
fn command_lines() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in ["", "preprocss", "preprocess", "preprocess p.toml --max-failures many", "preprocess p.toml --workers 0"] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }
    tones(folder.path(), 1);
    expect(&run(folder.path(), "preprocess pipeline.toml --set nonsense"), 2, &["expected dotted.key=value"]);
    assert_eq!(run(folder.path(), "--help").status.code(), Some(0));
}

#[test]
fn failures_are_counted_against_the_limit_and_absence_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tones(folder, 4);
    std::fs::write(folder.join("002.wav"), "no sound").unwrap();
    std::fs::remove_file(folder.join("003.wav")).unwrap();
    let output = run(folder, "run pipeline.toml");
    expect(&output, 5, &["2 of 4 samples failed, more than --max-failures 0 allows", "failures.jsonl"]);
    // the store is whole all the same
    let listed = std::fs::read_to_string(folder.join("clips/failures.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines.iter().map(|line| (line["id"].as_str(), line["code"].as_str())).collect::<Vec<_>>(),
        [(Some("t2"), Some("unreadable")), (Some("t3"), Some("missing"))]
    );
    expect(&run(folder, "preprocess pipeline.toml --max-failures 2"), 4, &[]);
    expect(&run(folder, "preprocess pipeline.toml --max-failures 50%"), 4, &[]);
    expect(&run(folder, "preprocess pipeline.toml --max-failures 49%"), 5, &[]);
    // sound files have no pictures
    tone(&folder.join("002.wav"), 1.0, 300.0);
    tone(&folder.join("003.wav"), 1.0, 300.0);
    let both = "--set preprocess.store=both --set preprocess.modalities.video.preset=uniform";
    expect(&run(folder, &format!("preprocess pipeline.toml {both}")), 0, &["8 samples, none failed, 4 absent"]);
}
