//! The verb `preprocess`: recordings to a clip store.

pub(crate) mod again;
pub(crate) mod changed;
mod dry_run;
mod making;
mod passes;
mod tasks;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Result;
use crate::manifest::{Manifest, TestSet};
use crate::media;
use crate::media::identity::Identities;
use crate::pipeline::Work;
use crate::preset::maker::{Maker, ModalitySettings, makers};
use crate::provenance::Provenance;
use crate::store::layout::shard_bytes;
use crate::store::recipe::differences;
use crate::store::units::Round;
use crate::store::writer::Summary;
use crate::store::{Plan, Writer};
use crate::worker::{Session, WorkerPool};
use again::Again;
pub use changed::changed;
pub use dry_run::{DryRun, dry_run};
use making::Making;
pub use passes::{Pass, passes};
use tasks::Tasks;

/// The `[preprocess]` table of a pipeline file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PreprocessSettings {
    /// Folder of the clip store.
    pub store: PathBuf,
    /// What to make, by modality.
    pub modalities: BTreeMap<String, ModalitySettings>,
    /// Largest shard in MiB; default 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard_mib: Option<u64>,
}

/// What decodes.
pub(crate) fn provenance() -> Provenance {
    #[allow(unused_mut, reason = "without FFmpeg there is nothing to add")]
    let mut found = Provenance::new();
    #[cfg(feature = "video")]
    found.insert("ffmpeg".into(), [media::version::ffmpeg_version()].into());
    found
}

/// The part of a recipe that says how clips are made, and what the data set says of its test set.
pub fn recipe(makers: &[Maker], test_set: Option<TestSet>) -> Value {
    let modalities: BTreeMap<&str, Value> = makers.iter().map(|maker| (maker.header.name.as_str(), maker.recipe())).collect();
    let mut recipe = json!({"modalities": modalities, "decoding": media::ALGORITHM});
    if let Some(test_set) = test_set {
        recipe["test-set"] = json!(test_set);
    }
    recipe
}

/// In what the clips of a store, by its recipe, are not those that these settings make; of features, the clips that they are of. None where they are, or
/// where the recipe knows of no clips.
///
/// # Errors
/// [`Error::Input`](crate::Error::Input) for settings that do not fit.
pub fn contradiction(settings: &PreprocessSettings, dataset: &str, recipe: &Value) -> Result<Option<String>> {
    let clips = recipe.get("clips").unwrap_or(recipe);
    let Some(found) = clips.get("modalities") else { return Ok(None) };
    let asked = self::recipe(&makers(&settings.modalities, dataset)?, None);
    let list = differences(found, &asked["modalities"], "in the store", "in [preprocess.modalities]");
    Ok((!list.is_empty()).then_some(list))
}

/// Makes the store, or what is missing of it. A sample that cannot be made is a failure in the summary; the store is completed. Rows that failed in an
/// earlier run for a cause outside their recording are tried again, and so are those of this run, at its end. Recordings that have changed since the store
/// was made of them are told by `work.changed` what becomes of them. Other processes may make the same store at the same time: each shard is made by one of them,
/// each row that failed is tried again by one of them, and the summary is that of the whole store, once all of them are done.
/// `dataset` is the name of the data set, whose conventions some presets follow.
///
/// # Errors
/// [`Error::Input`](crate::Error::Input) for settings that do not fit and for a store of another recipe; [`Error::Interrupted`](crate::Error::Interrupted);
/// [`Error::Io`](crate::Error::Io).
pub fn run(settings: &PreprocessSettings, dataset: &str, manifest: &Manifest, work: Work<'_>) -> Result<Summary> {
    let session = Session { dataset: dataset.to_owned(), modalities: settings.modalities.clone() };
    let pool = WorkerPool::new(session, work.spawner, work.patience)?;
    let makers = pool.makers();
    makers.iter().try_for_each(|maker| maker.check_media(&manifest.segments))?;
    let plan = Plan {
        holds: "clips",
        manifest: manifest.clone(),
        modalities: makers.iter().map(|maker| maker.header.clone()).collect(),
        recipe: recipe(makers, manifest.test_set),
        shard_bytes: shard_bytes(settings.shard_mib)?,
    };
    let writer = Writer::open_beside(&settings.store, &plan, work.lease_timeout)?.made_with(&provenance());
    let (changed, looks) = changed::to_remake(&settings.store, work.changed)?;
    let identities = Identities::default();
    let make = |again: Again<'_>| {
        let round = Round::new(&writer);
        let mut tasks = Tasks::plan(&writer, makers, manifest, again, &round, None)?;
        let any = !tasks.list.is_empty();
        // once for what nobody else has, and then for what others had and did not make
        loop {
            Making::new(&writer, &pool, manifest, &tasks, &identities, &round, work).run()?;
            let left = round.wait(work.stop)?;
            if left.is_empty() {
                return Ok::<_, crate::Error>(any);
            }
            tasks = Tasks::plan(&writer, makers, manifest, again, &round, Some(&left))?;
        }
    };
    make(Again::first(work.retry_failed, &changed))?;
    // what failed for a cause that may have passed, when all else is there
    for number in 0..work.retries {
        if !make(Again::attempt(number))? {
            break;
        }
    }
    let summary = writer.finish(work.stop)?;
    changed::remember(&settings.store, work.changed, looks, identities);
    Ok(summary)
}
