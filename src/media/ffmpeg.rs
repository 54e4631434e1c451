//! One stream of a container through FFmpeg, frame by frame.

use std::ops::{ControlFlow, DerefMut};
use std::path::Path;
use std::sync::Once;

use ff::codec::{self, decoder};
use ff::{Dictionary, Packet, format, frame, media};
use ffmpeg_next as ff;

use super::h264::Framing;
use super::pictures::MAX_PIXELS;
use crate::error::{Code, Failure};

/// A container that gives this many unreadable packets in a row has ended.
const MAX_BAD_PACKETS: usize = 1000;

/// What a packet says of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Told {
    /// Presentation time in ticks of the stream, if it is stated.
    pub(super) ticks: Option<i64>,
    /// Decoding can begin here.
    pub(super) key: bool,
    /// An edit list cuts it: decoded, never shown.
    pub(super) cut: bool,
}

/// An open stream with its decoder.
pub(super) struct Stream {
    input: format::context::Input,
    decoder: decoder::Opened,
    index: usize,
    tick: f64,
    /// Where the container's clock starts, which players call 0.
    origin: f64,
    /// Where the latest packet of any stream ends.
    last_packet_end: f64,
    /// How H.264 lies in packets.
    framing: Option<Framing>,
    /// How long a frame lasts whose container does not say when the next is due.
    interval: f64,
}

