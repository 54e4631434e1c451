//! The verb `import`: features made elsewhere, as a store.

mod labels;
mod names;
mod opened;
mod places;
mod reduce;
mod settings;
mod sheet;
mod source;
mod survey;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::error::{Code, Failure};
use crate::sample::{Data, Dtype, Made, Row};
use crate::stop::Stop;
use crate::store::layout::shard_bytes;
use crate::store::units::Unit;
use crate::store::writer::Summary;
use crate::store::{ModalityHeader, Plan, ShardWriter, Writer};
use crate::{Error, Result};
use labels::Labelled;
use reduce::reduced;
pub use settings::{ImportSettings, ModalitySource, Of, Reduce};
use source::ArraySource;
use survey::survey;

/// Number of the way in which files become rows; raised whenever equal files and settings give other rows.
const ALGORITHM: u32 = 1;

/// Makes a store at `out` of the files that `settings` name. `progress` is told samples that are there, and samples in all.
///
/// Every value is looked at before anything is written. Rows that a modality's files lack are `absent`: listed, not counted as failures.
///
/// # Errors
/// [`Error::Input`] for labels and files that do not fit (naming file, id and element) and for a folder that holds something else; [`Error::Busy`];
/// [`Error::Io`]; [`Error::Interrupted`].
pub fn import(out: &Path, settings: &ImportSettings, stop: &Stop, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Summary> {
    if settings.modalities.is_empty() {
        return Err(Error::Usage("no --modality; expected at least one, such as video=features.npy".into()));
    }
    settings.check()?;
    let mut known = BTreeSet::new();
    for ModalitySource { name, .. } in &settings.modalities {
        crate::modality::check_name(name, "--modality").map_err(|error| Error::Usage(error.to_string()))?;
        if !known.insert(name) {
            return Err(Error::Usage(format!("--modality {name:?} stands twice; expected each name once")));
        }
    }
    let labels = Labelled::read(settings)?;
    let mut parts = Vec::new();
    for modality in &settings.modalities {
        let source = ArraySource::open(modality, &labels, settings)?;
        let extra = source.extra();
        if let (Some(first), false) = (extra.first(), settings.ignore_extra) {
            let problem =
                format!("{} ids that have no label, the first {first:?}; expected none, or --ignore-extra", extra.len());
            return Err(Error::input(source.place(), problem));
        }
        let (header, there) = survey(modality, &source, settings, &labels, stop)?;
        parts.push(Imported { header, source, there });
    }
    let recipe = recipe(settings, &parts)?;
    let modalities: Vec<ModalityHeader> = parts.iter().map(|part| part.header.clone()).collect();
    let shard_bytes = shard_bytes(settings.shard_mib)?;
    let plan = Plan { holds: "features", manifest: labels.manifest, modalities, recipe, shard_bytes };
    let writer = Writer::open(out, &plan)?;
    let total = plan.manifest.len() * parts.len();
    let done = AtomicUsize::new(0);
    let make = |(place, shard): Unit, to: &ShardWriter<'_>| {
        let (part, [first, end]) = (&parts[place], writer.rows(shard));
        for row in first..end {
            stop.check()?;
            to.write(row, part.row(row as usize, &plan.manifest.segments[row as usize], settings)?.as_ref())?;
        }
        match to.first_failure() {
            Some(note) => Err(Error::input(part.source.place(), format!("{:?}: {}", note.id, note.message))),
            None => Ok(()),
        }
    };
    writer.make_missing(stop, make, |(_, shard)| {
        let [first, end] = writer.rows(shard);
        let rows = (end - first) as usize;
        progress(done.fetch_add(rows, Ordering::Relaxed) + rows, total);
    })?;
    writer.finish(stop)
}

/// One modality that is going to be.
struct Imported {
    header: ModalityHeader,
    source: ArraySource,
    /// By row.
    there: Vec<bool>,
}

impl Imported {
    fn row(&self, row: usize, segment: &crate::manifest::Segment, settings: &ImportSettings) -> Result<Result<Row, Failure>> {
        let absent = || Failure { code: Code::Absent, message: format!("not in {}", self.source.name()) };
        let found = if self.there[row] { self.source.row(row)? } else { None };
        let Some(found) = found else { return Ok(Err(absent())) };
        let span = found.span.unwrap_or([segment.span.start, segment.span.end.unwrap_or(segment.span.start)]);
        let values = reduced(found, settings).map_err(|problem| Error::input(self.source.place(), problem))?.1;
        if values.len() as u64 != self.header.row_elements() {
            return Err(Error::input(self.source.place(), format!("{:?} has changed while it was read", segment.id)));
        }
        let made = Made { span, times: Vec::new(), made_by: "import".into(), partial: None };
        let data = match self.header.dtype {
            Dtype::U8 => Data::U8(values.into_iter().map(|value| value as u8).collect()),
            _ => Data::F32(values.into_iter().map(|value| value as f32).collect()),
        };
        Ok(Ok(Row { data, made }))
    }
}

/// What shaped the store: how, and of which bytes. Names of files are no part of it.
fn recipe(settings: &ImportSettings, parts: &[Imported]) -> Result<Value> {
    let mut sources: BTreeMap<String, Value> = BTreeMap::new();
    let mut modalities: BTreeMap<&str, Value> = BTreeMap::new();
    for part in parts {
        let source = json!({"modality": part.header.name, "blake3": part.source.hash(&part.there)?});
        sources.insert(source.to_string(), source);
        modalities.insert(
            &part.header.name,
            json!({"format": part.source.format(), "dtype": part.header.dtype, "shape": part.header.shape}),
        );
    }
    let mut recipe = json!({
        "import": modalities,
        "reduce": settings.reduce.map(Reduce::name),
        "algorithm": ALGORITHM,
        "sources": sources.into_values().collect::<Vec<_>>(),
    });
    if let Some(axis) = &settings.reduce_axis {
        recipe["reduce"] = json!(format!("{}={axis}", settings.reduce.map_or("", Reduce::name)));
    }
    if settings.features_of == Of::Recording {
        recipe["features-of"] = json!("recording");
    }
    if let Some(element) = settings.element {
        recipe["element"] = json!(element.to_string());
    }
    Ok(recipe)
}
