//! Finds and checks what runs wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::results::{EmbeddedRow, FORMAT, Purpose};
use super::{RunResult, identity, record, sound};
use crate::error::plain_types;
use crate::{Error, Result, fs};

/// The results of every `results.json` in and below the given run folders: folders in the order given, each one's files
/// sorted by path. A file that is reached twice counts once. Runs that only served a choice are left out.
///
/// # Errors
/// [`Error::Integrity`] for a run that is not what its record says; [`Error::Input`] that names the folder without any result, the file that is not a result of a format known here and what was
/// expected there, or the two files that hold one and the same run.
pub fn read(paths: &[PathBuf]) -> Result<Vec<RunResult>> {
    let mut files = Vec::new();
    for path in paths {
        let mut found: Vec<PathBuf> = record::finished(path)?.iter().map(|folder| folder.join("results.json")).collect();
        found.sort();
        if found.is_empty() {
            return Err(Error::input(path.display(), "no results.json in or below it; expected the folder of a finished run"));
        }
        files.extend(found);
    }
    let (mut seen, mut runs, mut results) = (BTreeSet::new(), BTreeMap::new(), Vec::new());
    for file in files {
        let folder = file.parent().unwrap_or(Path::new("."));
        let recorded = record::check(folder)?;
        let canonical = file.canonicalize().map_err(|e| unreadable(&file, e))?;
        if !seen.insert(canonical) {
            continue;
        }
        let mut result = parse(&file, &fs::read_text(&file)?)?;
        if !recorded {
            return Err(record::lost(folder));
        }
        result.embedding = embedding(&file.with_file_name("embedding.csv"))?;
        if result.protocol.purpose != Purpose::Result {
            continue;
        }
        let r = &result;
        let names = [&r.sources, &r.modalities].map(|names| names.join("\0"));
        let settings = format!("{:?}", (identity::shared(r), identity::own(r), r.settings.get("target-split")));
        let key = (r.name.clone(), r.task(), r.seed, names, r.selection.clone(), settings);
        if let Some(first) = runs.insert(key, file.clone()) {
            let problem = format!("the same run as in {}: {}; expected one result a run", first.display(), label(&result));
            return Err(Error::input(file.display(), problem));
        }
        results.push(result);
    }
    Ok(results)
}

/// How messages name a run.
pub fn label(run: &RunResult) -> String {
    format!("\"{}\" on \"{}\", seed {}, {}", run.name, run.task(), run.seed, run.modalities.join("+"))
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::unread(path, error, "the folder of a finished run")
}

/// The rows of an `embedding.csv`; none where there is no such file.
fn embedding(file: &Path) -> Result<Vec<EmbeddedRow>> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_text(file)?;
    let rows = csv::Reader::from_reader(text.as_bytes()).into_deserialize().collect::<Result<_, csv::Error>>();
    rows.map_err(|error| Error::input(file.display(), format!("{error}; expected row, domain, part, class, x and y")))
}

fn parse(file: &Path, text: &str) -> Result<RunResult> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let wrong = |problem: String| Error::input(file.display(), problem);
    let json =
        |e: serde_json::Error| wrong(format!("{}; expected the result of a run, format {FORMAT}", plain_types(&e.to_string())));
    let head: Head = serde_json::from_str(text).map_err(json)?;
    if head.format != FORMAT {
        return Err(wrong(format!("format {}; expected {FORMAT}", head.format)));
    }
    let run: RunResult = serde_json::from_str(text).map_err(json)?;
    sound::check(&run).map_err(wrong)?;
    Ok(run)
}
