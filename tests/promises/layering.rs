//! A file uses its own floor and lower ones, a native library is named in one place, and nothing outside tests may panic.

use std::collections::BTreeMap;
use std::path::Path;

/// The floors of DESIGN.md, by module of the crate's root. A new module needs a line here.
const FLOORS: &[(&str, u8)] = &[
    ("allocator", 0),
    ("error", 0),
    ("hyperparameters", 0),
    ("loaded", 0),
    ("manifest", 0),
    ("measure", 0),
    ("modality", 0),
    ("provenance", 0),
    ("rng", 0),
    ("sample", 0),
    ("source", 0),
    ("span", 0),
    ("stop", 0),
    ("track", 0),
    ("fs", 1),
    ("hdf5", 1),
    ("npy", 1),
    ("pickle", 1),
    ("signal", 1),
    ("media", 2),
    ("dataset", 3),
    ("preset", 3),
    ("store", 3),
    ("synthetic", 3),
    ("backbone", 4),
    ("balance", 4),
    ("method", 4),
    ("objective", 4),
    ("task", 4),
    ("report", 5),
    ("train", 5),
    ("benchmark", 6),
    ("config", 6),
    ("export", 6),
    ("extract", 6),
    ("import", 6),
    ("inspect", 6),
    ("merge", 6),
    ("pipeline", 6),
    ("preprocess", 6),
    ("validate", 6),
    ("verify", 6),
    ("worker", 6),
    ("bin", 7),
    ("cli", 7),
    ("main", 7),
];

/// Which modules may name a native library's crate.
const NATIVE: &[(&str, &[&str])] = &[
    ("ffmpeg_next", &["media"]),
    ("ffmpeg_sys_next", &["media"]),
    ("hdf5", &["hdf5"]),
    ("ort", &["backbone"]),
    ("tch", &["balance", "objective", "method", "task", "train"]),
];

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// One word, number or sign of a source file, with its line.
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) line: usize,
}

/// Cuts Rust into words and signs, without comments, and with `""` for any text or character in quotes. `::` is one sign.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let bytes = source.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80;
    let (mut found, mut i, mut line, mut counted) = (Vec::new(), 0, 1, 0);
    while i < bytes.len() {
        line += source.as_bytes()[counted..i].iter().filter(|b| **b == b'\n').count();
        counted = i;
        let start = i;
        match at(i) {
            b'/' if at(i + 1) == b'/' => i += source[i..].find('\n').unwrap_or(source.len() - i),
            b'/' if at(i + 1) == b'*' => {
                let mut depth = 0;
                loop {
                    match (at(i), at(i + 1)) {
                        (b'/', b'*') => (depth, i) = (depth + 1, i + 2),
                        (b'*', b'/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 || i >= bytes.len() {
                        break;
                    }
                }
            }
            b'"' => {
                i = end_of_text(bytes, i);
                found.push(Token { text: "\"\"", line });
            }
            b'\'' => {
                let mut rest = source[i + 1..].chars();
                let first = rest.next().unwrap_or(' ');
                i += 1;
                if first == '\\' {
                    i += 2 + bytes[(i + 2).min(bytes.len())..].iter().take_while(|b| **b != b'\'').count() + 1;
                    found.push(Token { text: "\"\"", line });
                } else if rest.next() == Some('\'') {
                    i += first.len_utf8() + 1;
                    found.push(Token { text: "\"\"", line });
                } // else a lifetime or a label
            }
            b if word(b) => {
                while word(at(i)) {
                    i += 1;
                }
                let hashes = bytes[i.min(bytes.len())..].iter().take_while(|b| **b == b'#').count();
                match &source[start..i] {
                    "r" | "br" | "cr" if at(i + hashes) == b'"' => {
                        let close = format!("\"{}", "#".repeat(hashes));
                        let from = i + hashes + 1;
                        i = source.get(from..).and_then(|rest| rest.find(&close)).map_or(bytes.len(), |n| from + n + close.len());
                        found.push(Token { text: "\"\"", line });
                    }
                    "b" | "c" if at(i) == b'"' => {
                        i = end_of_text(bytes, i);
                        found.push(Token { text: "\"\"", line });
                    }
                    text => found.push(Token { text, line }),
                }
            }
            b if b.is_ascii_whitespace() => i += 1,
            _ => {
                i += if source[i..].starts_with("::") { 2 } else { 1 };
                found.push(Token { text: &source[start..i], line });
            }
        }
    }
    found
}

/// The place after the closing quote of the text that opens at `i` or at the quote after it.
fn end_of_text(bytes: &[u8], mut i: usize) -> usize {
    i += 1;
    while i < bytes.len() && bytes[i] != b'"' {
        i += if bytes[i] == b'\\' { 2 } else { 1 };
    }
    (i + 1).min(bytes.len())
}

