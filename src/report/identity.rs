//! What makes two runs comparable: the settings that shaped them, and which of those a column or a task is meant to differ in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::RunResult;
use super::results::RunSettings;

/// Keys of a `config.toml` that say where a run was made and what it leaves beside its results, not what came of it.
pub const PLACE: [&str; 3] = ["device", "trace", "tsne"];

/// Keys that have a field of their own in a result.
pub const FIELDS: [&str; 11] =
    ["name", "method", "balance", "modalities", "protocol", "purpose", "sources", "target", "selection", "configuration", "seed"];

/// What a balancer may be set to, a table of the settings: a column's own.
pub const OWN: &str = "hyperparameters";

/// What changes the last digits and nothing else.
const DIGITS: [&str; 1] = ["products"];

/// What a task or the choice of an epoch differs in.
const TASK: [&str; 2] = ["target-split", "chosen-epoch"];

/// What a search draws for each column and task.
const SEARCHED: [&str; 2] = ["learning-rate", "weight-decay"];

/// What a result keeps of a `config.toml`.
pub fn settings(config: toml::Table) -> RunSettings {
    let keeps = |key: &str| !PLACE.contains(&key) && !FIELDS.contains(&key);
    let json = |value: toml::Value| serde_json::to_value(value).unwrap_or(Value::Null);
    config.into_iter().filter(|(key, _)| keeps(key)).map(|(key, value)| (key, json(value))).collect()
}

/// What all runs must share that are to be compared. A value that is not known is `null`.
pub fn shared(run: &RunResult) -> RunSettings {
    let mut settings = run.settings.clone();
    let searched = run.protocol.configuration.is_some();
    let leaves_out =
        |key: &str| key == OWN || TASK.contains(&key) || DIGITS.contains(&key) || searched && SEARCHED.contains(&key);
    settings.retain(|key, _| !leaves_out(key));
    if settings.is_empty() {
        settings.insert("settings".into(), Value::Null);
    }
    settings.insert("epochs".into(), run.epochs.into());
    settings.insert("search".into(), searched.into());
    settings
}

/// What the runs of one column must share besides: the balancer's settings, where no search chose them.
pub fn own(run: &RunResult) -> RunSettings {
    let own = run.settings.get(OWN).and_then(Value::as_object).filter(|_| run.protocol.configuration.is_none());
    own.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Keys in which some of these differ, with their values, in order of appearance. A key that not all have differs too, but where
/// nothing is known of a run.
pub fn differing<'s>(all: impl IntoIterator<Item = &'s RunSettings>) -> BTreeMap<String, Vec<String>> {
    let all: Vec<&RunSettings> = all.into_iter().collect();
    let unknown = |settings: &RunSettings| settings.contains_key("settings");
    let keys: BTreeSet<&String> = all.iter().flat_map(|settings| settings.keys()).collect();
    let mut found = BTreeMap::new();
    for key in keys {
        let mut values = Vec::new();
        let known = all.iter().filter(|settings| key == "settings" || settings.contains_key(key) || !unknown(settings));
        for settings in known {
            let value = value(settings, key);
            if !values.contains(&value) {
                values.push(value);
            }
        }
        if values.len() > 1 {
            found.insert(key.clone(), values);
        }
    }
    found
}

/// A setting's value as a table shows it.
pub fn value(settings: &RunSettings, key: &str) -> String {
    match (settings.get(key), key) {
        (None, "settings") => "known".into(),
        (Some(Value::Null), _) => "not known".into(),
        (None, _) => "not set".into(),
        (Some(Value::String(text)), "features" | "init") => text.chars().take(8).collect(),
        (Some(Value::String(text)), _) => text.clone(),
        (Some(Value::Array(values)), _) => {
            let values: Vec<String> = values.iter().map(Value::to_string).collect();
            if values.is_empty() { "none".into() } else { values.join(" ") }
        }
        (Some(value), _) => value.to_string(),
    }
}
