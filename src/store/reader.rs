//! Reading a store: shards are mapped, rows are slices of the mapping. No libhdf5.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

use half::f16;
use half::slice::HalfFloatSliceExt;
use memmap2::Mmap;

use super::jpeg::Jpegs;
use super::layout::{ArrayPlace, Dtype, Header, ModalityHeader, ShardRecord, VERSION, read_json, shard_path};
use super::manifest_csv;
use crate::manifest::Manifest;
use crate::{Error, Result};

/// An open store. Rows may be read from any number of threads.
///
/// Opening checks that every file is as long as its record says and that every array lies inside, so a store that was cut
/// short or made up is an error. What remains: a file that is cut short by somebody *while* it is open ends the process with SIGBUS when
/// a row past its new end is read, as with any mapped file. Published shards are never written again, so replace a store by renaming, never in place;
/// on a network share that may drop out, copy the store first.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    header: Header,
    manifest: Manifest,
    /// By modality, then shard.
    shards: Vec<Vec<Shard>>,
}

#[derive(Debug)]
pub(super) struct Shard {
    map: Mmap,
    record: ShardRecord,
}

impl Store {
    /// Opens a whole store and checks that every file is as long as its record says and every array lies inside.
    /// Contents are not hashed.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no store, or one that is not whole; [`Error::Integrity`] naming the file.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("store.json");
        if !path.is_file() {
            let problem = if folder.join("plan.json").is_file() {
                "this store is not whole yet; expected the command that makes it to be run to its end"
            } else {
                "no store.json; expected the folder of a store"
            };
            return Err(Error::input(folder.display(), problem));
        }
        let header: Header = read_json(&path)?;
        if header.format != "mmdg-store" || header.version != VERSION {
            let problem =
                format!("format {:?} version {}; expected \"mmdg-store\" version {VERSION}", header.format, header.version);
            return Err(Error::integrity(&path, problem));
        }
        for (place, modality) in header.modalities.iter().enumerate() {
            if header.modalities[..place].iter().any(|other| other.name == modality.name) {
                return Err(Error::integrity(&path, format!("modality {:?} stands twice", modality.name)));
            }
            modality.check().map_err(|problem| Error::integrity(&path, format!("modality {:?}: {problem}", modality.name)))?;
        }
        let manifest = manifest_csv::read(&folder.join("manifest.csv"), &header.classes, &header.domains)?;
        if manifest.len() as u64 != header.rows || header.rows_per_shard == 0 {
            return Err(Error::integrity(&path, format!("{} rows, but manifest.csv has {}", header.rows, manifest.len())));
        }
        let count = header.rows.div_ceil(header.rows_per_shard);
        let open = |modality: &ModalityHeader| (0..count).map(|k| Shard::open(folder, &header, modality, k)).collect();
        let shards = header.modalities.iter().map(open).collect::<Result<_>>()?;
        Ok(Self { folder: folder.into(), header, manifest, shards })
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
        Ok(Rows {
            folder: &self.folder,
            header: &self.header.modalities[place],
            per_shard: self.header.rows_per_shard as usize,
            shards: &self.shards[place],
        })
    }
}

impl Shard {
    fn open(folder: &Path, header: &Header, modality: &ModalityHeader, shard: u64) -> Result<Self> {
        let record_path = shard_path(folder, &modality.name, shard, "json");
        let record: ShardRecord = read_json(&record_path)?;
        let first = shard * header.rows_per_shard;
        let rows = [first, (first + header.rows_per_shard).min(header.rows)];
        if record.rows != rows {
            return Err(Error::integrity(&record_path, format!("rows {:?}; expected {rows:?}", record.rows)));
        }
        if !record.rows_fit() {
            let problem = format!("failed, absent, notes or made_by name rows other than {rows:?}; expected these");
            return Err(Error::integrity(&record_path, problem));
        }
        let path = shard_path(folder, &modality.name, shard, "h5");
        let file = File::open(&path).map_err(|error| Error::integrity(&path, format!("cannot open: {error}")))?;
        let length = file.metadata().map_err(Error::io("read", &path))?.len();
        if length != record.bytes {
            return Err(Error::integrity(&path, format!("{length} bytes; its record says {}", record.bytes)));
        }
        let jpegs = record.arrays.get("bytes").and_then(|place| place.shape.first()).copied().unwrap_or_default();
        for (name, dtype, shape) in modality.arrays(rows[1] - rows[0], jpegs) {
            let fits = record.arrays.get(name).is_some_and(|place| {
                let bytes = shape.iter().try_fold(dtype.size(), |product, &n| product.checked_mul(n));
                let end = bytes.and_then(|bytes| bytes.checked_add(place.offset));
                place.dtype == dtype && place.shape == shape && place.offset % 64 == 0 && end.is_some_and(|end| end <= length)
            });
            if !fits {
                return Err(Error::integrity(
                    &record_path,
                    format!("array {name:?} is missing, has another shape or lies outside the file"),
                ));
            }
        }
        // SAFETY: a published shard is never written again; one that is cut short by others while mapped would end the
        // process with SIGBUS, which the store's promise of immutability excludes.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::io("map", &path))?;
        let shard = Self { map, record };
        if modality.jpeg.is_some() {
            shard.jpegs().check().map_err(|problem| Error::integrity(&path, problem))?;
        }
        Ok(shard)
    }

