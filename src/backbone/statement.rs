//! What the table, a model's file and the pipeline file each say of a network, and whether they agree.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::BackboneEntry;

/// What one of them says. What it leaves open is for the others to say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statement {
    /// Who says it.
    pub who: String,
    /// Name in [`BACKBONES`](super::BACKBONES).
    pub backbone: Option<String>,
    /// The preset that makes its rows.
    pub preset: Option<String>,
    /// Those of the preset's parameters that have to be so.
    pub parameters: Map<String, Value>,
    /// Shape of a row in a clip store; 0 stands for any length.
    pub row: Option<Vec<u64>>,
    /// Name of the input.
    pub input: Option<String>,
    /// Mean taken off, pixels from 0 to 255.
    pub mean: Option<Vec<f32>>,
    /// Divided by.
    pub std: Option<Vec<f32>>,
    /// Outputs and their shapes without the batch; 0 stands for any length.
    pub outputs: BTreeMap<String, Vec<u64>>,
    /// Where the weights came from, and their SHA-256.
    pub weights: Option<[String; 2]>,
}

impl Statement {
    /// A line of the table.
    pub fn of_entry(entry: &BackboneEntry) -> Self {
        let maps = entry.cut.iter().flat_map(|cut| cut.maps);
        Self {
            who: format!("the backbone {}", entry.name),
            backbone: Some(entry.name.into()),
            preset: Some(entry.preset.into()),
            parameters: serde_json::from_str(entry.parameters).unwrap_or_default(),
            row: Some(entry.row.into()),
            input: Some(entry.input.into()),
            mean: Some(entry.mean.into()),
            std: Some(entry.std.into()),
            outputs: [&entry.embedding].into_iter().chain(maps).map(|map| (map.name.into(), map.shape.into())).collect(),
            weights: None,
        }
    }

    /// The `mmdg.*` entries of a file's metadata; one without any says nothing.
    ///
    /// # Errors
    /// A sentence that names the entry which is not what it should be.
    pub fn of_file(metadata: &BTreeMap<String, String>, who: String) -> Result<Self, String> {
        let text = |key: &str| metadata.get(&format!("mmdg.{key}")).cloned();
        fn json<T: DeserializeOwned>(text: Option<String>, key: &str, expected: &str) -> Result<Option<T>, String> {
            let parse = |text: String| {
                serde_json::from_str(&text).map_err(|_| format!("metadata mmdg.{key} = {text:?}: expected {expected}"))
            };
            text.map(parse).transpose()
        }
        let numbers = "a JSON list of numbers";
        let outputs: BTreeMap<String, Value> =
            json(text("outputs"), "outputs", "a JSON object of names with widths or shapes")?.unwrap_or_default();
        let shape = |(name, value): (String, Value)| {
            let value = if value.is_array() { value } else { Value::Array(vec![value]) };
            let shape = serde_json::from_value(value);
            shape
                .map(|shape| (name.clone(), shape))
                .map_err(|_| format!("metadata mmdg.outputs: {name:?}: expected a width or a shape"))
        };
        if let Some(cut) = json::<Value>(text("cut"), "cut", "JSON")? {
            for value in strings(&cut) {
                if value.contains(['/', '\\']) || value == ".." {
                    return Err(format!("metadata mmdg.cut names {value:?}; expected a file in the model's own folder"));
                }
            }
        }
        Ok(Self {
            who,
            backbone: text("backbone"),
            preset: text("preset"),
            parameters: json(text("preset_parameters"), "preset_parameters", "a JSON object")?.unwrap_or_default(),
            row: json(text("row"), "row", numbers)?,
            input: text("input"),
            mean: json(text("mean"), "mean", numbers)?,
            std: json(text("std"), "std", numbers)?,
            outputs: outputs.into_iter().map(shape).collect::<Result<_, _>>()?,
            weights: text("weights").map(|weights| [weights, text("weights_sha256").unwrap_or_default()]),
        })
    }
}

fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(strings).collect(),
        Value::Object(values) => values.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

