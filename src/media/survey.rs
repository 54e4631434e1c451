//! What has to be known of a container before any of its times means a second: looked for once a recording, and kept.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use ff::codec::{decoder, packet::side_data};
use ff::frame::Video;
use ff::{Packet, media};
use ffmpeg_next as ff;

use super::clock::Clock;
use super::container::{Container, candidates};
use super::ffmpeg;
use super::ffmpeg_audio::Started;
use super::jumps::Jumps;
use super::movie;
use super::surveyed::Survey;
use crate::error::Failure;
use crate::track::Track;

/// Recordings that are remembered.
const REMEMBERED: usize = 32;
/// A track that has not begun this long after another is not waited for.
const LATE_SECONDS: f64 = 5.0;
/// Nor after so many packets.
const HEAD_PACKETS: usize = 20_000;
/// More bytes than these are read again.
const KEPT_BYTES: usize = 32 << 20;
/// A clock that starts again more often is none.
const MOST_JUMPS: usize = 64;

/// Where one survey is kept under: a file that was changed is another.
type Key = (PathBuf, u64, Option<SystemTime>);

/// Surveys of the latest recordings, latest first.
static KNOWN: Mutex<VecDeque<(Key, Arc<Survey>)>> = Mutex::new(VecDeque::new());

/// A container that was surveyed, as if nothing had been read of it, and a decoder of its default sound track that has been given its first packets.
pub(super) struct Head {
    pub(super) container: Container,
    pub(super) sound: Option<Started>,
}

/// A surveyed container at its start.
pub(super) fn open(path: &Path, look: bool) -> Result<Container, Failure> {
    let (survey, _) = of(path)?;
    Container::surveyed(path, look, survey)
}

/// Surveys a recording, or remembers. Where it was surveyed now and not to its end, what was opened for that is there to be read.
pub(super) fn of(path: &Path) -> Result<(Arc<Survey>, Option<Head>), Failure> {
    let about = std::fs::metadata(path).ok();
    let key = (path.to_owned(), about.as_ref().map_or(0, std::fs::Metadata::len), about.and_then(|about| about.modified().ok()));
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, survey)) = known().iter().find(|(other, _)| *other == key) {
        return Ok((survey.clone(), None));
    }
    let (survey, container, read, sound) = survey(path)?;
    let survey = Arc::new(survey);
    let mut known = known();
    known.push_front((key, survey.clone()));
    known.truncate(REMEMBERED);
    let head = read.map(|read| Head { container: container.ready(read, survey.clone()), sound });
    Ok((survey, head))
}

/// With it the container, what was read of it unless that is too much to keep, and the decoder of its sound.
type Surveyed = (Survey, Container, Option<VecDeque<Packet>>, Option<Started>);

fn survey(path: &Path) -> Result<Surveyed, Failure> {
    let mut container = Container::bare(path)?;
    let movie = if container.is_movie() { movie::read(path) } else { None };
    let anywhere = container.has_tables();
    // FFmpeg 5.1 gives packets other lengths after a seek among fragments
    let whole_index = movie.as_ref().is_none_or(|movie| !movie.fragmented);
    let mut survey = Survey { movie, anywhere: anywhere && whole_index, shifts: vec![0.0], ..Survey::default() };
    let mut tracks: Vec<Begin> = Vec::new();
    for (medium, what) in [(media::Type::Video, "video"), (media::Type::Audio, "sound")] {
        let (indices, candidates) = candidates(container.input(), medium);
        if let Ok(place) = Track::Default.choose(what, &candidates)
            && let Some(stream) = container.input().stream(indices[place])
        {
            let asked = medium == media::Type::Audio || !anywhere;
            let decoder = asked.then(|| Decoder::of(&container, &stream)).flatten();
            tracks.push(Begin::new(&stream, survey.clock(stream.id()), decoder));
        }
    }
    let mut jumps = Jumps::default();
    let (mut kept, mut bytes) = (anywhere.then(VecDeque::new), 0);
    for number in 0.. {
        if anywhere && (tracks.iter().all(|track| track.settled) || number == HEAD_PACKETS) {
            break;
        }
        let Some(packet) = container.read() else { break };
        // a raw palette comes once, and a seek in a QuickTime file passes it by
        survey.anywhere &= !packet.side_data().any(|data| data.kind() == side_data::Type::Palette);
        let stretch = container.stretch(&packet, &mut jumps);
        if stretch.is_some_and(|stretch| stretch > 0) {
            survey.unstated |=
                tracks.iter().any(|track| !track.sound && track.stream == packet.stream()) && packet.pts().is_none();
            kept = None;
            continue;
        }
        if let Some(track) = tracks.iter_mut().find(|track| track.stream == packet.stream()) {
            track.see(&packet);
            survey.unstated |= !track.sound && packet.pts().is_none();
        }
        bytes += packet.size();
        kept.take_if(|_| bytes > KEPT_BYTES);
        if let Some(kept) = &mut kept {
            kept.push_back(packet);
        }
        let begun = tracks.iter().filter_map(Begin::first).reduce(f64::min);
        if let Some(begun) = begun
            && tracks.iter().filter_map(|track| track.latest).any(|latest| latest > begun + LATE_SECONDS)
        {
            tracks.iter_mut().for_each(|track| track.settled = true);
        }
    }
    survey.origin = tracks.iter().filter_map(Begin::first).reduce(f64::min).unwrap_or(0.0);
    if !anywhere {
        survey.shifts = jumps.shifts();
        survey.jumps = jumps.starts().iter().skip(1).map(|start| start - survey.origin).collect();
        survey.end = jumps.end().map(|end| end - survey.origin);
        survey.untimed = survey.jumps.len() > MOST_JUMPS;
        if survey.untimed {
            survey = Survey { shifts: vec![0.0], jumps: Vec::new(), end: None, ..survey };
        }
    }
    let sound = tracks.into_iter().find_map(|track| match track.decoder {
        Some(Decoder::Sound(started)) => Some(started),
        _ => None,
    });
    Ok((survey, container, kept, sound))
}

