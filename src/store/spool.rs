//! Where the rows of a shard wait that keeps frames as JPEG. How long one is shows only when it is encoded, and rows come in any
//! order and from many processes; so each frame has a slot of its own in a sparse file, long enough for any JPEG, and the shard is laid out when all are there.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::jpeg;
use super::layout::{ArrayPlace, Dtype, ModalityHeader};
use crate::{Error, Result, fs, hdf5};

/// A page, so that no two frames share one.
const PAGE: u64 = 1 << 12;

/// The slots of a shard's frames, row after row. A slot holds the JPEG's length, 8 bytes little-endian, and the JPEG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    /// 1 to 100.
    pub quality: u8,
    /// Width and height of a frame.
    pub sides: [u16; 2],
    /// Frames of a row.
    pub frames: u64,
    /// Byte at which the first begins.
    pub first: u64,
    /// Bytes of each.
    pub bytes: u64,
}

impl Slots {
    /// Those of a modality that keeps JPEGs.
    fn of(header: &ModalityHeader, first: u64) -> Option<Self> {
        let (quality, sides, frames) = (header.jpeg?, header.jpeg_sides()?, *header.shape.first()?);
        let bytes = (8 + jpeg::most(sides[0], sides[1])).next_multiple_of(PAGE);
        Some(Self { quality, sides, frames, first: first.next_multiple_of(PAGE), bytes })
    }

    /// Encodes whole frames of a row into their slots; `at` is the byte of the row at which the pixels begin.
    pub(super) fn put(&self, file: &fs::RowFile, path: &Path, row: u64, at: u64, pixels: &[u8]) -> Result<()> {
        let frame = 3 * u64::from(self.sides[0]) * u64::from(self.sides[1]);
        let (begin, end) = (at / frame, at.saturating_add(pixels.len() as u64) / frame);
        if !at.is_multiple_of(frame) || !(pixels.len() as u64).is_multiple_of(frame) || end > self.frames {
            let problem = format!("row {row} of the shard: {} bytes at {at}; expected whole frames of {frame}", pixels.len());
            return Err(Error::integrity(path, problem));
        }
        let mut slot = Vec::new();
        for (place, pixels) in (begin..).zip(pixels.chunks_exact(frame as usize)) {
            slot.clear();
            slot.extend([0; 8]);
            jpeg::encode(pixels, self.sides, self.quality, &mut slot).map_err(|problem| Error::integrity(path, problem))?;
            self.fill(file, path, row * self.frames + place, &mut slot)?;
        }
        Ok(())
    }

    /// Puts the JPEGs of a row into their slots as they are.
    pub(super) fn put_jpegs<'f>(
        &self,
        file: &fs::RowFile,
        path: &Path,
        row: u64,
        frames: impl Iterator<Item = &'f [u8]>,
    ) -> Result<()> {
        for (place, jpeg) in (0..self.frames).zip(frames) {
            self.fill(file, path, row * self.frames + place, &mut [&[0; 8], jpeg].concat())?;
        }
        Ok(())
    }

    /// Writes a slot; its first 8 bytes are still to be set.
    fn fill(&self, file: &fs::RowFile, path: &Path, frame: u64, slot: &mut [u8]) -> Result<()> {
        let length = slot.len() as u64 - 8;
        slot[..8].copy_from_slice(&length.to_le_bytes());
        if slot.len() as u64 > self.bytes {
            return Err(Error::integrity(path, format!("a JPEG of {length} bytes; expected at most {}", self.bytes - 8)));
        }
        file.write_at(slot, self.first + frame * self.bytes)
    }

    fn length(&self, file: &fs::RowFile, frame: u64) -> Result<u64> {
        let mut length = [0; 8];
        file.read_at(&mut length, self.first + frame * self.bytes)?;
        Ok(u64::from_le_bytes(length))
    }
}

