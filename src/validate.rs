//! The verb `validate`: all that is wrong with annotations and media, told at once and before any work.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::config::{self, Pipeline};
#[cfg(feature = "hdf5")]
use crate::error::{Code, Failure};
use crate::manifest::{Manifest, Segment};
use crate::modality::Kind;
use crate::pipeline::Work;
use crate::source::Source;
use crate::{Error, Result, dataset};

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validation {
    /// Rows that are well annotated.
    pub rows: usize,
    /// Files and folders that they need.
    pub files: usize,
    /// What is wrong: sentences that name file, line or path and what was expected.
    pub faults: Vec<String>,
    /// What is good to know.
    pub notes: Vec<String>,
}

/// Rows that have their samples from one place.
struct Group<'a> {
    kind: Kind,
    source: Source,
    segments: Vec<&'a Segment>,
    /// Whether all of its files are there.
    there: bool,
}

/// Reads settings and annotations and asks for every file that they name, once. With `decode`, every recording is opened too: a frame,
/// or a little sound, of the row that ends last; where that row ends past the recording, the others from the end on.
///
/// # Errors
/// What keeps all work from going on, such as [`Error::Interrupted`]; faults are in the [`Validation`].
pub fn validate(pipeline: &Pipeline, decode: Option<Work<'_>>) -> Result<Validation> {
    let data = config::table(&pipeline.data, "data", "pipeline file".as_ref())?;
    let (manifest, findings) = dataset::check(data);
    let faults = findings.faults.iter().map(Error::to_string).collect();
    let mut found = Validation { faults, notes: findings.notes, ..Validation::default() };
    let kinds = kinds(pipeline, data, &mut found);
    #[cfg(feature = "torch")]
    if let Some(Err(error)) = pipeline.train.as_ref().map(crate::train::Settings::resolve_compare) {
        found.faults.push(error.to_string());
    }
    let Some(manifest) = manifest else { return Ok(found) };
    found.rows = manifest.len();
    let mut groups = groups(&manifest, &kinds, &mut found);
    ask(&mut groups, &mut found);
    if let Some(work) = decode {
        probe(&groups, work, &mut found)?;
    }
    Ok(found)
}

/// What `[preprocess]` makes; without it, pictures and sound.
#[cfg(feature = "hdf5")]
fn kinds(pipeline: &Pipeline, data: &dataset::Settings, found: &mut Validation) -> Vec<Kind> {
    let Some(settings) = &pipeline.preprocess else { return vec![Kind::Video, Kind::Audio] };
    match crate::preprocess::makers(&settings.modalities, &data.dataset) {
        Ok(makers) => {
            let makes = |kind: &Kind| makers.iter().any(|maker| maker.header.kind == *kind);
            [Kind::Video, Kind::Flow, Kind::Audio].into_iter().filter(makes).collect()
        }
        Err(error) => {
            found.faults.push(error.to_string());
            vec![Kind::Video, Kind::Audio]
        }
    }
}

#[cfg(not(feature = "hdf5"))]
fn kinds(_: &Pipeline, _: &dataset::Settings, _: &mut Validation) -> Vec<Kind> {
    vec![Kind::Video, Kind::Audio]
}

/// Rows by kind and place, in the manifest's order. What a row lacks is a note.
fn groups<'a>(manifest: &'a Manifest, kinds: &[Kind], found: &mut Validation) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for &kind in kinds {
        let mut lacking: Vec<&Segment> = Vec::new();
        // by what is cheap to compare: rows of one recording mostly stand together
        let mut places: BTreeMap<(PathBuf, Option<&str>), usize> = BTreeMap::new();
        for segment in &manifest.segments {
            let Ok(source) = Source::of(kind, segment) else {
                lacking.push(segment);
                continue;
            };
            let key = (source.path().to_owned(), segment.audio_key.as_ref().map(|(key, _)| key.as_str()));
            match places.get(&key) {
                Some(&place) if groups[place].source == source => groups[place].segments.push(segment),
                _ => {
                    places.insert(key, groups.len());
                    groups.push(Group { kind, source, segments: vec![segment], there: true });
                }
            }
        }
        if let Some(first) = lacking.first() {
            let beside = match kind {
                Kind::Audio => {
                    format!("; the first would have {}", dataset::sound_beside(&first.path, first.frame_rate.is_some()).display())
                }
                _ => String::new(),
            };
            found.notes.push(format!("{} rows have no {}{beside}", lacking.len(), kind.name()));
        }
    }
    groups
}

