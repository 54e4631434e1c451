//! Any table: a CSV with a header, `id,path,start,end,label,domain` and optionally `split`, `audio_path`, `flow_x_path`, `flow_y_path`;
//! for extracted frames `frame_rate` and `flow_rate`, for stretches in frame numbers `start_frame`, `stop_frame` and `number_rate`, for clips
//! cut out beforehand `precut` (`yes`), for sound in HDF5 `audio_key` and `audio_rate`. A store's `manifest.csv` is such a table.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{Draft, Findings, Settings, names, records};
use crate::manifest::{Numbers, Segment, Split, hold_out};
use crate::span::Span;
use crate::{Error, Result};

const REQUIRED: [&str; 6] = ["id", "path", "start", "end", "label", "domain"];
const OPTIONAL: [&str; 13] = [
    "row",
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

/// One line before labels and domains are places in a list.
struct Line {
    segment: Segment,
    label: String,
    domain: String,
    number: usize,
}

pub(super) fn read(settings: &Settings, findings: &mut Findings) -> Result<Draft> {
    let path = settings.table.as_ref().ok_or_else(|| Error::input("[data]", "table is not set; expected a CSV file"))?;
    if let Some(root) = &settings.root
        && !root.is_dir()
    {
        return Err(Error::input(root.display(), "no such folder; expected the root of the table's paths"));
    }
    let (lines, has_split) = lines(path, settings.root.as_deref(), findings)?;
    let classes = names(settings.classes.as_ref(), lines.iter().map(|line| line.label.clone()));
    let domains = names(settings.domains.as_ref(), lines.iter().map(|line| line.domain.clone()));
    let (mut segments, mut left_out) = (Vec::new(), 0);
    for mut line in lines {
        // domains that were not asked for are left out; a class that was not is a mistake
        let Some(domain) = domains.iter().position(|name| *name == line.domain) else {
            left_out += 1;
            continue;
        };
        line.segment.domain = domain;
        match classes.iter().position(|name| *name == line.label) {
            Some(label) => segments.push(Segment { label, ..line.segment }),
            None => {
                let problem = format!("line {}: label {:?}; expected one of {}", line.number, line.label, classes.join(", "));
                findings.faults.push(Error::input(path.display(), problem));
            }
        }
    }
    if left_out > 0 {
        findings.notes.push(format!("{left_out} rows left out by their domain"));
    }
    if !has_split {
        hold_out(&mut segments, settings.split_seed);
    }
    Ok(Draft { place: path.display().to_string(), classes, domains, segments, test_set: None })
}

fn lines(path: &Path, root: Option<&Path>, findings: &mut Findings) -> Result<(Vec<Line>, bool)> {
    let (header, records) = records(path, true, findings)?;
    for name in &header {
        if !REQUIRED.contains(&name) && !OPTIONAL.contains(&name) {
            let known = [&REQUIRED[..], &OPTIONAL[..]].concat().join(", ");
            return Err(Error::input(path.display(), format!("line 1: unknown column {name:?}; expected some of {known}")));
        }
    }
    let column = |name: &str| header.iter().position(|column| column == name);
    if let Some(missing) = REQUIRED.iter().find(|name| column(name).is_none()) {
        return Err(Error::input(path.display(), format!("line 1: no column {missing:?}; expected {}", REQUIRED.join(","))));
    }
    let mut lines = Vec::new();
    for (number, record) in records {
        let field = |name: &str| column(name).map(|place| record[place].trim()).unwrap_or_default();
        let line = line(&field, root, column("split").is_some()).map(|segment| Line {
            segment,
            label: field("label").to_owned(),
            domain: field("domain").to_owned(),
            number,
        });
        lines.extend(findings.part(line.map_err(|problem| Error::input(path.display(), format!("line {number}: {problem}")))));
    }
    Ok((lines, column("split").is_some()))
}

/// The segment of a line; `field` gives its fields by name, `""` for none.
fn line<'a>(field: &dyn Fn(&str) -> &'a str, root: Option<&Path>, has_split: bool) -> Result<Segment, String> {
    let file = |name: &str| match field(name) {
        "" => None,
        text => Some(root.map_or_else(|| PathBuf::from(text), |root| root.join(text))),
    };
    let above_zero = |name: &str| match number::<f64>(field, name, "a number above 0")? {
        Some(rate) if !(rate.is_finite() && rate > 0.0) => Err(format!("{name} {rate}; expected a number above 0")),
        rate => Ok(rate),
    };
    for name in ["path", "id", "label", "domain"] {
        if field(name).is_empty() {
            return Err(format!("{name} is empty; expected a value"));
        }
    }
    let start = number(field, "start", "seconds")?.unwrap_or(0.0);
    let span = Span::new(start, number(field, "end", "seconds")?)?;
    let split = match field("split") {
        "" if !has_split => Split::Train,
        text => Split::from_name(text).ok_or_else(|| format!("split {text:?}; expected train, val or test"))?,
    };
    let (flow_x, flow_y) = (file("flow_x_path"), file("flow_y_path"));
    if flow_x.is_some() != flow_y.is_some() {
        return Err("one flow path without the other; expected both or none".into());
    }
    let whole = "a whole number";
    let numbers = match (number(field, "start_frame", whole)?, number(field, "stop_frame", whole)?, above_zero("number_rate")?) {
        (Some(start), Some(stop), Some(rate)) if start < stop => Some(Numbers { start, stop, rate }),
        (None, None, None) => None,
        _ => return Err("start_frame, stop_frame, number_rate; expected all with start before stop, or none".into()),
    };
    let precut = match field("precut") {
        "" | "no" => false,
        "yes" => true,
        text => return Err(format!("precut {text:?}; expected yes or nothing")),
    };
    let audio_path = file("audio_path");
    let audio_key = match (field("audio_key"), number(field, "audio_rate", "samples a second")?) {
        ("", None) => None,
        (key, Some(rate)) if !key.is_empty() && rate > 0 && audio_path.is_some() => Some((key.to_owned(), rate)),
        _ => return Err("audio_key, audio_rate; expected both and an audio_path, or none".into()),
    };
    Ok(Segment {
        split,
        frame_rate: above_zero("frame_rate")?,
        numbers,
        precut,
        audio_path,
        audio_key,
        flow_paths: flow_x.zip(flow_y),
        flow_rate: above_zero("flow_rate")?,
        ..Segment::new(field("id"), file("path").unwrap_or_default(), span)
    })
}

fn number<'a, T: FromStr>(field: &dyn Fn(&str) -> &'a str, name: &str, expected: &str) -> Result<Option<T>, String> {
    match field(name) {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| format!("{name} {text:?}; expected {expected}")),
    }
}
