//! A store's `manifest.csv`: the segments in row order. Beside the columns that every table has there are those in which some row has something.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use csv::StringRecord;

use crate::manifest::{LabelSpace, Labels, Manifest, Numbers, Segment, Split, places, value};
use crate::modality::{self, Kind, Media};
use crate::span::Span;
use crate::{Error, Result};

/// A segment's own columns, in their order; those of its media follow ([`modality::columns`]).
pub const OWN: [&str; 12] =
    ["row", "id", "path", "start", "end", "label", "domain", "split", "start_frame", "stop_frame", "number_rate", "precut"];

/// How many of [`OWN`] every manifest has.
const ALWAYS: usize = 8;

/// A place in [`OWN`].
#[allow(missing_docs)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    Row,
    Id,
    Path,
    Start,
    End,
    Label,
    Domain,
    Split,
    StartFrame,
    StopFrame,
    NumberRate,
    Precut,
}

impl Own {
    /// As it stands in the first line.
    pub fn name(self) -> &'static str {
        OWN[self as usize]
    }
}

/// Where the columns of a table stand.
#[derive(Debug)]
pub struct Columns {
    own: [Option<usize>; OWN.len()],
    /// Those of media, those of a kind together, in the order of the table of kinds.
    media: Vec<(Kind, &'static modality::Column, usize)>,
}

impl Columns {
    /// # Errors
    /// A sentence that names a column which is unknown or stands twice, and says what was expected.
    pub fn of(header: &StringRecord) -> Result<Self, String> {
        let known = || OWN.into_iter().chain(modality::columns().map(|(_, column)| column.name));
        for (place, name) in header.iter().enumerate() {
            if !known().any(|known| known == name) {
                let known = known().collect::<Vec<_>>().join(", ");
                return Err(format!("unknown column {name:?}; expected some of {known}"));
            }
            if header.iter().take(place).any(|other| other == name) {
                return Err(format!("column {name:?} stands twice; expected it once"));
            }
        }
        let place = |name: &str| header.iter().position(|column| column == name);
        let media = modality::columns().filter_map(|(kind, column)| Some((kind, column, place(column.name)?)));
        Ok(Self { own: OWN.map(place), media: media.collect() })
    }

