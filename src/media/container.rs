//! A container opened by FFmpeg: its streams, and its packets with times that do not start again.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use ff::codec::packet::Ref;
use ff::format::stream::{Disposition, Stream};
use ff::{Dictionary, Packet, format, media};
use ffmpeg_next as ff;

use super::clock::Clock;
use super::jumps::Jumps;
use super::movie;
use super::surveyed::{Survey, attached};
use crate::error::{Code, Failure};
use crate::track::{Candidate, Track};

mod stated;

/// A container that gives this many unreadable packets in a row has ended.
pub(super) const MAX_BAD_PACKETS: usize = 1000;

/// What is opened, by FFmpeg's names of its formats: those that hold recordings. Left out are play lists and descriptions of other files (HLS, DASH, SDP, concat …),
/// patterns of pictures, text that is drawn or taken for subtitles, headerless samples, devices and filters.
const FORMATS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,av1,obu,ivf,vc1,flv,live_flv,asf,mxf,nut,ogg,rm,dv,wtv,gif,apng,\
    mjpeg,swf,yuv4mpegpipe,wav,w64,aiff,au,caf,flac,mp3,aac,loas,ac3,eac3,dts,dtshd,truehd,mlp,amr,amrnb,amrwb,gsm,tta,wv,ape,mpc,mpc8,tak,shn,dsf,oma,voc,\
    nistsphere,ircam,avr,g722,g729,xwma,kux,iss";

/// An open container.
pub(super) struct Container {
    path: PathBuf,
    look: bool,
    input: format::context::Input,
    /// Packets that were read before, and are still to be given.
    ahead: VecDeque<Packet>,
    pub(super) survey: Arc<Survey>,
    jumps: Jumps,
    /// Of the file.
    bytes: u64,
    /// Where the latest packet of any stream ends, in seconds.
    pub(super) latest: f64,
}

pub(super) fn failure(code: Code) -> impl Fn(ff::Error) -> Failure {
    move |error| Failure { code, message: error.to_string() }
}

/// Makes FFmpeg ready, once a process, with no word on the terminal: failures are told by us.
pub(super) fn start() {
    static START: Once = Once::new();
    START.call_once(|| {
        // fails only for want of memory, which opening a file will tell
        let _ = ff::init();
        ff::log::set_level(ff::log::Level::Quiet);
    });
}

/// Only local files. An mp4 is told by its first box, since asking each of FFmpeg's formats takes as long as decoding half a second of sound. It says
/// all there is to know of its streams; other streams are looked into, and so are an mp4's with `look`, for what decoders of pictures would else have
/// to guess.
fn open_input(path: &Path, look: bool) -> Result<format::context::Input, ff::Error> {
    start();
    let mut options = Dictionary::new();
    options.set("protocol_whitelist", "file");
    options.set("format_whitelist", FORMATS);
    // an mp4 may name other files that hold its samples
    options.set("enable_drefs", "0");
    // FFmpeg applies only some edit lists, and differently by version; see `clock`
    options.set("ignore_editlist", "1");
    // with the protocol spelled out, no part of a name is taken for one
    let mut url = b"file:".to_vec();
    url.extend(path.as_os_str().as_encoded_bytes());
    let url = std::ffi::CString::new(url).map_err(|_| ff::Error::InvalidData)?;
    let movie = movie::begins(path);
    // SAFETY: the context is made here and owned by what is returned; the dictionary is given back whatever comes of it; FFmpeg's description of
    // its format is there for good, or null, which lets it guess.
    unsafe {
        let mut context = std::ptr::null_mut();
        let mut options = options.disown();
        let format = if movie { ff::ffi::av_find_input_format(c"mp4".as_ptr()) } else { std::ptr::null() };
        let opened = ff::ffi::avformat_open_input(&raw mut context, url.as_ptr(), format, &raw mut options);
        drop(Dictionary::own(options));
        if opened < 0 {
            return Err(ff::Error::from(opened));
        }
        let input = format::context::Input::wrap(context);
        if look || !is_movie(&input) {
            let looked = ff::ffi::avformat_find_stream_info(context, std::ptr::null_mut());
            if looked < 0 {
                return Err(ff::Error::from(looked));
            }
        }
        Ok(input)
    }
}

