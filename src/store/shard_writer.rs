//! One shard while it is made.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::layout::{ArrayPlace, Dtype, ModalityHeader, RowNote, ShardRecord, shard_path};
use super::run::Run;
use super::spool::{self, Slots};
use super::target::Target;
use super::told::Told;
use super::units::Lease;
use super::writer::Writer;
use crate::error::{Cause, Code, Failure};
use crate::sample::{Data, Made, Row};
use crate::source::Identity;
use crate::{Error, Result, fs};

/// One shard being made; rows may come in any order and from many threads.
#[derive(Debug)]
pub struct ShardWriter<'a> {
    pub(super) writer: &'a Writer,
    pub(super) header: &'a ModalityHeader,
    pub(super) rows: [u64; 2],
    pub(super) part: fs::Part,
    /// What rows are written into: the shard itself, or where it waits for its JPEGs.
    pub(super) file: fs::RowFile,
    pub(super) places: BTreeMap<String, ArrayPlace>,
    /// Where rows wait that become JPEGs.
    pub(super) spool: Option<(fs::Part, Slots)>,
    pub(super) runs: Mutex<BTreeMap<&'static str, Run>>,
    pub(super) told: Mutex<Told>,
    /// Whether rows are missing, since it was lost while they were made.
    pub(super) spoilt: AtomicBool,
    /// Last, so that it is given back when what was written is gone.
    pub(super) lease: Lease,
}

impl<'a> ShardWriter<'a> {
    pub(super) fn new(writer: &'a Writer, lease: Lease) -> Result<Self> {
        let (modality, shard) = lease.unit;
        let (header, rows) = (&writer.header().modalities[modality], writer.rows(shard));
        let count = rows[1] - rows[0];
        let (part, file, places, spool) = lease.in_spite_of_others(|| {
            let part = fs::Part::unique(&shard_path(writer.folder(), &header.name, shard, "h5"));
            if header.jpeg.is_some() {
                let waiting = fs::Part::unique(&shard_path(writer.folder(), &header.name, shard, "frames"));
                let (file, places, slots) = spool::create(waiting.place(), header, count)?;
                return Ok((part, file, places, Some((waiting, slots))));
            }
            let places = spool::lay_out(part.place(), &header.arrays(count, 0))?;
            let file = fs::RowFile::open(part.place())?;
            Ok((part, file, places, None))
        })?;
        let (runs, told, spoilt) = Default::default();
        Ok(Self { writer, header, lease, rows, part, file, places, spool, runs, told, spoilt })
    }

    /// A shard that is there, but for some of its rows, which are made again. Until it is committed the one that is there stays.
    pub(super) fn again(writer: &'a Writer, lease: Lease, record: ShardRecord, rows: &BTreeSet<u64>) -> Result<Self> {
        let (modality, shard) = lease.unit;
        let header = &writer.header().modalities[modality];
        // JPEGs lie one behind the other, so all are made again
        if header.jpeg.is_some() {
            return Self::new(writer, lease);
        }
        let path = shard_path(writer.folder(), &header.name, shard, "h5");
        let (part, file) = lease.in_spite_of_others(|| {
            let part = fs::Part::unique(&path);
            part.bring(&path, false)?;
            let file = fs::RowFile::open(part.place())?;
            Ok((part, file))
        })?;
        // as in a file in which nothing was written of them
        for place in record.arrays.values() {
            let bytes = place.shape.iter().skip(1).product::<u64>() * place.dtype.size();
            rows.iter().try_for_each(|row| file.clear(place.offset + (row - record.rows[0]) * bytes, bytes))?;
        }
        let (places, told) = (record.arrays.clone(), Told::but(record, rows).into());
        let (runs, spoilt) = Default::default();
        Ok(Self { writer, header, lease, rows: writer.rows(shard), part, file, places, spool: None, runs, told, spoilt })
    }

    /// Elements of a row's data.
    pub fn row_elements(&self) -> usize {
        self.header.row_elements() as usize
    }

    /// Writes row `row` of the store, its views after its data, or notes why there is none. A value that is not finite, or that f16 cannot
    /// hold, makes the row one that failed.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Integrity`] for a row of another shape, which is a defect of its maker.
    pub fn write(&self, row: u64, made: Result<&Row, &Failure>) -> Result<()> {
        let outcome = made.map_err(Clone::clone).and_then(|made| Ok((made, self.bytes(&made.data)?)));
        match outcome {
            Ok((made, bytes)) => {
                let target = self.target();
                if bytes.len() as u64 != target.data_bytes + target.views_bytes {
                    return Err(self.misshapen(row, format!("{} bytes", bytes.len())));
                }
                let (data, views) = bytes.split_at(target.data_bytes as usize);
                for (array, at, bytes) in [("data", 0, data), ("views", target.data_bytes, views)] {
                    match self.spool {
                        _ if bytes.is_empty() => {}
                        Some(_) => target.put(&self.file, row - self.rows[0], at, bytes)?,
                        None => self.put(array, row - self.rows[0], bytes)?,
                    }
                }
                self.settle(row, Ok(&made.made))
            }
            Err(failure) => self.settle(row, Err(&failure)),
        }
    }

    fn misshapen(&self, row: u64, what: String) -> Error {
        Error::integrity(self.part.path(), format!("row {row}: {what} do not fit the shape {:?}", self.header.shape))
    }

