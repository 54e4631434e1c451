//! A store's `manifest.csv`: the segments in row order.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::manifest::{Extra, LabelSpace, Labels, Manifest, Numbers, Segment, Split, places, value};
use crate::span::Span;
use crate::{Error, Result};

/// The columns' names, in order.
pub const COLUMNS: [&str; 21] = [
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
    "audio_track",
    "video_track",
];

/// A place in [`COLUMNS`].
#[allow(missing_docs)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Row,
    Id,
    Path,
    Start,
    End,
    Label,
    Domain,
    Split,
    AudioPath,
    FlowXPath,
    FlowYPath,
    FrameRate,
    FlowRate,
    StartFrame,
    StopFrame,
    NumberRate,
    Precut,
    AudioKey,
    AudioRate,
    AudioTrack,
    VideoTrack,
}

impl Column {
    /// As it stands in the first line.
    pub fn name(self) -> &'static str {
        COLUMNS[self as usize]
    }
}

/// The table, classes and domains by name, values in digits that read back as the same `f32`.
///
/// # Errors
/// [`Error::Input`] for a path that is not UTF-8, and for labels that are not those of the rows or not finite.
pub fn to_csv(manifest: &Manifest) -> Result<Vec<u8>> {
    let text = |path: &Path| {
        path.to_str().map(str::to_owned).ok_or_else(|| Error::input(path.display(), "the path is not UTF-8; expected UTF-8"))
    };
    let optional = |path: Option<&PathBuf>| path.map_or_else(|| Ok(String::new()), |path| text(path));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let fail = |error: csv::Error| Error::input("manifest.csv", error.to_string());
    writer.write_record(COLUMNS).map_err(fail)?;
    if let Some(problem) = manifest.labels.problem(manifest.len()) {
        return Err(Error::input("manifest.csv", format!("label: {problem}")));
    }
    for (row, segment) in manifest.segments.iter().enumerate() {
        let extras = &segment.extras;
        let record = [
            row.to_string(),
            segment.id.clone(),
            text(&segment.path)?,
            segment.span.start.to_string(),
            segment.span.end.map_or_else(String::new, |end| end.to_string()),
            manifest.labels.text(row),
            manifest.domains[segment.domain].clone(),
            segment.split.name().to_owned(),
            optional(extras.audio_path.as_ref())?,
            optional(extras.flow_paths.as_ref().map(|paths| &paths.0))?,
            optional(extras.flow_paths.as_ref().map(|paths| &paths.1))?,
            shown(extras.frame_rate),
            shown(extras.flow_rate),
            shown(extras.numbers.map(|numbers| numbers.start)),
            shown(extras.numbers.map(|numbers| numbers.stop)),
            shown(extras.numbers.map(|numbers| numbers.rate)),
            if extras.precut { "yes".to_owned() } else { String::new() },
            shown(extras.audio_key.as_ref().map(|(key, _)| key)),
            shown(extras.audio_key.as_ref().map(|(_, rate)| rate)),
            shown(extras.audio_track.as_ref()),
            shown(extras.video_track.as_ref()),
        ];
        writer.write_record(record).map_err(fail)?;
    }
    writer.into_inner().map_err(|error| Error::input("manifest.csv", error.to_string()))
}

