//! What tells one recipe from another.

use std::collections::BTreeSet;

use serde_json::Value;

/// Leaves that one message names, at most, and characters of a value.
const NAMED: usize = 5;
const SHOWN: usize = 60;

/// In which leaves two recipes differ, and whose each is: the first of them, cut where they are long.
pub fn differences(one: &Value, other: &Value, of_one: &str, of_other: &str) -> String {
    let mut found: Vec<String> = Vec::new();
    let shown = |value: &Value| {
        let text = value.to_string();
        let cut = text.chars().take(SHOWN).collect::<String>();
        match value {
            Value::Null => "not there".into(),
            _ if cut.len() < text.len() => cut + " …",
            _ => text,
        }
    };
    compare("", one, other, &mut |place, a, b| {
        found.push(match place {
            "manifest_blake3" => "the segments (annotations, labels, paths or split) differ".into(),
            _ => format!("{place} is {} {of_one}, {} {of_other}", shown(a), shown(b)),
        });
    });
    let more = found.len().saturating_sub(NAMED);
    found.truncate(NAMED);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    found.join("; ")
}

fn compare(place: &str, one: &Value, other: &Value, differs: &mut dyn FnMut(&str, &Value, &Value)) {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                let inner = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                compare(&inner, &one[key], &other[key], differs);
            }
        }
        (a, b) if a == b => {}
        (a, b) => differs(place, a, b),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_named_by_their_place() {
        let (one, other) = (json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": 3, "c": 2}, "d": true}));
        let found = differences(&one, &other, "in the store", "was asked for");
        assert_eq!(found, "a.b is 1 in the store, 3 was asked for; d is not there in the store, true was asked for");
    }
}