fn is_movie(input: &format::context::Input) -> bool {
    input.format().name().split(',').any(|name| name == "mp4")
}

/// The streams of a kind that may be chosen, covers aside: their places in the container, and what is said of each.
pub(super) fn candidates(input: &format::context::Input, medium: media::Type) -> (Vec<usize>, Vec<Candidate>) {
    let of_kind = input.streams().filter(|stream| stream.parameters().medium() == medium && !attached(stream));
    let candidate = |stream: Stream<'_>| {
        let language = stream.metadata().get("language").filter(|&language| language != "und").map(str::to_owned);
        (stream.index(), Candidate { default: stream.disposition().contains(Disposition::DEFAULT), language })
    };
    of_kind.map(candidate).unzip()
}

impl Container {
    /// The one that was surveyed, back at its start: what was `read` of it is given again.
    pub(super) fn ready(mut self, read: VecDeque<Packet>, survey: Arc<Survey>) -> Self {
        self.ahead = read;
        Self { survey, ..self }
    }

    /// Without a survey, for one.
    pub(super) fn bare(path: &Path) -> Result<Self, Failure> {
        Self::surveyed(path, false, Arc::default())
    }

    pub(super) fn surveyed(path: &Path, look: bool, survey: Arc<Survey>) -> Result<Self, Failure> {
        let input = open_input(path, look).map_err(|error| match error {
            ff::Error::Other { errno: ff::error::EINVAL } => Failure {
                code: Code::Unreadable,
                message: "no recording of a format that is read (docs/media.md lists them)".into(),
            },
            error => failure(Code::Unreadable)(error),
        })?;
        let bytes = std::fs::metadata(path).map_or(0, |about| about.len());
        let (ahead, jumps) = (VecDeque::new(), Jumps::default());
        Ok(Self { path: path.into(), look, input, ahead, survey, jumps, bytes, latest: 0.0 })
    }

    /// The same, at its start.
    pub(super) fn again(&self) -> Result<Self, Failure> {
        Self::surveyed(&self.path, self.look, self.survey.clone())
    }

    pub(super) fn input(&self) -> &format::context::Input {
        &self.input
    }

    /// Whether it is an mp4 or one of its kin.
    pub(super) fn is_movie(&self) -> bool {
        is_movie(&self.input)
    }

    /// Whether it states the time of every packet in tables, or beside it.
    pub(super) fn has_tables(&self) -> bool {
        self.is_movie() || self.input.format().name().split(',').any(|name| name == "matroska")
    }

    /// The place of the stream that `track` names.
    pub(super) fn choose(&self, medium: media::Type, track: &Track) -> Result<usize, Failure> {
        let what = if medium == media::Type::Video { "video" } else { "sound" };
        let (indices, candidates) = candidates(&self.input, medium);
        let none = |medium| self.input.streams().all(|stream| stream.parameters().medium() != medium);
        if none(media::Type::Video) && none(media::Type::Audio) {
            return Err(Failure { code: Code::Unreadable, message: "neither sound nor pictures in it".into() });
        }
        let place = track.choose(what, &candidates).map_err(|message| Failure { code: Code::Absent, message })?;
        Ok(indices[place])
    }

    /// The clock of a stream.
    pub(super) fn clock(&self, index: usize) -> Clock {
        self.survey.clock(self.input.stream(index).map_or(0, |stream| stream.id()))
    }

    fn tick(&self, index: usize) -> f64 {
        self.input.stream(index).map_or(1.0, |stream| f64::from(stream.time_base()))
    }

    /// The next packet of any stream as it is; `None` at the end.
    pub(super) fn read(&mut self) -> Option<Packet> {
        while let Some(packet) = self.ahead.pop_front() {
            if !self.left_out(packet.stream()) {
                return Some(packet);
            }
        }
        let mut packet = Packet::empty();
        for _ in 0..MAX_BAD_PACKETS {
            match packet.read(&mut self.input) {
                Ok(()) => return Some(packet),
                Err(ff::Error::InvalidData) => {}
                Err(_) => return None,
            }
        }
        None
    }

