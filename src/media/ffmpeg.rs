//! The pictures of a container through FFmpeg, frame by frame.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ff::codec::{self, decoder};
use ff::format::stream::Stream as Described;
use ff::{Packet, frame, media};
use ffmpeg_next as ff;

use super::canvas::MAX_PIXELS;
use super::clock::Clock;
use super::container::{Container, MAX_BAD_PACKETS, discarded, failure};
use super::h264::Framing;
use super::survey;
use crate::error::{Code, Failure};
use crate::track::Track;

/// What a packet says of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Told {
    /// Presentation time in ticks of the stream, if it is stated.
    pub(super) ticks: Option<i64>,
    /// For how many ticks it is shown, if that is stated.
    pub(super) duration: Option<i64>,
    /// Decoding can begin here.
    pub(super) key: bool,
    /// Decoded, never shown.
    pub(super) cut: bool,
}

/// An open video stream.
pub(super) struct Stream {
    pub(super) container: Container,
    path: PathBuf,
    id: codec::Id,
    index: usize,
    tick: f64,
    pub(super) clock: Clock,
    /// How H.264 lies in packets.
    framing: Option<Framing>,
    /// How long a frame lasts whose container does not say when the next is due.
    interval: f64,
}

/// A decoder for a stream of `container`, of one thread.
pub(super) fn decoder(container: &Container, index: usize) -> Result<decoder::Decoder, Failure> {
    let missing = || Failure { code: Code::Absent, message: "the stream is gone".into() };
    let stream = container.input().stream(index).ok_or_else(missing)?;
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
    decoder.set_packet_time_base(stream.time_base());
    Ok(decoder)
}

/// Opens a decoder for what the stream holds.
pub(super) fn opened(decoder: decoder::Decoder, id: codec::Id) -> Result<decoder::Opened, Failure> {
    let missing = || Failure { code: Code::Unsupported, message: format!("no decoder for {}", id.name()) };
    decoder.open_as(decoder::find(id).ok_or_else(missing)?).map_err(failure(Code::Unsupported))
}

/// Early x264 made 4:4:4 streams that must be decoded otherwise than the standard says. It signed only the first packet, so a
/// decoder that begins elsewhere has to see that one first.
fn prime(path: &Path, index: usize, decoder: &mut decoder::Opened) {
    // SAFETY: the decoder is open.
    if unsafe { (*decoder.as_ptr()).profile } != ff::ffi::FF_PROFILE_H264_HIGH_444_PREDICTIVE {
        return;
    }
    let Ok(mut container) = Container::bare(path) else { return };
    for _ in 0..MAX_BAD_PACKETS {
        let Some(packet) = container.read() else { return };
        if packet.stream() == index {
            // the frame itself is of no use
            let _ = decoder.send_packet(&packet);
            decoder.flush();
            return;
        }
    }
}

/// A decoder of pictures.
pub(super) struct Decoder(decoder::Video);

