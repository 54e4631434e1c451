//! The pipeline file: one TOML for all verbs.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::Value;

#[cfg(feature = "hdf5")]
use crate::preprocess;
use crate::{Error, Result, dataset, fs};

/// A pipeline. Paths are relative to the working directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// Annotations and media.
    pub data: Option<dataset::DatasetSettings>,
    /// Recordings to clips.
    #[cfg(feature = "hdf5")]
    pub preprocess: Option<preprocess::PreprocessSettings>,
    /// Clips to features.
    #[cfg(all(feature = "hdf5", feature = "onnx"))]
    pub extract: Option<crate::extract::ExtractSettings>,
    /// Which runs there are.
    #[cfg(feature = "torch")]
    #[serde(default)]
    pub protocol: crate::train::Protocol,
    /// Features to runs. Its [`protocol`](crate::train::TrainSettings::protocol) is the one above.
    #[cfg(feature = "torch")]
    pub train: Option<crate::train::TrainSettings>,
    /// Runs to tables.
    pub report: Option<ReportSettings>,
    /// Of a verb that this build has not.
    #[cfg(not(feature = "hdf5"))]
    pub preprocess: Option<toml::Table>,
    /// Of a verb that this build has not.
    #[cfg(not(all(feature = "hdf5", feature = "onnx")))]
    pub extract: Option<toml::Table>,
    /// Of a verb that this build has not.
    #[cfg(not(feature = "torch"))]
    pub train: Option<toml::Table>,
    /// Of a verb that this build has not.
    #[cfg(not(feature = "torch"))]
    pub protocol: Option<toml::Table>,
}

impl Pipeline {
    /// Where `[preprocess]` puts the clips that features are made of, in builds that have no such verb too; `None` where they are made of recordings.
    pub fn clips(&self) -> Option<PathBuf> {
        let clips = self.preprocess.as_ref()?;
        #[cfg(feature = "hdf5")]
        let store = Some(clips.store.clone());
        #[cfg(not(feature = "hdf5"))]
        let store = clips.get("store").and_then(toml::Value::as_str).map(PathBuf::from);
        #[cfg(all(feature = "hdf5", feature = "onnx"))]
        let store = store.filter(|_| self.extract.as_ref().is_none_or(|extract| extract.from == crate::extract::From::Clips));
        store
    }

    /// Where `[extract]` puts features, in builds that have no such verb too.
    pub fn features(&self) -> Option<PathBuf> {
        let extract = self.extract.as_ref()?;
        #[cfg(all(feature = "hdf5", feature = "onnx"))]
        let store = Some(extract.store.clone());
        #[cfg(not(all(feature = "hdf5", feature = "onnx")))]
        let store = extract.get("store").and_then(toml::Value::as_str).map(PathBuf::from);
        store
    }

    /// The features that `[train]` trains on: its own key, else where `[extract]` puts them.
    #[cfg(feature = "torch")]
    pub fn trained_on(&self) -> Option<PathBuf> {
        self.train.as_ref().and_then(|train| train.features.clone()).or_else(|| self.features())
    }
}

/// The `[report]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportSettings {
    /// Folder of `report.html`.
    pub out: PathBuf,
    /// Folders of runs; default: where `[train]` put them.
    #[serde(default)]
    pub runs: Vec<PathBuf>,
}

/// Reads a pipeline file; each of `overrides` is `dotted.key=value`, the value in TOML (or plain text).
///
/// # Errors
/// [`Error::Input`] naming file and line for unknown keys, wrong types and missing tables; [`Error::Usage`] for an override
/// that is none.
pub fn read(path: &Path, overrides: &[String]) -> Result<Pipeline> {
    parse(&fs::read_text(path)?, path, overrides)
}

