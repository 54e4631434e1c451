//! Rows of annotation files.

use super::super::{DatasetSettings, Findings};
use super::lists::{List, ListTable};
use crate::manifest::{Numbers, Split};
use crate::span::Span;
use crate::{Error, Result};

/// Whose numbers of classes a file uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    Epic55,
    Epic100,
}

/// One labelled stretch.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// File and line, for messages.
    pub(super) place: String,
    pub(super) id: String,
    pub(super) participant: String,
    pub(super) video: String,
    pub(super) span: Span,
    pub(super) numbers: Option<Numbers>,
    pub(super) split: Split,
    pub(super) part: Option<&'static str>,
    /// As it stands in its column.
    pub(super) domain: String,
    /// As it stands in its column.
    pub(super) label: String,
    /// What a number of a class is called in this row.
    pub(super) word: Option<String>,
    pub(super) release: Release,
}

/// The rows of a file that are well.
pub(super) struct AnnotationRows {
    pub(super) release: Release,
    pub(super) rows: Vec<Row>,
}

/// Reads a file; what is wrong with it, or with rows of it, is put into `findings`.
pub(super) fn rows(list: &List, settings: &DatasetSettings, findings: &mut Findings) -> Option<AnnotationRows> {
    let table = ListTable::read(&list.path, findings);
    let table = findings.part(table)?;
    let columns = findings.part(Columns::find(&table, list, settings))?;
    let stem = list.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut rows = Vec::new();
    for (number, (place, cells)) in table.rows.iter().enumerate() {
        let place = format!("{}: {place}", list.path.display());
        match columns.row(&place, cells, list, &stem, number) {
            Ok(row) => rows.push(row),
            Err(problem) => findings.faults.push(Error::input(place, problem)),
        }
    }
    Some(AnnotationRows { release: columns.release, rows })
}

/// Frames a second of a video's extracted frames, which the annotations count: 60 in EPIC-55 (`P01_01`), 50 in what EPIC-100 added (`P01_101`).
pub(super) fn frame_rate(video: &str) -> f64 {
    if video.split('_').nth(1).is_some_and(|number| number.len() == 3) { 50.0 } else { 60.0 }
}

/// What tells the domain of a row.
enum Domain {
    Column(usize),
    /// The name of the file.
    File,
    /// MM-SADA's part, else the kitchen.
    Usual,
}

/// Where in a table what stands.
struct Columns {
    release: Release,
    id: Option<usize>,
    participant: Option<usize>,
    video: usize,
    stamps: [usize; 2],
    numbers: Option<[usize; 2]>,
    domain: Domain,
    label: usize,
    word: Option<usize>,
}

impl Columns {
    fn find(table: &ListTable, list: &List, settings: &DatasetSettings) -> Result<Self> {
        let missing = |name: &str| {
            let unlabelled = name.ends_with("_class") && table.column("narration_id").is_some() && table.column("verb").is_none();
            let problem = if unlabelled {
                format!("line 1: no column {name:?}: this is one of EPIC-100's lists without labels; expected one with labels")
            } else {
                format!("line 1: no column {name:?}; expected it among {}", table.columns.join(","))
            };
            Error::input(list.path.display(), problem)
        };
        let column = |name: &str| table.column(name).ok_or_else(|| missing(name));
        let label = settings.label.as_deref().unwrap_or("verb_class");
        let domain = match settings.domain.as_deref() {
            Some("file") => Domain::File,
            Some(name) => Domain::Column(column(name)?),
            None => Domain::Usual,
        };
        let (video, stamps) = (column("video_id")?, [column("start_timestamp")?, column("stop_timestamp")?]);
        Ok(Self {
            release: if table.column("narration_id").is_some() { Release::Epic100 } else { Release::Epic55 },
            id: table.column("narration_id").or_else(|| table.column("uid")),
            participant: table.column("participant_id"),
            video,
            stamps,
            numbers: table.column("start_frame").zip(table.column("stop_frame")).map(|(start, stop)| [start, stop]),
            domain,
            label: column(label)?,
            word: label.strip_suffix("_class").and_then(|word| table.column(word)),
        })
    }

    fn row(&self, place: &str, cells: &[String], list: &List, stem: &str, number_in_file: usize) -> Result<Row, String> {
        let video = cells[self.video].as_str();
        let participant = self.participant.map_or_else(|| video.split('_').next().unwrap_or_default(), |place| &cells[place]);
        for id in [participant, video] {
            if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(format!("{id:?}; expected an id such as P08 or P08_01"));
            }
        }
        let second = |stamp: &str| seconds(stamp).ok_or_else(|| format!("{stamp:?}; expected HH:MM:SS.cc"));
        let [start, stop] = self.stamps.map(|place| second(&cells[place]));
        let span = Span::new(start?, Some(stop?))?;
        let number = |place: usize| {
            cells[place].parse::<u64>().map_err(|_| format!("frame number {:?}; expected a whole number", cells[place]))
        };
        let numbers = match self.numbers {
            None => None,
            Some([start, stop]) => {
                let numbers = Numbers { start: number(start)?, stop: number(stop)?, rate: frame_rate(video) };
                if numbers.stop <= numbers.start {
                    return Err(format!("frames {} to {}; expected the last after the first", numbers.start, numbers.stop));
                }
                Some(numbers)
            }
        };
        let label = &cells[self.label];
        if label.is_empty() || label.starts_with('[') {
            return Err(format!("label {label:?}; expected one value, not a list"));
        }
        let own = self.id.map_or_else(|| number_in_file.to_string(), |place| cells[place].clone());
        let id = match (list.part, self.id) {
            (Some(part), _) => format!("{part}/{}/{own}", list.split.name()),
            (None, Some(_)) => own,
            (None, None) => format!("{stem}/{own}"),
        };
        let domain = match self.domain {
            Domain::Column(place) => &cells[place],
            Domain::File => stem,
            Domain::Usual => list.part.unwrap_or(participant),
        };
        if domain.is_empty() {
            return Err("the domain is empty; expected a value".into());
        }
        Ok(Row {
            place: place.to_owned(),
            id,
            participant: participant.to_owned(),
            video: video.to_owned(),
            span,
            numbers,
            split: list.split,
            part: list.part,
            domain: domain.to_owned(),
            label: label.clone(),
            word: self.word.map(|place| cells[place].clone()),
            release: self.release,
        })
    }
}

/// `HH:MM:SS.cc` as seconds.
fn seconds(stamp: &str) -> Option<f64> {
    let mut parts = stamp.splitn(3, ':');
    let mut part = |limit: f64| parts.next()?.parse::<f64>().ok().filter(|value| (0.0..limit).contains(value));
    Some(part(1000.0)? * 3600.0 + part(60.0)? * 60.0 + part(60.0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stamps_become_seconds() {
        assert_eq!(seconds("00:00:04.09"), Some(4.09));
        assert_eq!(seconds("01:02:03.50"), Some(3723.5));
        for text in ["", "4.09", "00:61:00.00", "00:00:-1", "00:00:nan", "a:b:c"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn frames_are_counted_by_the_length_of_the_number() {
        assert_eq!(["P01_01", "P01_101", "P01"].map(frame_rate), [60.0, 50.0, 60.0]);
    }
}
