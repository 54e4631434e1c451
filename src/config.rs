//! The pipeline file: one TOML for all verbs.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_path_to_error::Segment;
use toml::Value;

#[cfg(feature = "hdf5")]
use crate::preprocess;
use crate::{Error, Result, dataset, fs};

mod set;

use set::set;

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
    if let Some((key, number)) = not_finite(&table) {
        return Err(Error::input(path.display(), format!("{key} = {number}; expected a finite number")));
    }
    // from the text while it is as written, so that errors have their line
    if overrides.is_empty() {
        return toml::from_str(text).map(joined).map_err(fail);
    }
    of_table(Value::Table(table))
        .map(joined)
        .map_err(|problem| Error::input(path.display(), format!("{problem} (with --set {})", overrides.join(" --set "))))
}

/// What toml says of a value that is no word, where a word is expected.
const NO_WORD: &str = "invalid type: unit variant, expected string only";

/// The pipeline that a table says, or what is wrong with which key.
fn of_table(mut table: Value) -> Result<Pipeline, String> {
    let error = match serde_path_to_error::deserialize(table.clone()) {
        Ok(pipeline) => return Ok(pipeline),
        Err(error) => error,
    };
    let key = error.path().to_string();
    let value = error.path().iter().try_fold(&mut table, |value, part| match part {
        Segment::Seq { index } => value.get_mut(*index),
        Segment::Map { key } => value.get_mut(key),
        _ => None,
    });
    let at = match value {
        // toml says no more of a word that is none; of one that is not known it lists those that are
        Some(value) if error.inner().message() == NO_WORD && !value.is_str() => {
            *value = Value::String(value.to_string());
            return of_table(table);
        }
        Some(value) if !value.is_table() && !value.is_array() => format!("{key} = {value}: "),
        _ if key == "." => String::new(),
        _ => format!("{key}: "),
    };
    Err(format!("{at}{}", told(error.inner())))
}

/// The first number that is none, by its dotted key: nothing here can be infinite.
fn not_finite(table: &toml::Table) -> Option<(String, f64)> {
    fn within(key: String, value: &Value) -> Option<(String, f64)> {
        match value {
            Value::Float(number) => (!number.is_finite()).then_some((key, *number)),
            Value::Array(list) => list.iter().enumerate().find_map(|(i, value)| within(format!("{key}.{i}"), value)),
            Value::Table(table) => table.iter().find_map(|(name, value)| within(format!("{key}.{name}"), value)),
            _ => None,
        }
    }
    table.iter().find_map(|(name, value)| within(name.clone(), value))
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

/// The table of a verb, which must be there.
///
/// # Errors
/// [`Error::Input`] naming the table.
pub fn table<'a, T>(table: &'a Option<T>, name: &str, path: &Path) -> Result<&'a T> {
    table.as_ref().ok_or_else(|| Error::input(path.display(), format!("no [{name}] table; expected one for this verb")))
}

#[cfg(all(test, feature = "torch"))]
mod tests {
    use super::*;

    #[test]
    fn no_message_has_a_name_of_rusts() {
        let text = "[data]\ndataset = 'table'\ntable = 't.csv'\n[protocol]\n[train]\n";
        for (key, part) in [
            ("train.epochs=many", "train.epochs = \"many\": invalid type: string \"many\", expected a whole number"),
            (
                "train.epochs=-1",
                "train.epochs = -1: invalid value: integer `-1`, expected a whole number of at least 0 (with --set",
            ),
            ("train.cohort=0", "train.cohort = 0: "),
            ("train.max-memory=-1", "train.max-memory = -1: "),
            ("train.embedding=x", "train.embedding = \"x\": "),
            ("train.optimizer=true", "train.optimizer = \"true\": unknown variant `true`, expected one of `adam`"),
            ("protocol.kind=3", "unknown variant `3`, expected one of"),
            ("train.clip=inf", "train.clip = inf; expected a finite number"),
            ("train.compare=[{name='x', alpha=[1, nan]}]", "train.compare.0.alpha.1 = NaN; expected a finite number"),
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
