//! What the classes of EPIC-Kitchens are called.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::super::{ClassMap, DatasetSettings, Findings, names, records, renamed};
use super::rows::{Release, Row};
use crate::{Error, Result};

/// MM-SADA's eight verbs, which are numbers 0 to 7 of EPIC-55.
const MM_SADA: [&str; 8] = ["take", "put", "open", "close", "wash", "cut", "mix", "pour"];
/// Their numbers in EPIC-100.
const IN_EPIC_100: [u64; 8] = [0, 1, 3, 4, 2, 7, 10, 9];

/// How a row's class is found.
enum Rule {
    /// MM-SADA's splits: numbers 0 to 7, by these names.
    Eight(Vec<String>),
    /// MM-SADA's eight verbs out of any table.
    EightOf,
    /// By value.
    Map(BTreeMap<String, String>),
    /// Numbers by the release's own table.
    Table(BTreeMap<u64, String>),
    /// Numbers by the most frequent word.
    Words(BTreeMap<u64, BTreeMap<String, usize>>),
    /// The value is the name.
    Value,
}

/// The classes of a data set, while its rows come in.
pub(super) struct Classes {
    rule: Rule,
    numbered: bool,
    asked: Option<Vec<String>>,
    release: Option<Release>,
    seen: BTreeSet<String>,
    /// Names of numbers, once all rows are in.
    of_numbers: BTreeMap<u64, String>,
}

impl Classes {
    pub(super) fn new(settings: &DatasetSettings, mm_sada: bool) -> Result<Self> {
        let label = settings.label.as_deref().unwrap_or("verb_class");
        let numbered = label.ends_with("_class");
        let refuse = |problem: &str| Err(Error::input("[data]", problem));
        let rule = match (&settings.class_map, &settings.class_table) {
            (Some(_), Some(_)) => return refuse("class-map and class-table are both set; expected one of them"),
            (Some(ClassMap::Named(name)), None) if name == "mm-sada" && label == "verb_class" => Rule::EightOf,
            (Some(ClassMap::Named(_)), None) => {
                return refuse("class-map: expected a table, or \"mm-sada\" for the label verb_class");
            }
            (Some(ClassMap::Values(map)), None) => Rule::Map(map.clone()),
            (None, Some(path)) if numbered => Rule::Table(class_table(path)?),
            (None, Some(_)) => return refuse("class-table: expected a label that is a number, such as verb_class"),
            (None, None) if mm_sada && label == "verb_class" => Rule::Eight(renamed(settings, &MM_SADA)?),
            (None, None) if numbered => Rule::Words(BTreeMap::new()),
            (None, None) => Rule::Value,
        };
        let asked = settings.classes.clone();
        Ok(Self { rule, numbered, asked, release: None, seen: BTreeSet::new(), of_numbers: BTreeMap::new() })
    }

    /// Numbers of two releases are not the same classes.
    pub(super) fn of_release(&mut self, release: Release) -> Result<()> {
        let known = self.release.get_or_insert(release);
        if *known != release && self.numbered && !matches!(self.rule, Rule::EightOf) {
            let problem = "the numbers of classes differ between EPIC-55 and EPIC-100; \
                expected tables of one release, label = \"verb\" or \"noun\", or class-map = \"mm-sada\"";
            return Err(Error::input("[data]", problem));
        }
        Ok(())
    }

    /// Takes note of a row; whether it has a class.
    pub(super) fn add(&mut self, row: &Row) -> Result<bool, String> {
        let number = || row.label.parse::<u64>().map_err(|_| format!("label {:?}; expected the number of a class", row.label));
        let name = match &mut self.rule {
            Rule::Eight(names) => {
                let expected = || format!("verb_class {:?}; expected 0 to {}", row.label, names.len() - 1);
                number().ok().filter(|&number| number < names.len() as u64).ok_or_else(expected)?;
                return Ok(true);
            }
            Rule::EightOf => return Ok(eight(row.release, number()?).is_some()),
            Rule::Map(map) => match map.get(&row.label) {
                Some(name) => name.clone(),
                None => return Ok(false),
            },
            Rule::Table(names) => {
                let number = number()?;
                let name = names.get(&number).ok_or_else(|| format!("class {number}; expected one of the class-table"))?;
                self.of_numbers.insert(number, name.clone());
                return Ok(true);
            }
            Rule::Words(words) => {
                let word = row.word.clone().unwrap_or_else(|| row.label.clone());
                *words.entry(number()?).or_default().entry(word).or_default() += 1;
                return Ok(true);
            }
            Rule::Value => row.label.clone(),
        };
        self.seen.insert(name);
        Ok(true)
    }

