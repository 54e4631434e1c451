//! The verb `validate`: all that is wrong with annotations and media, told at once and before any work.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::config::{self, Pipeline};
use crate::manifest::{Manifest, Segment};
use crate::modality::Kind;
use crate::pipeline::Work;
use crate::source::Source;
use crate::track::Track;
use crate::{Error, Result, dataset};

#[cfg(feature = "hdf5")]
mod decode;

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
    /// Whether a fault is that the system refuses to read a table, of which nothing can be said then.
    pub refused: bool,
}

/// How much of a recording is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The row that ends last; where that one fails, those before it too, up to one that does not.
    Last,
    /// Every row.
    All,
}

/// A modality that is asked for.
struct Asked {
    /// Place among the modalities.
    #[cfg_attr(not(feature = "hdf5"), allow(dead_code, reason = "nothing decodes"))]
    maker: usize,
    kind: Kind,
    track: Track,
}

/// Rows of a modality that have their samples from one place.
struct Group<'a> {
    #[cfg_attr(not(feature = "hdf5"), allow(dead_code, reason = "nothing decodes"))]
    maker: usize,
    kind: Kind,
    source: Source,
    segments: Vec<&'a Segment>,
    /// Whether all of its files are there.
    there: bool,
}

/// Reads settings and annotations and asks for every file that they name, once. With `decode`, rows are made too, as `preprocess` makes them,
/// and thrown away.
///
/// # Errors
/// What keeps all work from going on, such as [`Error::Interrupted`]; faults are in the [`Validation`].
pub fn validate(pipeline: &Pipeline, decode: Option<(Depth, Work<'_>)>) -> Result<Validation> {
    let data = config::table(&pipeline.data, "data", "pipeline file".as_ref())?;
    let (manifest, findings) = dataset::check(data);
    let faults = findings.faults.iter().map(Error::to_string).collect();
    let refused = findings.faults.iter().any(|fault| matches!(fault, Error::Io { .. }));
    let mut found = Validation { faults, notes: findings.notes, refused, ..Validation::default() };
    let asked = asked(pipeline, data, &mut found);
    #[cfg(feature = "torch")]
    if let Some(Err(error)) = pipeline.train.as_ref().map(crate::train::Settings::resolve_compare) {
        found.faults.push(error.to_string());
    }
    #[cfg(feature = "hdf5")]
    for store in pipeline.preprocess.iter().map(|settings| settings.store.clone()).chain(pipeline.features()) {
        let changed = crate::preprocess::changed(&store)?;
        let told = |path: &PathBuf| format!("{}: it has changed since {} was made of it", path.display(), store.display());
        found.notes.extend(changed.iter().map(told));
    }
    let Some(manifest) = manifest else { return Ok(found) };
    found.rows = manifest.len();
    let mut groups = groups(&manifest, &asked, &mut found);
    // where every row is decoded, that says what files are not there, in the words of `preprocess`
    let decoded = matches!(decode, Some((Depth::All, _)));
    ask(&mut groups, decoded, &mut found);
    #[cfg(feature = "hdf5")]
    if let Some((depth, work)) = decode {
        decode::rows(pipeline, &data.dataset, &groups, depth, work, &mut found)?;
    }
    #[cfg(not(feature = "hdf5"))]
    if decode.is_some() {
        return Err(Error::environment("this build does not decode for validation", "build with the feature hdf5"));
    }
    Ok(found)
}

/// What `[preprocess]` makes; without it, pictures and sound.
fn asked(pipeline: &Pipeline, data: &dataset::Settings, found: &mut Validation) -> Vec<Asked> {
    #[cfg(feature = "hdf5")]
    if let Some(settings) = &pipeline.preprocess {
        match crate::preset::maker::makers(&settings.modalities, &data.dataset) {
            Ok(makers) => {
                let makers = makers.into_iter().enumerate();
                let asked = makers.map(|(maker, made)| Asked { maker, kind: made.header.kind, track: made.track });
                let mut asked: Vec<Asked> = asked.collect();
                asked.sort_by_key(|asked| [Kind::Video, Kind::Flow, Kind::Audio].iter().position(|kind| *kind == asked.kind));
                return asked;
            }
            Err(error) => found.faults.push(error.to_string()),
        }
    }
    #[cfg(not(feature = "hdf5"))]
    let _ = (pipeline, data, found);
    let kinds = [(1, Kind::Video), (0, Kind::Audio)].into_iter();
    kinds.map(|(maker, kind)| Asked { maker, kind, track: Track::Default }).collect()
}

/// Rows by kind and place, in the manifest's order. What a row lacks is a note.
fn groups<'a>(manifest: &'a Manifest, asked: &[Asked], found: &mut Validation) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut noted: BTreeSet<&str> = BTreeSet::new();
    for &Asked { maker, kind, ref track } in asked {
        let mut lacking: Vec<&Segment> = Vec::new();
        // by what is cheap to compare: rows of one recording mostly stand together
        let mut places: BTreeMap<(PathBuf, Option<&str>), usize> = BTreeMap::new();
        for segment in &manifest.segments {
            let Ok(source) = Source::of(kind, segment, track) else {
                lacking.push(segment);
                continue;
            };
            let key = (source.path().to_owned(), segment.audio_key.as_ref().map(|(key, _)| key.as_str()));
            match places.get(&key) {
                Some(&place) if groups[place].source == source => groups[place].segments.push(segment),
                _ => {
                    places.insert(key, groups.len());
                    groups.push(Group { maker, kind, source, segments: vec![segment], there: true });
                }
            }
        }
        if let (Some(first), true) = (lacking.first(), noted.insert(kind.name())) {
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

/// Asks for every file once; where all rows are `decoded`, only counts them.
fn ask(groups: &mut [Group<'_>], decoded: bool, found: &mut Validation) {
    let mut known: BTreeMap<PathBuf, Option<String>> = BTreeMap::new();
    // rows by id: one may need a file twice, for its pictures and its sound
    let mut missing: BTreeMap<PathBuf, (BTreeSet<&str>, String)> = BTreeMap::new();
    for group in groups {
        for (path, folder) in group.source.files() {
            if !known.contains_key(path) {
                known.insert(path.into(), state(path, folder).filter(|_| !decoded));
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
