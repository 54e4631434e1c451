//! What may be set of a method or a balancer: numbers that differ between runs, and words that a cohort shares.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::Value;

/// One key of a method or a balancer, as written in a pipeline file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// The key.
    pub name: &'static str,
    /// What it is, with the source of its default.
    pub about: &'static str,
    /// What it may be.
    pub range: Range,
    /// The word of another key that it goes with; of any where none.
    pub only: Option<(&'static str, &'static str)>,
}

/// What a setting may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// A number from `least` to `most`; a random search draws it uniformly from `search`.
    Number {
        /// Where nobody says.
        default: f64,
        /// The least it may be.
        least: f64,
        /// The most it may be; infinity where there is no bound.
        most: f64,
        /// What a random search draws from.
        search: [f64; 2],
    },
    /// One of these words; the first where nobody says.
    Word(&'static [&'static str]),
}

impl Setting {
    /// What a random search draws it from; none for a word.
    pub fn search(&self) -> Option<[f64; 2]> {
        match self.range {
            Range::Number { search, .. } => Some(search),
            Range::Word(_) => None,
        }
    }

    /// The least and the most it may be; none for a word.
    pub fn bounds(&self) -> Option<(f64, f64)> {
        match self.range {
            Range::Number { least, most, .. } => Some((least, most)),
            Range::Word(_) => None,
        }
    }
}

/// A number that may be set, and the only way to ask for it: no name is written twice.
#[derive(Debug, Clone, Copy)]
pub struct Number {
    name: &'static str,
    about: &'static str,
    default: f64,
    least: f64,
    most: f64,
    search: [f64; 2],
    only: Option<(&'static str, &'static str)>,
}

impl Number {
    /// One of at least 0.
    pub const fn new(name: &'static str, default: f64, search: [f64; 2], about: &'static str) -> Self {
        Self { name, about, default, least: 0.0, most: f64::INFINITY, search, only: None }
    }

    /// The same with bounds of its own.
    #[must_use]
    pub const fn within(mut self, least: f64, most: f64) -> Self {
        (self.least, self.most) = (least, most);
        self
    }

    /// The same where another key has this word.
    #[must_use]
    pub const fn only(mut self, key: &'static str, word: &'static str) -> Self {
        self.only = Some((key, word));
        self
    }

    /// As its owner lists it.
    pub const fn setting(self) -> Setting {
        let Self { name, about, default, least, most, search, only } = self;
        Setting { name, about, range: Range::Number { default, least, most, search }, only }
    }
}

/// A word that may be set, and what each means.
#[derive(Debug, Clone, Copy)]
pub struct Choice<W: 'static> {
    name: &'static str,
    about: &'static str,
    words: &'static [&'static str],
    meanings: &'static [W],
    only: Option<(&'static str, &'static str)>,
}

impl<W> Choice<W> {
    /// One of these words, the first where nobody says; each has the meaning of its place.
    pub const fn new(name: &'static str, words: &'static [&'static str], meanings: &'static [W], about: &'static str) -> Self {
        assert!(!words.is_empty() && words.len() == meanings.len(), "a meaning for each word");
        Self { name, about, words, meanings, only: None }
    }

    /// The same where another key has this word.
    #[must_use]
    pub const fn only(mut self, key: &'static str, word: &'static str) -> Self {
        self.only = Some((key, word));
        self
    }

    /// As its owner lists it.
    pub const fn setting(&self) -> Setting {
        Setting { name: self.name, about: self.about, range: Range::Word(self.words), only: self.only }
    }
}

/// The settings of a method and a balancer for one run, every one of them present that goes with its words.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Hyperparameters {
    #[serde(flatten)]
    words: BTreeMap<&'static str, &'static str>,
    #[serde(flatten)]
    numbers: BTreeMap<&'static str, f64>,
}