    /// Where a column stands.
    pub fn place(&self, column: Own) -> Option<usize> {
        self.own[column as usize]
    }
}

/// The table, classes and domains by name, values in digits that read back as the same `f32`.
///
/// # Errors
/// [`Error::Input`] for a path that is not UTF-8, and for labels that are not those of the rows or not finite.
pub fn to_csv(manifest: &Manifest) -> Result<Vec<u8>> {
    let fail = |error: csv::Error| Error::input("manifest.csv", error.to_string());
    if let Some(problem) = manifest.labels.problem(manifest.len()) {
        return Err(Error::input("manifest.csv", format!("label: {problem}")));
    }
    let any = |test: &dyn Fn(&Segment) -> bool| manifest.segments.iter().any(test);
    let numbers = any(&|segment| segment.extras.numbers.is_some());
    let used = [numbers, numbers, numbers, any(&|segment| segment.extras.precut)];
    let own: Vec<usize> = (ALWAYS..OWN.len()).zip(used).filter_map(|(place, used)| used.then_some(place)).collect();
    let says =
        |kind: Kind, column: &modality::Column| any(&|segment| segment.media(kind).is_some_and(|media| media.has(column.field)));
    let media: Vec<_> = modality::columns().filter(|(kind, column)| says(*kind, column)).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let names = OWN.into_iter().take(ALWAYS).chain(own.iter().map(|place| OWN[*place]));
    writer.write_record(names.chain(media.iter().map(|(_, column)| column.name))).map_err(fail)?;
    for (row, segment) in manifest.segments.iter().enumerate() {
        let path = segment.path.to_str();
        let path = path.ok_or_else(|| Error::input(segment.path.display(), "the path is not UTF-8; expected UTF-8"))?;
        let always = [
            row.to_string(),
            segment.id.clone(),
            path.to_owned(),
            segment.span.start.to_string(),
            segment.span.end.map_or_else(String::new, |end| end.to_string()),
            manifest.labels.text(row),
            manifest.domains[segment.domain].clone(),
            segment.split.name().to_owned(),
        ];
        always.iter().try_for_each(|field| writer.write_field(field)).map_err(fail)?;
        if !own.is_empty() {
            let mut fields = optional(segment);
            for place in &own {
                writer.write_field(fields[place - ALWAYS].take().unwrap_or_default()).map_err(fail)?;
            }
        }
        for (kind, column) in &media {
            writer.write_field(shown(segment, *kind, column)?.unwrap_or_default()).map_err(fail)?;
        }
        writer.write_record(None::<&[u8]>).map_err(fail)?;
    }
    writer.into_inner().map_err(|error| Error::input("manifest.csv", error.to_string()))
}

/// A segment's own fields that most have nothing in.
fn optional(segment: &Segment) -> [Option<String>; OWN.len() - ALWAYS] {
    let numbers = segment.extras.numbers;
    [
        numbers.map(|numbers| numbers.start.to_string()),
        numbers.map(|numbers| numbers.stop.to_string()),
        numbers.map(|numbers| numbers.rate.to_string()),
        segment.extras.precut.then(|| "yes".to_owned()),
    ]
}

fn shown(segment: &Segment, kind: Kind, column: &modality::Column) -> Result<Option<String>> {
    let shown = segment.media(kind).map_or(Ok(None), |media| media.shown(column.field));
    shown.map_err(|problem| Error::input(format!("row {:?}", segment.id), problem))
}

/// Reads it back from what stands in the file at `path`; `labels` and `domains` are those of `store.json`.
///
/// # Errors
/// [`Error::Integrity`] naming line and column.
pub fn read(path: &Path, bytes: &[u8], labels: &LabelSpace, domains: &[String]) -> Result<Manifest> {
    let mut reader = csv::Reader::from_reader(bytes);
    let fail = |problem: String| Error::integrity(path, problem);
    let header = reader.headers().map_err(|e| fail(e.to_string()))?;
    let columns = Columns::of(header).map_err(|problem| fail(format!("line 1: {problem}")))?;
    if let Some(missing) = OWN[..ALWAYS].iter().zip(columns.own).find_map(|(name, place)| place.is_none().then_some(name)) {
        return Err(fail(format!("line 1: no column {missing:?}; expected {}", OWN[..ALWAYS].join(","))));
    }
    let (places_of_classes, places_of_domains) = (places(labels.classes()), places(domains));
    let (mut classes, mut values) = (Vec::new(), Vec::new());
    let (mut segments, mut record) = (Vec::<Segment>::new(), StringRecord::new());
    while reader.read_record(&mut record).map_err(|e| fail(e.to_string()))? {
        let row = segments.len();
        let at = |problem: String| fail(format!("line {}: {problem}", row + 2));
        let text = |place: usize| &record[place];
        let field = |column: Own| columns.place(column).map_or("", text);
        let place = |names: &HashMap<&str, usize>, column: Own| {
            let found = names.get(field(column)).copied();
            found.ok_or_else(|| at(format!("{} {:?} is none that store.json has", column.name(), field(column))))
        };
        if field(Own::Row).parse() != Ok(row) {
            return Err(at(format!("row {:?}; expected {row}", field(Own::Row))));
        }
        match labels {
            LabelSpace::Classes(_) => classes.push(place(&places_of_classes, Own::Label)?),
            LabelSpace::Values { .. } => values.push(value(field(Own::Label)).map_err(at)?),
        }
        let domain = place(&places_of_domains, Own::Domain)?;
        segments.push(Segment { domain, ..segment(&columns, &text, None).map_err(at)? });
    }
    let labels = match labels {
        LabelSpace::Classes(names) => Labels::classes(names.clone(), classes),
        LabelSpace::Values { unit } => Labels::Values { unit: unit.clone(), of: values },
    };
    Ok(Manifest { labels, domains: domains.to_vec(), segments, test_set: None })
}

/// The segment of a line, its label and domain aside; `text` gives the text at a place of the line, `""` for none, and paths are below `root`. Where there is
/// no column of splits, it is in training.
///
/// # Errors
/// A sentence that names the column and says what was expected.
pub fn segment<'a>(columns: &Columns, text: &dyn Fn(usize) -> &'a str, root: Option<&Path>) -> Result<Segment, String> {
    let field = |column: Own| columns.place(column).map_or("", text);
    let seconds = |column: Own| match number::<f64>(&field, column, "seconds")? {
        // as it was typed, which may be a number that is too large
        Some(second) if !second.is_finite() => Err(format!("{} {:?}; expected seconds", column.name(), field(column))),
        second => Ok(second),
    };
    let span = Span::new(seconds(Own::Start)?.unwrap_or(0.0), seconds(Own::End)?)?;
    let split = columns.place(Own::Split).map_or(Split::Train.name(), text);
    let split = Split::from_name(split).ok_or_else(|| format!("split {split:?}; expected train, val or test"))?;
    let whole = "a whole number";
    let (first, stop) = (number(&field, Own::StartFrame, whole)?, number(&field, Own::StopFrame, whole)?);
    let numbers = match (first, stop, number::<f64>(&field, Own::NumberRate, "a number above 0")?) {
        (_, _, Some(rate)) if !(rate.is_finite() && rate > 0.0) => {
            return Err(format!("number_rate {rate}; expected a number above 0"));
        }
        (Some(start), Some(stop), Some(rate)) if start < stop => Some(Numbers { start, stop, rate }),
        (None, None, None) => None,
        _ => return Err("start_frame, stop_frame, number_rate; expected all with start before stop, or none".into()),
    };
    let precut = match field(Own::Precut) {
        "" | "no" => false,
        "yes" => true,
        text => return Err(format!("precut {text:?}; expected yes or nothing")),
    };
    let path = match field(Own::Path) {
        "" => PathBuf::new(),
        path => root.map_or_else(|| PathBuf::from(path), |root| root.join(path)),
    };
    let mut segment = Segment { split, ..Segment::new(field(Own::Id), path, span) };
    if numbers.is_some() || precut {
        (segment.extras.numbers, segment.extras.precut) = (numbers, precut);
    }
    for columns in columns.media.chunk_by(|(one, ..), (other, ..)| one == other) {
        if columns.iter().all(|(.., place)| text(*place).is_empty()) {
            continue;
        }
        let mut media = Media::new(columns[0].0);
        columns.iter().try_for_each(|(_, column, place)| media.read(column, text(*place), root))?;
        media.check()?;
        segment.set_media(media);
    }
    Ok(segment)
}

fn number<'a, T: FromStr>(field: &dyn Fn(Own) -> &'a str, column: Own, expected: &str) -> Result<Option<T>, String> {
    match field(column) {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| format!("{} {text:?}; expected {expected}", column.name())),
    }
}