/// What all say of one thing, where they say the same.
///
/// # Errors
/// A sentence with both sides.
pub fn agree<'a, T: std::fmt::Debug>(
    key: &str,
    said: &'a [Statement],
    of: impl Fn(&'a Statement) -> Option<&'a T>,
    same: impl Fn(&T, &T) -> bool,
) -> Result<Option<&'a T>, String> {
    let mut found: Option<(&str, &T)> = None;
    for statement in said {
        let Some(value) = of(statement) else { continue };
        match found {
            Some((who, other)) if !same(other, value) => {
                return Err(format!("{who} has {key} {other:?}, {} has {value:?}; expected the same", statement.who));
            }
            Some(_) => {}
            None => found = Some((&statement.who, value)),
        }
    }
    Ok(found.map(|(_, value)| value))
}

/// Whether shapes are the same, where 0 stands for any length.
pub fn fits(a: &[u64], b: &[u64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| a == b || a == 0 || b == 0)
}

/// Whether a parameter is the same, however its number is written.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
        _ => a == b,
    }
}

/// Whether numbers are the same but for the last digits that somebody wrote; one stands for all channels.
pub fn near(a: &[f32], b: &[f32]) -> bool {
    let length = a.len().max(b.len());
    let at = |values: &[f32], i: usize| if values.len() == 1 { values[0] } else { values[i] };
    let equal = |i: usize| (at(a, i) - at(b, i)).abs() <= 1e-5 * at(a, i).abs().max(1.0);
    [a.len(), b.len()].iter().all(|&n| n == 1 || n == length) && (0..length).all(equal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::BACKBONES;

    #[test]
    fn a_file_says_what_its_metadata_says() {
        let metadata = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(key, value)| (format!("mmdg.{key}"), (*value).to_owned()));
            Statement::of_file(&pairs.collect(), "x.onnx".into())
        };
        let said = metadata(&[("row", "[8, 64, 64, 3]"), ("outputs", r#"{"embedding": 128, "map": [4, 7, 7]}"#)]).unwrap();
        assert_eq!(said.row.as_deref(), Some(&[8, 64, 64, 3][..]));
        assert_eq!(said.outputs["embedding"], [128]);
        assert_eq!(said.outputs["map"], [4, 7, 7]);
        assert_eq!(metadata(&[]).unwrap(), Statement { who: "x.onnx".into(), ..Statement::default() });
        for (key, value) in [("row", "8"), ("row", "[-1]"), ("mean", "[\"a\"]"), ("outputs", "[]"), ("outputs", r#"{"a": "b"}"#)]
        {
            assert!(metadata(&[(key, value)]).unwrap_err().contains(key), "{key}");
        }
        assert!(metadata(&[("cut", r#"{"after": "layer3", "tail": "x.tail.pt"}"#)]).is_ok());
        assert!(metadata(&[("cut", r#"{"after": "layer3", "tail": "../x.pt"}"#)]).unwrap_err().contains("../x.pt"));
    }

    #[test]
    fn both_sides_are_named_where_they_differ() {
        let table = Statement::of_entry(BACKBONES[0]);
        let file = Statement { who: "x.onnx".into(), preset: Some("slowfast".into()), ..Statement::default() };
        let open = Statement { preset: None, ..file.clone() };
        let said = [table.clone(), open, file];
        let problem = agree("preset", &said, |s| s.preset.as_ref(), |a, b| a == b).unwrap_err();
        assert_eq!(problem, "the backbone demo-video has preset \"uniform\", x.onnx has \"slowfast\"; expected the same");
        assert_eq!(agree("preset", &said[..2], |s| s.preset.as_ref(), |a, b| a == b), Ok(Some(&"uniform".to_owned())));
    }

    #[test]
    fn shapes_and_numbers_are_compared_as_they_are_meant() {
        assert!(fits(&[8, 0, 0, 2], &[8, 224, 224, 2]) && !fits(&[8, 0, 0, 2], &[8, 224, 2]) && !fits(&[8], &[9]));
        assert!(near(&[127.5], &[127.5; 3]) && near(&[110.2008], &[0.43216 * 255.0]));
        assert!(!near(&[1.0, 2.0], &[1.0, 2.0, 3.0]) && !near(&[1.0], &[1.1]) && !near(&[], &[1.0]));
    }
}
