//! The verb `validate`: all that is wrong with annotations and media, told at once and before any work.

use std::fmt::Display;

use crate::config::{self, Pipeline};
use crate::manifest::Manifest;
use crate::modality::{KINDS, Kind};
#[cfg(feature = "hdf5")]
use crate::pipeline::Work;
use crate::track::Track;
use crate::{Error, Result, dataset};

#[cfg(feature = "hdf5")]
mod decode;
mod groups;

use groups::Recordings;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validation {
    /// Rows that are well annotated.
    pub rows: usize,
    /// Files and folders that they need.
    pub files: usize,
    /// How much is wrong.
    pub faults: usize,
    /// What is good to know.
    pub notes: Vec<String>,
    /// Whether a fault is that the system refuses to read a table, of which nothing can be said then.
    pub refused: bool,
}

/// What is found, while it is.
struct Found<'a> {
    validation: Validation,
    tell: &'a mut Tell<'a>,
}

impl Found<'_> {
    fn fault(&mut self, fault: &dyn Display) -> Result<()> {
        self.validation.faults += 1;
        (self.tell)(fault)
    }

    fn note(&mut self, note: String) {
        self.validation.notes.push(note);
    }
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

/// Hears of each fault.
pub type Tell<'a> = dyn FnMut(&dyn Display) -> Result<()> + Send + 'a;

/// Reads settings and annotations and asks for every file that they name, once. What is wrong is told as it is found, in sentences
/// that name file, line or path and what was expected.
///
/// # Errors
/// What keeps all work from going on, such as [`Error::Interrupted`], and those of `tell`.
pub fn validate(pipeline: &Pipeline, tell: &mut Tell<'_>) -> Result<Validation> {
    look(pipeline, false, tell, |_, _, _| Ok(()))
}

/// The same, and makes rows too, as `preprocess` makes them, and throws them away.
///
/// # Errors
/// As [`validate`].
#[cfg(feature = "hdf5")]
pub fn decode(pipeline: &Pipeline, depth: Depth, work: Work<'_>, tell: &mut Tell<'_>) -> Result<Validation> {
    // where every row is decoded, that says what files are not there, in the words of `preprocess`
    look(pipeline, depth == Depth::All, tell, |data, groups, found| {
        decode::rows(pipeline, &data.dataset, groups, depth, work, found)
    })
}

/// Looks, with `and` for what comes after; `decoded` says that it tells of files that are not there.
fn look(
    pipeline: &Pipeline,
    decoded: bool,
    tell: &mut Tell<'_>,
    and: impl FnOnce(&dataset::DatasetSettings, &[groups::Groups<'_>], &mut Found<'_>) -> Result<()>,
) -> Result<Validation> {
    let data = config::table(&pipeline.data, "data", "pipeline file".as_ref())?;
    let mut found = Found { validation: Validation::default(), tell };
    let (manifest, findings) = dataset::check(data);
    findings.faults.iter().try_for_each(|fault| found.fault(fault))?;
    found.validation.refused = findings.faults.iter().any(|fault| matches!(fault, Error::Io { .. }));
    found.validation.notes = findings.notes;
    let asked = asked(pipeline, data, manifest.as_ref(), &mut found)?;
    #[cfg(feature = "torch")]
    if let Some(Err(error)) = pipeline.train.as_ref().map(crate::train::TrainSettings::columns) {
        found.fault(&error)?;
    }
    #[cfg(feature = "hdf5")]
    for store in pipeline.preprocess.iter().map(|settings| settings.store.clone()).chain(pipeline.features()) {
        for path in crate::preprocess::changed(&store)? {
            found.note(format!("{}: it has changed since {} was made of it", path.display(), store.display()));
        }
    }
    let Some(manifest) = manifest else { return Ok(found.validation) };
    found.validation.rows = manifest.len();
    let recordings = Recordings::new(&manifest)?;
    let mut groups = groups::of(&recordings, &asked, &mut found);
    groups::ask(&recordings, &mut groups, decoded, &mut found)?;
    and(data, &groups, &mut found)?;
    Ok(found.validation)
}

/// What `[preprocess]` makes; without it, all that recordings have, pictures and sound.
fn asked(
    pipeline: &Pipeline,
    data: &dataset::DatasetSettings,
    manifest: Option<&Manifest>,
    found: &mut Found<'_>,
) -> Result<Vec<Asked>> {
    #[cfg(feature = "hdf5")]
    if let Some(settings) = &pipeline.preprocess {
        match crate::preset::maker::makers(&settings.modalities, &data.dataset) {
            Ok(makers) => {
                let segments = manifest.map_or(&[][..], |manifest| &manifest.segments);
                let checked = makers.iter().filter_map(|maker| maker.check_media(segments).err());
                checked.collect::<Vec<_>>().iter().try_for_each(|fault| found.fault(fault))?;
                let makers = makers.into_iter().enumerate();
                let asked = makers.map(|(maker, made)| Asked { maker, kind: made.header.kind, track: made.track });
                let mut asked: Vec<Asked> = asked.collect();
                asked.sort_by_key(|asked| KINDS.iter().position(|kind| *kind == asked.kind));
                return Ok(asked);
            }
            Err(error) => found.fault(&error)?,
        }
    }
    #[cfg(not(feature = "hdf5"))]
    let _ = (pipeline, data, manifest, found);
    let kinds: Vec<Kind> = KINDS.iter().copied().filter(|kind| kind.is_of_recordings()).collect();
    // makers are in the order of names
    let maker = |kind: &Kind| kinds.iter().filter(|other| other.name < kind.name).count();
    Ok(kinds.iter().map(|kind| Asked { maker: maker(kind), kind: *kind, track: Track::Default }).collect())
}