    /// Where rows' data and views lie, for those who write them there themselves and then [`note`](Self::note) what came of it.
    pub fn target(&self) -> Target {
        let offset = |array: &str| self.places.get(array).map_or(0, |place| place.offset);
        let size = self.header.dtype.size();
        Target {
            path: self.spool.as_ref().map_or(&self.part, |(waiting, _)| waiting).place().to_owned(),
            data: offset("data"),
            data_bytes: self.header.row_elements() * size,
            views: offset("views"),
            views_bytes: self.header.view_elements() * size,
            jpeg: self.spool.as_ref().map(|(_, slots)| slots.clone()),
        }
    }

    /// Notes what came of a row whose data and views are in their place. Of a row that failed nothing is left there; one with values that
    /// are not finite has failed.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn note(&self, row: u64, outcome: Result<&Made, &Failure>) -> Result<()> {
        let dtype = self.header.dtype;
        if outcome.is_err() || dtype == Dtype::U8 {
            return self.settle(row, outcome);
        }
        let target = self.target();
        for (offset, bytes) in [(target.data, target.data_bytes), (target.views, target.views_bytes)] {
            let mut written = vec![0; bytes as usize];
            self.file.read_at(&mut written, offset + (row - self.rows[0]) * bytes)?;
            if let Some((element, value)) = dtype.not_finite(&written) {
                return self.settle(row, Err(&refused(element, value)));
            }
        }
        self.settle(row, outcome)
    }

    fn settle(&self, row: u64, outcome: Result<&Made, &Failure>) -> Result<()> {
        let note = |code: Code, message: &str| {
            let retry = code.cause() == Cause::Outside;
            RowNote { row, id: self.writer.id(row).to_owned(), code, message: message.to_owned(), retry }
        };
        let told = |tell: &dyn Fn(&mut Told)| tell(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
        let index = row - self.rows[0];
        match outcome {
            Ok(made) => {
                if made.times.len() as u64 != self.header.times {
                    return Err(self.misshapen(row, format!("{} times", made.times.len())));
                }
                if !made.span.iter().chain(&made.times).all(|second| second.is_finite()) {
                    return Err(self.misshapen(row, format!("the seconds {:?}, {:?}", made.span, made.times)));
                }
                self.put("span", index, bytemuck::cast_slice(&made.span))?;
                if !made.times.is_empty() {
                    self.put("time", index, bytemuck::cast_slice(&made.times))?;
                }
                self.put("valid", index, &[1])?;
                told(&|told| {
                    told.made_by.entry(made.made_by.to_string()).or_default().push(row);
                    told.notes.extend(made.partial.as_ref().map(|message| note(Code::Partial, message)));
                });
            }
            Err(failure) => {
                self.clear(index)?;
                let note = note(failure.code, &failure.message);
                told(&|told| told.lacks(note.clone()));
            }
        }
        Ok(())
    }

    /// Notes what a file was that rows are made of; nothing where there was none.
    pub fn source(&self, path: &Path, identity: Option<Identity>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match identity {
            Some(identity) => told.sources.insert(path.display().to_string(), identity),
            None => told.sources.remove(&path.display().to_string()),
        };
    }

    /// Whether a row that `before` has failed here for a cause that may have passed, so that one attempt would be given for another. Of rows that were
    /// `asked` for that is what was asked.
    pub fn is_worse_than(&self, before: &ShardRecord, asked: &BTreeSet<u64>) -> bool {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.failed.iter().any(|note| note.retry && !asked.contains(&note.row) && before.has(note.row))
    }

    /// The first of the rows that failed so far.
    pub fn first_failure(&self) -> Option<RowNote> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.failed.iter().min_by_key(|note| note.row).cloned()
    }

    /// Makes a row zeros again where something was written of it. JPEGs that wait are left out anyway.
    fn clear(&self, index: u64) -> Result<()> {
        if self.spool.is_some() {
            return Ok(());
        }
        self.flush()?;
        let target = self.target();
        for (offset, bytes) in [(target.data, target.data_bytes), (target.views, target.views_bytes)] {
            self.file.clear(offset + index * bytes, bytes)?;
        }
        Ok(())
    }

    /// The row as it lies in the file; values that the type cannot hold are a failure of the row.
    fn bytes<'d>(&self, data: &'d Data) -> Result<Cow<'d, [u8]>, Failure> {
        match (data, self.header.dtype) {
            (Data::U8(values), Dtype::U8) => Ok(values.into()),
            (Data::F32(values), Dtype::F32) => match Dtype::F32.not_finite(bytemuck::cast_slice(values)) {
                Some((place, value)) => Err(refused(place, value)),
                None => Ok(bytemuck::cast_slice(values).into()),
            },
            (Data::F32(values), Dtype::F16) => {
                let mut halves = vec![f16::ZERO; values.len()];
                halves.convert_from_f32_slice(values);
                match Dtype::F16.not_finite(bytemuck::cast_slice(&halves)) {
                    Some((place, _)) => Err(refused(place, values[place].into())),
                    None => Ok(bytemuck::cast_slice(&halves).to_vec().into()),
                }
            }
            _ => Err(Failure { code: Code::Internal, message: "the row's type is not the store's".into() }),
        }
    }

    fn put(&self, array: &'static str, index: u64, bytes: &[u8]) -> Result<()> {
        let at = self.places[array].offset + index * bytes.len() as u64;
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.entry(array).or_default().put(&self.file, at, bytes)
    }

    fn flush(&self) -> Result<()> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.values_mut().try_for_each(|run| run.flush(&self.file))
    }
}

/// Why a row with such a value is not written.
fn refused(element: usize, value: f64) -> Failure {
    let expected = if value.is_finite() { "-65504 to 65504 (f16)" } else { "finite values" };
    Failure { code: Code::NonFinite, message: format!("element {element} is {value}; expected {expected}") }
}
