//! Who uses whom: every folder names those that it uses, no two files of different folders use each other in a circle, and inside a folder no more than three do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::layering::{Token, sources, tokens, without_tests};

/// A module's path below the crate, such as `["train", "cohort"]`.
type Module = Vec<String>;

/// What each folder, or file at the crate's root, uses of the others. A line more or less is a change of the design: README.md, "Design".
const EDGES: &[(&str, &str)] = &[
    ("backbone", "error fs loaded modality rng sample store"),
    ("balance", "error hyperparameters method objective task"),
    ("benchmark", "error manifest report stop synthetic train"),
    (
        "cli",
        "backbone balance benchmark config dataset error export extract fs hdf5 hyperparameters import inspect loaded manifest measure media merge method modality npy pipeline preprocess report rng sample stop store synthetic task train validate verify worker",
    ),
    ("config", "dataset error extract fs preprocess train"),
    ("dataset", "error fs manifest modality pickle span store"),
    ("export", "error fs manifest npy sample stop store"),
    ("extract", "backbone error fs manifest media modality pipeline preprocess provenance sample source stop store worker"),
    ("fs", "error"),
    ("hdf5", "error fs manifest sample"),
    ("import", "dataset error fs hdf5 manifest modality npy pickle sample span stop store"),
    ("inspect", "error manifest modality provenance sample store"),
    ("manifest", "error modality rng source span track"),
    ("media", "error fs hdf5 sample signal source span track"),
    ("merge", "error fs manifest provenance sample stop store verify"),
    ("method", "error hyperparameters objective task"),
    ("modality", "error source track"),
    ("npy", "error fs manifest"),
    ("objective", "hyperparameters rng task"),
    ("pickle", "error"),
    ("pipeline", "error stop"),
    ("preprocess", "error fs manifest media pipeline preset provenance source store worker"),
    ("preset", "error manifest media modality rng sample signal source span store track"),
    ("report", "error fs measure provenance"),
    ("sample", "error"),
    ("signal", "rng sample"),
    ("source", "track"),
    ("stop", "error"),
    ("store", "error fs hdf5 manifest modality provenance rng sample source span stop"),
    ("synthetic", "error fs manifest media modality rng sample span stop store"),
    ("task", "manifest measure"),
    (
        "train",
        "allocator balance error fs hyperparameters loaded manifest measure method objective provenance report rng stop store task",
    ),
    ("validate", "config dataset error fs manifest modality pipeline preprocess preset source track train worker"),
    ("verify", "error fs manifest sample stop store"),
    ("worker", "allocator error fs manifest media pipeline preset sample source store"),
];

/// Files that may use each other in a circle.
const MOST: usize = 3;

fn module(path: &Path) -> Module {
    let mut parts: Module = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let file = parts.pop().unwrap();
    match file.as_str() {
        "mod.rs" => {}
        "lib.rs" => parts.clear(),
        name => parts.push(name.trim_end_matches(".rs").to_owned()),
    }
    parts
}

/// Paths that a file names, each as written, and the name under which a `use` brings it in.
fn named(tokens: &[Token<'_>], own: &Module, modules: &BTreeSet<Module>) -> Vec<(Vec<String>, Option<String>)> {
    let text = |i: usize| tokens.get(i).map_or("", |token| token.text);
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        match text(i) {
            // a visibility names no use
            "pub" if text(i + 1) == "(" => {
                while text(i) != ")" {
                    i += 1;
                }
            }
            "use" => i = tree(tokens, i + 1, &[], &mut found),
            word if i == 0 || !["::", "."].contains(&text(i - 1)) => {
                let child = [&own[..], &[word.to_owned()]].concat();
                if text(i + 1) == "::" && (["crate", "super", "self"].contains(&word) || modules.contains(&child)) {
                    let mut path = vec![word.to_owned()];
                    while text(i + 1) == "::" && text(i + 2) != "<" {
                        path.push(text(i + 2).to_owned());
                        i += 2;
                    }
                    found.push((path, None));
                }
            }
            _ => {}
        }
        i += 1;
    }
    found
}

