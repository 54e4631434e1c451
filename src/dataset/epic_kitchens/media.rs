//! Where the media of EPIC-Kitchens lie below the root, in the order in which they are looked for. `P` stands for the kitchen (`P08`),
//! `V` for the video (`P08_01`), `S` for the row's split and `D` for MM-SADA's domain (`D1`); flow folders and tars hold `u` and `v`.
//!
//! | | the data set's downloads | MMDG line (SimMMDG) |
//! |---|---|---|
//! | videos | `P/videos/V.MP4`, `videos/[train\|test/]P/V.MP4` | |
//! | frames | `P/rgb_frames/V[.tar]`, `frames_rgb_flow/rgb/[train\|test/]P/V[.tar]` | `rgb/{S,train,test}/D/V[.tar]` |
//! | flow | `P/flow_frames/V[.tar]`, `frames_rgb_flow/flow/[train\|test/]P/V[.tar]` | `flow/{S,train,test}/D/V[.tar]` |
//!
//! Pre-cut clips lie as MMDG_Benchmark has them, below `MM-SADA_Domain_Adaptation_Splits` or the root itself:
//! `video/S/D/D_V_<start>_<stop>_<label>.mp4`, `flow/S/D/D_V_<start>_<stop>_<label>_{u,v}.mp4`, `audio/S/D/V.wav`.
//!
//! What is nowhere is put where most others are, so that messages name a likely path. Each place is asked about once a video.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::super::{DatasetSettings, MediaForm};
use super::rows::{Row, frame_rate};
use crate::manifest::{Segment, Split};
use crate::modality::{Kind, Media, wav_beside};
use crate::{Error, Result};

const VIDEOS: [&str; 4] = ["P/videos/V.MP4", "videos/P/V.MP4", "videos/train/P/V.MP4", "videos/test/P/V.MP4"];
const FRAMES: [&str; 7] = [
    "P/rgb_frames/V",
    "frames_rgb_flow/rgb/P/V",
    "frames_rgb_flow/rgb/train/P/V",
    "frames_rgb_flow/rgb/test/P/V",
    "rgb/S/D/V",
    "rgb/train/D/V",
    "rgb/test/D/V",
];
const FLOW: [&str; 7] = [
    "P/flow_frames/V",
    "frames_rgb_flow/flow/P/V",
    "frames_rgb_flow/flow/train/P/V",
    "frames_rgb_flow/flow/test/P/V",
    "flow/S/D/V",
    "flow/train/D/V",
    "flow/test/D/V",
];
const WAVS: [&str; 5] = ["V.wav", "P/V.wav", "S/D/V.wav", "train/D/V.wav", "test/D/V.wav"];
/// How a file or folder may end beside what its pattern says.
const VIDEO_ENDS: [&str; 2] = ["MP4", "mp4"];

/// Samples a second of the field's HDF5 files.
const AUDIO_RATE: u32 = 24_000;

/// Where sound comes from.
enum Sound {
    /// From beside the video, or itself.
    Beside,
    Folder(PathBuf),
    Hdf5(PathBuf, u32),
}

