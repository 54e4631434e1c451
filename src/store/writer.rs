//! Making a store, shard by shard; whatever is killed when, the same plan goes on with what is missing. Several processes may make one store of one plan at
//! the same time, on one machine or on several that see the folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::header::record;
use super::layout::{Header, ShardRecord, read_json, shard_path, write_json};
use super::lease::{FOLDER, Held, Leases, TIMEOUT};
use super::plan::{Plan, Planned};
use super::recipe::differences;
use super::shard_writer::ShardWriter;
use super::units::Lease;
use crate::error::{Action, Code};
use crate::provenance::{self, Provenance};
use crate::{Error, Result, fs};

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows × modalities.
    pub samples: usize,
    /// Samples that failed, by code.
    pub failed: BTreeMap<Code, usize>,
    /// Samples whose recording lacks the modality.
    pub absent: usize,
    /// Samples that are there but partial.
    pub partial: usize,
    /// Files of the store that were damaged or gone, and are there again.
    pub remade: Vec<PathBuf>,
}

impl Summary {
    /// Samples that failed.
    pub fn failures(&self) -> usize {
        self.failed.values().sum()
    }
}

/// A store being made, by this process beside others.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    pub(super) header: Header,
    ids: Vec<String>,
    /// Whether it was whole when it was opened.
    pub(super) whole: bool,
    /// What was found damaged or gone.
    remade: Mutex<BTreeSet<PathBuf>>,
    /// Whether a shard was committed.
    pub(super) changed: AtomicBool,
    /// What shards are made with.
    pub(super) provenance: Provenance,
    /// None where nothing can be written.
    pub(super) leases: Option<Leases>,
    pub(super) lock: fs::Lock,
}

impl Writer {
    /// Starts a store, or goes on with one of the same recipe, beside others that make it.
    ///
    /// # Errors
    /// [`Error::Input`] for a folder that holds something else, or a store of another recipe (with the difference);
    /// [`Error::Busy`] where somebody has all of it; [`Error::Io`].
    pub fn open(folder: &Path, plan: &Plan) -> Result<Self> {
        Self::open_beside(folder, plan, TIMEOUT)
    }

