//! Which sound Symphonia reads rightly, told by a file's first bytes. Its Matroska reader lands a seek elsewhere (0.6.1), its MP4 reader passes
//! over edit lists and knows no SBR, and its probing takes MPEG program and transport streams for bare MP3; all these are FFmpeg's.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::movie::{self, Track};

/// How much of a file is looked at.
const HEAD: usize = 64 << 10;
/// The sampling rates of AAC (ISO/IEC 14496-3, table 1.18).
const AAC_RATES: [u32; 13] = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];
/// AAC of at most this rate may hide SBR in its payload, which doubles the rate.
const MAX_SBR_CORE: u32 = 24000;

/// Tags that may follow on the frames of an MP3, in bytes.
const MAX_TAGS: u64 = 4096;

/// What Symphonia reads rightly.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Plain {
    /// PCM, floats or G.711 in RIFF WAVE.
    Wave,
    /// A FLAC stream of its own.
    Flac,
    /// Bare MP3 with a header that counts its frames.
    Mp3,
    /// The sound track of an mp4: AAC-LC, with one edit at most. Where FFmpeg is there it is the faster, and draws the same noise as other players.
    Mp4(Box<Track>),
    /// AAC-LC in ADTS frames. As for mp4.
    Adts,
}

/// What `path` is, if Symphonia reads it rightly and FFmpeg is not the better choice where this build has it.
pub(super) fn best(path: &Path) -> Option<Plain> {
    if cfg!(not(feature = "video")) {
        return plain(path);
    }
    if movie::begins(path) {
        return None;
    }
    plain(path).filter(|plain| !matches!(plain, Plain::Mp4(_) | Plain::Adts))
}

/// What `path` is, if Symphonia reads it rightly.
pub(super) fn plain(path: &Path) -> Option<Plain> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(HEAD as u64).read_to_end(&mut head).ok()?;
    of_head(&head, std::fs::metadata(path).ok()?.len()).or_else(|| mp4(path, &head))
}

/// `length` is the whole file's.
fn of_head(head: &[u8], length: u64) -> Option<Plain> {
    match head {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', chunks @ ..] => wave(chunks),
        [b'f', b'L', b'a', b'C', ..] => Some(Plain::Flac),
        _ => {
            let tag = id3_length(head);
            let frames = head.get(tag..)?;
            mp3(frames, length.saturating_sub(tag as u64)).or_else(|| adts(frames))
        }
    }
}

fn wave(mut chunks: &[u8]) -> Option<Plain> {
    loop {
        let length = u32::from_le_bytes(*chunks.get(4..)?.first_chunk()?) as usize;
        let content = chunks.get(8..)?;
        if chunks.starts_with(b"fmt ") {
            let tag = |at: usize| Some(u16::from_le_bytes(*content.get(at..)?.first_chunk()?));
            // the extensible form has the tag at the head of a longer number
            let tag = if tag(0)? == 0xfffe { tag(24)? } else { tag(0)? };
            // PCM, floats, A-law, µ-law
            return matches!(tag, 1 | 3 | 6 | 7).then_some(Plain::Wave);
        }
        chunks = content.get(length + length % 2..)?;
    }
}

/// Bytes of an ID3v2 tag at the start (its footer too).
fn id3_length(head: &[u8]) -> usize {
    match head {
        [b'I', b'D', b'3', _, _, flags, size @ ..] if size.len() >= 4 => {
            let size = size[..4].iter().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
            10 + size + if flags & 0x10 != 0 { 10 } else { 0 }
        }
        _ => 0,
    }
}

/// Length of the MPEG audio layer III frame that begins so (ISO/IEC 11172-3, 2.4.1.3), and where its side information ends.
fn layer_3(bytes: &[u8]) -> Option<(usize, usize)> {
    const KILOBITS: [[usize; 15]; 2] = [
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    const RATES: [usize; 3] = [44100, 48000, 32000];
    let &[0xff, second, third, fourth, ..] = bytes else { return None };
    let version = second >> 3 & 3;
    if second & 0xe0 != 0xe0 || second & 6 != 2 || version == 1 {
        return None;
    }
    // MPEG 1 has two granules a frame, MPEG 2 and 2.5 one
    let low = usize::from(version != 3);
    let rate = RATES.get(usize::from(third >> 2 & 3))? >> [2, 0, 1, 0][usize::from(version)];
    let bits = KILOBITS[low].get(usize::from(third >> 4)).filter(|&&rate| rate > 0)? * 1000;
    let length = (144 >> low) * bits / rate + usize::from(third >> 1 & 1);
    let mono = fourth >> 6 == 3;
    let side = match (low, mono) {
        (0, false) => 32,
        (0, true) | (1, false) => 17,
        _ => 9,
    };
    Some((length, 4 + side))
}

/// MP3 of `length` bytes whose header counts frames and bytes, and all of them: files that were joined have more.
fn mp3(frames: &[u8], length: u64) -> Option<Plain> {
    let (first, side) = layer_3(frames)?;
    layer_3(frames.get(first..)?)?;
    let header: &[u8; 16] = frames.get(side..)?.first_chunk()?;
    let counts = (header.starts_with(b"Xing") || header.starts_with(b"Info")) && header[7] & 3 == 3;
    let bytes = u64::from(u32::from_be_bytes(*header[12..].first_chunk()?));
    (counts && length <= bytes + MAX_TAGS).then_some(Plain::Mp3)
}

/// ADTS (ISO/IEC 14496-3, 1.A.3.2) with the profile LC.
fn adts(frames: &[u8]) -> Option<Plain> {
    let length = |bytes: &[u8]| match bytes {
        &[0xff, second, third, fourth, fifth, sixth, ..] if second & 0xf6 == 0xf0 => {
            let rate = *AAC_RATES.get(usize::from(third >> 2 & 15))?;
            let length = usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5);
            (third >> 6 == 1 && rate > MAX_SBR_CORE).then_some(length)
        }
        _ => None,
    };
    length(frames.get(length(frames)?..)?).map(|_| Plain::Adts)
}

