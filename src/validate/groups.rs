//! Rows by the places that they have their samples from, and whether these are there. Rows and groups are numbers: there may be millions of both.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use super::{Asked, Found};
use crate::error::Error;
use crate::manifest::{Manifest, Segment};
use crate::source::SourceRef;
use crate::{Result, fs};

/// All rows, and of each the number of its recording in the order of names: what a million paths are is looked at once.
pub(super) struct Recordings<'a> {
    segments: &'a [Segment],
    numbers: Vec<u32>,
}

impl<'a> Recordings<'a> {
    /// # Errors
    /// [`Error::Input`] for more rows than there are numbers.
    pub(super) fn new(manifest: &'a Manifest) -> Result<Self> {
        let segments = &manifest.segments;
        if u32::try_from(segments.len()).is_err() {
            return Err(Error::input("[data]", format!("{} rows; expected no more than {}", segments.len(), u32::MAX)));
        }
        let other = segments.windows(2).map(|pair| u32::from(pair[0].path != pair[1].path));
        let numbers = std::iter::once(0).chain(other).take(segments.len());
        let numbers = numbers.scan(0, |number, step| {
            *number += step;
            Some(*number)
        });
        Ok(Self { segments, numbers: numbers.collect() })
    }

    /// The order of paths, each of a row.
    fn compare(&self, one: (u32, &Path), other: (u32, &Path)) -> Ordering {
        let number = |(row, path): (u32, &Path)| {
            std::ptr::eq(path, self.segments[row as usize].path.as_path()).then(|| self.numbers[row as usize])
        };
        match (number(one), number(other)) {
            (Some(number), Some(other)) => number.cmp(&other),
            _ => one.1.cmp(other.1),
        }
    }
}

/// The rows of a modality.
pub(super) struct Groups<'a> {
    pub(super) asked: &'a Asked,
    recordings: &'a Recordings<'a>,
    rows: Vec<u32>,
    /// In the order of their first rows: which of `rows` have their samples from one place.
    parts: Vec<[u32; 2]>,
    /// Whether all files of a group are there.
    there: Vec<bool>,
}

/// Rows of a modality that have their samples from one place, in the manifest's order.
#[derive(Clone, Copy)]
pub(super) struct Group<'a> {
    pub(super) asked: &'a Asked,
    pub(super) source: SourceRef<'a>,
    segments: &'a [Segment],
    rows: &'a [u32],
}

impl<'a> Group<'a> {
    pub(super) fn len(self) -> usize {
        self.rows.len()
    }

    pub(super) fn segment(self, place: usize) -> &'a Segment {
        &self.segments[self.rows[place] as usize]
    }

    pub(super) fn segments(self) -> impl Iterator<Item = &'a Segment> {
        (0..self.len()).map(move |place| self.segment(place))
    }
}

impl Groups<'_> {
    fn rows(&self, group: usize) -> &[u32] {
        let [start, end] = self.parts[group];
        &self.rows[start as usize..end as usize]
    }

    /// None is for a group that is none.
    pub(super) fn group(&self, group: usize) -> Option<Group<'_>> {
        let (asked, segments) = (self.asked, self.recordings.segments);
        let rows = self.parts.get(group).map(|_| self.rows(group))?;
        let source = segments[*rows.first()? as usize].source_ref(asked.kind, &asked.track).ok()?;
        Some(Group { asked, source, segments, rows })
    }

    /// Those of which all files are there.
    #[cfg(feature = "hdf5")]
    pub(super) fn there(&self) -> impl Iterator<Item = Group<'_>> {
        (0..self.parts.len()).filter(|&group| self.there[group]).filter_map(|group| self.group(group))
    }
}

