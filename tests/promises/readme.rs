//! What the pages say that can be typed: verbs, flags, and tables of pipeline files.

use std::collections::BTreeSet;
use std::path::Path;

use crate::command::run;

/// Pages for users, and what each says.
fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = docs.chain(["README.md", "python/README.md"].map(|name| root.join(name))).collect();
    paths.sort();
    let name = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
    let pages: Vec<_> = paths.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect();
    assert!(pages.len() > 3, "{pages:?}");
    pages
}

/// What stands in a page's blocks of a language, and whether it is all that is left outside of blocks.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut parts = page.split("\n```");
    let _ = parts.next();
    while let (Some(block), _) = (parts.next(), parts.next()) {
        if let Some(text) = block.strip_prefix(language).and_then(|rest| rest.strip_prefix('\n')) {
            found.push(text.to_owned());
        }
    }
    found
}

/// Lines that can be typed: in blocks of the shell, and between backticks.
fn commands(page: &str) -> Vec<String> {
    let prose: String = page.split("\n```").step_by(2).collect();
    let lines = blocks(page, "sh").into_iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
    let spans = prose.split('`').skip(1).step_by(2).map(str::to_owned);
    let typed = lines.chain(spans).map(|line| line.split('#').next().unwrap_or("").trim().to_owned());
    typed.filter_map(|line| line.strip_prefix("mmdg ").map(str::to_owned)).collect()
}

fn words_of_help(verb: &str) -> BTreeSet<String> {
    let output = run(Path::new("."), &format!("{verb} --help"));
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').map(str::to_owned).collect()
}

#[test]
fn what_can_be_typed_is_understood() {
    let verbs: BTreeSet<String> = {
        let text = String::from_utf8(run(Path::new("."), "--help").stdout).unwrap();
        let lines = text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        lines.map(|line| line.split_whitespace().next().unwrap().to_owned()).filter(|verb| verb != "help").collect()
    };
    let mut told = BTreeSet::new();
    for (name, page) in pages() {
        for line in commands(&page) {
            let mut words = line.split_whitespace();
            let verb = words.next().unwrap();
            assert!(verbs.contains(verb), "{name}: `mmdg {line}`: no such verb");
            let help = words_of_help(verb);
            for flag in words.filter(|word| word.starts_with('-')) {
                let flag = flag.split(['=', '[']).next().unwrap();
                assert!(help.contains(flag), "{name}: `mmdg {line}`: {verb} has no {flag}");
            }
            if name == "README.md" {
                told.insert(verb.to_owned());
            }
        }
    }
    assert_eq!(told, verbs, "README.md tells of every verb");
    // flags that stand alone are some verb's
    let flags: BTreeSet<String> =
        verbs.iter().flat_map(|verb| words_of_help(verb)).filter(|word| word.starts_with("--")).collect();
    let (_, readme) = pages().into_iter().find(|(name, _)| name == "README.md").unwrap();
    // of cargo, of setup.sh and of the Python scripts
    let others = ["--no-default-features", "--features", "--all-features", "--cuda", "--openvino", "--test", "--cut"];
    for span in readme.split("\n```").step_by(2).collect::<String>().split('`').skip(1).step_by(2) {
        let flag = span.split([' ', '=', '[']).next().unwrap();
        assert!(!flag.starts_with("--") || flags.contains(flag) || others.contains(&flag), "README.md: `{span}` is no verb's");
    }
}

#[test]
fn tables_of_pipeline_files_are_read() {
    let mut read = 0;
    for (name, page) in pages() {
        for text in blocks(&page, "toml").into_iter().filter(|text| !text.starts_with("mmdg = ")) {
            let pipeline = mmdg::config::parse(&text, name.as_ref(), &[]).unwrap();
            #[cfg(feature = "torch")]
            if let Some(train) = &pipeline.train {
                train.check().unwrap();
                train.columns().unwrap();
            }
            drop(pipeline);
            read += 1;
        }
    }
    assert!(read >= 2, "{read}");
}

#[test]
#[cfg(feature = "media")]
fn the_table_of_recordings_is_one() {
    let (_, page) = pages().into_iter().find(|(name, _)| name == "README.md").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let tables = blocks(&page, "csv");
    assert!(!tables.is_empty());
    for table in tables {
        std::fs::write(folder.path().join("table.csv"), table).unwrap();
        let settings = format!("[data]\ndataset = \"table\"\ntable = {:?}\n", folder.path().join("table.csv"));
        let pipeline = mmdg::config::parse(&settings, "README.md".as_ref(), &[]).unwrap();
        assert_eq!(mmdg::dataset::read(&pipeline.data.unwrap()).unwrap().len(), 2);
    }
}
