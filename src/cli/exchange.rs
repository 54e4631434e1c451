//! The verbs that look at stores and carry them in and out: `inspect`, `verify`, `import`, `export`, `merge`.

use std::path::Path;
#[cfg(feature = "hdf5")]
use std::path::PathBuf;

#[cfg(feature = "exchange")]
use super::arguments::{Form, SplitWord};
#[cfg(all(feature = "exchange", feature = "hdf5"))]
use super::importing::ImportArguments;
use super::progress::Bar;
use super::world::{WELL, show, tell};
#[cfg(feature = "exchange")]
use crate::export::{Format, Selection};
#[cfg(all(feature = "exchange", feature = "hdf5"))]
use crate::import::ModalitySource;
#[cfg(feature = "exchange")]
use crate::manifest::Split;
#[cfg(all(feature = "exchange", feature = "hdf5"))]
use crate::modality::{self, Kind};
#[cfg(all(feature = "exchange", feature = "hdf5"))]
use crate::sample::Dtype;
use crate::stop::Stop;
use crate::store::header::{is_among, is_store};
use crate::{Error, Result};

/// Exit code where stored bytes are not what their record says.
const DAMAGED: i32 = 7;

pub fn inspect(store: &Path, json: bool, mean: bool) -> Result<i32> {
    let found = crate::inspect::inspect(store, mean)?;
    if json {
        let text = serde_json::to_string_pretty(&found).map_err(|error| Error::integrity(store, error.to_string()))?;
        show(format_args!("{text}\n"))?;
    } else {
        show(format_args!("{found}"))?;
    }
    Ok(WELL)
}

/// A store; or all stores and finished runs in and below a folder.
pub fn verify(folder: &Path, quiet: bool, stop: &Stop) -> Result<i32> {
    use crate::report::record;
    if is_store(folder)? || !folder.is_dir() {
        return verify_store(folder, false, quiet, stop);
    }
    let (of_runs, stores) = (record::verify(folder)?, record::folders(folder, &is_among)?);
    // what is wrong with a folder that holds neither is said of a store
    let mut code = if of_runs.runs == 0 && stores.is_empty() { verify_store(folder, false, quiet, stop)? } else { WELL };
    if of_runs.runs > 0 {
        code = code.max(runs(&of_runs, quiet)?);
    }
    for store in &stores {
        // one that is not sound or not whole is no reason to leave out the others
        let of_store = verify_store(store, true, quiet, stop).or_else(|error| {
            stop.check()?;
            tell(format_args!("mmdg: {error}"));
            Ok::<_, Error>(error.exit_code())
        });
        code = code.max(of_store?);
    }
    Ok(code)
}

/// Named, with its files, where it is one of `several`.
fn verify_store(store: &Path, several: bool, quiet: bool, stop: &Stop) -> Result<i32> {
    let bar = Bar::new("verify", "MiB", quiet);
    let found = crate::verify::verify(store, stop, &|done, total| bar.show((done >> 20) as usize, (total >> 20) as usize))?;
    let (shards, mib) = (found.shards, found.bytes as f64 / f64::from(1 << 20));
    let (planned, faults) = (found.shards_planned, found.faults.len());
    let [name, within] = [": ", "/"].map(|end| if several { format!("{}{end}", store.display()) } else { String::new() });
    bar.finish(&format!("{name}{shards} of {planned} shards, {mib:.1} MiB, {faults} faults"));
    for fault in &found.faults {
        show(format_args!("{within}{fault}\n"))?;
    }
    match (found.faults.is_empty(), found.whole) {
        (false, _) => Ok(DAMAGED),
        (true, true) => Ok(WELL),
        (true, false) => Err(Error::input(store.display(), "this store is not whole yet; what is there is sound")),
    }
}

/// What there is to say of runs.
fn runs(found: &crate::report::record::Verification, quiet: bool) -> Result<i32> {
    for fault in &found.faults {
        show(format_args!("{fault}\n"))?;
    }
    if !quiet {
        tell(format_args!("verify: {} finished runs, {} faults", found.runs, found.faults.len()));
    }
    Ok(if found.faults.is_empty() { WELL } else { DAMAGED })
}

