//! Any table: a CSV with a header, `id,path,start,end,label,domain` and optionally `split`, for stretches in frame numbers `start_frame`, `stop_frame` and
//! `number_rate`, for clips cut out beforehand `precut` (`yes`), and the columns of kinds ([`crate::modality::columns`]). Labels are classes, or numbers where
//! `values` says their unit. A store's `manifest.csv` is such a table.

use std::collections::HashMap;
use std::path::Path;

use super::{DatasetSettings, Draft, Findings, Records, names};
use crate::error::few;
use crate::manifest::{Labels, Manifest, Occurring, Segment, hold_out, sort, value};
use crate::store::manifest_csv::{self, Columns, Own};
use crate::{Error, Result};

const REQUIRED: [Own; 6] = [Own::Id, Own::Path, Own::Start, Own::End, Own::Label, Own::Domain];

/// The rows of a table; domains are places among those that occur.
struct Lines {
    segments: Vec<Segment>,
    /// The line of each.
    numbers: Vec<usize>,
    labels: Written,
    domains: Occurring,
    has_split: bool,
}

/// Labels as lines have them.
enum Written {
    /// Classes: places among those that occur.
    Classes(Occurring, Vec<usize>),
    Values(String, Vec<f32>),
}

impl Written {
    fn new(unit: Option<&str>) -> Self {
        unit.map_or_else(|| Self::Classes(Occurring::default(), Vec::new()), |unit| Self::Values(unit.to_owned(), Vec::new()))
    }

    fn add(&mut self, text: &str) -> std::result::Result<(), String> {
        match self {
            Self::Classes(known, of) => of.push(known.place(text)),
            Self::Values(_, of) => of.push(value(text)?),
        }
        Ok(())
    }

    /// With the classes asked for, else those that occur; and by row, the name of a class that is none of them.
    fn among(self, asked: Option<&Vec<String>>) -> (Labels, HashMap<usize, String>) {
        let (known, of) = match self {
            Self::Classes(known, of) => (known, of),
            Self::Values(unit, of) => return (Labels::Values { unit, of }, HashMap::new()),
        };
        let classes = names(asked, known.names());
        let (places, known) = (known.places_in(&classes), known.into_names());
        let unknown = of.iter().enumerate().filter(|(_, written)| places[**written].is_none());
        let unknown = unknown.map(|(row, &written)| (row, known[written].clone())).collect();
        (Labels::classes(classes, of.into_iter().map(|written| places[written].unwrap_or_default())), unknown)
    }
}

pub(super) fn read(settings: &DatasetSettings, findings: &mut Findings) -> Result<Draft> {
    if settings.classes.is_some() && settings.values.is_some() {
        return Err(Error::input("[data]", "classes and values; expected one of them"));
    }
    let path = settings.table.as_ref().ok_or_else(|| Error::input("[data]", "table is not set; expected a CSV file"))?;
    if let Some(root) = &settings.root
        && !root.is_dir()
    {
        return Err(Error::input(root.display(), "no such folder; expected the root of the table's paths"));
    }
    let Lines { mut segments, numbers, labels, domains: of_lines, has_split } =
        lines(path, settings.root.as_deref(), &REQUIRED, settings.values.as_deref(), findings)?;
    let domains = names(settings.domains.as_ref(), of_lines.names());
    let domain_of = of_lines.places_in(&domains);
    let (labels, unknown) = labels.among(settings.classes.as_ref());
    let (mut rows, mut kept, mut left_out) = (numbers.into_iter().enumerate(), Vec::with_capacity(segments.len()), 0);
    segments.retain_mut(|segment| {
        let (row, number) = rows.next().unwrap_or_default();
        // domains that were not asked for are left out; a class that was not is a mistake
        match (domain_of[segment.domain], unknown.get(&row)) {
            (Some(domain), None) => segment.domain = domain,
            (None, _) => {
                left_out += 1;
                return false;
            }
            (Some(_), Some(class)) => {
                let problem = format!("line {number}: label {class:?}; expected one of {}", few(labels.names()));
                findings.faults.push(Error::input(path.display(), problem));
                return false;
            }
        }
        kept.push(row);
        true
    });
    let mut labels = labels.of_rows(&kept);
    if left_out > 0 {
        findings.notes.push(format!("{left_out} rows left out by their domain"));
    }
    if !has_split {
        // in the manifest's order it is found faster which files there are
        sort(&mut segments, &mut labels);
        hold_out(&mut segments, settings.split_seed);
    }
    Ok(Draft { place: path.display().to_string(), labels, domains, segments, test_set: None })
}