/// The value, or nothing.
fn shown(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// Reads it back from what stands in the file at `path`; `labels` and `domains` are those of `store.json`.
///
/// # Errors
/// [`Error::Integrity`] naming line and column.
pub fn read(path: &Path, bytes: &[u8], labels: &LabelSpace, domains: &[String]) -> Result<Manifest> {
    let mut reader = csv::Reader::from_reader(bytes);
    let fail = |problem: String| Error::integrity(path, problem);
    if reader.headers().map_err(|e| fail(e.to_string()))?.iter().ne(COLUMNS) {
        return Err(fail(format!("line 1: expected the columns {}", COLUMNS.join(","))));
    }
    let (places_of_classes, places_of_domains) = (places(labels.classes()), places(domains));
    let (mut classes, mut values) = (Vec::new(), Vec::new());
    let (mut segments, mut record) = (Vec::<Segment>::new(), csv::StringRecord::new());
    while reader.read_record(&mut record).map_err(|e| fail(e.to_string()))? {
        let row = segments.len();
        let at = |problem: String| fail(format!("line {}: {problem}", row + 2));
        let field = |column: Column| &record[column as usize];
        let place = |names: &HashMap<&str, usize>, column: Column| {
            let found = names.get(field(column)).copied();
            found.ok_or_else(|| at(format!("{} {:?} is none that store.json has", column.name(), field(column))))
        };
        if field(Column::Row).parse() != Ok(row) {
            return Err(at(format!("row {:?}; expected {row}", field(Column::Row))));
        }
        match labels {
            LabelSpace::Classes(_) => classes.push(place(&places_of_classes, Column::Label)?),
            LabelSpace::Values { .. } => values.push(value(field(Column::Label)).map_err(at)?),
        }
        let domain = place(&places_of_domains, Column::Domain)?;
        segments.push(Segment { domain, ..segment(&field, None).map_err(at)? });
    }
    let labels = match labels {
        LabelSpace::Classes(names) => Labels::classes(names.clone(), classes),
        LabelSpace::Values { unit } => Labels::Values { unit: unit.clone(), of: values },
    };
    Ok(Manifest { labels, domains: domains.to_vec(), segments, test_set: None })
}

/// The segment of a line, its label and domain aside; `field` gives the text of a column, `""` for none, and paths are below `root`.
///
/// # Errors
/// A sentence that names the column and says what was expected.
pub fn segment<'a>(field: &dyn Fn(Column) -> &'a str, root: Option<&Path>) -> Result<Segment, String> {
    let file = |column: Column| match field(column) {
        "" => None,
        text => Some(root.map_or_else(|| PathBuf::from(text), |root| root.join(text))),
    };
    let above_zero = |column: Column| match number::<f64>(field, column, "a number above 0")? {
        Some(rate) if !(rate.is_finite() && rate > 0.0) => Err(format!("{} {rate}; expected a number above 0", column.name())),
        rate => Ok(rate),
    };
    let seconds = |column: Column| match number::<f64>(field, column, "seconds")? {
        // as it was typed, which may be a number that is too large
        Some(second) if !second.is_finite() => Err(format!("{} {:?}; expected seconds", column.name(), field(column))),
        second => Ok(second),
    };
    let span = Span::new(seconds(Column::Start)?.unwrap_or(0.0), seconds(Column::End)?)?;
    let split = field(Column::Split);
    let split = Split::from_name(split).ok_or_else(|| format!("split {split:?}; expected train, val or test"))?;
    let (flow_x, flow_y) = (file(Column::FlowXPath), file(Column::FlowYPath));
    if flow_x.is_some() != flow_y.is_some() {
        return Err("one flow path without the other; expected both or none".into());
    }
    let whole = "a whole number";
    let (first, stop) = (number(field, Column::StartFrame, whole)?, number(field, Column::StopFrame, whole)?);
    let numbers = match (first, stop, above_zero(Column::NumberRate)?) {
        (Some(start), Some(stop), Some(rate)) if start < stop => Some(Numbers { start, stop, rate }),
        (None, None, None) => None,
        _ => return Err("start_frame, stop_frame, number_rate; expected all with start before stop, or none".into()),
    };
    let precut = match field(Column::Precut) {
        "" | "no" => false,
        "yes" => true,
        text => return Err(format!("precut {text:?}; expected yes or nothing")),
    };
    let audio_path = file(Column::AudioPath);
    let audio_key = match (field(Column::AudioKey), number(field, Column::AudioRate, "samples a second")?) {
        ("", None) => None,
        (key, Some(rate)) if !key.is_empty() && rate > 0 && audio_path.is_some() => Some((key.to_owned(), rate)),
        _ => return Err("audio_key, audio_rate; expected both and an audio_path, or none".into()),
    };
    let track = |column: Column| match field(column) {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|problem: String| format!("{}: {problem}", column.name())),
    };
    let extra = Extra {
        audio_track: track(Column::AudioTrack)?,
        video_track: track(Column::VideoTrack)?,
        frame_rate: above_zero(Column::FrameRate)?,
        numbers,
        precut,
        audio_path,
        audio_key,
        flow_paths: flow_x.zip(flow_y),
        flow_rate: above_zero(Column::FlowRate)?,
    };
    let path = file(Column::Path).unwrap_or_default();
    Ok(Segment { split, extras: extra.into(), ..Segment::new(field(Column::Id), path, span) })
}

fn number<'a, T: FromStr>(field: &dyn Fn(Column) -> &'a str, column: Column, expected: &str) -> Result<Option<T>, String> {
    match field(column) {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| format!("{} {text:?}; expected {expected}", column.name())),
    }
}
