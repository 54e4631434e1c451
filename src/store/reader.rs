//! Reading a store: shards are mapped, rows are slices of the mapping. No libhdf5.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::header::manifest;
use super::layout::{Dtype, Header, ModalityHeader, ShardRecord, read_json};
use super::shard::{Shard, Stretch};
use crate::manifest::Manifest;
use crate::{Error, Result, fs};

/// An open store. Rows may be read from any number of threads.
///
/// Opening checks that every file is as long as its record says and that every array lies inside, so a store that was cut
/// short or made up is an error. What remains: a file that is cut short by somebody *while* it is open ends the process with SIGBUS when
/// a row past its new end is read, as with any mapped file. Published shards are never written again, so replace a store by renaming, never in place;
/// on a network share that may drop out, copy the store first.
///
/// Every shard of every modality is one mapping, of which Linux allows a process 65,530 (`vm.max_map_count`): 16 TB in shards of the
/// usual size. A store of more is an [`Error::Io`] with the action `Map`.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    header: Header,
    manifest: Manifest,
    /// By modality, then shard.
    shards: Vec<Vec<Shard>>,
    /// Whether shards are taken for what their records say, unseen.
    trusted: bool,
}

impl Store {
    /// Opens a whole store and checks that every file is as long as its record says and every array lies inside, that the records are those of this
    /// store, and that its own words (header, manifest, records) have the hashes that they should. Of shards contents are hashed by
    /// [`check`](Rows::check), when they are used.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no store, or one that is not whole; [`Error::Integrity`] naming the file.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("store.json");
        if !fs::is_file(&path)? {
            let problem = if fs::is_file(&folder.join("plan.json"))? {
                "this store is not whole yet; expected the command that makes it to be run to its end"
            } else {
                "no store.json; expected the folder of a store"
            };
            return Err(Error::input(folder.display(), problem));
        }
        let header: Header = read_json(&path)?;
        if let Some(problem) = header.fault() {
            return Err(Error::integrity(&path, problem));
        }
        let manifest = manifest(folder, &header)?;
        let shards = open_shards(folder, &header)?;
        Ok(Self { folder: folder.into(), header, manifest, shards, trusted: false })
    }

    /// The same store, of whose shards [`check`](Rows::check) hashes nothing.
    pub fn trusted(self, trusted: bool) -> Self {
        Self { trusted, ..self }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What `store.json` says.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The segments, in row order.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Rows, failed ones included.
    pub fn len(&self) -> usize {
        self.manifest.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.manifest.is_empty()
    }

    /// The rows of a modality.
    ///
    /// # Errors
    /// [`Error::Input`] listing the modalities that there are.
    pub fn modality(&self, name: &str) -> Result<Rows<'_>> {
        let place = self.header.modalities.iter().position(|modality| modality.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.header.modalities.iter().map(|modality| modality.name.as_str()).collect();
            Error::input(self.folder.display(), format!("no modality {name:?}; expected one of {}", names.join(", ")))
        })?;
        Ok(self.rows_at(place))
    }

    /// The rows of every modality, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = Rows<'_>> {
        (0..self.shards.len()).map(|place| self.rows_at(place))
    }

    fn rows_at(&self, place: usize) -> Rows<'_> {
        Rows {
            folder: &self.folder,
            header: &self.header.modalities[place],
            per_shard: self.header.rows_per_shard as usize,
            shards: &self.shards[place],
            trusted: self.trusted,
        }
    }
}

/// Opens all shards, by modality; where there are many, by threads of its own: a process forked off one whose rayon has started its
/// threads has none of them, and would wait for ever.
fn open_shards(folder: &Path, header: &Header) -> Result<Vec<Vec<Shard>>> {
    let count = header.shard_count();
    let open = |modality: &ModalityHeader, shard| Shard::open(folder, header, modality, shard);
    let threads = if count < 64 { None } else { rayon::ThreadPoolBuilder::new().num_threads(4).build().ok() };
    let all = |modality| match &threads {
        None => (0..count).map(|shard| open(modality, shard)).collect(),
        Some(threads) => threads.install(|| (0..count).into_par_iter().map(|shard| open(modality, shard)).collect::<Vec<_>>()),
    };
    header.modalities.iter().map(|modality| all(modality).into_iter().collect()).collect()
}

/// The rows of one modality.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    pub(super) folder: &'a Path,
    pub(super) header: &'a ModalityHeader,
    pub(super) per_shard: usize,
    pub(super) shards: &'a [Shard],
    pub(super) trusted: bool,
}