/// The same of a file's text; `path` is what errors call it.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str, path: &Path, overrides: &[String]) -> Result<Pipeline> {
    let fail = |error: toml::de::Error| {
        let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let place = line.map_or_else(String::new, |line| format!("line {line}: "));
        Error::input(path.display(), format!("{place}{}", told(&error)))
    };
    let mut table: toml::Table = toml::from_str(text).map_err(fail)?;
    for text in overrides {
        set(&mut table, text)?;
    }
    if table.is_empty() {
        return Err(Error::input(
            path.display(),
            "it is empty; expected the tables of a pipeline, such as [data] and [preprocess]",
        ));
    }
    // from the text while it is as written, so that errors have their line
    if overrides.is_empty() {
        return toml::from_str(text).map(joined).map_err(fail);
    }
    table.try_into().map(joined).map_err(|error: toml::de::Error| {
        Error::input(path.display(), format!("with --set {}: {}", overrides.join(" --set "), told(&error)))
    })
}

/// With the protocol where training looks for it.
fn joined(pipeline: Pipeline) -> Pipeline {
    #[cfg(feature = "torch")]
    let pipeline = {
        let mut pipeline = pipeline;
        if let Some(train) = &mut pipeline.train {
            train.protocol = pipeline.protocol.clone();
        }
        pipeline
    };
    pipeline
}

/// What is wrong, and for keys that stood in `[train]` before there was a `[protocol]`, where they stand now.
fn told(error: &toml::de::Error) -> String {
    let moved = ["modalities", "targets", "seeds", "target-split", "selection"];
    match moved.iter().find(|key| error.message().starts_with(&format!("unknown field `{key}`"))) {
        Some(key) => format!("{key} is not a key here; expected it in the table [protocol]"),
        None => crate::error::plain_types(error.message()),
    }
}

/// Sets one key by its path: parts as TOML has them, of a list an element's number from 0 or its `name`.
fn set(table: &mut toml::Table, text: &str) -> Result<()> {
    let refuse = |problem: String| Error::Usage(format!("--set {text}: {problem}"));
    let mut quote = None;
    let ends = text.find(|c: char| match quote {
        None if c == '=' => true,
        None => {
            quote = Some(c).filter(|c| ['"', '\''].contains(c));
            false
        }
        Some(open) => {
            quote = quote.filter(|_| c != open);
            false
        }
    });
    let (key, parts) = ends
        .map(|at| text[..at].trim())
        .and_then(|key| Some((key, path(key)?)))
        .ok_or_else(|| refuse("expected dotted.key=value".into()))?;
    let value = text[ends.unwrap_or_default() + 1..].trim();
    let parsed = toml::from_str::<toml::Table>(&format!("value = {value}")).ok().and_then(|mut table| table.remove("value"));
    let (first, rest) = parts.split_first().ok_or_else(|| refuse("expected dotted.key=value".into()))?;
    let mut inner = table.entry(first).or_insert_with(|| Value::Table(toml::Table::new()));
    for part in rest {
        inner = match inner {
            Value::Table(table) => table.entry(part).or_insert_with(|| Value::Table(toml::Table::new())),
            Value::Array(list) => {
                let place = element(list, part).map_err(refuse)?;
                &mut list[place]
            }
            _ => return Err(refuse(format!("what {part:?} of {key} would be a key of is no table; expected one, or a list"))),
        };
    }
    *inner = parsed.unwrap_or_else(|| Value::String(value.to_owned()));
    Ok(())
}

/// The parts of a dotted key, quoted where they have dots of their own.
fn path(key: &str) -> Option<Vec<String>> {
    let mut inner = toml::from_str::<toml::Table>(&format!("{key} = 0")).ok().filter(|_| !key.contains('\n'))?;
    let mut parts = Vec::new();
    loop {
        let (part, value) = inner.into_iter().next()?;
        parts.push(part);
        match value {
            Value::Table(table) => inner = table,
            _ => return Some(parts),
        }
    }
}

