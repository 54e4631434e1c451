//! Only recordings are opened as recordings, and none opens another file.

use std::path::{Path, PathBuf};

use mmdg::error::{Code, Failure};
use mmdg::media::audio;
use mmdg::span::Span;

use crate::command::tone;
use crate::shared::{self, shots};

fn heard(path: &Path) -> Result<u64, Failure> {
    match audio::read(path, Span::WHOLE) {
        Ok(sound) => Ok(sound.samples),
        Err(mmdg::Error::Media { failure, .. }) => Err(failure),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn text_that_names_other_files_is_no_recording() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tone(&folder.join("tone.wav"), 2.0, 300.0);
    assert_eq!(heard(&folder.join("tone.wav")), Ok(32_000));
    let texts = [
        ("concat", "ffconcat version 1.0\nfile tone.wav\n"),
        ("hls", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\ntone.wav\n#EXT-X-ENDLIST\n"),
        ("dash", "<?xml version=\"1.0\"?><MPD type=\"static\"><Period><BaseURL>tone.wav</BaseURL></Period></MPD>"),
        ("sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"),
        ("subtitles", "1\n00:00:00,000 --> 00:00:02,000\nhello\n\n2\n00:00:03,000 --> 00:00:04,000\nagain\n"),
        ("webvtt", "WEBVTT\n\n00:00.000 --> 00:02.000\nhello\n"),
        ("ass", "[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Text\n"),
        ("metadata", ";FFMETADATA1\ntitle=x\n"),
        ("prose", "This is a letter of some length, and nobody would play it to anybody.\n"),
        ("page", "<html><body>not found</body></html>"),
    ];
    for (what, text) in texts {
        for ending in ["mp4", "wav", "m3u8", "txt", "mkv", "srt"] {
            let path = folder.join(format!("{what}.{ending}"));
            std::fs::write(&path, text).unwrap();
            assert_eq!(heard(&path).map_err(|failure| failure.code), Err(Code::Unreadable), "{what}.{ending}");
            let seen = shots(&path, Span::WHOLE, 8, &|times, _| (0..times.len()).collect());
            let unreadable = matches!(&seen, Err(mmdg::Error::Media { failure, .. }) if failure.code == Code::Unreadable);
            assert!(unreadable, "{what}.{ending}: {:?}", seen.err());
        }
    }
}

#[test]
fn a_recording_of_nothing_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.mkv");
    // an EBML header and a segment without tracks
    let header = b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska\x18\x53\x80\x67\x85\x15\x49\xa9\x66\x80";
    std::fs::write(&path, header).unwrap();
    assert_eq!(heard(&path).map_err(|failure| failure.code), Err(Code::Unreadable));
}

#[test]
fn all_that_is_read_of_the_shared_recordings_is_still_read() {
    let Some(data) = shared::data("all_that_is_read_of_the_shared_recordings_is_still_read") else { return };
    let mut folders = vec![data.join("video"), data.join("audio")];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    let lost: Vec<String> = files
        .iter()
        // one is damaged, and one is made of the letter a
        .filter(|path| !path.components().any(|part| part.as_os_str() == "damaged") && !path.ends_with("unknown.mp3"))
        .filter_map(|path| heard(path).err().map(|failure| (path, failure)))
        .filter(|(_, failure)| failure.message.contains("format"))
        .map(|(path, failure)| format!("{}: {failure}", path.display()))
        .collect();
    assert!(files.len() > 50 && lost.is_empty(), "{lost:#?}");
}
