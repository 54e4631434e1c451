//! What something was made with: programs by version, and processors. It is kept beside what was made and shown, and is no part of what makes a thing that
//! thing: an update refuses nothing. What does is raised by hand where the outcome changes, such as [`media::ALGORITHM`](crate::media::ALGORITHM).

use std::collections::{BTreeMap, BTreeSet};

/// Versions and kinds, by what they are of: several where parts were made at several times or places.
pub type Provenance = BTreeMap<String, BTreeSet<String>>;

/// Of what this process makes: `mmdg`, and `cpu`.
pub fn here() -> Provenance {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").ok();
    let model = cpu.as_ref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("model name")));
    let model = model.map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':'])).to_owned();
    let one = |name: &str, what: String| (name.to_owned(), BTreeSet::from([what]));
    Provenance::from([one("mmdg", env!("CARGO_PKG_VERSION").to_owned()), one("cpu", model)])
}

/// What all of these say together.
pub fn united<'a>(parts: impl IntoIterator<Item = &'a Provenance>) -> Provenance {
    let mut all = Provenance::new();
    parts.into_iter().for_each(|part| add(&mut all, part));
    all
}

/// Adds what another says to `all`.
pub fn add(all: &mut Provenance, more: &Provenance) {
    for (name, found) in more {
        all.entry(name.clone()).or_default().extend(found.iter().cloned());
    }
}

/// A sentence's worth of it: `cpu AMD EPYC, mmdg 0.1.0`.
pub fn told(all: &Provenance) -> String {
    let one = |(name, found): (&String, &BTreeSet<String>)| {
        format!("{name} {}", found.iter().map(String::as_str).collect::<Vec<_>>().join(" and "))
    };
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_versions_stand_side_by_side() {
        let mut all = here();
        assert!(all["cpu"].len() == 1 && !all["cpu"].contains(""));
        let of = |version: &str| Provenance::from([("ffmpeg".to_owned(), BTreeSet::from([version.to_owned()]))]);
        for version in ["8.0", "5.1", "8.0"] {
            add(&mut all, &of(version));
        }
        assert!(told(&all).contains(", ffmpeg 5.1 and 8.0, mmdg "), "{}", told(&all));
    }
}
