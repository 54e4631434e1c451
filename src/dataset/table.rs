//! Any table: a CSV with a header, `id,path,start,end,label,domain` and optionally `split`, `audio_path`, `flow_x_path`, `flow_y_path`;
//! for extracted frames `frame_rate` and `flow_rate`, for stretches in frame numbers `start_frame`, `stop_frame` and `number_rate`, for clips
//! cut out beforehand `precut` (`yes`), for sound in HDF5 `audio_key` and `audio_rate`, for recordings of several tracks `audio_track` and `video_track`. A store's `manifest.csv` is such a table.

use std::path::Path;

use super::{Draft, Findings, Settings, names, records};
use crate::error::few;
use crate::manifest::{Manifest, Segment, Split, hold_out};
use crate::store::manifest_csv::{self, COLUMNS, Column};
use crate::{Error, Result};

const REQUIRED: [Column; 6] = [Column::Id, Column::Path, Column::Start, Column::End, Column::Label, Column::Domain];

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
    let (lines, has_split) = lines(path, settings.root.as_deref(), &REQUIRED, findings)?;
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
                let problem = format!("line {}: label {:?}; expected one of {}", line.number, line.label, few(&classes));
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

/// The rows of a table that need not name media, for what was made of it elsewhere: only `id`, `label` and `domain` are required, and the path of a row
/// without one is its id. Also the ids in the order of the lines.
///
/// # Errors
/// [`Error::Input`] naming file, line and what was expected.
pub fn labelled(path: &Path, split_seed: u64) -> Result<(Manifest, Vec<String>)> {
    let mut findings = Findings::default();
    let read = lines(path, None, &[Column::Id, Column::Label, Column::Domain], &mut findings);
    let (lines, has_split) = read?;
    if let Some(fault) = findings.faults.into_iter().next() {
        return Err(fault);
    }
    let classes = names(None, lines.iter().map(|line| line.label.clone()));
    let domains = names(None, lines.iter().map(|line| line.domain.clone()));
    let place = |names: &[String], name: &String| names.iter().position(|known| known == name).unwrap_or_default();
    let mut segments: Vec<Segment> = lines
        .into_iter()
        .map(|line| Segment { label: place(&classes, &line.label), domain: place(&domains, &line.domain), ..line.segment })
        .collect();
    if !has_split {
        hold_out(&mut segments, split_seed);
    }
    let ids = segments.iter().map(|segment| segment.id.clone()).collect();
    Ok((Manifest::new(&path.display().to_string(), classes, domains, segments)?, ids))
}

fn lines(path: &Path, root: Option<&Path>, required: &[Column], findings: &mut Findings) -> Result<(Vec<Line>, bool)> {
    let (header, records) = records(path, true, findings)?;
    if let Some(name) = header.iter().find(|name| !COLUMNS.contains(name)) {
        let known = COLUMNS.join(", ");
        return Err(Error::input(path.display(), format!("line 1: unknown column {name:?}; expected some of {known}")));
    }
    let places = COLUMNS.map(|name| header.iter().position(|column| column == name));
    if let Some(missing) = required.iter().find(|column| places[**column as usize].is_none()) {
        let expected = required.iter().map(|column| column.name()).collect::<Vec<_>>().join(",");
        return Err(Error::input(path.display(), format!("line 1: no column {:?}; expected {expected}", missing.name())));
    }
    let has_split = places[Column::Split as usize].is_some();
    let mut lines = Vec::new();
    for (number, record) in records {
        let written = |column: Column| places[column as usize].map(|place| record[place].trim()).unwrap_or_default();
        let field = |column: Column| match column {
            Column::Split if !has_split => Split::Train.name(),
            Column::Path if !required.contains(&column) && written(column).is_empty() => written(Column::Id),
            _ => written(column),
        };
        let named = [Column::Path, Column::Id, Column::Label, Column::Domain];
        let segment = match named.into_iter().find(|column| field(*column).is_empty()) {
            Some(empty) => Err(format!("{} is empty; expected a value", empty.name())),
            None => manifest_csv::segment(&field, root),
        };
        let (label, domain) = (written(Column::Label).to_owned(), written(Column::Domain).to_owned());
        let line = segment.map(|segment| Line { segment, label, domain, number });
        lines.extend(findings.part(line.map_err(|problem| Error::input(path.display(), format!("line {number}: {problem}")))));
    }
    Ok((lines, has_split))
}
