//! Modalities: what a stream of samples shows, and the name it has in a store.
//!
//! A kind is a file of this folder and a line of [`KINDS`].

mod audio;
mod column;
mod features;
mod flow;
mod kind;
mod media;
mod name;
mod video;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

pub use audio::wav_beside;
pub use column::{Column, Field};
pub use kind::{Definition, Kind, Recording};
pub use media::Media;
pub(crate) use name::allowed;
pub use name::check_name;

/// Every kind, in the order of its columns in tables.
pub static KINDS: &[Kind] = &[Kind::VIDEO, Kind::FLOW, Kind::AUDIO, Kind::FEATURES];

/// The kind of this name.
///
/// # Errors
/// A sentence that lists the kinds, where there is none.
pub fn kind(name: &str) -> Result<Kind, String> {
    let unknown = || {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        format!("kind {name:?}; expected one of {}", names.join(", "))
    };
    KINDS.iter().copied().find(|kind| kind.name == name).ok_or_else(unknown)
}

/// The kind that the name of a modality begins with, as `audio-24k` does; none of most names.
pub fn kind_of(modality: &str) -> Option<Kind> {
    let word = modality.split(|c: char| !c.is_ascii_lowercase()).next()?;
    kind(word).ok()
}

/// Columns of all kinds, each with its kind, in the order in which tables have them.
pub fn columns() -> impl Iterator<Item = (Kind, &'static Column)> {
    KINDS.iter().flat_map(|kind| kind.definition().columns.iter().map(|column| (*kind, column)))
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        kind(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_sound() {
        let names: BTreeSet<&str> = KINDS.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), KINDS.len());
        let columns: BTreeSet<&str> = columns().map(|(_, column)| column.name).collect();
        assert_eq!(columns.len(), super::columns().count());
        for kind in KINDS {
            assert!(allowed(kind.name).is_ok() && kind_of(kind.name) == Some(*kind));
            assert!(kind.axes.iter().all(|axes| axes.chars().all(|axis| "CTHWDS".contains(axis))), "{kind:?}");
            assert!(kind.layout.starts_with('N') && kind.axes[0].chars().all(|axis| kind.layout.contains(axis)), "{kind:?}");
            assert_eq!(serde_json::from_str::<Kind>(&serde_json::to_string(kind).unwrap()).unwrap(), *kind);
            let files = kind.columns.iter().filter_map(|column| if let Field::Path(n) = column.field { Some(n) } else { None });
            assert!(files.eq(0..kind.files()), "{kind:?}: its files in order");
        }
        let unknown = serde_json::from_str::<Kind>("\"smell\"").unwrap_err().to_string();
        assert!(unknown.starts_with("kind \"smell\"; expected one of video, flow, audio, features"), "{unknown}");
    }

    #[test]
    fn names_tell_a_kind_where_they_begin_with_its_word() {
        let of = |name: &str| kind_of(name).map(|kind| kind.name);
        assert_eq!(["video", "audio-24k", "flow2"].map(of), [Some("video"), Some("audio"), Some("flow")]);
        assert_eq!(["text", "imu", "videomae", "audiobook-1", "x-video"].map(of), [None; 5]);
    }
}
