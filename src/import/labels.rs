//! Rows and their labels, from a CSV or from a `.npz`.

use std::collections::HashMap;
use std::path::Path;

use super::Settings;
use crate::dataset::{in_order, labelled};
use crate::manifest::{Manifest, Segment, Split, hold_out};
use crate::npy::Archive;
use crate::span::Span;
use crate::{Error, Result};

/// What the rows are.
pub(super) struct Labels {
    pub manifest: Manifest,
    /// Places in the table of labels, by id.
    pub places: HashMap<String, u64>,
}

impl Labels {
    pub fn read(settings: &Settings) -> Result<Self> {
        let archive = |path: &Path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz"));
        let first = settings.modalities.iter().map(|modality| modality.path.as_path()).find(|path| archive(path));
        let (manifest, ids) = match (settings.labels.as_deref(), first) {
            (Some(path), _) | (None, Some(path)) if archive(path) => in_archive(path, settings.split_seed)?,
            (Some(path), _) => labelled(path, settings.split_seed)?,
            (None, _) => {
                return Err(Error::Usage(
                    "no --labels; expected a CSV of id,label,domain, or a .npz with labels and domains".into(),
                ));
            }
        };
        Ok(Self { manifest, places: ids.into_iter().zip(0..).collect() })
    }
}

/// The arrays `labels` and `domains` (names, or numbers that are places in `class_names` and `domain_names` where there are such), and what else `export`
/// writes: `ids`, `splits`, `paths`, `starts`, `ends`.
fn in_archive(path: &Path, split_seed: u64) -> Result<(Manifest, Vec<String>)> {
    let mut archive = Archive::open(path)?;
    let mut texts = |name: &str| archive.array(name)?.map(|array| array.texts()).transpose();
    let fail = |problem: String| Error::input(path.display(), problem);
    let (labels, domains) = (texts("labels")?, texts("domains")?);
    let (Some(labels), Some(domains)) = (labels, domains) else {
        return Err(fail("no arrays `labels` and `domains`; expected them, or --labels with a CSV".into()));
    };
    let count = labels.len();
    let width = count.saturating_sub(1).to_string().len();
    let ids = texts("ids")?.unwrap_or_else(|| (0..count).map(|row| format!("{row:0width$}")).collect());
    let (splits, paths) = (texts("splits")?, texts("paths")?);
    let (class_names, domain_names) = (texts("class_names")?, texts("domain_names")?);
    let mut seconds = |name: &str| -> Result<Option<Vec<f64>>> {
        let Some(array) = archive.array(name)? else { return Ok(None) };
        let one = |row| Ok(array.numbers(row)?.first().copied().unwrap_or_default());
        (0..array.rows()).map(one).collect::<Result<_>>().map(Some)
    };
    let (starts, ends) = (seconds("starts")?, seconds("ends")?);
    let lengths = [
        ("domains", Some(domains.len())),
        ("ids", Some(ids.len())),
        ("splits", splits.as_ref().map(Vec::len)),
        ("paths", paths.as_ref().map(Vec::len)),
        ("starts", starts.as_ref().map(Vec::len)),
        ("ends", ends.as_ref().map(Vec::len)),
    ];
    if let Some((name, length)) =
        lengths.into_iter().find_map(|(name, length)| Some((name, length.filter(|length| *length != count)?)))
    {
        return Err(fail(format!("{length} {name} for {count} labels; expected as many")));
    }
    let (classes, labels) = named(labels, class_names, "label").map_err(fail)?;
    let (domain_names, domains) = named(domains, domain_names, "domain").map_err(fail)?;
    let mut segments = Vec::with_capacity(count);
    for (row, id) in ids.iter().enumerate() {
        let second = |list: &Option<Vec<f64>>| list.as_ref().map(|list| list[row]);
        let span = Span::new(second(&starts).unwrap_or(0.0), second(&ends).filter(|end| !end.is_nan()));
        let span = span.map_err(|problem| fail(format!("row {row}: {problem}")))?;
        let split = splits.as_ref().map_or(Some(Split::Train), |splits| Split::from_name(&splits[row]));
        let split = split.ok_or_else(|| fail(format!("row {row}: a split that is none; expected train, val or test")))?;
        let media = paths.as_ref().map_or(id, |paths| &paths[row]);
        segments.push(Segment { label: labels[row], domain: domains[row], split, ..Segment::new(id.clone(), media, span) });
    }
    if splits.is_none() {
        hold_out(&mut segments, split_seed);
    }
    Ok((Manifest::new(&path.display().to_string(), classes, domain_names, segments)?, ids))
}

/// Names in order, and the place of each row's. Numbers are places where there is a list of names.
fn named(rows: Vec<String>, names: Option<Vec<String>>, what: &str) -> Result<(Vec<String>, Vec<usize>), String> {
    let places = |names: &[String]| -> HashMap<String, usize> { names.iter().cloned().zip(0..).collect() };
    let Some(names) = names else {
        let names = in_order(rows.iter().cloned());
        let known = places(&names);
        let rows = rows.iter().map(|name| known[name]).collect();
        return Ok((names, rows));
    };
    let known = places(&names);
    let place = |name: &String| {
        let number = name.parse::<usize>().ok().filter(|place| *place < names.len());
        known.get(name).copied().or(number).ok_or_else(|| format!("{what} {name:?}; expected a place in {} names", names.len()))
    };
    let rows = rows.iter().map(place).collect::<Result<_, _>>()?;
    Ok((names, rows))
}