type Key = (String, Option<&'static str>, Split);

/// A path, and the place in its list of patterns.
type Found = Option<(usize, PathBuf)>;

/// What there is of a video.
#[derive(Default)]
struct Known {
    video: Found,
    frames: Found,
    flow: Found,
    wav: Found,
}

/// Finds media.
pub(super) struct Finder {
    root: PathBuf,
    wanted: Option<MediaForm>,
    sound: Sound,
    /// Folder of pre-cut clips.
    clips: Option<PathBuf>,
    known: HashMap<Key, Known>,
    /// Videos by the pattern of what was found of them: videos, frames, flow and wavs.
    hits: [HashMap<usize, usize>; 4],
}

impl Finder {
    pub(super) fn new(settings: &DatasetSettings, root: PathBuf) -> Result<Self> {
        let sound = match &settings.audio {
            None => Sound::Beside,
            Some(path) if path.is_dir() => Sound::Folder(path.clone()),
            Some(path) if path.is_file() => Sound::Hdf5(path.clone(), settings.audio_rate.unwrap_or(AUDIO_RATE)),
            Some(path) => {
                let expected = "no such file; expected an HDF5 file of waveforms, or a folder of wav files";
                return Err(Error::input(path.display(), expected));
            }
        };
        if settings.audio_rate.is_some() && !matches!(sound, Sound::Hdf5(..)) {
            return Err(Error::input(
                "[data]",
                "audio-rate: wav files say their rate; expected it only with an HDF5 file as audio",
            ));
        }
        let clips = [root.join("MM-SADA_Domain_Adaptation_Splits"), root.clone()];
        let clips = clips.into_iter().find(|folder| folder.join("video").is_dir());
        Ok(Self { root, wanted: settings.media, sound, clips, known: HashMap::new(), hits: Default::default() })
    }

    /// Looks for what there is of a row's video.
    pub(super) fn look(&mut self, row: &Row) {
        let key = key(row);
        if self.known.contains_key(&key) {
            return;
        }
        let file = |path: &Path| path.is_file();
        let videos = |path: PathBuf| VIDEO_ENDS.map(|end| path.with_extension(end)).to_vec();
        let folders = |path: PathBuf| vec![path.clone(), tar(&path)];
        let there = |path: &Path| if is_tar(path) { path.is_file() } else { path.is_dir() };
        let known = Known {
            video: find(&self.root, row, &VIDEOS, videos, file),
            frames: find(&self.root, row, &FRAMES, folders, there),
            flow: find(&self.root, row, &FLOW, folders, there),
            wav: match &self.sound {
                Sound::Folder(folder) => find(folder, row, &WAVS, |path| vec![path], file),
                _ => None,
            },
        };
        for (hits, found) in self.hits.iter_mut().zip([&known.video, &known.frames, &known.flow, &known.wav]) {
            if let Some((pattern, _)) = found {
                *hits.entry(*pattern).or_default() += 1;
            }
        }
        self.known.insert(key, known);
    }

    /// The segment of a row whose video was looked for, but for label and domain.
    pub(super) fn segment(&self, row: &Row) -> Segment {
        let nothing = Known::default();
        let known = self.known.get(&key(row)).unwrap_or(&nothing);
        let media = self.wanted.unwrap_or_else(|| match known {
            Known { video: Some(_), .. } => MediaForm::Videos,
            Known { frames: Some(_), .. } => MediaForm::Frames,
            _ if self.clips.is_some() && row.part.is_some() => MediaForm::Clips,
            // nowhere: as most others are
            _ if self.hits[1].values().sum::<usize>() > self.hits[0].values().sum() => MediaForm::Frames,
            _ => MediaForm::Videos,
        });
        let mut segment = Segment { split: row.split, ..Segment::new(&row.id, PathBuf::new(), row.span) };
        segment.extras.numbers = row.numbers;
        let rate = frame_rate(&row.video);
        let mut sound = None;
        match media {
            MediaForm::Videos => segment.path = self.path(&known.video, 0, &VIDEOS, row),
            MediaForm::Frames => {
                segment.path = self.path(&known.frames, 1, &FRAMES, row);
                segment.set_media(Media { rate: Some(rate), ..Media::new(Kind::VIDEO) });
                let wav = wav_beside(&segment.path, true);
                // a video that lies elsewhere has sound too
                sound = if wav.is_file() { Some(wav) } else { known.video.as_ref().map(|(_, path)| path.clone()) };
            }
            MediaForm::Clips => sound = self.clip(row, &mut segment),
        }
        if media != MediaForm::Clips {
            let flow = self.path(&known.flow, 2, &FLOW, row);
            // every second frame in EPIC-55, every frame later
            let rate = Some(if rate == 60.0 { 30.0 } else { rate });
            segment.set_media(Media { rate, ..Media::at(Kind::FLOW, [flow.join("u"), flow.join("v")]) });
        }
        let mut key = None;
        match &self.sound {
            Sound::Beside => {}
            Sound::Folder(folder) => {
                let expected = || folder.join(fill(row, WAVS[self.usual(3)]).unwrap_or_else(|| format!("{}.wav", row.video)));
                sound = Some(known.wav.as_ref().map_or_else(expected, |(_, path)| path.clone()));
            }
            Sound::Hdf5(path, rate) => {
                sound = Some(path.clone());
                key = Some((row.video.clone(), f64::from(*rate)));
            }
        }
        if let Some(path) = sound {
            let (key, rate) = key.unzip();
            segment.set_media(Media { key, rate, ..Media::at(Kind::AUDIO, [path]) });
        }
        segment
    }

    /// The pattern of most of the videos that were found.
    fn usual(&self, of: usize) -> usize {
        let hits = self.hits[of].iter().max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0)));
        hits.map_or(0, |(pattern, _)| *pattern)
    }

    fn path(&self, found: &Found, of: usize, patterns: &[&str], row: &Row) -> PathBuf {
        let expected = || {
            let usual = fill(row, patterns[self.usual(of)]).or_else(|| fill(row, patterns[0]));
            self.root.join(usual.unwrap_or_default())
        };
        found.as_ref().map_or_else(expected, |(_, path)| path.clone())
    }

    /// A clip of MMDG_Benchmark: its frames are the segment's own, its sound is a whole video's, which is given.
    fn clip(&self, row: &Row, segment: &mut Segment) -> Option<PathBuf> {
        let folder = self.clips.clone().unwrap_or_else(|| self.root.join("MM-SADA_Domain_Adaptation_Splits"));
        let (part, split) = (row.part.unwrap_or_default(), row.split.name());
        let place = |kind: &str, name: String| folder.join(kind).join(split).join(part).join(name);
        let (start, stop) = row.numbers.map_or((0, 0), |numbers| (numbers.start, numbers.stop));
        let stem = |start: u64, stop: u64| format!("{part}_{}_{start}_{stop}_{}", row.video, row.label);
        segment.extras.precut = true;
        segment.path = place("video", stem(start, stop) + ".mp4");
        let first = start.div_ceil(2);
        let flow = stem(first, first + (stop - start) / 2);
        let flow = ["u", "v"].map(|axis| place("flow", format!("{flow}_{axis}.mp4")));
        segment.set_media(Media::at(Kind::FLOW, flow));
        let wav = place("audio", format!("{}.wav", row.video));
        wav.is_file().then_some(wav)
    }
}

