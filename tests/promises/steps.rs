//! A training step never waits for the device: what it is made of names no call that reads a value back to the host.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::layering::{Token, sources, tokens, without_tests};

/// Calls that bring a value, or the size of a result, to the host and so wait for the device.
const READS: &[&str] = &[
    "try_from",
    "try_into",
    "int64_value",
    "double_value",
    "item",
    "copy_data",
    "copy_data_u8",
    "is_nonzero",
    "equal",
    "allclose",
    "nonzero",
    "argwhere",
    "unique",
    "multinomial",
    "bernoulli",
    "masked_select",
    "index",
    "repeat_interleave",
    "linalg_eigh",
    "linalg_solve",
    "linalg_inv",
    "linalg_cholesky",
    "linalg_svd",
    "inverse",
    "synchronize",
];

/// Functions of `train/cohort/steps.rs` that are part of a step; the rest of the file runs between epochs.
const STEP: &[&str] = &["step", "gather", "rates", "masks"];

/// What a source names of [`READS`], by line.
fn reads(tokens: &[Token]) -> Vec<String> {
    let text = |i: usize| tokens.get(i).map_or("", |token| token.text);
    let called = |i: &usize| *i > 0 && [".", "::"].contains(&text(i - 1)) && ["(", "::"].contains(&text(i + 1));
    let named = |i: &usize| READS.contains(&text(*i).trim_start_matches("f_"));
    (0..tokens.len()).filter(named).filter(called).map(|i| format!("{}: {}", tokens[i].line, tokens[i].text)).collect()
}

/// The bodies of some functions.
fn bodies<'a>(tokens: Vec<Token<'a>>, names: &[&str]) -> Vec<Token<'a>> {
    let (mut kept, mut depth, mut inside, mut last) = (Vec::new(), 0, false, "");
    for token in tokens {
        inside |= last == "fn" && names.contains(&token.text);
        last = token.text;
        if !inside {
            continue;
        }
        match token.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        inside = !(token.text == "}" && depth == 0);
        kept.push(token);
    }
    kept
}

/// The files of `train` that these name by `super::` or `train::`, and those that they name in turn.
fn closure(sources: &BTreeMap<PathBuf, String>, roots: &[&str]) -> BTreeSet<String> {
    let (mut found, mut left) = (BTreeSet::new(), roots.iter().map(|root| (*root).to_owned()).collect::<Vec<_>>());
    while let Some(name) = left.pop() {
        let own = [format!("train/{name}.rs"), format!("train/{name}/")];
        let files = sources.iter().filter(|(path, _)| {
            let path = path.to_string_lossy();
            path == own[0] || path.starts_with(&own[1])
        });
        for (_, source) in files {
            let tokens = without_tests(tokens(source));
            let names = tokens.windows(3).filter(|three| ["super", "train"].contains(&three[0].text) && three[1].text == "::");
            let named: Vec<String> = names.map(|three| three[2].text.to_owned()).collect();
            left.extend(named.into_iter().filter(|name| sources.contains_key(Path::new(&format!("train/{name}.rs")))));
        }
        if !found.insert(name.clone()) {
            left.retain(|other| !found.contains(other));
        }
    }
    found
}

#[test]
fn a_step_reads_nothing_back_to_the_host() {
    let sources = sources();
    let of_train = closure(&sources, &["model", "dropout", "features"]);
    assert!(["encoder", "gradients", "sets", "average"].iter().all(|name| of_train.contains(*name)), "{of_train:?}");
    let mut found = Vec::new();
    for (path, source) in &sources {
        let name = path.to_string_lossy();
        let mut parts = name.split(['/', '.']);
        let scanned = match (parts.next(), parts.next()) {
            (Some("balance" | "objective" | "method"), _) => true,
            (Some("train"), Some("optimizer")) => true,
            (Some("train"), Some(module)) => of_train.contains(module),
            _ => false,
        };
        let tokens = without_tests(tokens(source));
        let tokens = match &*name {
            "train/cohort/steps.rs" => bodies(tokens, STEP),
            _ if scanned => tokens,
            _ => continue,
        };
        assert!(name != "train/cohort/steps.rs" || tokens.len() > 100);
        found.extend(reads(&tokens).into_iter().map(|read| format!("src/{name}:{read}")));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_scan_finds_what_it_looks_for() {
    let found = |source: &str| reads(&without_tests(tokens(source)));
    assert_eq!(found("fn f(x: &Tensor) -> f64 {\n x.double_value(&[]) }"), ["2: double_value"]);
    assert_eq!(found("let v = Vec::<f64>::try_from(x);"), ["1: try_from"]);
    assert_eq!(found("let v = x.f_masked_select(&mask); x\n.index(&[Some(mask)])"), ["1: f_masked_select", "2: index"]);
    assert_eq!(found("let index = 3; x.index_select(0, &index) // x.item()"), [""; 0]);
    assert_eq!(found("#[cfg(test)] mod tests { fn f() { x.double_value(&[]) } }"), [""; 0]);
    let step = bodies(tokens("fn epoch() { x.item() } fn step(a: A) { if b { c } } fn rate() { y.item() }"), &["step"]);
    assert_eq!(step.iter().map(|token| token.text).collect::<String>(), "step(a:A){ifb{c}}");
}