    /// The JPEGs of all frames, where frames are such.
    pub(super) fn jpegs(&self) -> Jpegs<'_> {
        let array = |name: &str| {
            let place = &self.record.arrays[name];
            &self.map[place.offset as usize..][..(place.shape[0] * place.dtype.size()) as usize]
        };
        Jpegs { bytes: array("bytes"), offsets: array("offset") }
    }

    fn row(&self, place: &ArrayPlace, index: usize) -> &[u8] {
        let rows = place.shape[0].max(1) as usize;
        let elements: u64 = place.shape.iter().product();
        let bytes = (elements * place.dtype.size()) as usize / rows;
        &self.map[place.offset as usize + index * bytes..][..bytes]
    }
}

/// The rows of one modality.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    pub(super) folder: &'a Path,
    pub(super) header: &'a ModalityHeader,
    pub(super) per_shard: usize,
    pub(super) shards: &'a [Shard],
}

impl<'a> Rows<'a> {
    /// Type and shape of a row.
    pub fn header(&self) -> &'a ModalityHeader {
        self.header
    }

    /// What the commit records say.
    pub fn records(&self) -> impl Iterator<Item = &'a ShardRecord> {
        self.shards.iter().map(|shard| &shard.record)
    }

    fn array(&self, name: &str, row: usize) -> &'a [u8] {
        let shard = &self.shards[row / self.per_shard];
        shard.row(&shard.record.arrays[name], row % self.per_shard)
    }

    /// Whether row `row` could be made; if not, it is zeros.
    ///
    /// # Panics
    /// For a row that the store does not have, as all methods here.
    pub fn valid(&self, row: usize) -> bool {
        self.array("valid", row) == [1]
    }

    /// The row's bytes as they are stored: little-endian, in the shape of the header, or its JPEGs one after the other. No copy.
    pub fn bytes(&self, row: usize) -> &'a [u8] {
        if self.header.jpeg.is_none() {
            return self.array("data", row);
        }
        let (jpegs, frames) = self.jpegs(row);
        jpegs.of(frames)
    }

    /// The row's training views, in the shape of the header; none where the store has none. No copy.
    pub fn views(&self, row: usize) -> Option<&'a [u8]> {
        self.header.views.as_ref().map(|_| self.array("views", row))
    }

    /// Copies rows as they are stored, one after the other; little-endian.
    ///
    /// # Panics
    /// Where `out` is not `rows.len()` rows long; for frames stored as JPEG, which [`read`](Self::read) decodes.
    pub fn gather_bytes(&self, rows: &[usize], out: &mut [u8]) {
        let bytes = self.row_bytes();
        assert_eq!(out.len(), rows.len() * bytes, "room for {} rows", rows.len());
        for (&row, out) in rows.iter().zip(out.chunks_exact_mut(bytes)) {
            out.copy_from_slice(self.bytes(row));
        }
    }

    /// Copies the values of rows, one row after the other.
    ///
    /// # Panics
    /// As [`gather_bytes`](Self::gather_bytes).
    pub fn gather(&self, rows: &[usize], out: &mut [f32]) {
        if self.header.dtype == Dtype::F32 {
            return self.gather_bytes(rows, bytemuck::cast_slice_mut(out));
        }
        let width = self.header.row_elements() as usize;
        assert_eq!(out.len(), rows.len() * width, "room for {} rows", rows.len());
        for (&row, out) in rows.iter().zip(out.chunks_exact_mut(width)) {
            match bytemuck::try_cast_slice(self.bytes(row)) {
                Ok(halves) if self.header.dtype == Dtype::F16 => <[f16]>::convert_to_f32_slice(halves, out),
                _ => out.copy_from_slice(&self.values(row)),
            }
        }
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
        let values: Vec<f64> = bytemuck::pod_collect_to_vec(self.array("span", row));
        [values[0], values[1]]
    }

    /// Presentation times of the row's frames in seconds; empty where there are none.
    pub fn times(&self, row: usize) -> Vec<f64> {
        if self.header.times == 0 { Vec::new() } else { bytemuck::pod_collect_to_vec(self.array("time", row)) }
    }
}