impl Decoder {
    /// Decodes one packet, or with `None` what the decoder still holds, and gives each frame with its ticks. Says whether the
    /// decoder was content.
    pub(super) fn feed<E>(
        &mut self,
        packet: Option<&Packet>,
        frame: &mut frame::Video,
        mut each: impl FnMut(&frame::Video, i64) -> Result<(), E>,
    ) -> Result<bool, E> {
        let sent = match packet {
            Some(packet) => self.0.send_packet(packet),
            None => self.0.send_eof(),
        };
        loop {
            match self.0.receive_frame(frame) {
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

    /// Makes it ready to begin anew at a key frame.
    pub(super) fn flush(&mut self) {
        self.0.flush();
    }
}

impl Stream {
    /// The video stream that `track` names; covers are none.
    pub(super) fn open(path: &Path, track: &Track) -> Result<Self, Failure> {
        let container = survey::open(path, true)?;
        let index = container.choose(media::Type::Video, track)?;
        let missing = || Failure { code: Code::Absent, message: "no video track".into() };
        let stream = container.input().stream(index).ok_or_else(missing)?;
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
        let tick = f64::from(stream.time_base());
        let clock = container.clock(index);
        Ok(Self { path: path.into(), id, tick, index, clock, container, framing, interval })
    }

    /// A decoder at its beginning.
    pub(super) fn decoder(&self) -> Result<Decoder, Failure> {
        let mut decoder = opened(decoder(&self.container, self.index)?, self.id)?;
        if self.framing.is_some() {
            prime(&self.path, self.index, &mut decoder);
        }
        decoder.video().map(Decoder).map_err(failure(Code::Unsupported))
    }

    /// When pictures come on: for each packet that is shown at all, its seconds and its place in `told`, by time.
    pub(super) fn shown(&self, told: &[Told]) -> Vec<(f64, usize)> {
        let pictures = told.iter().enumerate().filter(|(_, told)| !told.cut);
        let mut pictures: Vec<(f64, usize)> =
            pictures.filter_map(|(packet, told)| Some((self.media(told.ticks?), packet))).collect();
        pictures.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.clock.shown(&pictures)
    }

    /// When it goes, where the container states how long each is shown.
    pub(super) fn lasts(&self, told: &Told) -> Option<f64> {
        told.duration.filter(|_| self.container.has_tables()).map(|ticks| ticks as f64 * self.tick)
    }

    /// As [`Container::promised_end`].
    pub(super) fn promised_end(&self) -> Option<f64> {
        self.container.promised_end(self.index)
    }

    /// Goes to where decoding can begin, at or before second `time`.
    pub(super) fn seek(&mut self, time: f64) {
        let media = self.clock.media(time);
        self.container.seek(self.index, media);
    }

    /// Goes back to the file's start, by opening it again.
    pub(super) fn rewind(&mut self) -> Result<(), Failure> {
        self.container = self.container.again()?;
        self.alone();
        Ok(())
    }

    /// As [`Container::alone`].
    pub(super) fn alone(&mut self) {
        self.container.alone(self.index);
    }

    /// The stream's next packet, and what it says; `None` at the end.
    pub(super) fn packet(&mut self) -> Option<(Packet, Told)> {
        loop {
            let packet = self.container.packet()?;
            if packet.stream() == self.index {
                let duration = Some(packet.duration()).filter(|&duration| duration > 0);
                let told = Told { ticks: packet.pts(), duration, key: packet.is_key(), cut: discarded(&packet) };
                return Some((packet, told));
            }
        }
    }

    /// When a packet is to be decoded, by the stream's own time in seconds.
    pub(super) fn decoding_time(&self, packet: &Packet) -> Option<f64> {
        packet.dts().map(|ticks| ticks as f64 * self.tick)
    }

    /// The stream's own time of `ticks`, in seconds.
    pub(super) fn media(&self, ticks: i64) -> f64 {
        ticks as f64 * self.tick
    }

    /// Whether no other picture needs the one in `packet`. Known of H.264 alone.
    pub(super) fn disposable(&self, packet: &Packet) -> bool {
        self.framing.is_some_and(|framing| packet.data().is_some_and(|data| framing.disposable(data)))
    }

    /// The stream, as its container describes it.
    pub(super) fn described(&self) -> Option<Described<'_>> {
        self.container.input().stream(self.index)
    }

    /// Decodes from here; `each` gets every frame with its ticks and the stream's own time, and may break off. A frame without a time follows on
    /// the one before.
    pub(super) fn decode(
        &mut self,
        frame: &mut frame::Video,
        mut each: impl FnMut(&frame::Video, f64) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<(), Failure> {
        let mut bad = 0;
        let mut latest: Option<f64> = None;
        let Decoder(mut decoder) = self.decoder()?;
        loop {
            let packet = self.packet().map(|(packet, _)| packet);
            let sent = match &packet {
                Some(packet) => decoder.send_packet(packet),
                None => decoder.send_eof(),
            };
            // a packet that cannot be decoded is a hole; what it lacked shows in the times
            if sent.is_err() && packet.is_some() {
                bad += 1;
                if bad > MAX_BAD_PACKETS {
                    return Ok(());
                }
            }
            while decoder.receive_frame(frame).is_ok() {
                bad = 0;
                let stated = frame.timestamp().map(|ticks| ticks as f64 * self.tick);
                let guessed = || (self.interval > 0.0).then(|| latest.map_or(0.0, |latest| latest + self.interval));
                let Some(time) = stated.or_else(guessed).filter(|time| time.is_finite()) else { continue };
                latest = Some(time);
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