/// Drops every item marked `#[cfg(test)]`, up to its closing brace or semicolon.
pub(super) fn without_tests(tokens: Vec<Token<'_>>) -> Vec<Token<'_>> {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut kept, mut depth, mut skipping) = (Vec::new(), 0, false);
    let texts: Vec<&str> = tokens.iter().map(|token| token.text).collect();
    for (i, token) in tokens.into_iter().enumerate() {
        skipping |= texts[i..].starts_with(&mark);
        if !skipping {
            kept.push(token);
            continue;
        }
        match token.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        skipping = !(depth == 0 && (token.text == "}" || token.text == ";"));
    }
    kept
}

/// What a file does that it must not; `path` is below `src/`.
fn violations(path: &Path, source: &str) -> Vec<String> {
    let mut modules: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    let file = modules.pop().and_then(|name| name.strip_suffix(".rs")).unwrap_or("");
    if file != "mod" {
        modules.push(file);
    }
    if modules == ["lib"] {
        return Vec::new();
    }
    let own = modules.first().copied().unwrap_or("");
    let Some(own_floor) = floor(own) else {
        return vec![format!("{}: no floor stands for the module {own} in tests/promises/layering.rs", path.display())];
    };

    let tokens = without_tests(tokens(source));
    let text = |i: usize| tokens.get(i).map_or("", |token| token.text);
    let mut found = Vec::new();
    let mut report = |i: usize, problem: String| found.push(format!("{}:{}: {problem}", path.display(), tokens[i].line));
    let imported = imports(&tokens, &modules);
    for i in 0..tokens.len() {
        for (module, at) in roots(&tokens, i, &modules) {
            if let Some(other) = floor(module).filter(|other| *other > own_floor) {
                report(at, format!("{own} (floor {own_floor}) uses {module} (floor {other})"));
            }
        }
        let before = if i > 0 { text(i - 1) } else { "" };
        if let Some((name, allowed)) = NATIVE.iter().find(|(name, _)| *name == text(i)) {
            // `::hdf5` and a bare `hdf5::` are the crate, `crate::hdf5` and what it brought in are ours
            let leading = before == "::" && (i < 2 || text(i - 2) == "use" || !is_word(text(i - 2)) && text(i - 2) != ">");
            let bare = before != "::"
                && before != "."
                && (text(i + 1) == "::" || before == "use" || before == "crate")
                && !imported.contains(name);
            if (leading || bare) && !allowed.contains(&own) {
                report(i, format!("the crate {name} may only be named in {}", allowed.join(", ")));
            }
        }
        match text(i) {
            "unwrap" | "expect" if (before == "." || before == "::") && text(i + 1) != "::" => {
                report(i, format!("{} outside tests", text(i)))
            }
            "panic" | "todo" | "unimplemented" if text(i + 1) == "!" => report(i, format!("{}! outside tests", text(i))),
            _ => {}
        }
    }
    found
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// If a path starts at token `i` (`crate::…` or `super::…`), the root modules it names, each with its token.
fn roots<'a>(tokens: &[Token<'a>], i: usize, modules: &[&'a str]) -> Vec<(&'a str, usize)> {
    let text = |i: usize| tokens.get(i).map_or("", |token| token.text);
    if i > 0 && text(i - 1) == "::" || text(i + 1) != "::" {
        return Vec::new();
    }
    let mut i = i;
    let mut depth = match text(i) {
        "crate" | "mmdg" => 0,
        "super" => modules.len() - 1,
        _ => return Vec::new(),
    };
    while text(i + 1) == "::" && text(i + 2) == "super" {
        depth = depth.saturating_sub(1);
        i += 2;
    }
    if depth > 0 {
        return vec![(modules[0], i)]; // within its own folder
    }
    if text(i + 2) != "{" {
        return vec![(text(i + 2), i + 2)];
    }
    // `crate::{a, b::{c, d}}`: the first word of each branch
    let (mut found, mut nesting) = (Vec::new(), 0);
    for at in i + 2..tokens.len() {
        match text(at) {
            "{" => nesting += 1,
            "}" => nesting -= 1,
            word if nesting == 1 && is_word(word) && ["{", ","].contains(&text(at - 1)) => found.push((word, at)),
            _ => {}
        }
        if nesting == 0 {
            break;
        }
    }
    found
}

