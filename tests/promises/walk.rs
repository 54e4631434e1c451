//! docs/walk.md: the files that name a balancer's setting on its way to the product, at most eight.

use std::collections::BTreeSet;
use std::path::Path;

use crate::layering::{sources, tokens, without_tests};

/// Files that write hyperparameters down, draw others or go by their words, and so are not on the way.
const BESIDE: [&str; 8] = [
    "train/campaign.rs",
    "train/memory.rs",
    "train/output.rs",
    "train/queue.rs",
    "train/run.rs",
    "train/run_config.rs",
    "train/saved.rs",
    "train/search.rs",
];

#[test]
fn a_setting_is_named_in_the_eight_files_that_the_page_lists_and_nowhere_else_on_its_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/walk.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut listed = BTreeSet::new();
    for row in rows {
        let (file, rest) = row.split_once("` | ").unwrap();
        let (places, _) = rest.split_once(" | ").unwrap();
        let source = std::fs::read_to_string(root.join("src").join(file)).unwrap();
        for name in places.split('`').skip(1).step_by(2).flat_map(|place| place.split("::")) {
            let declared = ["struct", "impl", "fn", "const"].map(|word| format!("{word} {name}"));
            assert!(declared.iter().any(|declared| source.contains(declared)), "{file} declares no {name}");
        }
        listed.insert(file.to_owned());
    }
    assert_eq!(listed.len(), 8, "{listed:?}");

    let named: BTreeSet<String> = sources()
        .into_iter()
        .map(|(file, source)| (file.display().to_string(), source))
        .filter(|(file, source)| {
            let tokens = without_tests(tokens(source));
            file.starts_with("train/") && tokens.iter().any(|token| ["hyperparameters", "Hyperparameters"].contains(&token.text))
        })
        .map(|(file, _)| file)
        .collect();
    let known = |file: &String| listed.contains(file) || BESIDE.contains(&file.as_str());
    assert!(named.iter().all(known), "{named:?}");
    assert!(BESIDE.iter().all(|file| named.contains(*file)), "{named:?}");
}
