//! Where the sound of an mp4 begins: its edit list, which Symphonia passes over.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// What an edit list says of the first sound track.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Edit {
    /// Seconds of the track before the first one presented (encoder priming).
    pub skipped: f64,
    /// Seconds of nothing before the track begins.
    pub delay: f64,
    /// Seconds presented, if the list says so.
    pub duration: Option<f64>,
}

/// Reads it; `None` for files that are no mp4 or whose sound track has no edit list.
pub fn of_first_sound_track(path: &Path) -> Option<Edit> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let moov = child(&mut file, 0, length, *b"moov")?;
    let (_, mvhd) = find(&moov, *b"mvhd")?;
    let movie_scale = time_scale(mvhd)?;
    boxes(&moov).filter(|(kind, _)| kind == b"trak").find_map(|(_, trak)| {
        let (_, mdia) = find(trak, *b"mdia")?;
        let (_, handler) = find(mdia, *b"hdlr")?;
        if handler.get(8..12)? != b"soun" {
            return None;
        }
        let (_, mdhd) = find(mdia, *b"mdhd")?;
        let (_, edts) = find(trak, *b"edts")?;
        let (_, elst) = find(edts, *b"elst")?;
        edit(elst, movie_scale, time_scale(mdhd)?)
    })
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

fn find(content: &[u8], wanted: [u8; 4]) -> Option<(&[u8], &[u8])> {
    boxes(content).find(|(kind, _)| *kind == wanted)
}

fn number(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}

/// Ticks a second, from `mvhd` or `mdhd`, which agree up to there.
fn time_scale(header: &[u8]) -> Option<f64> {
    let at = if *header.first()? == 1 { 20 } else { 12 };
    number(header.get(at..at + 4)?).filter(|&scale| scale > 0).map(|scale| scale as f64)
}

fn edit(elst: &[u8], movie_scale: f64, track_scale: f64) -> Option<Edit> {
    let wide = *elst.first()? == 1;
    let (entry, half) = if wide { (20, 8) } else { (12, 4) };
    let count = number(elst.get(4..8)?)? as usize;
    let mut found = Edit::default();
    for bytes in elst.get(8..)?.chunks_exact(entry).take(count) {
        let duration = number(&bytes[..half])? as f64 / movie_scale;
        let media_time = number(&bytes[half..2 * half])?;
        let media_time = if wide { media_time as i64 } else { i64::from(media_time as u32 as i32) };
        if media_time < 0 {
            found.delay += duration;
            continue;
        }
        found.skipped = media_time as f64 / track_scale;
        found.duration = (duration > 0.0).then_some(duration);
        return Some(found);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priming_and_delay_are_read() {
        let mut elst = vec![0, 0, 0, 0, 0, 0, 0, 2];
        for word in [500u32, u32::MAX, 0x10000, 2000, 1024, 0x10000] {
            elst.extend(word.to_be_bytes());
        }
        let found = edit(&elst, 1000.0, 48000.0).unwrap();
        assert_eq!(found, Edit { skipped: 1024.0 / 48000.0, delay: 0.5, duration: Some(2.0) });
    }

    #[test]
    fn nonsense_is_nothing() {
        for bytes in [&[][..], &[0; 7], &[1, 0, 0, 0, 255, 255, 255, 255, 1, 2]] {
            assert_eq!(edit(bytes, 1.0, 1.0), None);
        }
        assert_eq!(boxes(&[0, 0, 0, 4, b'm', b'o', b'o', b'v']).count(), 0);
    }
}
