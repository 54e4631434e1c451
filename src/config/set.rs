//! Keys of a pipeline file that the command line sets.

use toml::Value;

use crate::{Error, Result};

/// Sets one key by its path: parts as TOML has them, of a list an element's number from 0 or its `name`.
pub fn set(table: &mut toml::Table, text: &str) -> Result<()> {
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
}
