//! Any table: a CSV with a header, `id,path,start,end,label,domain` and optionally `split`, `audio_path`, `flow_x_path`, `flow_y_path`;
//! for extracted frames `frame_rate` and `flow_rate`, for stretches in frame numbers `start_frame`, `stop_frame` and `number_rate`, for clips
//! cut out beforehand `precut` (`yes`), for sound in HDF5 `audio_key` and `audio_rate`, for recordings of several tracks `audio_track` and `video_track`. A store's `manifest.csv` is such a table.

use std::path::Path;

use super::{Draft, Findings, Records, Settings, names};
use crate::error::few;
use crate::manifest::{Manifest, Occurring, Segment, Split, hold_out, sort};
use crate::store::manifest_csv::{self, COLUMNS, Column};
use crate::{Error, Result};

const REQUIRED: [Column; 6] = [Column::Id, Column::Path, Column::Start, Column::End, Column::Label, Column::Domain];

/// The rows of a table; labels and domains are places among those that occur.
struct Lines {
    segments: Vec<Segment>,
    /// The line of each.
    numbers: Vec<usize>,
    labels: Occurring,
    domains: Occurring,
    has_split: bool,
}

pub(super) fn read(settings: &Settings, findings: &mut Findings) -> Result<Draft> {
    let path = settings.table.as_ref().ok_or_else(|| Error::input("[data]", "table is not set; expected a CSV file"))?;
    if let Some(root) = &settings.root
        && !root.is_dir()
    {
        return Err(Error::input(root.display(), "no such folder; expected the root of the table's paths"));
    }
    let Lines { mut segments, numbers, labels, domains: of_lines, has_split } =
        lines(path, settings.root.as_deref(), &REQUIRED, findings)?;
    let classes = names(settings.classes.as_ref(), labels.names());
    let domains = names(settings.domains.as_ref(), of_lines.names());
    let (label_of, domain_of, labels) = (labels.places_in(&classes), of_lines.places_in(&domains), labels.into_names());
    let (mut numbers, mut left_out) = (numbers.into_iter(), 0);
    segments.retain_mut(|segment| {
        let number = numbers.next().unwrap_or_default();
        // domains that were not asked for are left out; a class that was not is a mistake
        match (domain_of[segment.domain], label_of[segment.label]) {
            (Some(domain), Some(label)) => (segment.domain, segment.label) = (domain, label),
            (None, _) => {
                left_out += 1;
                return false;
            }
            (Some(_), None) => {
                let problem = format!("line {number}: label {:?}; expected one of {}", labels[segment.label], few(&classes));
                findings.faults.push(Error::input(path.display(), problem));
                return false;
            }
        }
        true
    });
    if left_out > 0 {
        findings.notes.push(format!("{left_out} rows left out by their domain"));
    }
    if !has_split {
        // in the manifest's order it is found faster which files there are
        sort(&mut segments);
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
    let Lines { mut segments, labels, domains: of_lines, has_split, .. } = read?;
    if let Some(fault) = findings.faults.into_iter().next() {
        return Err(fault);
    }
    let (classes, domains) = (names(None, labels.names()), names(None, of_lines.names()));
    let (label_of, domain_of) = (labels.places_in(&classes), of_lines.places_in(&domains));
    for segment in &mut segments {
        segment.label = label_of[segment.label].unwrap_or_default();
        segment.domain = domain_of[segment.domain].unwrap_or_default();
    }
    if !has_split {
        hold_out(&mut segments, split_seed);
    }
    let ids = segments.iter().map(|segment| segment.id.clone()).collect();
    Ok((Manifest::new(&path.display().to_string(), classes, domains, segments)?, ids))
}

fn lines(path: &Path, root: Option<&Path>, required: &[Column], findings: &mut Findings) -> Result<Lines> {
    let mut records = Records::open(path, true)?;
    let header = records.header();
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
    let (labels, domains) = (Occurring::default(), Occurring::default());
    let mut lines = Lines { segments: Vec::new(), numbers: Vec::new(), labels, domains, has_split };
    let (mut record, mut shapes, mut values) = (csv::StringRecord::new(), Findings::default(), Findings::default());
    while let Some(number) = records.next(&mut record, &mut shapes)? {
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
        let segment = segment.map_err(|problem| Error::input(path.display(), format!("line {number}: {problem}")));
        let Some(segment) = values.part(segment) else { continue };
        let label = lines.labels.place(written(Column::Label));
        let domain = lines.domains.place(written(Column::Domain));
        lines.segments.push(Segment { label, domain, ..segment });
        lines.numbers.push(number);
    }
    findings.faults.extend(shapes.faults.into_iter().chain(values.faults));
    Ok(lines)
}