    /// Which stretch of time stamps a packet of pictures or sound belongs to; `None` for others and for packets without a time.
    pub(super) fn stretch(&self, packet: &Packet, jumps: &mut Jumps) -> Option<usize> {
        let index = packet.stream();
        let stream = self.input.stream(index)?;
        if !matches!(stream.parameters().medium(), media::Type::Video | media::Type::Audio) || attached(&stream) {
            return None;
        }
        let seconds = |ticks: i64| ticks as f64 * f64::from(stream.time_base());
        let decoded = seconds(packet.dts().or(packet.pts())?);
        let time = seconds(packet.pts().or(packet.dts())?);
        Some(jumps.stretch(index, decoded, [time, time + seconds(packet.duration().max(0))]))
    }

    /// The next packet of any stream, its jumps closed; `None` at the end.
    pub(super) fn packet(&mut self) -> Option<Packet> {
        let mut packet = self.read()?;
        if self.survey.shifts.len() > 1 {
            let mut jumps = std::mem::take(&mut self.jumps);
            let stretch = self.stretch(&packet, &mut jumps);
            self.jumps = jumps;
            if let Some(&shift) = stretch.and_then(|stretch| self.survey.shifts.get(stretch)) {
                let ticks = (shift / self.tick(packet.stream())).round() as i64;
                packet.set_pts(packet.pts().map(|pts| pts + ticks));
                packet.set_dts(packet.dts().map(|dts| dts + ticks));
            }
        }
        if let Some(time) = packet.pts().or(packet.dts()) {
            let end = (time + packet.duration().max(0)) as f64 * self.tick(packet.stream()) - self.survey.origin;
            self.latest = self.latest.max(end);
        }
        Some(packet)
    }

    /// Goes to where the stream can be decoded from, at or before its own time `media` in seconds. Where that fails, reading goes on from
    /// where it is, which the caller sees by the times.
    pub(super) fn seek(&mut self, index: usize, media: f64) {
        let ticks = (media / self.tick(index)).floor() as i64;
        self.ahead.clear();
        // SAFETY: the container is open.
        unsafe { ff::ffi::avformat_seek_file(self.input.as_mut_ptr(), index as i32, i64::MIN, ticks, ticks, 0) };
    }

    /// Whether the packets of a stream follow on each other `stride` ticks apart, by the container's index.
    pub(super) fn even_times(&self, index: usize, stride: i64) -> bool {
        let Some(stream) = self.input.stream(index) else { return false };
        // SAFETY: the stream is of the open input, which does not change its index here.
        let times = unsafe {
            let stream = stream.as_ptr().cast_mut();
            let count = ff::ffi::avformat_index_get_entries_count(stream);
            let time = |place| ff::ffi::avformat_index_get_entry(stream, place).as_ref().map(|entry| entry.timestamp);
            (0..count).map(time).collect::<Option<Vec<i64>>>()
        };
        times.is_some_and(|times| times.len() > 1 && times.windows(2).all(|pair| pair[1] - pair[0] == stride))
    }

    /// Leaves out the packets of other streams, unless the end of the container is known by them alone.
    pub(super) fn alone(&mut self, index: usize) {
        if self.stated_end(index).is_some_and(|(_, own)| !own) {
            return;
        }
        // closing jumps takes all of them
        if self.survey.shifts.len() > 1 {
            return;
        }
        for mut other in self.input.streams_mut().filter(|stream| stream.index() != index) {
            // SAFETY: the stream belongs to the open input.
            unsafe { (*other.as_mut_ptr()).discard = ff::ffi::AVDiscard::AVDISCARD_ALL };
        }
    }

    /// Whether packets of a stream are left out.
    fn left_out(&self, index: usize) -> bool {
        // SAFETY: the stream belongs to the open input.
        let discard = self.input.stream(index).map(|stream| unsafe { (*stream.as_ptr()).discard });
        discard == Some(ff::ffi::AVDiscard::AVDISCARD_ALL)
    }
}

/// Whether an edit list or a container cuts the packet: decoded, never shown.
pub(super) fn discarded(packet: &Packet) -> bool {
    // SAFETY: the packet was read.
    unsafe { (*Ref::as_ptr(packet)).flags & ff::ffi::AV_PKT_FLAG_DISCARD != 0 }
}
