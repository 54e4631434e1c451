//! Which of a source's entries are which rows: by id, or by the name of the row's recording.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use crate::error::few;
use crate::manifest::Segment;

/// An entry of a source that is a row's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Its number in the source.
    pub entry: u64,
    /// Whether it is known by the recording's name, so that it need not show just the row's stretch.
    pub of_recording: bool,
}

/// The entry of each row, none where there is none. An entry is called by id, or by the recording's path without its extension, of which leading folders may be missing; folders on both
/// sides have to agree. By `recordings` the caller says that several rows of one recording may have one entry.
///
/// # Errors
/// A sentence, where an entry stands twice, a row could have several, or several rows would have one.
pub(super) fn assign(entries: &[String], segments: &[Segment], recordings: bool) -> Result<Vec<Option<Place>>, String> {
    let mut whole: HashMap<&str, u64> = HashMap::new();
    for (entry, number) in entries.iter().zip(0..) {
        if let Some(first) = whole.insert(entry, number) {
            return Err(format!("{entry:?} stands twice, at {first} and {number}; expected it once"));
        }
    }
    let endings = Endings::new(entries);
    let only = |found: &[u64], who: &str| match found {
        [] => Ok(None),
        [entry] => Ok(Some(*entry)),
        [first, second, ..] => {
            let named = |entry: &u64| &entries[*entry as usize];
            Err(format!("{who} could have {:?} or {:?}; expected one", named(first), named(second)))
        }
    };
    let mut places = Vec::with_capacity(segments.len());
    for segment in segments {
        let by_id = match whole.get(segment.id.as_str()) {
            Some(entry) => Some(*entry),
            // an id is a leaf: folders around it are the user's order
            None if segment.id.contains('/') => None,
            None => only(&endings.of(&segment.id), &format!("row {:?}", segment.id))?,
        };
        if let Some(entry) = by_id {
            places.push(Some(Place { entry, of_recording: false }));
            continue;
        }
        let recording = recording(segment);
        let mut found = endings.of(&recording);
        let depth = |entry: &u64| entries[*entry as usize].matches('/').count();
        let deepest = found.iter().map(depth).max().unwrap_or_default();
        found.retain(|entry| depth(entry) == deepest);
        if found.is_empty() {
            // folders of ours that the source lacks, as few as there can be
            let ends = recording.match_indices('/').map(|(at, _)| &recording[at + 1..]);
            found.extend(ends.filter_map(|end| whole.get(end)).next());
        }
        let entry = only(&found, &format!("row {:?} of {recording:?}", segment.id))?;
        places.push(entry.map(|entry| Place { entry, of_recording: true }));
    }
    alone(entries, segments, &places, recordings)?;
    Ok(places)
}

/// Entries by how they end, folder by folder.
struct Endings<'a> {
    entries: &'a [String],
    sorted: Vec<u64>,
}

impl<'a> Endings<'a> {
    fn new(entries: &'a [String]) -> Self {
        let mut sorted: Vec<u64> = (0..entries.len() as u64).collect();
        sorted.sort_unstable_by(|a, b| entries[*a as usize].rsplit('/').cmp(entries[*b as usize].rsplit('/')));
        Self { entries, sorted }
    }

    /// Those that end so, in their order.
    fn of(&self, end: &str) -> Vec<u64> {
        let entry = |number: &u64| self.entries[*number as usize].rsplit('/');
        let start = self.sorted.partition_point(|number| entry(number).lt(end.rsplit('/')));
        let depth = end.matches('/').count() + 1;
        let count = self.sorted[start..].partition_point(|number| entry(number).take(depth).eq(end.rsplit('/')));
        let mut found = self.sorted[start..start + count].to_vec();
        found.sort_unstable();
        found
    }
}

/// Refuses entries that several rows would have.
fn alone(entries: &[String], segments: &[Segment], places: &[Option<Place>], recordings: bool) -> Result<(), String> {
    let mut rows: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (row, place) in places.iter().enumerate() {
        rows.entry(place.map_or(u64::MAX, |place| place.entry)).or_default().push(row);
    }
    rows.remove(&u64::MAX);
    for (entry, rows) in rows.into_iter().filter(|(_, rows)| rows.len() > 1) {
        let entry = &entries[entry as usize];
        let ids: Vec<&str> = rows.iter().map(|&row| segments[row].id.as_str()).collect();
        let paths: HashSet<&Path> = rows.iter().map(|&row| segments[row].path.as_path()).collect();
        if paths.len() > 1 {
            return Err(format!(
                "{entry:?} would be that of {} rows of different recordings ({}); expected entries named by id, or in folders as the recordings are",
                rows.len(),
                few(&ids)
            ));
        }
        if !recordings {
            return Err(format!(
                "{entry:?} would be that of {} segments of one recording ({}); expected entries named by id, or --features-of recording, and every segment has those of the \
                 whole recording",
                rows.len(),
                few(&ids)
            ));
        }
    }
    Ok(())
}

