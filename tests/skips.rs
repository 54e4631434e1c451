//! Parts that are skipped: with `CI=true` only those that SKIPS.md names.

use std::io::Write;

const LIST: &str = include_str!("SKIPS.md");

/// The names in the list: parts, or what they lack.
pub fn names(list: &str) -> impl Iterator<Item = &str> {
    list.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(name, _)| name)
}

fn is_listed(part: &str, why: &str) -> bool {
    names(LIST).any(|name| part == name || why.starts_with(name))
}

/// Says so on the terminal, past the test runner, which keeps what passing tests print to itself.
///
/// # Panics
/// With `CI=true`, where the list does not name the part.
#[allow(dead_code, reason = "nothing is skipped without media")]
pub fn skipped(part: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {part}: {why}");
    let strict = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!strict || is_listed(part, why), "{part} is skipped: {why}; expected it to run, or a line in tests/SKIPS.md");
}

#[test]
fn the_list_names_parts_that_there_are_and_nothing_else_skips() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<_> = ["tests", "scripts", "python/tests"].map(|name| root.join(name)).to_vec();
    let mut sources = vec![(root.join("Makefile"), std::fs::read_to_string(root.join("Makefile")).unwrap())];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match path.extension().and_then(|end| end.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some("rs" | "py" | "sh") => sources.push((path.clone(), std::fs::read_to_string(path).unwrap())),
                _ => {}
            }
        }
    }
    let stale: Vec<&str> = names(LIST).filter(|name| !sources.iter().any(|(_, text)| text.contains(name))).collect();
    assert!(stale.is_empty() && names(LIST).count() > 5, "{stale:?}");
    let says = |(_, text): &&(std::path::PathBuf, String)| text.contains(&["SKIP", "PED"].concat());
    let mut who: Vec<_> =
        sources.iter().filter(says).map(|(path, _)| path.strip_prefix(root).unwrap().display().to_string()).collect();
    who.sort();
    assert_eq!(who, ["python/tests/skips.py", "scripts/skip.sh", "tests/skips.rs"]);
}

#[test]
fn parts_are_listed_by_name_or_by_what_they_lack() {
    assert!(is_listed("any", "../shared/data is not there") && is_listed("transformers", "") && !is_listed("transform", "any"));
}
