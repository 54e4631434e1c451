//! What the boxes of an mp4 (ISO/IEC 14496-12) say of its tracks that decoders pass over or get wrong: edit lists above all.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// The tracks of a file, in its order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Movie {
    /// All of them, of whatever kind.
    pub tracks: Vec<Track>,
    /// Samples are listed in fragments too.
    pub fragmented: bool,
}

/// A track.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Track {
    /// Its number in the file.
    pub id: u32,
    /// What it holds: `soun`, `vide` and others.
    pub handler: [u8; 4],
    /// Its edit list; empty where all of the track is presented from its time 0 on.
    pub edits: Vec<Edit>,
    /// Descriptions of samples.
    pub entries: usize,
    /// The first one's format, such as `mp4a`, and its decoder configuration (ISO/IEC 14496-1, 7.2.6.7) where it has one.
    pub format: [u8; 4],
    /// See `format`.
    pub configuration: Vec<u8>,
}

/// A stretch of a track that is presented.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edit {
    /// Where it begins in the track, in seconds.
    pub media: f64,
    /// Where it is presented, in seconds from the movie's start.
    pub at: f64,
    /// How long it is, in seconds; `None` is to the track's end.
    pub duration: Option<f64>,
}

impl Movie {
    /// The tracks of a kind.
    pub fn of(&self, handler: [u8; 4]) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(move |track| track.handler == handler)
    }
}

/// Whether the first box says that a file is an mp4 (a JPEG 2000 picture has such a box too, and is none).
pub fn begins(path: &Path) -> bool {
    let mut head = [0; 12];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && &head[4..8] == b"ftyp" && !matches!(&head[8..11], b"jp2" | b"jpx")
}

/// Reads them; `None` for files that are no mp4.
pub fn read(path: &Path) -> Option<Movie> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let moov = child(&mut file, 0, length, *b"moov")?;
    let scale = time_scale(find(&moov, *b"mvhd")?)?;
    let traks = boxes(&moov).filter(|(kind, _)| kind == b"trak");
    let tracks = traks.filter_map(|(_, trak)| track(trak, scale)).collect();
    Some(Movie { tracks, fragmented: find(&moov, *b"mvex").is_some() })
}

fn track(trak: &[u8], movie_scale: f64) -> Option<Track> {
    let tkhd = find(trak, *b"tkhd");
    let id = tkhd.and_then(|tkhd| {
        let at = if *tkhd.first()? == 1 { 20 } else { 12 };
        number(tkhd.get(at..at + 4)?)
    });
    let mdia = find(trak, *b"mdia")?;
    let handler = find(mdia, *b"hdlr")?.get(8..12)?.try_into().ok()?;
    let scale = time_scale(find(mdia, *b"mdhd")?)?;
    let elst = find(trak, *b"edts").and_then(|edts| find(edts, *b"elst"));
    let edits = elst.and_then(|elst| edits(elst, movie_scale, scale)).unwrap_or_default();
    let stsd = find(mdia, *b"minf").and_then(|minf| find(minf, *b"stbl")).and_then(|stbl| find(stbl, *b"stsd"));
    let entries = || boxes(stsd.and_then(|stsd| stsd.get(8..)).unwrap_or_default());
    let (format, configuration) = match entries().next() {
        Some((format, entry)) => (format.try_into().ok()?, configuration(entry).unwrap_or_default()),
        None => Default::default(),
    };
    Some(Track { id: id.unwrap_or(0) as u32, handler, edits, entries: entries().count(), format, configuration })
}

/// The decoder configuration in the sample description of an MPEG-4 sound (ISO/IEC 14496-14, 6.7); QuickTime's longer ones have none.
fn configuration(entry: &[u8]) -> Option<Vec<u8>> {
    let version = number(entry.get(8..10)?)?;
    let mut rest = find(entry.get(28..).filter(|_| version == 0)?, *b"esds")?.get(4..)?;
    loop {
        let (&tag, after) = rest.split_first()?;
        let mut length = 0;
        let mut bytes = after.iter();
        for _ in 0..4 {
            let byte = *bytes.next()?;
            length = length << 7 | usize::from(byte & 0x7f);
            if byte < 0x80 {
                break;
            }
        }
        let content = bytes.as_slice();
        rest = match tag {
            // the elementary stream: its number, flags, and perhaps what they announce
            3 => {
                let flags = *content.get(2)?;
                let url = if flags & 0x40 != 0 { 1 + usize::from(*content.get(3)?) } else { 0 };
                content.get(3 + url + if flags & 0x80 != 0 { 2 } else { 0 } + if flags & 0x20 != 0 { 2 } else { 0 }..)?
            }
            4 => content.get(13..)?,
            5 => return content.get(..length).map(<[u8]>::to_vec),
            _ => content.get(length..)?,
        };
    }
}