impl<'a> Rows<'a> {
    /// Holds the shard that `row` lies in against its hash, once; of a store that is [trusted](Store::trusted), never.
    ///
    /// # Errors
    /// [`Error::Integrity`] naming the shard.
    pub fn check(&self, row: usize) -> Result<()> {
        if self.trusted { Ok(()) } else { self.shards[row / self.per_shard].check() }
    }

    /// Holds all shards against their hashes.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_all(&self) -> Result<()> {
        if self.trusted { Ok(()) } else { self.shards.iter().try_for_each(Shard::check) }
    }

    /// Type and shape of a row.
    pub fn header(&self) -> &'a ModalityHeader {
        self.header
    }

    /// What the commit record of a row's shard says.
    pub fn record(&self, row: usize) -> &'a ShardRecord {
        &self.shards[row / self.per_shard].record
    }

    /// What the commit records say.
    pub fn records(&self) -> impl Iterator<Item = &'a ShardRecord> + use<'a> {
        self.shards.iter().map(|shard| &shard.record)
    }

    /// The row's part of an array.
    fn part(&self, row: usize, array: impl Fn(&Shard) -> &Stretch) -> &'a [u8] {
        self.parts(row, 1, array)
    }

    /// That of `count` rows from `row` on, which lie in one shard.
    fn parts(&self, row: usize, count: usize, array: impl Fn(&Shard) -> &Stretch) -> &'a [u8] {
        let shard = &self.shards[row / self.per_shard];
        let Stretch { bytes, row_bytes } = array(shard);
        &shard.map[bytes.clone()][row % self.per_shard * row_bytes..][..count * row_bytes]
    }

    /// The bytes of `count` rows of one shard, none of them JPEGs.
    pub(super) fn stretch(&self, row: usize, count: usize) -> &'a [u8] {
        self.parts(row, count, |shard| &shard.data)
    }

    /// Whether row `row` could be made; if not, it is zeros.
    ///
    /// # Panics
    /// For a row that the store does not have, as all methods here.
    pub fn valid(&self, row: usize) -> bool {
        self.part(row, |shard| &shard.valid) == [1]
    }

    /// The row's bytes as they are stored: little-endian, in the shape of the header, or its JPEGs one after the other. No copy.
    pub fn bytes(&self, row: usize) -> &'a [u8] {
        if self.header.jpeg.is_none() {
            return self.part(row, |shard| &shard.data);
        }
        let (jpegs, frames) = self.jpegs(row);
        jpegs.of(frames)
    }

    /// The row's training views, in the shape of the header; none where the store has none. No copy.
    pub fn views(&self, row: usize) -> Option<&'a [u8]> {
        self.header.views.as_ref().map(|_| self.part(row, |shard| &shard.views))
    }

    /// The row's values; a slice of the file where they are stored as f32. None of frames stored as JPEG, which [`data`](Self::data) decodes.
    pub fn values(&self, row: usize) -> Cow<'a, [f32]> {
        if self.header.jpeg.is_some() {
            return Cow::Borrowed(&[]);
        }
        let bytes = self.bytes(row);
        match self.header.dtype {
            Dtype::F32 => match bytemuck::try_cast_slice(bytes) {
                Ok(values) => Cow::Borrowed(values),
                Err(_) => bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            },
            Dtype::F16 => bytes.chunks_exact(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
            Dtype::F64 => bytemuck::pod_collect_to_vec::<u8, f64>(bytes).into_iter().map(|value| value as f32).collect(),
            Dtype::U64 => bytemuck::pod_collect_to_vec::<u8, u64>(bytes).into_iter().map(|value| value as f32).collect(),
            Dtype::U8 => bytes.iter().map(|&value| f32::from(value)).collect(),
        }
    }

    /// The seconds of the recording that the row shows.
    pub fn span(&self, row: usize) -> [f64; 2] {
        let values: Vec<f64> = bytemuck::pod_collect_to_vec(self.part(row, |shard| &shard.span));
        [values[0], values[1]]
    }

    /// Presentation times of the row's frames in seconds; empty where there are none.
    pub fn times(&self, row: usize) -> Vec<f64> {
        if self.header.times == 0 { Vec::new() } else { bytemuck::pod_collect_to_vec(self.part(row, |shard| &shard.time)) }
    }
}
