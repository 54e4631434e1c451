//! Frames as JPEG: baseline, three components of full size each (4:4:4), which keeps more of a picture than any
//! coarser chroma at the same number of bytes.

use std::borrow::Cow;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::layout::shard_path;
use super::reader::Rows;
use crate::{Error, Result};

/// What encodes, in the version that `Cargo.lock` has.
pub const ENCODER: &str = "image 0.25.10";
/// How chroma is kept.
pub const CHROMA: &str = "4:4:4";

/// The arrays of a shard's JPEGs.
#[derive(Clone, Copy)]
pub(super) struct Jpegs<'a> {
    /// One after the other.
    pub(super) bytes: &'a [u8],
    /// u64, little-endian: where each begins, and where the last one ends.
    pub(super) offsets: &'a [u8],
}

impl<'a> Jpegs<'a> {
    /// Whether they lie one after the other and are all that there is.
    pub(super) fn check(self) -> Result<(), String> {
        let (mut latest, bytes) = (0, self.bytes.len() as u64);
        for (frame, offset) in self.offsets.chunks_exact(8).map(number).enumerate() {
            if !(latest..=bytes).contains(&offset) || frame == 0 && offset != 0 {
                return Err(format!("offset[{frame}] is {offset}; expected {latest} to {bytes}, and 0 for the first"));
            }
            latest = offset;
        }
        // a single byte stands for none
        if latest == bytes || latest == 0 && bytes == 1 {
            return Ok(());
        }
        Err(format!("the last offset is {latest}; expected {bytes}, the length of bytes"))
    }

    /// Those of some frames.
    pub(super) fn of(self, frames: Range<usize>) -> &'a [u8] {
        let offset = |frame: usize| self.offsets.get(8 * frame..8 * frame + 8).map_or(0, number) as usize;
        self.bytes.get(offset(frames.start)..offset(frames.end)).unwrap_or_default()
    }
}

impl<'a> Rows<'a> {
    /// The JPEG of each frame of the row, empty where the row could not be made; none at all where frames are no JPEGs. No copy.
    pub fn frames(&self, row: usize) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let jpegs = self.header.jpeg.map(|_| self.jpegs(row));
        jpegs.into_iter().flat_map(|(jpegs, frames)| frames.map(move |frame| jpegs.of(frame..frame + 1)))
    }

    /// The JPEGs of the row's shard, and which are the row's.
    pub(super) fn jpegs(&self, row: usize) -> (Jpegs<'a>, Range<usize>) {
        let frames = self.header.shape[0] as usize;
        let first = row % self.per_shard * frames;
        (self.shards[row / self.per_shard].jpegs(), first..first + frames)
    }

    /// The row's elements, little-endian, in the shape of the header: a slice of the file, or decoded from JPEG.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn data(&self, row: usize) -> Result<Cow<'a, [u8]>> {
        if self.header.jpeg.is_none() {
            return Ok(self.bytes(row).into());
        }
        let mut data = vec![0; self.row_bytes()];
        self.read(row, &mut data).map(|()| data.into())
    }

    /// Writes the row's elements, little-endian, in the shape of the header, into `out`: copied, or decoded from JPEG.
    ///
    /// # Errors
    /// [`Error::Integrity`] naming shard, row and frame for a JPEG that cannot be decoded; [`Error::Input`] for room of another size.
    pub fn read(&self, row: usize, out: &mut [u8]) -> Result<()> {
        let bytes = self.row_bytes();
        if out.len() != bytes {
            let problem = format!("room for {} bytes of a row; expected {bytes}", out.len());
            return Err(Error::input(format!("modality {:?}", self.header.name), problem));
        }
        let Some(sides) = self.header.jpeg_sides() else {
            out.copy_from_slice(self.bytes(row));
            return Ok(());
        };
        if !self.valid(row) {
            out.fill(0);
            return Ok(());
        }
        let pictures = out.chunks_exact_mut(3 * usize::from(sides[0]) * usize::from(sides[1]));
        for (place, (file, rgb)) in self.frames(row).zip(pictures).enumerate() {
            decode(file, sides, rgb).map_err(|problem| {
                let shard = shard_path(self.folder, &self.header.name, (row / self.per_shard) as u64, "h5");
                Error::integrity(&shard, format!("row {row}, frame {place}: {problem}"))
            })?;
        }
        Ok(())
    }

    pub(super) fn row_bytes(&self) -> usize {
        (self.header.row_elements() * self.header.dtype.size()) as usize
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Most bytes of a frame's JPEG: 64 coefficients of 26 bits a block, all of them escaped, and headers.
pub fn most(width: u16, height: u16) -> u64 {
    let blocks = |side: u16| u64::from(side).div_ceil(8);
    (1 << 12) + 512 * 3 * blocks(width) * blocks(height)
}

/// Appends the JPEG of a frame `[height, width, 3]`, of a quality from 1 to 100.
///
/// # Errors
/// A sentence, where the pixels are not as many as the sides say.
#[cfg(feature = "hdf5")]
pub fn encode(rgb: &[u8], [width, height]: [u16; 2], quality: u8, file: &mut Vec<u8>) -> Result<(), String> {
    use image::ImageEncoder;
    use image::codecs::jpeg::JpegEncoder;
    let bytes = 3 * usize::from(width) * usize::from(height);
    if rgb.len() != bytes || bytes == 0 {
        return Err(format!("{} bytes; expected {width}×{height} pixels of 3", rgb.len()));
    }
    let encoder = JpegEncoder::new_with_quality(file, quality);
    let encoded = encoder.write_image(rgb, width.into(), height.into(), image::ExtendedColorType::Rgb8);
    encoded.map_err(|error| error.to_string())
}

/// Decodes a frame into `rgb`, `[height, width, 3]`.
///
/// # Errors
/// A sentence: anything but a whole baseline JPEG of these sides, or more bytes than [`most`].
pub fn decode(file: &[u8], [width, height]: [u16; 2], rgb: &mut [u8]) -> Result<(), String> {
    let most = most(width, height);
    if file.len() as u64 > most {
        return Err(format!("{} bytes; expected at most {most}", file.len()));
    }
    if !(file.starts_with(&[0xff, 0xd8]) && file.ends_with(&[0xff, 0xd9])) {
        return Err("not a whole JPEG".into());
    }
    let decode = || {
        let options = DecoderOptions::default().set_strict_mode(true).jpeg_set_out_colorspace(ColorSpace::RGB);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
        let damaged = |error| format!("not a whole JPEG: {error}");
        decoder.decode_headers().map_err(damaged)?;
        let info = decoder.info().ok_or("no header")?;
        if (info.width, info.height, info.components) != (width, height, 3) || info.sof != Default::default() {
            let found = format!("{}×{} pixels of {} components", info.width, info.height, info.components);
            return Err(format!("{found}; expected {width}×{height} of 3, baseline"));
        }
        if decoder.output_buffer_size() != Some(rgb.len()) {
            return Err(format!("{} bytes of room; expected {width}×{height} pixels of 3", rgb.len()));
        }
        decoder.decode_into(rgb).map_err(damaged)
    };
    // safe Rust, but damaged files may trip it up
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| Err("not a whole JPEG: the decoder gave up".into()))
}