/// The content of a box at the top of the file, at most 256 MiB.
fn child(file: &mut File, mut at: u64, end: u64, wanted: [u8; 4]) -> Option<Vec<u8>> {
    while at + 8 <= end {
        file.seek(SeekFrom::Start(at)).ok()?;
        let mut head = [0; 16];
        file.read_exact(&mut head[..8]).ok()?;
        let (mut size, mut header) = (u64::from(number(&head[..4])? as u32), 8);
        if size == 1 {
            file.read_exact(&mut head[8..]).ok()?;
            (size, header) = (number(&head[8..])?, 16);
        } else if size == 0 {
            size = end - at;
        }
        if size < header || size > end - at {
            return None;
        }
        if head[4..8] == wanted {
            if size > 256 << 20 {
                return None;
            }
            let mut content = vec![0; (size - header) as usize];
            file.seek(SeekFrom::Start(at + header)).ok()?;
            file.read_exact(&mut content).ok()?;
            return Some(content);
        }
        at += size;
    }
    None
}

/// The boxes inside one, up to the first that does not fit.
fn boxes(mut content: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let size = usize::try_from(number(content.get(..4)?)?).ok()?;
        let inside = (content.get(4..8)?, content.get(8..size)?);
        content = &content[size..];
        Some(inside)
    })
}

fn find(content: &[u8], wanted: [u8; 4]) -> Option<&[u8]> {
    boxes(content).find(|(kind, _)| *kind == wanted).map(|(_, content)| content)
}

fn number(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}

/// Ticks a second, from `mvhd` or `mdhd`, which agree up to there.
fn time_scale(header: &[u8]) -> Option<f64> {
    let at = if *header.first()? == 1 { 20 } else { 12 };
    number(header.get(at..at + 4)?).filter(|&scale| scale > 0).map(|scale| scale as f64)
}

/// The entries that present something, each at the sum of the durations before it.
fn edits(elst: &[u8], movie_scale: f64, track_scale: f64) -> Option<Vec<Edit>> {
    let wide = *elst.first()? == 1;
    let (entry, half) = if wide { (20, 8) } else { (12, 4) };
    let count = number(elst.get(4..8)?)? as usize;
    let (mut found, mut at) = (Vec::new(), 0.0);
    for bytes in elst.get(8..)?.chunks_exact(entry).take(count) {
        let duration = number(&bytes[..half])? as f64 / movie_scale;
        let media = number(&bytes[half..2 * half])?;
        let media = if wide { media as i64 } else { i64::from(media as u32 as i32) };
        if media >= 0 {
            found.push(Edit { media: media as f64 / track_scale, at, duration: (duration > 0.0).then_some(duration) });
        }
        at += duration;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_read() {
        let mut elst = vec![0, 0, 0, 0, 0, 0, 0, 4];
        for word in [500u32, u32::MAX, 0x10000, 2000, 1024, 0x10000, 1000, 96000, 0x10000, 0, 0, 0x10000] {
            elst.extend(word.to_be_bytes());
        }
        let edit = |media, at, duration| Edit { media, at, duration };
        let expected = [edit(1024.0 / 48000.0, 0.5, Some(2.0)), edit(2.0, 2.5, Some(1.0)), edit(0.0, 3.5, None)];
        assert_eq!(edits(&elst, 1000.0, 48000.0).unwrap(), expected);
    }

    #[test]
    fn nonsense_is_nothing() {
        for bytes in [&[][..], &[0; 7], &[1, 0, 0]] {
            assert_eq!(edits(bytes, 1.0, 1.0), None);
        }
        assert_eq!(edits(&[1, 0, 0, 0, 255, 255, 255, 255, 1, 2], 1.0, 1.0), Some(Vec::new()));
        assert_eq!(boxes(&[0, 0, 0, 4, b'm', b'o', b'o', b'v']).count(), 0);
    }

    #[test]
    fn a_decoder_configuration_is_found_behind_its_descriptors() {
        let mut entry = vec![0; 28];
        let esds = [&[0, 0, 0, 0, 3, 0x80, 0x80, 25, 0, 1, 0, 4, 20][..], &[0; 13], &[5, 2, 0x12, 0x10, 6, 1, 2]].concat();
        entry.extend((8 + esds.len() as u32).to_be_bytes());
        entry.extend(b"esds");
        entry.extend(esds);
        assert_eq!(configuration(&entry), Some(vec![0x12, 0x10]));
        assert_eq!(configuration(&entry[..40]), None);
    }
}
