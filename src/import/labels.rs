//! Rows and their labels, from a CSV or from a file of arrays.

use std::collections::HashMap;
use std::path::Path;

use super::ImportSettings;
use super::names::named;
use super::opened;
use super::sheet::Sheet;
use crate::dataset::labelled;
use crate::manifest::{Labels, Manifest, Segment, Split, Words, hold_out};
use crate::span::Span;
use crate::{Error, Result};

/// The rows with their labels.
pub(super) struct Labelled {
    pub manifest: Manifest,
    /// Places in the table of labels, by id.
    pub places: HashMap<String, u64>,
}

impl Labelled {
    pub fn read(settings: &ImportSettings) -> Result<Self> {
        let unit = settings.values.as_deref();
        let of = |path: &Path| Ok(opened::open(path, unit.is_some())?.map(|sheet| (path.to_owned(), sheet)));
        let sheet = match &settings.labels {
            Some(path) => of(path)?,
            None => {
                let mut sheets = settings.modalities.iter().map(|modality| of(&modality.path));
                sheets.find_map(Result::transpose).transpose()?
            }
        };
        let (manifest, ids) = match (sheet, &settings.labels) {
            (Some((path, sheet)), _) => of_sheet(&path, sheet, settings)?,
            (None, Some(path)) => labelled(path, unit, settings.split_seed)?,
            (None, None) => {
                let expected = "expected a CSV of id,label,domain, or a .npz, .parquet or .safetensors with labels and domains";
                return Err(Error::Usage(format!("no --labels; {expected}")));
            }
        };
        Ok(Self { manifest, places: ids.into_iter().zip(0..).collect() })
    }
}

/// The rows of a file of arrays, and their ids in its order. Those that `export` wrote keep that order, and classes and domains that no row has.
fn of_sheet(path: &Path, mut sheet: Sheet, settings: &ImportSettings) -> Result<(Manifest, Vec<String>)> {
    let fail = |problem: String| Error::input(path.display(), problem);
    let labels = labels(&mut sheet, settings.values.as_deref()).map_err(fail)?;
    let (Some(labels), Some(domains)) = (labels, sheet.domains) else {
        return Err(fail("no `labels` and `domains` in it; expected them, or --labels with a CSV".into()));
    };
    let count = labels.len();
    if count == 0 {
        return Err(fail("no rows; expected at least one".into()));
    }
    let lengths = [
        ("domains", Some(domains.len())),
        ("ids", sheet.ids.as_ref().map(Words::len)),
        ("splits", sheet.splits.as_ref().map(Words::len)),
        ("paths", sheet.paths.as_ref().map(Words::len)),
        ("starts", sheet.starts.as_ref().map(Vec::len)),
        ("ends", sheet.ends.as_ref().map(Vec::len)),
    ];
    if let Some((name, length)) =
        lengths.into_iter().find_map(|(name, length)| Some((name, length.filter(|length| *length != count)?)))
    {
        return Err(fail(format!("{length} {name} for {count} labels; expected as many")));
    }
    let exported = lengths.iter().all(|(_, length)| length.is_some());
    let width = count.saturating_sub(1).to_string().len();
    let counted = || (0..count).map(|row| format!("{row:0width$}")).collect();
    let ids = sheet.ids.map_or_else(counted, Words::into_texts);
    let (splits, paths) = (sheet.splits.map(Words::into_texts), sheet.paths.map(Words::into_texts));
    let (domain_names, domains) = named(domains, sheet.domain_names, "domain").map_err(fail)?;
    let mut segments = Vec::with_capacity(count);
    for (row, id) in ids.iter().enumerate() {
        let second = |list: &Option<Vec<f64>>| list.as_ref().map(|list| list[row]);
        let span = Span::new(second(&sheet.starts).unwrap_or(0.0), second(&sheet.ends).filter(|end| !end.is_nan()));
        let span = span.map_err(|problem| fail(format!("row {row}: {problem}")))?;
        let split = splits.as_ref().map_or(Some(Split::Train), |splits| Split::from_name(&splits[row]));
        let split = split.ok_or_else(|| fail(format!("row {row}: a split that is none; expected train, val or test")))?;
        let media = paths.as_ref().map_or(id, |paths| &paths[row]);
        segments.push(Segment { domain: domains[row], split, ..Segment::new(id.clone(), media, span) });
    }
    if splits.is_none() {
        hold_out(&mut segments, settings.split_seed);
    }
    let manifest = match exported {
        true => Manifest { labels, domains: domain_names, segments, test_set: None },
        false => Manifest::sorted(labels, domain_names, segments),
    };
    match manifest.doubles().into_iter().next() {
        Some(problem) => Err(fail(problem)),
        None => Ok((manifest, ids)),
    }
}

/// The labels of a file of arrays, where it has some: values in the unit that was asked for or that it states, else classes.
fn labels(sheet: &mut Sheet, unit: Option<&str>) -> Result<Option<Labels>, String> {
    let stated = sheet.label_unit.take().map(Words::into_texts).and_then(|texts| texts.into_iter().next());
    if let (Some(asked), Some(stated)) = (unit, &stated)
        && asked != stated
    {
        return Err(format!("its labels are in {stated:?}; --values says {asked:?}, expected the same"));
    }
    let Some(unit) = unit.map(str::to_owned).or(stated) else {
        let Some(labels) = sheet.labels.take() else { return Ok(None) };
        let (names, places) = named(labels, sheet.class_names.take(), "class")?;
        return Ok(Some(Labels::classes(names, places)));
    };
    if sheet.class_names.is_some() {
        return Err("its labels are classes, with their names; expected values, or no --values".into());
    }
    let Some(values) = sheet.values.take() else { return Ok(None) };
    let labels = Labels::Values { unit, of: values.into_iter().map(|value| value as f32).collect() };
    match labels.problem(labels.len()) {
        Some(problem) => Err(format!("labels: {problem}")),
        None => Ok(Some(labels)),
    }
}