/// Reads what follows on `use`, up to its end; gives the place of that.
fn tree(tokens: &[Token<'_>], mut i: usize, before: &[String], found: &mut Vec<(Vec<String>, Option<String>)>) -> usize {
    let text = |i: usize| tokens.get(i).map_or(";", |token| token.text);
    let mut path = before.to_vec();
    loop {
        match text(i) {
            "{" => {
                i += 1;
                while text(i) != "}" && text(i) != ";" {
                    i = tree(tokens, i, &path, found);
                    i += usize::from(text(i) == ",");
                }
                return i + 1;
            }
            "::" => i += 1,
            "as" => {
                found.push((path, Some(text(i + 1).to_owned())));
                return i + 2;
            }
            "," | "}" | ";" => {
                let name = path.last().cloned();
                found.push((path, name));
                return i;
            }
            word => {
                path.push(word.to_owned());
                i += 1;
            }
        }
    }
}

struct Graph {
    modules: BTreeSet<Module>,
    /// By module and name, what a `use` brought in.
    aliases: BTreeMap<(Module, String), Module>,
    /// Whom each module uses.
    uses: BTreeMap<Module, BTreeSet<Module>>,
}

impl Graph {
    fn new(sources: &BTreeMap<std::path::PathBuf, String>) -> Self {
        let modules: BTreeSet<Module> = sources.keys().map(|path| module(path)).collect();
        let mut graph = Self { modules, aliases: BTreeMap::new(), uses: BTreeMap::new() };
        let mut paths = Vec::new();
        for (path, source) in sources {
            let own = module(path);
            let tokens = without_tests(tokens(source));
            for (path, name) in named(&tokens, &own, &graph.modules) {
                let Some(path) = graph.absolute(&own, &path) else { continue };
                if let Some(name) = name {
                    graph.aliases.insert((own.clone(), name), path.clone());
                }
                paths.push((own.clone(), path));
            }
        }
        for (own, path) in paths {
            let used = graph.resolve(&path, 0);
            if used != own && !used.is_empty() && !own.is_empty() {
                graph.uses.entry(own).or_default().insert(used);
            }
        }
        graph
    }

    fn absolute(&self, own: &Module, path: &[String]) -> Option<Module> {
        let mut at = match path.first()?.as_str() {
            "crate" | "mmdg" => return Some(path[1..].to_vec()),
            "super" | "self" => own.clone(),
            first => {
                let child = [&own[..], &[first.to_owned()]].concat();
                return self.modules.contains(&child).then(|| [&own[..], path].concat());
            }
        };
        for part in path {
            match part.as_str() {
                "super" => drop(at.pop()),
                "self" => {}
                _ => at.push(part.clone()),
            }
        }
        Some(at)
    }

    /// The module that a path leads to.
    fn resolve(&self, path: &[String], depth: usize) -> Module {
        let end = (0..=path.len()).rev().find(|&end| self.modules.contains(&path[..end])).unwrap_or(0);
        let (module, rest) = path.split_at(end);
        match rest.first().and_then(|name| self.aliases.get(&(module.to_vec(), name.clone()))) {
            Some(target) if depth < 8 => self.resolve(&[target, &rest[1..]].concat(), depth + 1),
            _ => module.to_vec(),
        }
    }

    /// Modules that can be reached from each other, in groups.
    fn circles(&self) -> Vec<BTreeSet<Module>> {
        let reach = |from: &Module| {
            let (mut seen, mut left) = (BTreeSet::new(), vec![from.clone()]);
            while let Some(module) = left.pop() {
                left.extend(self.uses.get(&module).into_iter().flatten().filter(|next| seen.insert((*next).clone())).cloned());
            }
            seen
        };
        let reached: BTreeMap<&Module, BTreeSet<Module>> = self.modules.iter().map(|module| (module, reach(module))).collect();
        let circle = |module: &Module| -> BTreeSet<Module> {
            reached[module].iter().filter(|other| reached[*other].contains(module)).cloned().collect()
        };
        let circles: BTreeSet<BTreeSet<Module>> = self.modules.iter().map(circle).filter(|circle| circle.len() > 1).collect();
        circles.into_iter().collect()
    }

    fn folders(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut folders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (from, to) in self.uses.iter().flat_map(|(from, all)| all.iter().map(move |to| (from, to))) {
            if from[0] != to[0] {
                folders.entry(&from[0]).or_default().insert(&to[0]);
            }
        }
        folders
    }
}

#[test]
fn folders_use_whom_the_table_says() {
    let sources = sources();
    let graph = Graph::new(&sources);
    let found = graph.folders();
    assert!(found.len() > 30 && found.values().map(BTreeSet::len).sum::<usize>() > 100, "{found:?}");
    let line = |(from, all): (&&str, &BTreeSet<&str>)| {
        format!("    (\"{from}\", \"{}\"),\n", all.iter().copied().collect::<Vec<_>>().join(" "))
    };
    let told: BTreeMap<&str, BTreeSet<&str>> = EDGES.iter().map(|(from, all)| (*from, all.split(' ').collect())).collect();
    let table: String = found.iter().map(line).collect();
    let differ: Vec<_> = found.keys().chain(told.keys()).filter(|from| found.get(*from) != told.get(*from)).collect();
    assert!(differ.is_empty(), "{differ:?} use others than EDGES says. As it is:\n{table}");
}

#[test]
fn circles_are_small_and_stay_in_their_folder() {
    let graph = Graph::new(&sources());
    let too_large = |circle: &BTreeSet<Module>| {
        let folders: BTreeSet<&String> = circle.iter().map(|module| &module[0]).collect();
        folders.len() > 1 || circle.len() > MOST
    };
    let names = |circle: &BTreeSet<Module>| circle.iter().map(|module| module.join("::")).collect::<Vec<_>>();
    let found: Vec<_> = graph.circles().iter().filter(|circle| too_large(circle)).map(names).collect();
    assert!(found.is_empty(), "files that use each other: {found:#?}");
}

#[test]
fn the_graph_sees_what_it_looks_for() {
    let source = |files: &[(&str, &str)]| files.iter().map(|(path, text)| (path.into(), (*text).to_owned())).collect();
    let graph = Graph::new(&source(&[
        ("lib.rs", "pub mod a; pub mod b; pub use b::Thing;"),
        ("a/mod.rs", "mod one; mod two; pub use one::{First as Renamed, inner::{self}}; fn f() { two::go(); }"),
        ("a/one.rs", "use super::two::Second; pub(in crate::b) fn f() { crate::b::g() }"),
        ("a/two.rs", "use super::Renamed;\n#[cfg(test)]\nmod tests { use crate::b::Other; }"),
        ("b.rs", "use crate::a::Renamed; // crate::a::two\nfn g() { let x = \"crate::a::two\"; self::h(); x.a::<u8>() }"),
    ]));
    let uses = |from: &str| -> Vec<String> {
        let from: Module = from.split("::").map(str::to_owned).collect();
        graph.uses.get(&from).into_iter().flatten().map(|module| module.join("::")).collect()
    };
    assert_eq!(uses("a"), ["a::one", "a::two"]);
    assert_eq!(uses("a::one"), ["a::two", "b"]);
    // past the name that mod.rs gives it
    assert_eq!(uses("a::two"), ["a::one"]);
    assert_eq!(uses("b"), ["a::one"]);
    let circles: Vec<usize> = graph.circles().iter().map(BTreeSet::len).collect();
    assert_eq!(circles, [3]);
    assert_eq!(graph.folders(), BTreeMap::from([("a", BTreeSet::from(["b"])), ("b", BTreeSet::from(["a"]))]));
}