impl Hyperparameters {
    /// What `given` says, and the defaults of the rest.
    ///
    /// # Errors
    /// A key that is not taken here, a value of the wrong type or out of range: the key, the value and what was expected.
    pub fn new<'a>(takes: impl IntoIterator<Item = &'a Setting>, given: &BTreeMap<String, Value>) -> Result<Self, String> {
        let takes: Vec<&Setting> = takes.into_iter().collect();
        let (mut words, mut numbers) = (BTreeMap::new(), BTreeMap::new());
        for setting in &takes {
            if let Range::Word(choices) = setting.range {
                let word = match given.get(setting.name) {
                    None => choices.first(),
                    Some(value) => Some(
                        choices
                            .iter()
                            .find(|&&word| value.as_str() == Some(word))
                            .ok_or_else(|| format!("{} = {value}; expected one of {}", setting.name, choices.join(", ")))?,
                    ),
                };
                words.extend(word.map(|&word| (setting.name, word)));
            }
        }
        let goes = |setting: &&&Setting| setting.only.is_none_or(|(key, word)| words.get(key) == Some(&word));
        let taken: Vec<&Setting> = takes.iter().filter(goes).copied().collect();
        for (key, value) in given {
            if !taken.iter().any(|setting| setting.name == key) {
                let names: Vec<&str> = taken.iter().map(|setting| setting.name).collect();
                let names = if names.is_empty() { "no settings".into() } else { names.join(", ") };
                return Err(format!("{key} = {value}: not taken here; expected {names}"));
            }
        }
        for setting in &taken {
            let Range::Number { default, least, most, .. } = setting.range else { continue };
            let number = match given.get(setting.name) {
                None => default,
                Some(value) => value
                    .as_float()
                    .or_else(|| value.as_integer().map(|whole| whole as f64))
                    .filter(|number| number.is_finite() && (least..=most).contains(number))
                    .ok_or_else(|| match most.is_finite() {
                        true => format!("{} = {value}; expected a number from {least} to {most}", setting.name),
                        false => format!("{} = {value}; expected a number of at least {least}", setting.name),
                    })?,
            };
            numbers.insert(setting.name, number);
        }
        words.retain(|name, _| taken.iter().any(|setting| setting.name == *name));
        Ok(Self { words, numbers })
    }

    /// What a number is; its default where it is not taken.
    pub fn number(&self, number: &Number) -> f64 {
        self.numbers.get(number.name).copied().unwrap_or(number.default)
    }

    /// What a word means; what the first does where it is not taken.
    pub fn word<W: Copy>(&self, choice: &Choice<W>) -> W {
        let word = self.words.get(choice.name);
        let place = word.and_then(|word| choice.words.iter().position(|known| known == word)).unwrap_or_default();
        choice.meanings[place]
    }

    /// The numbers by key.
    pub fn numbers(&self) -> &BTreeMap<&'static str, f64> {
        &self.numbers
    }

    /// The same with another number; of no effect for a key that is not taken.
    #[must_use]
    pub fn with(mut self, name: &str, number: f64) -> Self {
        if let Some(old) = self.numbers.get_mut(name) {
            *old = number;
        }
        self
    }

    /// The words, which the runs of a cohort share.
    pub fn words(&self) -> &BTreeMap<&'static str, &'static str> {
        &self.words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BENCH: Choice<bool> = Choice::new("variant", &["paper", "bench"], &[false, true], "");
    const ALPHA: Number = Number::new("alpha", 0.5, [0.0, 1.0], "");
    const SHARE: Number = Number::new("share", 0.25, [0.0, 1.0], "").within(0.0, 1.0);
    const REVERSAL: Number = Number::new("reversal", 0.3, [0.0, 1.0], "").only("variant", "bench");
    const TAKES: &[Setting] = &[BENCH.setting(), ALPHA.setting(), SHARE.setting(), REVERSAL.setting()];

    fn new(text: &str) -> Result<Hyperparameters, String> {
        Hyperparameters::new(TAKES, &toml::from_str(text).unwrap())
    }

    #[test]
    fn what_is_not_given_is_the_default_and_what_goes_with_another_word_is_not_there() {
        let paper = new("alpha = 2").unwrap();
        assert_eq!((paper.word(&BENCH), paper.number(&ALPHA), paper.number(&SHARE)), (false, 2.0, 0.25));
        assert!(!paper.numbers().contains_key("reversal"));
        let bench = new("variant = 'bench'").unwrap();
        assert!(bench.word(&BENCH) && bench.numbers()["reversal"] == 0.3);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_does() {
        for (text, problem) in [
            ("variant = 'other'", "variant = \"other\"; expected one of paper, bench"),
            ("variant = 3", "variant = 3; expected one of paper, bench"),
            ("reversal = 1", "reversal = 1: not taken here; expected variant, alpha, share"),
            ("alpha = -1", "alpha = -1; expected a number of at least 0"),
            ("alpha = nan", "alpha = nan; expected a number of at least 0"),
            ("share = 2.0", "share = 2.0; expected a number from 0 to 1"),
        ] {
            assert_eq!(new(text).unwrap_err(), problem);
        }
    }
}