fn mp4(path: &Path, head: &[u8]) -> Option<Plain> {
    if head.get(4..8)? != b"ftyp" {
        return None;
    }
    let movie = movie::read(path).filter(|movie| !movie.fragmented)?;
    let mut sound = movie.of(*b"soun");
    let track = sound.next().filter(|track| track.entries == 1 && track.format == *b"mp4a" && aac_lc(&track.configuration))?;
    let begins = track.edits.len() <= 1 && track.edits.iter().all(|edit| edit.at == 0.0);
    (begins && sound.next().is_none()).then(|| Plain::Mp4(Box::new(track.clone())))
}

/// Whether an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1) is of AAC-LC with no SBR, spoken of or hidden.
fn aac_lc(configuration: &[u8]) -> bool {
    let &[first, second, ref rest @ ..] = configuration else { return false };
    let rate = AAC_RATES.get(usize::from((first & 7) << 1 | second >> 7));
    // 0x2b7 is where an extension that older decoders pass over begins
    let extended = match rest {
        // its object type 5, and a bit that may say that there is no SBR after all
        [0x56, 0xe5, flags, ..] => flags & 0x80 != 0,
        rest => rest.first_chunk::<2>().is_some_and(|bytes| u16::from_be_bytes(*bytes) >> 5 == 0x2b7),
    };
    first >> 3 == 2 && rate.is_some_and(|&rate| rate > MAX_SBR_CORE) && !extended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_are_told_by_their_format() {
        let wave = |format: &[u8]| {
            let length = (format.len() as u32).to_le_bytes();
            of_head(&[b"RIFF\0\0\0\0WAVEbext\x03\0\0\0abc\0fmt ".as_slice(), &length, format].concat(), 1000)
        };
        assert_eq!(wave(&[1, 0, 1, 0]), Some(Plain::Wave));
        // ADPCM
        assert_eq!(wave(&[2, 0, 1, 0]), None);
        let extensible = [&[0xfe, 0xff][..], &[0; 22], &[3, 0], &[0; 14]].concat();
        assert_eq!(wave(&extensible), Some(Plain::Wave));
        assert_eq!(of_head(b"RIFF\0\0\0\0WAVEdata\xff\xff\xff\xff", 1000), None);
    }

    #[test]
    fn mp3_must_count_its_frames() {
        // MPEG 1 layer III, 128 kbit/s at 44.1 kHz, mono: 417 bytes
        let frame = |tag: &[u8]| [&[0xff, 0xfb, 0x90, 0xc0][..], &[0; 17], tag, &vec![0; 417 - 21 - tag.len()]].concat();
        assert_eq!(layer_3(&frame(b"")), Some((417, 21)));
        let file =
            |tag: &[u8], counted: u8| [frame(&[tag, &[0, 0, 0, counted, 0, 0, 0, 1, 0, 1, 0, 0]].concat()), frame(b"")].concat();
        let xing = file(b"Xing", 15);
        assert_eq!(of_head(&xing, 1 << 16), Some(Plain::Mp3));
        let tagged = [b"ID3\x04\0\0\0\0\0\x02ab".as_slice(), &file(b"Info", 3)].concat();
        assert_eq!(of_head(&tagged, 1 << 16), Some(Plain::Mp3));
        // more bytes than are counted; frames not counted; no such header; a frame in a stream of others
        assert_eq!(of_head(&xing, 1 << 17), None);
        assert_eq!(of_head(&file(b"Xing", 14), 1 << 16), None);
        assert_eq!(of_head(&[frame(b"LAME"), frame(b"")].concat(), 1 << 16), None);
        assert_eq!(of_head(&[b"\0\0\x01\xba".as_slice(), &xing].concat(), 1 << 16), None);
    }

    #[test]
    fn sbr_is_left_to_others() {
        // 44.1 kHz stereo; 22.05 kHz; HE-AAC by its object type; 44.1 kHz with the extension
        assert_eq!(
            [&[0x12, 0x10][..], &[0x13, 0x90], &[0x2b, 0x92, 8, 0], &[0x12, 0x10, 0x56, 0xe5, 0xa0]].map(aac_lc),
            [true, false, false, false]
        );
        // the extension, which says that there is none
        assert!(aac_lc(&[0x12, 0x10, 0x56, 0xe5, 0]));
        let frame = |rate: u8| [0xff, 0xf1, 0x40 | rate << 2, 0x80, 0, 0xff, 0xfc];
        assert_eq!(of_head(&[frame(4), frame(4)].concat(), 1000), Some(Plain::Adts));
        assert_eq!(of_head(&[frame(7), frame(7)].concat(), 1000), None);
    }
}
