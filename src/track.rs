//! Which of the tracks of a kind is meant, where a recording has several.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A choice among the sound or the video tracks of a recording. In pipeline files a number or a text, in tables a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Track {
    /// The one that its container marks as default, else the first.
    #[default]
    Default,
    /// A place among the tracks of the kind, from 0.
    Index(usize),
    /// The first of a language (the default one, if that is of it), by its three letters of ISO 639-2.
    Language(String),
}

/// Languages that ISO 639-2 gives two codes: the bibliographic, which Matroska takes, and the terminological, which mp4 takes.
const TWICE: [[&str; 2]; 20] = [
    ["alb", "sqi"],
    ["arm", "hye"],
    ["baq", "eus"],
    ["bur", "mya"],
    ["chi", "zho"],
    ["cze", "ces"],
    ["dut", "nld"],
    ["fre", "fra"],
    ["geo", "kat"],
    ["ger", "deu"],
    ["gre", "ell"],
    ["ice", "isl"],
    ["mac", "mkd"],
    ["mao", "mri"],
    ["may", "msa"],
    ["per", "fas"],
    ["rum", "ron"],
    ["slo", "slk"],
    ["tib", "bod"],
    ["wel", "cym"],
];

/// What may stand for a track.
const EXPECTED: &str = "a number from 0, a language by its three letters of ISO 639-2 such as \"eng\", or \"default\"";

/// The code that mp4 takes.
fn terminological(language: &str) -> &str {
    TWICE.iter().find(|pair| pair[0] == language).map_or(language, |pair| pair[1])
}

impl FromStr for Track {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "default" => Ok(Self::Default),
            text if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map(Self::Index).map_err(|error| format!("track {text:?}: {error}"))
            }
            text if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_lowercase()) => Ok(Self::Language(text.into())),
            text => Err(format!("track {text:?}; expected {EXPECTED}")),
        }
    }
}

impl Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Index(index) => index.fmt(f),
            Self::Language(language) => f.write_str(language),
        }
    }
}

impl Serialize for Track {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Index(index) => serializer.serialize_u64(*index as u64),
            track => serializer.collect_str(track),
        }
    }
}

impl<'de> Deserialize<'de> for Track {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

/// Reads a number or a text.
struct Written;

impl Visitor<'_> for Written {
    type Value = Track;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_u64<E: de::Error>(self, index: u64) -> Result<Track, E> {
        usize::try_from(index).map(Track::Index).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, index: i64) -> Result<Track, E> {
        usize::try_from(index).map(Track::Index).map_err(|_| E::custom(format!("track {index}; expected {EXPECTED}")))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Track, E> {
        text.parse().map_err(E::custom)
    }
}

/// A track that could be chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidate {
    /// Whether its container marks it as default.
    pub default: bool,
    /// Its language, if that is stated.
    pub language: Option<String>,
}

impl Track {
    /// A place in `candidates`, which are those of one kind (`what`: "sound", "video") in their container's order.
    ///
    /// # Errors
    /// A sentence that names those there are.
    pub fn choose(&self, what: &str, candidates: &[Candidate]) -> Result<usize, String> {
        let first = |fits: &dyn Fn(&Candidate) -> bool| candidates.iter().position(fits);
        let found = match self {
            Self::Default => first(&|track| track.default).or_else(|| first(&|_| true)),
            Self::Index(index) => (*index < candidates.len()).then_some(*index),
            Self::Language(language) => {
                let same = |track: &Candidate| track.language.as_deref().map(terminological) == Some(terminological(language));
                first(&|track| track.default && same(track)).or_else(|| first(&same))
            }
        };
        found.ok_or_else(|| {
            if candidates.is_empty() {
                return format!("no {what} track");
            }
            let named = candidates.iter().enumerate().map(|(index, Candidate { default, language })| {
                let language = language.as_deref().map_or_else(String::new, |language| format!(" {language}"));
                format!("{index}{language}{}", if *default { " (default)" } else { "" })
            });
            format!("no {what} track {self}; there are {}", named.collect::<Vec<_>>().join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_are_chosen_by_mark_place_and_language() {
        let track =
            |default, language: &str| Candidate { default, language: (!language.is_empty()).then(|| language.to_owned()) };
        let tracks = [track(false, "eng"), track(false, "ger"), track(true, "eng"), track(false, "")];
        let choose = |text: &str| text.parse::<Track>().unwrap().choose("sound", &tracks);
        assert_eq!(choose("default"), Ok(2));
        assert_eq!(choose("0"), Ok(0));
        assert_eq!(choose("eng"), Ok(2));
        assert_eq!([choose("deu"), choose("ger")], [Ok(1), Ok(1)]);
        assert_eq!(choose("4"), Err("no sound track 4; there are 0 eng, 1 ger, 2 eng (default), 3".into()));
        assert_eq!(Track::Default.choose("sound", &tracks[..2]), Ok(0));
        assert_eq!(Track::Default.choose("video", &[]), Err("no video track".into()));
    }

    #[test]
    fn what_is_written_is_read() {
        for (json, track) in [("1", Track::Index(1)), ("\"deu\"", Track::Language("deu".into())), ("\"default\"", Track::Default)]
        {
            assert_eq!(serde_json::from_str::<Track>(json).unwrap(), track);
            assert_eq!(serde_json::to_string(&track).unwrap(), json);
            assert_eq!(track.to_string().parse(), Ok(track));
        }
        for bad in ["", "-1", "German", "DE", "1.5"] {
            assert!(bad.parse::<Track>().unwrap_err().contains("expected a number from 0"), "{bad}");
        }
    }
}
