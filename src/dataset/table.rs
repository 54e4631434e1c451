//! Any table: a CSV with a header, `id,path,start,end,label,domain` and optionally `split`, `audio_path`, `flow_x_path`, `flow_y_path`.

use std::path::{Path, PathBuf};

use super::{Settings, names};
use crate::manifest::{Manifest, Segment, Split, hold_out};
use crate::span::Span;
use crate::{Error, Result, fs};

const REQUIRED: [&str; 6] = ["id", "path", "start", "end", "label", "domain"];
const OPTIONAL: [&str; 4] = ["split", "audio_path", "flow_x_path", "flow_y_path"];

/// One line before labels and domains are places in a list.
struct Line {
    segment: Segment,
    label: String,
    domain: String,
    number: usize,
}

pub(super) fn read(settings: &Settings) -> Result<Manifest> {
    let path = settings.table.as_ref().ok_or_else(|| Error::input("[data]", "table is not set; expected a CSV file"))?;
    if let Some(root) = &settings.root
        && !root.is_dir()
    {
        return Err(Error::input(root.display(), "no such folder; expected the root of the table's paths"));
    }
    let text = fs::read_text(path)?;
    let (lines, has_split) = lines(path, &text, settings.root.as_deref())?;
    let classes = names(settings.classes.as_ref(), lines.iter().map(|line| line.label.clone()));
    let domains = names(settings.domains.as_ref(), lines.iter().map(|line| line.domain.clone()));
    let mut segments = Vec::new();
    for mut line in lines {
        // domains that were not asked for are left out; a class that was not is a mistake
        let Some(domain) = domains.iter().position(|name| *name == line.domain) else { continue };
        line.segment.domain = domain;
        line.segment.label = classes.iter().position(|name| *name == line.label).ok_or_else(|| {
            let problem = format!("line {}: label {:?}; expected one of {}", line.number, line.label, classes.join(", "));
            Error::input(path.display(), problem)
        })?;
        segments.push(line.segment);
    }
    if !has_split {
        hold_out(&mut segments, settings.split_seed);
    }
    Manifest::new(&path.display().to_string(), classes, domains, segments)
}

fn lines(path: &Path, text: &str, root: Option<&Path>) -> Result<(Vec<Line>, bool)> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| Error::input(path.display(), error.to_string()))?.clone();
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
    for record in reader.records() {
        let record = record.map_err(|error| Error::input(path.display(), error.to_string()))?;
        let number = record.position().map_or(0, |position| position.line() as usize);
        let bad = |problem: String| Error::input(path.display(), format!("line {number}: {problem}"));
        if record.len() != header.len() {
            return Err(bad(format!("{} fields; expected {} as in the header", record.len(), header.len())));
        }
        let field = |name: &str| column(name).map(|place| record[place].trim()).unwrap_or_default();
        let required = |name: &str| match field(name) {
            "" => Err(bad(format!("{name} is empty; expected a value"))),
            text => Ok(text.to_owned()),
        };
        let seconds = |name: &str| match field(name) {
            "" => Ok(None),
            text => text.parse::<f64>().map(Some).map_err(|_| bad(format!("{name} {text:?}; expected seconds"))),
        };
        let file = |name: &str| match field(name) {
            "" => None,
            text => Some(root.map_or_else(|| PathBuf::from(text), |root| root.join(text))),
        };
        let span = Span::new(seconds("start")?.unwrap_or(0.0), seconds("end")?).map_err(bad)?;
        let split = match field("split") {
            "" if column("split").is_none() => Split::Train,
            text => Split::from_name(text).ok_or_else(|| bad(format!("split {text:?}; expected train, val or test")))?,
        };
        let (flow_x, flow_y) = (file("flow_x_path"), file("flow_y_path"));
        if flow_x.is_some() != flow_y.is_some() {
            return Err(bad("one flow path without the other; expected both or none".into()));
        }
        required("path")?;
        let segment = Segment {
            split,
            audio_path: file("audio_path"),
            flow_paths: flow_x.zip(flow_y),
            ..Segment::new(required("id")?, file("path").unwrap_or_default(), span)
        };
        lines.push(Line { segment, label: required("label")?, domain: required("domain")?, number });
    }
    Ok((lines, column("split").is_some()))
}
