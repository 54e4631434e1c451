//! A store's `manifest.csv`: the segments in row order.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::manifest::{Manifest, Numbers, Segment, Split};
use crate::span::Span;
use crate::{Error, Result, fs};

const COLUMNS: [&str; 19] = [
    "row",
    "id",
    "path",
    "start",
    "end",
    "label",
    "domain",
    "split",
    "audio_path",
    "flow_x_path",
    "flow_y_path",
    "frame_rate",
    "flow_rate",
    "start_frame",
    "stop_frame",
    "number_rate",
    "precut",
    "audio_key",
    "audio_rate",
];

/// The table, classes and domains by name.
///
/// # Errors
/// [`Error::Input`] for a path that is not UTF-8.
pub fn to_csv(manifest: &Manifest) -> Result<Vec<u8>> {
    let text = |path: &Path| {
        path.to_str().map(str::to_owned).ok_or_else(|| Error::input(path.display(), "the path is not UTF-8; expected UTF-8"))
    };
    let optional = |path: Option<&PathBuf>| path.map_or_else(|| Ok(String::new()), |path| text(path));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let fail = |error: csv::Error| Error::input("manifest.csv", error.to_string());
    writer.write_record(COLUMNS).map_err(fail)?;
    for (row, segment) in manifest.segments.iter().enumerate() {
        let record = [
            row.to_string(),
            segment.id.clone(),
            text(&segment.path)?,
            segment.span.start.to_string(),
            segment.span.end.map_or_else(String::new, |end| end.to_string()),
            manifest.classes[segment.label].clone(),
            manifest.domains[segment.domain].clone(),
            segment.split.name().to_owned(),
            optional(segment.audio_path.as_ref())?,
            optional(segment.flow_paths.as_ref().map(|paths| &paths.0))?,
            optional(segment.flow_paths.as_ref().map(|paths| &paths.1))?,
            shown(segment.frame_rate),
            shown(segment.flow_rate),
            shown(segment.numbers.map(|numbers| numbers.start)),
            shown(segment.numbers.map(|numbers| numbers.stop)),
            shown(segment.numbers.map(|numbers| numbers.rate)),
            if segment.precut { "yes".to_owned() } else { String::new() },
            shown(segment.audio_key.as_ref().map(|(key, _)| key)),
            shown(segment.audio_key.as_ref().map(|(_, rate)| rate)),
        ];
        writer.write_record(record).map_err(fail)?;
    }
    writer.into_inner().map_err(|error| Error::input("manifest.csv", error.to_string()))
}

/// The value, or nothing.
fn shown(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// Reads it back; `classes` and `domains` are those of `store.json`.
///
/// # Errors
/// [`Error::Integrity`] naming line and column.
pub fn read(path: &Path, classes: &[String], domains: &[String]) -> Result<Manifest> {
    let bytes = fs::read(path)?;
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let fail = |problem: String| Error::integrity(path, problem);
    if reader.headers().map_err(|e| fail(e.to_string()))?.iter().ne(COLUMNS) {
        return Err(fail(format!("line 1: expected the columns {}", COLUMNS.join(","))));
    }
    let mut segments = Vec::new();
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(|e| fail(e.to_string()))?;
        let bad = |column: usize| fail(format!("line {}: {} {:?} does not fit", row + 2, COLUMNS[column], &record[column]));
        let place = |names: &[String], column: usize| names.iter().position(|n| *n == record[column]).ok_or_else(|| bad(column));
        let optional_text = |column: usize| (!record[column].is_empty()).then(|| record[column].to_owned());
        let optional = |column: usize| optional_text(column).map(PathBuf::from);
        fn number<T: FromStr>(text: &str) -> Result<Option<T>, T::Err> {
            if text.is_empty() { Ok(None) } else { text.parse().map(Some) }
        }
        if record[0].parse() != Ok(row) {
            return Err(bad(0));
        }
        let start = record[3].parse().map_err(|_| bad(3))?;
        let end = if record[4].is_empty() { None } else { Some(record[4].parse().map_err(|_| bad(4))?) };
        segments.push(Segment {
            id: record[1].to_owned(),
            path: PathBuf::from(&record[2]),
            span: Span::new(start, end).map_err(|_| bad(4))?,
            label: place(classes, 5)?,
            domain: place(domains, 6)?,
            split: Split::from_name(&record[7]).ok_or_else(|| bad(7))?,
            audio_path: optional(8),
            flow_paths: optional(9).zip(optional(10)),
            frame_rate: number(&record[11]).map_err(|_| bad(11))?,
            flow_rate: number(&record[12]).map_err(|_| bad(12))?,
            numbers: match [number(&record[13]), number(&record[14])] {
                [Ok(Some(start)), Ok(Some(stop))] => {
                    Some(Numbers { start, stop, rate: number(&record[15]).ok().flatten().ok_or_else(|| bad(15))? })
                }
                [Ok(None), Ok(None)] => None,
                _ => return Err(bad(14)),
            },
            precut: match &record[16] {
                "" => false,
                "yes" => true,
                _ => return Err(bad(16)),
            },
            audio_key: optional_text(17).zip(number(&record[18]).map_err(|_| bad(18))?),
        });
    }
    Ok(Manifest { classes: classes.to_vec(), domains: domains.to_vec(), segments, test_set: None })
}