    /// The same; another process that is not seen to do anything for `timeout` is taken for gone, and so is this one by others.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_beside(folder: &Path, plan: &Plan, timeout: Duration) -> Result<Self> {
        let planned = Planned::new(folder, plan)?;
        fs::create_dir_all(folder)?;
        Self::start(folder, planned, fs::Lock::share(folder)?, timeout)
    }

    /// The same, with nobody beside it.
    pub(super) fn alone(folder: &Path, plan: &Plan) -> Result<Self> {
        let planned = Planned::new(folder, plan)?;
        fs::create_dir_all(folder)?;
        Self::start(folder, planned, fs::Lock::take(folder)?, TIMEOUT)
    }

    /// Starts a store, or goes on with it: what of it is damaged or gone is made anew.
    pub(super) fn start(folder: &Path, planned: Planned, lock: fs::Lock, timeout: Duration) -> Result<Self> {
        let Planned { header, table, ids } = planned;
        let mut writer = Self {
            folder: folder.into(),
            header,
            ids,
            whole: false,
            remade: Mutex::default(),
            changed: AtomicBool::new(false),
            provenance: provenance::here(),
            leases: Leases::join(folder, timeout)?,
            lock,
        };
        writer.whole = writer.held(|| {
            let whole = fs::is_file(&folder.join("store.json"))?;
            writer.claim(&table)?;
            for modality in &writer.header.modalities {
                fs::create_dir_all(&folder.join(&modality.name))?;
            }
            writer.sweep_all()?;
            Ok(whole)
        })?;
        Ok(writer)
    }

    /// Does something to the store's own files while nobody else does. One that was stopped at it for so long that others went on begins once more.
    pub(super) fn held<T>(&self, work: impl Fn() -> Result<T>) -> Result<T> {
        loop {
            let held = self.hold()?;
            match work() {
                Err(_) if held.as_ref().map(Held::is_ours).transpose()? == Some(false) => {}
                done => return done,
            }
        }
    }

    /// Has what all others do to the store's own files, or to shards that are there, wait until it is dropped.
    pub(super) fn hold(&self) -> Result<Option<Held>> {
        self.leases.as_ref().map(|leases| leases.wait("store")).transpose()
    }

    /// Has the folder be that of this store.
    fn claim(&self, table: &[u8]) -> Result<()> {
        let path = self.folder.join("manifest.csv");
        let listed = fs::is_file(&path)?.then(|| fs::read(&path)).transpose()?;
        match self.existing() {
            Ok(Some(found)) => {
                self.compare(&found)?;
                if listed.as_deref() != Some(table) {
                    self.note(&path);
                    fs::write_among_others(&path, table)?;
                }
            }
            damaged => {
                // a store that lost its header is told by its records, one without any by its rows
                let ours = match self.recipe_of_records() {
                    Some(recipe) if recipe == self.header.recipe_blake3 => true,
                    Some(_) => {
                        let problem = "its header is gone or damaged, and its shards were made with other parameters; expected the command that made it, or another folder";
                        return Err(Error::input(self.folder.display(), problem));
                    }
                    None => listed.as_deref() == Some(table),
                };
                match damaged {
                    Err(error) if !ours => return Err(error),
                    Err(Error::Integrity { path, .. }) => self.note(&path),
                    Err(error) => return Err(error),
                    Ok(_) if ours => self.note(&self.folder.join("store.json")),
                    Ok(_) => self.refuse_strangers()?,
                }
                fs::write_among_others(&path, table)?;
                write_json(&self.folder.join("plan.json"), &self.header)?;
                fs::remove(&self.folder.join("store.json"))?;
            }
        }
        Ok(())
    }

    /// Remembers that a file was damaged or gone.
    pub(super) fn note(&self, path: &Path) {
        self.remade.lock().unwrap_or_else(PoisonError::into_inner).insert(path.into());
    }

    fn existing(&self) -> Result<Option<Header>> {
        for name in ["store.json", "plan.json"] {
            let path = self.folder.join(name);
            if fs::is_file(&path)? {
                return read_json(&path).map(Some);
            }
        }
        Ok(None)
    }

    fn compare(&self, found: &Header) -> Result<()> {
        if found.recipe_blake3 == self.header.recipe_blake3 {
            return Ok(());
        }
        if found.holds != self.header.holds {
            let problem = format!("it is a store of {}; expected one of {}, or another folder", found.holds, self.header.holds);
            return Err(Error::input(self.folder.display(), problem));
        }
        let list = differences(&found.recipe, &self.header.recipe, "in the store", "was asked for");
        Err(Error::input(
            self.folder.display(),
            format!("this store was made with other parameters: {list}; expected the same, or another folder"),
        ))
    }

    /// A folder without a plan may hold what an earlier start left, nothing else.
    fn refuse_strangers(&self) -> Result<()> {
        for entry in std::fs::read_dir(&self.folder).map_err(Error::io(Action::List, &self.folder))? {
            let name = entry.map_err(Error::io(Action::List, &self.folder))?.file_name();
            let name = name.to_string_lossy();
            if !["manifest.csv", FOLDER].contains(&&*name) && !name.ends_with(".part") {
                return Err(Error::input(
                    self.folder.display(),
                    format!("the folder holds {name:?}; expected a store or an empty folder"),
                ));
            }
        }
        Ok(())
    }

    /// The same, with more to say of what its shards are made with than this program's version and the processor.
    #[must_use]
    pub fn made_with(mut self, more: &Provenance) -> Self {
        provenance::add(&mut self.provenance, more);
        self
    }

    /// What the store is going to be.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Rows of the store.
    pub(super) fn row_count(&self) -> usize {
        self.ids.len()
    }

    /// What was found damaged or gone so far.
    pub(super) fn remade(&self) -> Vec<PathBuf> {
        self.remade.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The id of a row.
    pub(super) fn id(&self, row: u64) -> &str {
        &self.ids[row as usize]
    }

    /// Number of shards of each modality.
    pub fn shards(&self) -> u64 {
        self.header.shard_count()
    }

    /// Rows of a shard: first, and one past the last.
    pub fn rows(&self, shard: u64) -> [u64; 2] {
        self.header.shard_rows(shard)
    }

    pub(super) fn record(&self, modality: &str, shard: u64) -> Result<Option<ShardRecord>> {
        record(&self.folder, &self.header, modality, shard)
    }

    /// Starts a shard that nobody else makes; until it is [committed](ShardWriter::commit) it does not exist.
    ///
    /// # Errors
    /// [`Error::Busy`] where another process makes it; [`Error::Io`], [`Error::Environment`].
    pub fn shard(&self, modality: usize, shard: u64) -> Result<ShardWriter<'_>> {
        let busy = || Error::Busy { path: shard_path(&self.folder, &self.header.modalities[modality].name, shard, "h5") };
        self.begin(self.lease(modality, shard)?.ok_or_else(busy)?)
    }

    /// Starts the shard that was taken by a [lease](Self::lease).
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Environment`].
    pub fn begin(&self, lease: Lease) -> Result<ShardWriter<'_>> {
        self.note_damage(lease.unit)?;
        ShardWriter::new(self, lease)
    }
}