#[cfg(feature = "hdf5")]
pub fn merge(out: &Path, stores: &[PathBuf], link: bool, quiet: bool, stop: &Stop) -> Result<i32> {
    let bar = Bar::new("merge", "shards", quiet);
    let work = crate::merge::MergeWork { link, stop, progress: &|done, total| bar.show(done, total) };
    let summary = crate::merge::merge(out, stores, work)?;
    bar.finish(&format!("{} samples, {} failed, {} absent", summary.samples, summary.failures(), summary.absent));
    Ok(WELL)
}

#[cfg(all(feature = "exchange", feature = "hdf5"))]
pub fn import(arguments: &ImportArguments, stop: &Stop) -> Result<i32> {
    use super::importing::{Float, How, Opaque, What};
    use crate::import::{ImportSettings, Of, Reduce};
    use crate::npy::Element;
    let (reduce, reduce_axis) = arguments.reduce.clone().map_or((None, None), |(how, axis)| {
        let reduce = match how {
            How::Mean => Reduce::Mean,
            How::Max => Reduce::Max,
            How::First => Reduce::First,
        };
        (Some(reduce), axis)
    });
    let (out, modalities) = arguments.places()?;
    let settings = ImportSettings {
        modalities: modalities.iter().map(|text| source(text)).collect::<Result<_>>()?,
        labels: arguments.labels.clone(),
        values: arguments.values.clone(),
        dtype: arguments.dtype.map(|dtype| if dtype == Float::F16 { Dtype::F16 } else { Dtype::F32 }),
        reduce,
        reduce_axis,
        axes: (!arguments.axes.is_empty()).then(|| arguments.axes.clone()),
        element: arguments.element.map(|Opaque::Bf16| Element::Bf16),
        ids: arguments.ids.clone(),
        features_of: if arguments.features_of == What::Recording { Of::Recording } else { Of::Segment },
        ignore_extra: arguments.ignore_extra,
        shard_mib: arguments.shard_mib,
        split_seed: arguments.split_seed,
    };
    let bar = Bar::new("import", "samples", arguments.quiet);
    let summary = crate::import::import(out, &settings, stop, &|done, total| bar.show(done, total))?;
    bar.finish(&format!("{} samples, {} absent", summary.samples, summary.absent));
    Ok(WELL)
}

/// `NAME[:KIND]=PATH[:KEY]`. A path that is there is one, whatever colons are in it.
#[cfg(all(feature = "exchange", feature = "hdf5"))]
fn source(text: &str) -> Result<ModalitySource> {
    let usage = |problem: String| Error::Usage(format!("--modality {text:?}: {problem}"));
    let expected = "expected NAME[:KIND]=PATH[:KEY], such as video=features.npy";
    let (left, path) = text.split_once('=').ok_or_else(|| usage(expected.into()))?;
    let (name, kind) = left.split_once(':').map_or((left, None), |(name, kind)| (name, Some(kind)));
    let kind = match kind {
        Some(word) => modality::kind(word).map_err(usage)?,
        None => modality::kind_of(name).unwrap_or(Kind::FEATURES),
    };
    let whole = Path::new(path);
    let (path, key) = match path.rsplit_once(':') {
        Some((path, key)) if !whole.exists() => (path, Some(key.to_owned())),
        _ => (path, None),
    };
    if path.is_empty() || key.as_ref().is_some_and(String::is_empty) {
        return Err(usage(expected.into()));
    }
    Ok(ModalitySource { name: name.into(), kind, path: path.into(), key })
}

#[cfg(feature = "exchange")]
pub fn selection(modalities: Vec<String>, domains: Vec<String>, splits: &[SplitWord], trust: bool) -> Selection {
    Selection { modalities, domains, splits: splits.iter().copied().map(Split::from).collect(), trust }
}

#[cfg(feature = "exchange")]
pub fn export(store: &Path, out: &Path, format: Option<Form>, selection: &Selection, quiet: bool, stop: &Stop) -> Result<i32> {
    let format = match format {
        Some(Form::Npz) => Format::Npz,
        Some(Form::Parquet) => Format::Parquet,
        Some(Form::Safetensors) => Format::Safetensors,
        None => Format::of(out)?,
    };
    let bar = Bar::new("export", "samples", quiet);
    let rows = crate::export::export(store, out, format, selection, stop, &|done, total| bar.show(done, total))?;
    let mib = std::fs::metadata(out).map_or(0, |about| about.len()) as f64 / f64::from(1 << 20);
    bar.finish(&format!("{rows} rows, {mib:.1} MiB"));
    Ok(WELL)
}