/// The beginning of a track, as far as it was read.
struct Begin {
    stream: usize,
    sound: bool,
    tick: f64,
    clock: Clock,
    /// Decoding can begin.
    key: Option<f64>,
    decoder: Option<Decoder>,
    /// The earliest of its own times that something has.
    begins: Option<f64>,
    /// Where reading is, from the track's first edit on.
    latest: Option<f64>,
    /// Nothing earlier can come.
    settled: bool,
}

impl Begin {
    fn new(stream: &ff::format::stream::Stream<'_>, clock: Clock, decoder: Option<Decoder>) -> Self {
        Self {
            stream: stream.index(),
            sound: stream.parameters().medium() == media::Type::Audio,
            tick: f64::from(stream.time_base()),
            clock,
            key: None,
            decoder,
            begins: None,
            latest: None,
            settled: false,
        }
    }

    fn see(&mut self, packet: &Packet) {
        let seconds = |ticks: i64| ticks as f64 * self.tick;
        let stated = packet.pts().or(packet.dts()).map(seconds);
        if let Some(time) = packet.dts().map(seconds).or(stated) {
            self.latest = Some(time - self.clock.media(0.0));
        }
        let begins = match &mut self.decoder {
            _ if self.settled => None,
            Some(decoder) if self.sound || packet.pts().is_none() => {
                decoder.begins(packet, self.tick).and_then(|begins| begins.or(stated))
            }
            _ if self.sound => stated,
            _ => {
                if self.key.is_none() && packet.is_key() {
                    self.key = stated;
                }
                // what comes before the first key picture was cut off from what it refers to
                stated.filter(|time| self.key.is_some_and(|key| *time >= key))
            }
        };
        if let Some(begins) = begins {
            self.begins = Some(self.begins.map_or(begins, |first| first.min(begins)));
        }
        // in presentation order nothing comes before what is decoded now
        let decoded = packet.dts().map(seconds).or(stated);
        self.settled |= self.begins.is_some_and(|begins| self.sound || packet.pts().is_none() || decoded >= Some(begins));
    }

    /// The second at which the track is first presented.
    fn first(&self) -> Option<f64> {
        self.begins.and_then(|begins| self.clock.first(begins))
    }
}

/// A decoder that tells where its first frame begins: it alone knows all priming (Opus keeps its own), and the times of pictures that do not state
/// theirs (H.264 in AVI).
enum Decoder {
    Sound(Started),
    Pictures(decoder::Video),
}

impl Decoder {
    /// A decoder of the stream, if there is one.
    fn of(container: &Container, stream: &ff::format::stream::Stream<'_>) -> Option<Self> {
        if stream.parameters().medium() == media::Type::Audio {
            return Started::new(container, stream).ok().map(Self::Sound);
        }
        let opened = ffmpeg::opened(ffmpeg::decoder(container, stream.index()).ok()?, stream.parameters().id()).ok()?;
        opened.video().ok().map(Self::Pictures)
    }

    /// The second of the track, of ticks of `tick` seconds, at which the frame begins that the packet gives, if that is known; `None` where it
    /// gives none.
    fn begins(&mut self, packet: &Packet, tick: f64) -> Option<Option<f64>> {
        match self {
            Self::Sound(started) => started.next(packet).first().map(|made| made.time),
            Self::Pictures(decoder) => {
                let mut frame = Video::empty();
                let given = decoder.send_packet(packet).is_ok() && decoder.receive_frame(&mut frame).is_ok();
                let ticks = || frame.pts().or_else(|| frame.timestamp());
                given.then(|| ticks().map(|ticks| ticks as f64 * tick))
            }
        }
    }
}