/// Makes the file in which rows of a shard wait, empty, for `rows` rows: the places of the arrays that are no pixels, and the slots.
pub(super) fn create(
    path: &Path,
    header: &ModalityHeader,
    rows: u64,
) -> Result<(fs::RowFile, BTreeMap<String, ArrayPlace>, Slots)> {
    let (mut places, mut end) = (BTreeMap::new(), 0u64);
    for (name, dtype, shape) in others(header, rows, 0) {
        let offset = end.next_multiple_of(64);
        end = offset + bytes(dtype, &shape);
        places.insert(name.to_owned(), ArrayPlace { dtype, shape, offset });
    }
    let slots = Slots::of(header, end).ok_or_else(|| Error::integrity(path, "no frames; expected some to be kept as JPEG"))?;
    let file = fs::RowFile::create(path, slots.first + rows * slots.frames * slots.bytes)?;
    Ok((file, places, slots))
}

/// The arrays that are no pixels.
fn others(header: &ModalityHeader, rows: u64, jpegs: u64) -> impl Iterator<Item = (&'static str, Dtype, Vec<u64>)> {
    header.arrays(rows, jpegs).into_iter().filter(|(name, ..)| !["bytes", "offset"].contains(name))
}

fn bytes(dtype: Dtype, shape: &[u64]) -> u64 {
    dtype.size() * shape.iter().product::<u64>()
}

/// Makes a shard's file of arrays of zeros, and tells where each lies.
pub(super) fn lay_out(part: &Path, arrays: &[(&'static str, Dtype, Vec<u64>)]) -> Result<BTreeMap<String, ArrayPlace>> {
    let place = |(&offset, (name, dtype, shape)): (&u64, &(&str, Dtype, Vec<u64>))| {
        ((*name).to_owned(), ArrayPlace { dtype: *dtype, shape: shape.clone(), offset })
    };
    Ok(hdf5::create(part, arrays)?.iter().zip(arrays).map(place).collect())
}

/// Lays out the shard at `part` from what waits in `spool`: rows in order, those that are valid with all their frames. No more than a row is held.
pub(super) fn pour(
    part: &Path,
    header: &ModalityHeader,
    rows: u64,
    spool: &fs::RowFile,
    waiting: &BTreeMap<String, ArrayPlace>,
    slots: &Slots,
) -> Result<(fs::RowFile, BTreeMap<String, ArrayPlace>)> {
    let mut valid = vec![0; rows as usize];
    spool.read_at(&mut valid, waiting["valid"].offset)?;
    let mut offsets = vec![0u64];
    let mut end = 0;
    for (row, &valid) in (0..rows).zip(&valid) {
        for frame in row * slots.frames..(row + 1) * slots.frames {
            if valid == 1 {
                let length = slots.length(spool, frame)?;
                if length == 0 {
                    return Err(Error::integrity(
                        part,
                        format!("row {row} of the shard: a frame is missing; expected all of them"),
                    ));
                }
                end += length;
            }
            offsets.push(end);
        }
    }
    let places = lay_out(part, &header.arrays(rows, end))?;
    let file = fs::RowFile::open(part)?;
    file.write_at(bytemuck::cast_slice(&offsets), places["offset"].offset)?;
    let mut buffer = Vec::new();
    for (name, dtype, shape) in others(header, rows, end) {
        buffer.resize(bytes(dtype, &shape) as usize, 0);
        spool.read_at(&mut buffer, waiting[name].offset)?;
        file.write_at(&buffer, places[name].offset)?;
    }
    for row in (0..rows).filter(|&row| valid[row as usize] == 1) {
        let frames = row * slots.frames..(row + 1) * slots.frames;
        let [begin, end] = [frames.start, frames.end].map(|frame| offsets[frame as usize]);
        buffer.resize((end - begin) as usize, 0);
        for frame in frames {
            let [from, to] = [frame, frame + 1].map(|frame| (offsets[frame as usize] - begin) as usize);
            spool.read_at(&mut buffer[from..to], slots.first + frame * slots.bytes + 8)?;
        }
        file.write_at(&buffer, places["bytes"].offset + begin)?;
    }
    Ok((file, places))
}