/// Asks for every file once.
fn ask(groups: &mut [Group<'_>], found: &mut Validation) {
    let mut known: BTreeMap<PathBuf, Option<String>> = BTreeMap::new();
    // rows by id: one may need a file twice, for its pictures and its sound
    let mut missing: BTreeMap<PathBuf, (BTreeSet<&str>, String)> = BTreeMap::new();
    for group in groups {
        for (path, folder) in group.source.files() {
            if !known.contains_key(path) {
                known.insert(path.into(), state(path, folder));
            }
            if known[path].is_some() {
                group.there = false;
                let first = || (BTreeSet::new(), format!("{} of {:?}", group.kind.name(), group.segments[0].id));
                let ids = group.segments.iter().map(|segment| segment.id.as_str());
                missing.entry(path.into()).or_insert_with(first).0.extend(ids);
            }
        }
    }
    found.files = known.len();
    for (path, problem) in known {
        if let (Some(problem), Some((rows, first))) = (problem, missing.get(&path)) {
            found.faults.push(format!("{}: {problem} ({} rows, the first {first})", path.display(), rows.len()));
        }
    }
}

/// What is wrong with a file or folder that must be there.
fn state(path: &Path, folder: bool) -> Option<String> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some(if folder { "no such folder or tar".into() } else { "no such file".into() })
        }
        Err(error) => Some(format!("cannot read: {error}")),
        Ok(about) if folder && !about.is_dir() => Some("not a folder; expected one of extracted frames".into()),
        Ok(about) if !folder && !about.is_file() => Some("not a file; expected a recording".into()),
        Ok(about) if !folder && about.len() == 0 => Some("empty; expected a recording".into()),
        Ok(_) => None,
    }
}

/// Opens every recording that is there.
#[cfg(feature = "hdf5")]
fn probe(groups: &[Group<'_>], work: Work<'_>, found: &mut Validation) -> Result<()> {
    use crate::pipeline::{Progress, in_order};
    use crate::preprocess::ModalitySettings;
    use crate::worker::{Crew, Session};
    let modality = |kind: Kind| {
        let (preset, parameters) = match kind {
            Kind::Audio => ("log-mel", serde_json::json!({"seconds": 0.5})),
            _ => ("uniform", serde_json::json!({"frames": 1, "resize": 16, "crop": 16})),
        };
        let parameters = parameters.as_object().cloned().unwrap_or_default();
        (kind.name().to_owned(), ModalitySettings { preset: preset.into(), kind: Some(kind), jpeg: None, parameters })
    };
    let modalities: BTreeMap<_, _> = [Kind::Audio, Kind::Flow, Kind::Video].map(modality).into();
    // no data set's conventions: what lies in a row's seconds
    let crew = Crew::new(Session { dataset: "table".into(), modalities }, work.breeder, work.patience)?;
    let there: Vec<&Group<'_>> = groups.iter().filter(|group| group.there).collect();
    let make = |item: usize| {
        let group = there[item];
        let maker = crew.makers().iter().position(|maker| maker.header.kind == group.kind).unwrap_or_default();
        look(group, &|segment| Ok(crew.row(maker, group.source.clone(), segment)?.0.err()))
    };
    let mut absent: BTreeMap<&str, usize> = BTreeMap::new();
    in_order(there.len(), work.workers, 4 * work.workers, work.stop, make, |item, told: Result<Vec<(usize, Failure)>>| {
        let group = there[item];
        for (place, failure) in told? {
            if failure.code == Code::Absent {
                *absent.entry(group.kind.name()).or_default() += group.segments.len();
                continue;
            }
            let (path, id) = (group.source.path().display(), &group.segments[place].id);
            found.faults.push(format!("{path}: {}: {failure} (row {id:?})", group.kind.name()));
        }
        (work.progress)(Progress { done: item + 1, total: there.len() });
        Ok(())
    })?;
    found.notes.extend(absent.into_iter().map(|(kind, rows)| format!("{rows} rows are of recordings without {kind}")));
    Ok(())
}

#[cfg(not(feature = "hdf5"))]
fn probe(_: &[Group<'_>], _: Work<'_>, _: &mut Validation) -> Result<()> {
    Err(Error::environment("this build does not decode for validation", "build with the feature hdf5"))
}

/// Reads the row that ends last, and others where that one ends past the recording; what is wrong with which.
#[cfg(feature = "hdf5")]
fn look(group: &Group<'_>, read: &dyn Fn(&Segment) -> Result<Option<Failure>>) -> Result<Vec<(usize, Failure)>> {
    use crate::span::Span;
    let end = |place: &usize| group.segments[*place].span.end.unwrap_or(f64::INFINITY);
    let mut order: Vec<usize> = (0..group.segments.len()).collect();
    order.sort_by(|a, b| end(b).total_cmp(&end(a)));
    let mut told = Vec::new();
    for place in order {
        let segment = group.segments[place];
        let mut probe = segment.clone();
        // of sound up to the end, the beginning will do
        let open = group.kind == Kind::Audio && segment.span.end.is_none();
        if open {
            probe.span = Span { end: Some(segment.span.start + 0.5), ..segment.span };
        }
        match read(&probe)? {
            Some(failure) if failure.code == Code::Truncated && open => {}
            // which is less than the row asks for, or nothing of it
            Some(failure) if matches!(failure.code, Code::Truncated | Code::Undecodable) => {
                told.push((place, failure));
                continue;
            }
            failure => told.extend(failure.map(|failure| (place, failure))),
        }
        break;
    }
    Ok(told)
}
