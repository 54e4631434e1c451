//! The verb `import`: features made elsewhere, as a store.

mod labels;
mod settings;
mod source;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use serde_json::{Value, json};

use crate::error::{Code, Failure};
use crate::sample::{Data, Dtype, Made, Row};
use crate::stop::Stop;
use crate::store::writer::Summary;
use crate::store::{ModalityHeader, Plan, Writer};
use crate::{Error, Result};
use labels::Labels;
pub use settings::{ModalitySource, Reduce, Settings};
use source::{Found, Source};

/// Makes a store at `out` of the files that `settings` name. `progress` is told samples that are there, and samples in all.
///
/// Every value is looked at before anything is written. Rows that a modality's files lack are `absent`: listed, not counted as failures.
///
/// # Errors
/// [`Error::Input`] for labels and files that do not fit (naming file, id and element) and for a folder that holds something else; [`Error::Busy`];
/// [`Error::Io`]; [`Error::Interrupted`].
pub fn import(out: &Path, settings: &Settings, stop: &Stop, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Summary> {
    if settings.modalities.is_empty() {
        return Err(Error::Usage("no --modality; expected at least one, such as video=features.npy".into()));
    }
    let labels = Labels::read(settings)?;
    let mut parts = Vec::new();
    for modality in &settings.modalities {
        let source = Source::open(modality, &labels)?;
        let extra: Vec<&str> = source.extra(&labels);
        if let (Some(first), false) = (extra.first(), settings.ignore_extra) {
            let problem =
                format!("{} ids that have no label, the first {first:?}; expected none, or --ignore-extra", extra.len());
            return Err(Error::input(source.place(), problem));
        }
        let (header, there) = survey(modality, &source, settings, &labels, stop)?;
        parts.push(Part { header, source, there });
    }
    let recipe = recipe(settings, &labels, &parts)?;
    let modalities: Vec<ModalityHeader> = parts.iter().map(|part| part.header.clone()).collect();
    let shard_bytes = settings.shard_mib.map(|mib| mib << 20);
    let plan = Plan { holds: "features", manifest: labels.manifest, modalities, recipe, shard_bytes };
    let writer = Writer::open(out, &plan)?;
    let total = plan.manifest.len() * parts.len();
    let done = AtomicUsize::new(0);
    let shards: Vec<(usize, u64)> = (0..parts.len()).flat_map(|m| (0..writer.shards()).map(move |shard| (m, shard))).collect();
    shards.par_iter().try_for_each(|&(place, shard)| {
        let (part, [first, end]) = (&parts[place], writer.rows(shard));
        if !writer.has(place, shard)? {
            let to = writer.shard(place, shard)?;
            for row in first..end {
                stop.check()?;
                to.write(row, part.row(row as usize, &plan.manifest.segments[row as usize], settings)?.as_ref())?;
            }
            if let Some(note) = to.first_failure() {
                return Err(Error::input(part.source.place(), format!("{:?}: {}", note.id, note.message)));
            }
            to.commit()?;
        }
        let rows = (end - first) as usize;
        progress(done.fetch_add(rows, Ordering::Relaxed) + rows, total);
        Ok(())
    })?;
    writer.finish()
}

/// One modality that is going to be.
struct Part {
    header: ModalityHeader,
    source: Source,
    /// By row.
    there: Vec<bool>,
}

impl Part {
    fn row(&self, row: usize, segment: &crate::manifest::Segment, settings: &Settings) -> Result<Result<Row, Failure>> {
        let absent = || Failure { code: Code::Absent, message: format!("not in {}", self.source.name()) };
        let found = if self.there[row] { self.source.row(segment)? } else { None };
        let Some(found) = found else { return Ok(Err(absent())) };
        let span = found.span.unwrap_or([segment.span.start, segment.span.end.unwrap_or(segment.span.start)]);
        let values: Vec<f32> = reduced(found, settings.reduce).1.into_iter().map(|value| value as f32).collect();
        if values.len() as u64 != self.header.row_elements() {
            return Err(Error::input(self.source.place(), format!("{:?} has changed while it was read", segment.id)));
        }
        let made = Made { span, times: Vec::new(), made_by: "import".into(), partial: None };
        Ok(Ok(Row { data: Data::F32(values), made }))
    }
}

/// Looks at every row of a modality: what all of them are, and which are there.
fn survey(
    modality: &ModalitySource,
    source: &Source,
    settings: &Settings,
    labels: &Labels,
    stop: &Stop,
) -> Result<(ModalityHeader, Vec<bool>)> {
    let segments = &labels.manifest.segments;
    let look = |segment| -> Result<Option<Look>> {
        stop.check()?;
        let Some(found) = source.row(segment)? else { return Ok(None) };
        let fail = |problem: String| Error::input(&found.place, format!("{:?}: {problem}", segment.id));
        if let Some(element) = found.values.iter().position(|value| !value.is_finite()) {
            return Err(fail(format!("element {element} is {:?}; expected finite values", found.values[element])));
        }
        if found.span.is_some_and(|span| !span.iter().all(|second| second.is_finite())) {
            return Err(fail(format!("span {:?}; expected seconds", found.span.unwrap_or_default())));
        }
        let (dtype, before) = (found.dtype, found.shape.clone());
        let place = found.place.clone();
        let (shape, values) = reduced(found, settings.reduce);
        let largest = if settings.dtype.unwrap_or(dtype) == Dtype::F16 { f64::from(half::f16::MAX) } else { f64::from(f32::MAX) };
        let narrow =
            |value: f64| if largest < 1e6 { half::f16::from_f32(value as f32).is_finite() } else { (value as f32).is_finite() };
        if let Some(element) = values.iter().position(|&value| !narrow(value)) {
            let problem =
                format!("{:?}: element {element} is {:?}; expected -{largest:?} to {largest:?}", segment.id, values[element]);
            return Err(Error::input(place, problem));
        }
        Ok(Some(Look { before, shape, dtype, place }))
    };
    let looks = segments.par_iter().map(look).collect::<Vec<_>>();
    // what is wrong with one is mostly wrong with many
    let wrong = looks.iter().filter(|look| look.is_err()).count();
    let mut rows = Vec::with_capacity(looks.len());
    for look in looks {
        rows.push(look.map_err(|error| match error {
            Error::Input { input, problem } if wrong > 1 => {
                Error::input(input, format!("{problem} (and {} more rows)", wrong - 1))
            }
            error => error,
        })?);
    }
    let Some((first, id)) = rows.iter().zip(segments).find_map(|(look, segment)| Some((look.as_ref()?, &segment.id))) else {
        return Err(Error::input(
            source.place(),
            format!("none of the {} rows is in it; the first would be {:?}", segments.len(), segments[0].id),
        ));
    };
    for (look, segment) in rows.iter().zip(segments) {
        if let Some(look) = look.as_ref().filter(|look| look.shape != first.shape) {
            let hint = match (settings.reduce, look.before.len() > 1) {
                (None, true) => ", or --reduce mean, max or first over the first dimension",
                _ => "",
            };
            let problem = format!(
                "{:?}: shape {:?}, but that of {id:?} is {:?}; expected one shape{hint}",
                segment.id, look.shape, first.shape
            );
            return Err(Error::input(&look.place, problem));
        }
    }
    let all_halves = rows.iter().flatten().all(|look| look.dtype == Dtype::F16);
    let header = ModalityHeader {
        name: modality.name.clone(),
        kind: modality.kind,
        dtype: settings.dtype.unwrap_or(if all_halves { Dtype::F16 } else { Dtype::F32 }),
        shape: first.shape.clone(),
        times: 0,
        views: None,
        jpeg: None,
    };
    header.check().map_err(|problem| Error::input(format!("modality {:?}", header.name), problem))?;
    Ok((header, rows.iter().map(Option::is_some).collect()))
}

/// What is kept of a row that was looked at.
struct Look {
    before: Vec<u64>,
    shape: Vec<u64>,
    dtype: Dtype,
    place: String,
}

/// The row with its first dimension reduced, where it has more than one and that is asked for.
fn reduced(found: Found, reduce: Option<Reduce>) -> (Vec<u64>, Vec<f64>) {
    let (shape, mut values) = (found.shape, found.values);
    match (reduce, shape.as_slice()) {
        (_, []) => (vec![1], values),
        (Some(reduce), [steps, inner @ ..]) if !inner.is_empty() => {
            let width = inner.iter().product::<u64>() as usize;
            let mut rows = values.chunks_exact(width);
            let mut kept = rows.next().map(<[f64]>::to_vec).unwrap_or_default();
            for row in rows {
                for (kept, value) in kept.iter_mut().zip(row) {
                    match reduce {
                        Reduce::Mean => *kept += value,
                        Reduce::Max => *kept = kept.max(*value),
                        Reduce::First => {}
                    }
                }
            }
            if reduce == Reduce::Mean {
                kept.iter_mut().for_each(|value| *value /= *steps as f64);
            }
            values = kept;
            (inner.to_vec(), values)
        }
        _ => (shape, values),
    }
}

/// What shaped the store: how, and of which bytes. Names of files are no part of it.
fn recipe(settings: &Settings, labels: &Labels, parts: &[Part]) -> Result<Value> {
    let mut sources: BTreeMap<String, Value> = BTreeMap::new();
    let mut modalities: BTreeMap<&str, Value> = BTreeMap::new();
    for part in parts {
        let used = labels.manifest.segments.iter().zip(&part.there).filter(|(_, there)| **there).map(|(segment, _)| segment);
        let source = json!({"modality": part.header.name, "blake3": part.source.hash(used)?});
        sources.insert(source.to_string(), source);
        modalities.insert(
            &part.header.name,
            json!({"format": part.source.format(), "dtype": part.header.dtype, "shape": part.header.shape}),
        );
    }
    Ok(json!({
        "import": modalities,
        "reduce": settings.reduce.map(Reduce::name),
        "mmdg": env!("CARGO_PKG_VERSION"),
        "sources": sources.into_values().collect::<Vec<_>>(),
    }))
}