fn failure(code: Code) -> impl Fn(ff::Error) -> Failure {
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

/// Only local files.
fn open_input(path: &Path) -> Result<format::context::Input, ff::Error> {
    start();
    let mut options = Dictionary::new();
    options.set("protocol_whitelist", "file");
    // with the protocol spelled out, no part of a name is taken for one
    let mut url = std::ffi::OsString::from("file:");
    url.push(path);
    format::input_with_dictionary(Path::new(&url), options)
}

impl Stream {
    /// The video stream that FFmpeg thinks best; the sound stream marked as default, else the first, as Symphonia has it.
    pub(super) fn open(path: &Path, kind: media::Type) -> Result<Self, Failure> {
        let input = open_input(path).map_err(failure(Code::Unreadable))?;
        let default = |stream: &format::stream::Stream| {
            stream.parameters().medium() == kind && stream.disposition().contains(format::stream::Disposition::DEFAULT)
        };
        let stream = match kind {
            media::Type::Audio => {
                input.streams().find(default).or_else(|| input.streams().find(|s| s.parameters().medium() == kind))
            }
            _ => input.streams().best(kind),
        };
        let stream = stream.ok_or_else(|| Failure {
            code: Code::Absent,
            message: format!("no {} stream", if kind == media::Type::Video { "video" } else { "audio" }),
        })?;
        let (index, time_base) = (stream.index(), stream.time_base());
        let rate = f64::from(stream.avg_frame_rate());
        let interval = if rate.is_finite() && rate > 0.0 { 1.0 / rate } else { 0.0 };
        let id = stream.parameters().id();
        let framing = (id == codec::Id::H264).then(|| {
            // SAFETY: the parameters are the open stream's; what they point at has the length that they say.
            let configuration = unsafe {
                let parameters = &*stream.parameters().as_ptr();
                let length = usize::try_from(parameters.extradata_size).unwrap_or(0);
                if parameters.extradata.is_null() { &[] } else { std::slice::from_raw_parts(parameters.extradata, length) }
            };
            Framing::of(configuration)
        });
        let mut context = codec::Context::from_parameters(stream.parameters()).map_err(failure(Code::Unsupported))?;
        context.set_threading(codec::threading::Config { count: 1, ..Default::default() });
        // SAFETY: the context is ours and not yet open.
        unsafe {
            let raw = &mut *context.as_mut_ptr();
            raw.max_pixels = MAX_PIXELS as i64;
            let pixels = raw.width.max(0) as u64 * raw.height.max(0) as u64;
            if pixels > MAX_PIXELS {
                let message = format!("{}×{} pixels; at most {MAX_PIXELS} are decoded", raw.width, raw.height);
                return Err(Failure { code: Code::Limit, message });
            }
        }
        let mut decoder = context.decoder();
        decoder.set_packet_time_base(time_base);
        let codec = decoder::find(id)
            .ok_or_else(|| Failure { code: Code::Unsupported, message: format!("no decoder for {}", id.name()) })?;
        let decoder = decoder.open_as(codec).map_err(failure(Code::Unsupported))?;
        // SAFETY: the input is open.
        let start = unsafe { (*input.as_ptr()).start_time };
        let origin = if start == ff::ffi::AV_NOPTS_VALUE { 0.0 } else { start as f64 / f64::from(ff::ffi::AV_TIME_BASE) };
        Ok(Self { tick: f64::from(time_base), index, decoder, input, origin, framing, interval, last_packet_end: 0.0 })
    }

    pub(super) fn seconds(&self, ticks: i64) -> f64 {
        let time = ticks as f64 * self.tick - self.origin;
        // the origin is rounded to microseconds
        if time.abs() < 2e-6 { 0.0 } else { time }
    }

    /// Where the container says that the stream ends; `None` where it does not say, or only guesses.
    pub(super) fn promised_end(&self) -> Option<f64> {
        let stream = self.input.stream(self.index)?;
        if stream.duration() > 0 {
            if self.input.format().name() == "avi" && stream.avg_frame_rate().numerator() > 0 {
                // FFmpeg shortens the duration of an AVI that lost its end, so the header's count has to tell
                return Some(stream.frames() as f64 / f64::from(stream.avg_frame_rate()));
            }
            let start = if stream.start_time() == ff::ffi::AV_NOPTS_VALUE { 0.0 } else { self.seconds(stream.start_time()) };
            return Some(start.max(0.0) + stream.duration() as f64 * self.tick);
        }
        // SAFETY: the input is open.
        let guessed = unsafe { (*self.input.as_ptr()).duration_estimation_method }
            == ff::ffi::AVDurationEstimationMethod::AVFMT_DURATION_FROM_BITRATE;
        let duration = self.input.duration();
        (duration > 0 && !guessed).then(|| duration as f64 / f64::from(ff::ffi::AV_TIME_BASE))
    }

    /// `promised`, the end that [`promised_end`](Self::promised_end) gave, unless it is the container's for all its streams and
    /// the packets read so far, of any of them, have kept it.
    pub(super) fn unkept(&self, promised: Option<f64>) -> Option<f64> {
        let shared = self.input.stream(self.index).is_none_or(|stream| stream.duration() <= 0);
        promised.filter(|&end| !(shared && self.last_packet_end + 0.25 > end))
    }

    /// Goes to a key frame at or before `time`.
    pub(super) fn seek(&mut self, time: f64) {
        let target = ((time + self.origin) * f64::from(ff::ffi::AV_TIME_BASE)) as i64;
        // where it fails, reading goes on from the start, which the caller sees by the times
        let _ = self.input.seek(target, ..target);
        self.decoder.flush();
    }

    /// The next packet of any stream; `None` at the end.
    fn next_packet(&mut self) -> Option<Packet> {
        let mut packet = Packet::empty();
        for _ in 0..MAX_BAD_PACKETS {
            match packet.read(&mut self.input) {
                Ok(()) => {
                    let tick = self.input.stream(packet.stream()).map_or(self.tick, |s| f64::from(s.time_base()));
                    if let Some(time) = packet.pts().or(packet.dts()) {
                        let end = (time + packet.duration().max(0)) as f64 * tick - self.origin;
                        self.last_packet_end = self.last_packet_end.max(end);
                    }
                    return Some(packet);
                }
                Err(ff::Error::InvalidData) => {}
                Err(_) => return None,
            }
        }
        None
    }

    /// Leaves out the packets of other streams, where what this one states of its end makes them worthless.
    pub(super) fn alone(&mut self) {
        if self.input.stream(self.index).is_none_or(|stream| stream.duration() <= 0) {
            return;
        }
        let index = self.index;
        for mut other in self.input.streams_mut().filter(|stream| stream.index() != index) {
            // SAFETY: the stream belongs to the open input.
            unsafe { (*other.as_mut_ptr()).discard = ff::ffi::AVDiscard::AVDISCARD_ALL };
        }
    }

    /// The stream's next packet, and what it says; `None` at the end.
    pub(super) fn packet(&mut self) -> Option<(Packet, Told)> {
        loop {
            let packet = self.next_packet()?;
            if packet.stream() == self.index {
                // SAFETY: the packet was just read.
                let flags = unsafe { (*codec::packet::Ref::as_ptr(&packet)).flags };
                let told = Told { ticks: packet.pts(), key: packet.is_key(), cut: flags & ff::ffi::AV_PKT_FLAG_DISCARD != 0 };
                return Some((packet, told));
            }
        }
    }

    /// When a packet is to be decoded, in seconds.
    pub(super) fn decoding_time(&self, packet: &Packet) -> Option<f64> {
        packet.dts().map(|ticks| self.seconds(ticks))
    }

    /// Whether no other picture needs the one in `packet`. Known of H.264 alone.
    pub(super) fn disposable(&self, packet: &Packet) -> bool {
        self.framing.is_some_and(|framing| packet.data().is_some_and(|data| framing.disposable(data)))
    }

    /// Decodes one packet, or with `None` what the decoder still holds, and gives each frame with its ticks. Says whether the
    /// decoder was content.
    pub(super) fn feed<E>(
        &mut self,
        packet: Option<&Packet>,
        frame: &mut frame::Video,
        mut each: impl FnMut(&frame::Video, i64) -> Result<(), E>,
    ) -> Result<bool, E> {
        let sent = match packet {
            Some(packet) => self.decoder.send_packet(packet),
            None => self.decoder.send_eof(),
        };
        loop {
            match self.decoder.receive_frame(frame) {
                Ok(()) => {
                    if let Some(ticks) = frame.pts().or_else(|| frame.timestamp()) {
                        each(frame, ticks)?;
                    }
                }
                Err(ff::Error::Eof | ff::Error::Other { errno: ff::error::EAGAIN }) => return Ok(sent.is_ok()),
                Err(_) => return Ok(false),
            }
        }
    }

    /// Makes the decoder ready to begin anew at a key frame.
    pub(super) fn flush(&mut self) {
        self.decoder.flush();
    }

    /// The stream, as its container describes it.
    pub(super) fn described(&self) -> Option<format::stream::Stream<'_>> {
        self.input.stream(self.index)
    }

    /// Decodes from here; `each` gets every frame with its time and may break off. A video frame without a time follows on the
    /// one before; sound has `None` there.
    pub(super) fn decode<F: DerefMut<Target = frame::Frame>>(
        &mut self,
        frame: &mut F,
        mut each: impl FnMut(&F, Option<f64>) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<(), Failure> {
        let mut bad = 0;
        let mut latest = None;
        loop {
            let packet = self.next_packet();
            let sent = match &packet {
                Some(packet) if packet.stream() != self.index => continue,
                Some(packet) => self.decoder.send_packet(packet),
                None => self.decoder.send_eof(),
            };
            // a packet that cannot be decoded is a hole; what it lacked shows in the times
            if sent.is_err() && packet.is_some() {
                bad += 1;
                if bad > MAX_BAD_PACKETS {
                    return Ok(());
                }
            }
            while self.decoder.receive_frame(frame).is_ok() {
                bad = 0;
                let stated = frame.timestamp().map(|ticks| self.seconds(ticks));
                let time = stated.or_else(|| (self.interval > 0.0).then(|| latest.map_or(0.0, |last: f64| last + self.interval)));
                latest = time;
                if each(frame, time)?.is_break() {
                    return Ok(());
                }
            }
            if packet.is_none() {
                return Ok(());
            }
        }
    }
}