/// The recording's path without its extension.
fn recording(segment: &Segment) -> String {
    segment.path.with_extension("").to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Span;

    fn rows(rows: &[(&str, &str)]) -> Vec<Segment> {
        rows.iter().map(|(id, path)| Segment::new(*id, *path, Span::WHOLE)).collect()
    }

    fn of(entries: &[&str], segments: &[(&str, &str)], recordings: bool) -> Result<Vec<Option<u64>>, String> {
        let entries: Vec<String> = entries.iter().map(|entry| entry.to_string()).collect();
        Ok(assign(&entries, &rows(segments), recordings)?.into_iter().map(|place| place.map(|place| place.entry)).collect())
    }

    #[test]
    fn rows_have_entries_by_id_or_by_recording() {
        assert_eq!(of(&["a", "b"], &[("b", "x"), ("a", "y"), ("c", "z")], false), Ok(vec![Some(1), Some(0), None]));
        assert_eq!(of(&["train/a", "val/b"], &[("b", ""), ("a", "")], false), Ok(vec![Some(1), Some(0)]));
        // the recording's own folders tell
        let two = [("P01-1", "P01/0001.mp4"), ("P02-1", "/data/P02/0001.mp4")];
        assert_eq!(of(&["P01/0001", "P02/0001"], &two, false), Ok(vec![Some(0), Some(1)]));
        assert_eq!(of(&["0001", "P02/0001"], &two, false), Ok(vec![Some(0), Some(1)]));
        assert_eq!(of(&["rgb/P01/0001", "x/0001"], &two, false), Ok(vec![Some(0), None]));
        // an id that is a number is no place
        assert_eq!(of(&["1", "0"], &[("0", ""), ("1", "")], false), Ok(vec![Some(1), Some(0)]));
    }

    #[test]
    fn nothing_is_shared_or_chosen_in_silence() {
        let segments = [("c0", "vid.mp4"), ("c1", "vid.mp4")];
        assert!(of(&["vid"], &segments, false).unwrap_err().contains("2 segments of one recording (\"c0\", \"c1\")"));
        assert_eq!(of(&["vid"], &segments, true), Ok(vec![Some(0), Some(0)]));
        let two = [("P01-1", "P01/0001.mp4"), ("P02-1", "P02/0001.mp4")];
        for recordings in [false, true] {
            assert!(of(&["0001"], &two, recordings).unwrap_err().contains("of different recordings (\"P01-1\", \"P02-1\")"));
        }
        assert!(of(&["a", "b", "a"], &segments, false).unwrap_err().contains("\"a\" stands twice, at 0 and 2"));
        assert!(of(&["x/a", "y/a"], &[("a", "")], false).unwrap_err().contains("row \"a\" could have \"x/a\" or \"y/a\""));
    }

    #[test]
    fn entries_are_found_as_a_look_at_each_would_find_them() {
        let name = |seed: u32| {
            let random = crate::rng::Stream::new(5).at(seed);
            (0..=random.bits(0) % 3).map(|i| ["a", "b", ""][random.bits(1 + i) as usize % 3]).collect::<Vec<_>>().join("/")
        };
        let mut entries: Vec<String> = (0..40).map(name).collect();
        entries.sort();
        entries.dedup();
        let agree = |one: &str, other: &str| one.rsplit('/').zip(other.rsplit('/')).all(|(a, b)| a == b);
        for seed in 100..400 {
            let recording = name(seed);
            let mut found: Vec<&String> = entries.iter().filter(|entry| agree(entry, &recording)).collect();
            let deepest = found.iter().map(|entry| entry.matches('/').count()).max().unwrap_or_default();
            found.retain(|entry| entry.matches('/').count() == deepest);
            let path = format!("{recording}.mp4");
            let said = assign(&entries, &[Segment::new("no/entry", path.as_str(), Span::WHOLE)], true);
            if Path::new(&path).with_extension("") != Path::new(&recording) {
                continue;
            }
            match found[..] {
                [] => assert_eq!(said, Ok(vec![None])),
                [one] => assert_eq!(said.map(|places| places[0].map(|place| &entries[place.entry as usize])), Ok(Some(one))),
                [one, other, ..] => assert!(said.unwrap_err().contains(&format!("{one:?} or {other:?}"))),
            }
        }
    }
}