/// Place of an element by its number or its `name`.
fn element(list: &[Value], part: &str) -> Result<usize, String> {
    let name = |value: &Value| value.get("name").and_then(Value::as_str).map(str::to_owned);
    let place = list.iter().position(|value| name(value).as_deref() == Some(part)).or_else(|| part.parse().ok());
    place.filter(|&place| place < list.len()).ok_or_else(|| {
        let names: Vec<String> = list.iter().filter_map(name).map(|name| format!("{name:?}")).collect();
        let names = if names.is_empty() { String::new() } else { format!(", or one of their names: {}", names.join(", ")) };
        format!("{part} of a list of {}; expected a number below that, from 0{names}", list.len())
    })
}

/// The table of a verb, which must be there.
///
/// # Errors
/// [`Error::Input`] naming the table.
pub fn table<'a, T>(table: &'a Option<T>, name: &str, path: &Path) -> Result<&'a T> {
    table.as_ref().ok_or_else(|| Error::input(path.display(), format!("no [{name}] table; expected one for this verb")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_reach_into_tables() {
        let mut table: toml::Table = toml::from_str("[a]\nb = 1").unwrap();
        for text in ["a.b=2", "a.c.d=[1, 2]", "e=some text"] {
            set(&mut table, text).unwrap();
        }
        assert_eq!(toml::to_string(&table).unwrap(), "e = \"some text\"\n\n[a]\nb = 2\n\n[a.c]\nd = [1, 2]\n");
        for wrong in ["a.b.c=1", "nothing", "=1", "a..b=1", "a\nb=1"] {
            assert!(set(&mut table, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn overrides_reach_into_lists() {
        let mut table: toml::Table =
            toml::from_str("[[train.compare]]\nname = 'base'\n[[train.compare]]\nname = 'gmp-0.3'\nk = [1, 2]").unwrap();
        for text in ["train.compare.0.rate=0.3", "train.compare.\"gmp-0.3\".'alpha=k'=0.5", "train.compare.1.k.1=7"] {
            set(&mut table, text).unwrap();
        }
        let compare = table["train"]["compare"].as_array().unwrap();
        assert_eq!(compare[0]["rate"].as_float(), Some(0.3));
        assert_eq!((compare[1]["alpha=k"].as_float(), &compare[1]["k"][1]), (Some(0.5), &Value::Integer(7)));
        let error = set(&mut table, "train.compare.2.rate=1").unwrap_err().to_string();
        assert!(error.contains("2 of a list of 2") && error.contains("\"base\", \"gmp-0.3\""), "{error}");
    }

    #[cfg(feature = "torch")]
    #[test]
    fn no_message_has_a_name_of_rusts() {
        let text = "[data]\ndataset = 'table'\ntable = 't.csv'\n[protocol]\n[train]\n";
        for (key, part) in [
            ("train.epochs=many", "expected a whole number"),
            ("train.epochs=-1", "expected a whole number"),
            ("train.learning-rate=fast", "expected a number"),
            ("train.hidden=[1, -2]", "a whole number of at least 0, or a list of such"),
            ("train.hidden=wide", "a whole number of at least 0, or a list of such"),
            ("train.absent=drop", "`drop-rows`, `mask`, `refuse`"),
            ("train.compare=[{name=3}]", "expected a string"),
            ("train.compare=3", "expected a list"),
            ("protocol.modalities=[3]", "first letters as in \"va\""),
            ("protocol.seeds=[-1]", "whole numbers of at least 0"),
            ("protocol.ranges=3", "expected a table"),
            ("protocol.targets=d1", "expected a list"),
            ("train.class-weights=maybe", "expected true or false"),
        ] {
            let error = parse(text, "p.toml".as_ref(), &[key.into()]).unwrap_err().to_string();
            assert!(error.contains(part), "{key}: {error}");
            let rusts =
                ["usize", "u64", "f64", "struct", "enum", "variant of", "untagged", "Some(", "a sequence", "a map", "a boolean"];
            assert!(rusts.iter().all(|name| !error.contains(name)), "{key}: {error}");
        }
    }
}