/// Rows by kind and place, in the manifest's order. What a row lacks is a note.
pub(super) fn of<'a>(recordings: &'a Recordings<'a>, asked: &'a [Asked], found: &mut Found<'_>) -> Vec<Groups<'a>> {
    let segments = recordings.segments;
    let mut all = Vec::with_capacity(asked.len());
    let mut noted: BTreeSet<&str> = BTreeSet::new();
    for asked @ Asked { kind, track, .. } in asked {
        let source = |row: &u32| segments[*row as usize].source_ref(*kind, track).ok();
        let mut rows: Vec<u32> = (0..segments.len() as u32).filter(|row| source(row).is_some()).collect();
        let lacking = segments.len() - rows.len();
        if lacking > 0 && (lacking < segments.len() || kind.beside.is_some()) && noted.insert(kind.name) {
            let first = segments.iter().find(|segment| segment.source_ref(*kind, track).is_err());
            let beside = match first.zip(kind.beside) {
                Some((first, beside)) => {
                    format!("; the first would have {}", beside(&first.path, first.is_frames()).display())
                }
                None => String::new(),
            };
            found.note(format!("{lacking} rows have no {}{beside}", kind.name));
        }
        // rows of one recording mostly stand together already
        let compare = |one: &u32, other: &u32| match (source(one), source(other)) {
            (Some(a), Some(b)) => recordings.compare((*one, a.path()), (*other, b.path())).then_with(|| a.key().cmp(b.key())),
            _ => Ordering::Equal,
        };
        rows.sort_by(compare);
        let mut parts: Vec<[u32; 2]> = Vec::new();
        for (place, row) in (0..).zip(&rows) {
            match parts.last_mut() {
                Some([start, end])
                    if compare(&rows[*start as usize], row).is_eq() && source(&rows[*start as usize]) == source(row) =>
                {
                    *end = place + 1;
                }
                _ => parts.push([place, place + 1]),
            }
        }
        parts.sort_by_key(|[start, _]| rows[*start as usize]);
        let there = vec![true; parts.len()];
        all.push(Groups { asked, recordings, rows, parts, there });
    }
    all
}

/// A file that a group needs.
#[derive(Clone, Copy)]
struct Need {
    group: u32,
    /// Place among the modalities, and the file's among the group's.
    modality: u16,
    file: u8,
}

/// Asks for every file once; where all rows are `decoded`, only counts them.
pub(super) fn ask(recordings: &Recordings<'_>, groups: &mut [Groups<'_>], decoded: bool, found: &mut Found<'_>) -> Result<()> {
    let mut needs = Vec::new();
    for (modality, of) in (0..).zip(groups.iter()) {
        for group in 0..of.parts.len() as u32 {
            let files = of.group(group as usize).map_or(0, |group| group.source.files().count() as u8);
            needs.extend((0..files).map(|file| Need { group, modality, file }));
        }
    }
    let (mut missing, mut files) = (Vec::new(), fs::Asked::default());
    {
        let group = |need: &Need| groups[need.modality as usize].group(need.group as usize);
        let file = |need: &Need| group(need)?.source.files().nth(need.file.into());
        let compare = |one: &Need, other: &Need| match (group(one).zip(file(one)), group(other).zip(file(other))) {
            (Some((of, (a, _))), Some((of_other, (b, _)))) => recordings.compare((of.rows[0], a), (of_other.rows[0], b)),
            _ => Ordering::Equal,
        };
        needs.sort_by(compare);
        for needs in needs.chunk_by(|one, other| compare(one, other).is_eq()) {
            found.validation.files += 1;
            let Some((path, folder)) = file(&needs[0]).filter(|_| !decoded) else { continue };
            let Some(problem) = state(path, folder, &mut files) else { continue };
            missing.extend(needs);
            // rows by id: one may need a file twice, for its pictures and its sound
            let all = || needs.iter().filter_map(group).flat_map(Group::segments);
            let rows = if needs.len() == 1 && all().nth(1).is_none() {
                1
            } else {
                all().map(|row| &row.id).collect::<BTreeSet<_>>().len()
            };
            if let Some(first) = group(&needs[0]) {
                let (kind, id) = (first.asked.kind.name, &first.segment(0).id);
                found.fault(&format_args!("{}: {problem} ({rows} rows, the first {kind} of {id:?})", path.display()))?;
            }
        }
    }
    for Need { group, modality, .. } in missing {
        groups[modality as usize].there[group as usize] = false;
    }
    Ok(())
}

/// What is wrong with a file or folder that must be there.
fn state(path: &Path, folder: bool, files: &mut fs::Asked) -> Option<String> {
    match files.about(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Some(if folder { "no such folder or tar".into() } else { "no such file".into() })
        }
        Err(error) => Some(format!("cannot read: {error}")),
        Ok(about) if folder && !about.is_dir() => Some("not a folder; expected one of extracted frames".into()),
        Ok(about) if !folder && !about.is_file() => Some("not a file; expected a recording".into()),
        Ok(about) if !folder && about.len() == 0 => Some("empty; expected a recording".into()),
        Ok(_) => None,
    }
}