fn key(row: &Row) -> Key {
    (row.video.clone(), row.part, row.split)
}

fn is_tar(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "tar")
}

fn tar(folder: &Path) -> PathBuf {
    let mut path = folder.as_os_str().to_owned();
    path.push(".tar");
    path.into()
}

/// A pattern for a row; `None` where it has no domain of MM-SADA's.
fn fill(row: &Row, pattern: &str) -> Option<String> {
    let part = |part: &str| {
        Some(match part {
            "P" => row.participant.clone(),
            "S" => row.split.name().to_owned(),
            "D" => row.part?.to_owned(),
            part => match part.strip_prefix('V') {
                Some(end) if end.is_empty() || end.starts_with('.') => format!("{}{end}", row.video),
                _ => part.to_owned(),
            },
        })
    };
    Some(pattern.split('/').map(part).collect::<Option<Vec<_>>>()?.join("/"))
}

fn find(
    root: &Path,
    row: &Row,
    patterns: &[&str],
    forms: impl Fn(PathBuf) -> Vec<PathBuf>,
    there: impl Fn(&Path) -> bool,
) -> Found {
    patterns.iter().enumerate().find_map(|(place, pattern)| {
        let path = root.join(fill(row, pattern)?);
        Some((place, forms(path).into_iter().find(|path| there(path))?))
    })
}