    /// The names in the order of their labels. To be asked once all rows are in.
    pub(super) fn names(&mut self) -> Vec<String> {
        if let Rule::Words(words) = &self.rule {
            let most = |counts: &BTreeMap<String, usize>| {
                // of equals the first in the alphabet
                let most = counts.iter().max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0)));
                most.map(|(word, _)| word.clone()).unwrap_or_default()
            };
            self.of_numbers = words.iter().map(|(&number, counts)| (number, most(counts))).collect();
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            self.of_numbers.values().for_each(|name| *counts.entry(name.clone()).or_default() += 1);
            for (number, name) in &mut self.of_numbers {
                if counts[name] > 1 {
                    *name = format!("{name} ({number})");
                }
            }
        }
        match (&self.rule, &self.asked) {
            (Rule::Eight(names), _) => names.clone(),
            (_, Some(asked)) => asked.clone(),
            (Rule::EightOf, None) => MM_SADA.map(str::to_owned).to_vec(),
            (Rule::Table(_) | Rule::Words(_), None) => self.of_numbers.values().cloned().collect(),
            (Rule::Map(_) | Rule::Value, None) => names(None, self.seen.iter().cloned()),
        }
    }

    /// The class of a row that [`add`](Self::add) has seen, after [`names`](Self::names).
    pub(super) fn name(&self, row: &Row) -> String {
        let number = row.label.parse::<u64>().unwrap_or_default();
        let name = match &self.rule {
            Rule::Eight(names) => names.get(number as usize).cloned(),
            Rule::EightOf => eight(row.release, number).map(|place| MM_SADA[place].to_owned()),
            Rule::Map(map) => map.get(&row.label).cloned(),
            Rule::Table(_) | Rule::Words(_) => self.of_numbers.get(&number).cloned(),
            Rule::Value => None,
        };
        name.unwrap_or_else(|| row.label.clone())
    }
}

/// Which of MM-SADA's verbs a number is.
fn eight(release: Release, number: u64) -> Option<usize> {
    match release {
        Release::Epic55 => usize::try_from(number).ok().filter(|&place| place < MM_SADA.len()),
        Release::Epic100 => IN_EPIC_100.iter().position(|&other| other == number),
    }
}

/// `EPIC_100_verb_classes.csv` (`id,key,…`) or `EPIC_verb_classes.csv` (`verb_id,class_key,…`), or those of nouns.
fn class_table(path: &Path) -> Result<BTreeMap<u64, String>> {
    let mut findings = Findings::default();
    let (header, records) = records(path, true, &mut findings)?;
    if let Some(fault) = findings.faults.into_iter().next() {
        return Err(fault);
    }
    let column = |names: [&str; 3]| header.iter().position(|column| names.contains(&column));
    let (Some(id), Some(key)) = (column(["id", "verb_id", "noun_id"]), column(["key", "class_key", "class_key"])) else {
        return Err(Error::input(path.display(), "line 1: expected the columns id,key or verb_id,class_key"));
    };
    let mut names: BTreeMap<u64, String> = BTreeMap::new();
    for (line, record) in records {
        let bad = |problem: String| Error::input(path.display(), format!("line {line}: {problem}"));
        let number = record[id].trim().parse().map_err(|_| bad(format!("id {:?}; expected a number", &record[id])))?;
        let name = record[key].trim().to_owned();
        if name.is_empty() || names.values().any(|other| *other == name) || names.insert(number, name).is_some() {
            return Err(bad(format!("{number},{}; expected each number and name once", &record[key])));
        }
    }
    Ok(names)
}