/// The root modules that this file's `use` lines bring in by name.
fn imports<'a>(tokens: &[Token<'a>], modules: &[&'a str]) -> Vec<&'a str> {
    let starts = (0..tokens.len()).filter(|i| *i > 0 && tokens[i - 1].text == "use");
    starts
        .flat_map(|i| roots(tokens, i, modules))
        .filter(|(_, at)| tokens.get(at + 1).is_some_and(|next| next.text != "::"))
        .map(|(module, _)| module)
        .collect()
}

/// The sources, by path below `src/`.
pub(super) fn sources() -> BTreeMap<std::path::PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.insert(path.strip_prefix(&root).unwrap().to_path_buf(), std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn every_file_keeps_to_its_floor_its_libraries_and_never_panics() {
    let sources = sources();
    assert!(sources.len() > 20, "only {} files below src/", sources.len());
    let found: Vec<String> = sources.iter().flat_map(|(path, source)| violations(path, source)).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_table_of_floors_names_only_what_is_there() {
    let sources = sources();
    for (module, _) in FLOORS {
        let file = format!("{module}.rs");
        let there = sources.keys().any(|path| path == Path::new(&file) || path.starts_with(module));
        assert!(there, "src/ has no module {module}");
    }
}

#[test]
fn the_check_finds_what_it_looks_for() {
    let check = |path: &str, source: &str| violations(Path::new(path), source);
    let bad = [
        ("fs.rs", "use crate::media;", "fs.rs:1: fs (floor 1) uses media (floor 2)"),
        ("fs.rs", "\nfn f() { crate::store::open() }", "fs.rs:2: fs (floor 1) uses store (floor 3)"),
        ("fs.rs", "use crate::{span::Span, train::{a, b}};", "fs.rs:1: fs (floor 1) uses train (floor 5)"),
        ("signal/mel.rs", "use super::super::media::video;", "signal/mel.rs:1: signal (floor 1) uses media (floor 2)"),
        ("fs.rs", "use super::{cli, error};", "fs.rs:1: fs (floor 1) uses cli (floor 7)"),
        ("signal/mod.rs", "use super::store;", "signal/mod.rs:1: signal (floor 1) uses store (floor 3)"),
        ("store/a.rs", "fn f() { hdf5::File::open(x) }", "store/a.rs:1: the crate hdf5 may only be named in hdf5"),
        ("store/a.rs", "use ::hdf5::File;", "store/a.rs:1: the crate hdf5 may only be named in hdf5"),
        ("extract.rs", "use ort::session::Session;", "extract.rs:1: the crate ort may only be named in backbone"),
        (
            "cli/mod.rs",
            "fn f(x: &tch::Tensor) {}",
            "cli/mod.rs:1: the crate tch may only be named in balance, objective, method, task, train",
        ),
        ("span.rs", "fn f() { x.unwrap(); }", "span.rs:1: unwrap outside tests"),
        ("span.rs", "fn f() { x.map(Option::unwrap) }", "span.rs:1: unwrap outside tests"),
        ("span.rs", "fn f() { x\n.expect(\"y\") }", "span.rs:2: expect outside tests"),
        ("span.rs", "#[cfg(test)] mod tests { } fn f() { panic!() }", "span.rs:1: panic! outside tests"),
        ("span.rs", "#[cfg(test)]\nuse a::b;\nfn f() { let x = ['{', '\\'', '\"']; todo!() }", "span.rs:3: todo! outside tests"),
        ("helpers.rs", "", "helpers.rs: no floor stands for the module helpers in tests/promises/layering.rs"),
    ];
    for (path, source, expected) in bad {
        assert_eq!(check(path, source), [expected], "{source}");
    }
    let good = [
        ("store/a.rs", "use crate::hdf5;\nfn f() { hdf5::write() }"),
        ("store/a.rs", "use crate::{hdf5, fs};\nfn f() { hdf5::write(); crate::hdf5::read() }"),
        ("hdf5.rs", "use ::hdf5::File;"),
        ("store/a.rs", "use super::layout::Shard; use crate::Error;"),
        ("train/cohort.rs", "use tch::Tensor; use crate::balance::Gramian;"),
        (
            "span.rs",
            "// crate::cli x.unwrap()\n/* panic!() /* */ todo!() */\nconst A: &str = \"panic!() \\\" x.unwrap()\"; const B: &str = r#\"\"todo!()\"#;",
        ),
        ("span.rs", "#[cfg(test)]\nmod tests { use crate::cli; fn f() { { x.unwrap() } panic!() } }"),
        ("span.rs", "fn f<'a>(x: &'a str) -> char { x.unwrap_or('}'); 'b' }"),
        ("main.rs", "fn main() { mmdg::cli::main() }"),
    ];
    for (path, source) in good {
        assert_eq!(check(path, source), Vec::<String>::new(), "{source}");
    }
}

/// What a loader needs: stores are read without a native library, and with little to build.
#[test]
fn without_features_there_is_little_to_build() {
    let cargo = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--no-default-features", "--edges", "normal,build", "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let tree = String::from_utf8(cargo.stdout).unwrap();
    let crates: std::collections::BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains("memmap2") && crates.len() < 50, "{} crates: {crates:?}", crates.len());
    let native = |name: &&&str| name.ends_with("-sys") || ["ort", "tch", "hdf5-metno", "symphonia", "image"].contains(*name);
    assert_eq!(crates.iter().filter(native).collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[test]
fn every_untagged_enum_says_in_words_what_it_expects() {
    let silent: Vec<_> =
        sources().into_iter().filter(|(_, source)| source.contains("(untagged)")).map(|(path, _)| path).collect();
    assert!(silent.is_empty(), "\"data did not match any variant\" is no message: {silent:?}");
}