/// The rows of a table that need not name media, for what was made of it elsewhere: only `id`, `label` and `domain` are required, and the path of a row
/// without one is its id. Labels are classes, or values in `unit`. Also the ids in the order of the lines.
///
/// # Errors
/// [`Error::Input`] naming file, line and what was expected.
pub fn labelled(path: &Path, unit: Option<&str>, split_seed: u64) -> Result<(Manifest, Vec<String>)> {
    let mut findings = Findings::default();
    let read = lines(path, None, &[Own::Id, Own::Label, Own::Domain], unit, &mut findings);
    let Lines { mut segments, labels, domains: of_lines, has_split, .. } = read?;
    if let Some(fault) = findings.faults.into_iter().next() {
        return Err(fault);
    }
    let ((labels, _), domains) = (labels.among(None), names(None, of_lines.names()));
    let domain_of = of_lines.places_in(&domains);
    for segment in &mut segments {
        segment.domain = domain_of[segment.domain].unwrap_or_default();
    }
    if !has_split {
        hold_out(&mut segments, split_seed);
    }
    let ids = segments.iter().map(|segment| segment.id.clone()).collect();
    Ok((Manifest::new(&path.display().to_string(), labels, domains, segments)?, ids))
}

fn lines(path: &Path, root: Option<&Path>, required: &[Own], unit: Option<&str>, findings: &mut Findings) -> Result<Lines> {
    let mut records = Records::open(path, true)?;
    let at_top = |problem| Error::input(path.display(), format!("line 1: {problem}"));
    let columns = Columns::of(records.header()).map_err(at_top)?;
    if let Some(missing) = required.iter().find(|column| columns.place(**column).is_none()) {
        let expected = required.iter().map(|column| column.name()).collect::<Vec<_>>().join(",");
        return Err(at_top(format!("no column {:?}; expected {expected}", missing.name())));
    }
    let has_split = columns.place(Own::Split).is_some();
    let (labels, domains) = (Written::new(unit), Occurring::default());
    let mut lines = Lines { segments: Vec::new(), numbers: Vec::new(), labels, domains, has_split };
    let (mut record, mut shapes, mut values) = (csv::StringRecord::new(), Findings::default(), Findings::default());
    while let Some(number) = records.next(&mut record, &mut shapes)? {
        let text = |place: usize| record[place].trim();
        let field = |column: Own| columns.place(column).map_or("", text);
        let named = [Own::Path, Own::Id, Own::Label, Own::Domain].into_iter();
        let segment = match named.filter(|column| required.contains(column)).find(|column| field(*column).is_empty()) {
            Some(empty) => Err(format!("{} is empty; expected a value", empty.name())),
            None => manifest_csv::segment(&columns, &text, root)
                .and_then(|segment| lines.labels.add(field(Own::Label)).map(|()| segment)),
        };
        let segment = segment.map_err(|problem| Error::input(path.display(), format!("line {number}: {problem}")));
        let Some(mut segment) = values.part(segment) else { continue };
        if segment.path.as_os_str().is_empty() {
            segment.path = field(Own::Id).into();
        }
        let domain = lines.domains.place(field(Own::Domain));
        lines.segments.push(Segment { domain, ..segment });
        lines.numbers.push(number);
    }
    findings.faults.extend(shapes.faults.into_iter().chain(values.faults));
    Ok(lines)
}
