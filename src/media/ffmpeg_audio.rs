//! Sound through FFmpeg.

use std::collections::VecDeque;
use std::path::Path;

use ff::codec::{Id, decoder};
use ff::format::stream::Stream;
use ff::frame::Audio;
use ff::{Packet, media};
use ffmpeg_next as ff;

use super::container::{Container, failure};
use super::ffmpeg;
use super::mix_down::mix_down;
use super::sound::{Block, Decode, Reader, SoundTrack};
use super::survey::{self, Head};
use super::surveyed::skipped;
use crate::error::{Code, Failure};
use crate::track::Track;

/// Packets that are decoded at most to learn what a track's sound is.
const PROBED: usize = 200;

/// An open sound track.
pub(super) struct Ffmpeg {
    container: Container,
    index: usize,
    id: Id,
    track: SoundTrack,
    /// Packets that were read to learn of the track, and are still to be given.
    pending: VecDeque<Packet>,
    /// Samples of a packet, where all have as many.
    even: Option<usize>,
    /// Priming samples still to come, as the decoder counts them.
    priming: usize,
    /// Ticks between packets of an mp4 whose times are all even.
    stride: Option<i64>,
    /// Has decoded the first packets already.
    started: Option<Started>,
}

impl Ffmpeg {
    /// The sound track that `track` names.
    pub(super) fn open(path: &Path, track: &Track) -> Result<Self, Failure> {
        let (survey, head) = survey::of(path)?;
        let (mut container, started) = match head {
            Some(Head { container, sound }) => (container, sound),
            None => (Container::surveyed(path, false, survey)?, None),
        };
        let index = container.choose(media::Type::Audio, track)?;
        let started = started.filter(|started| started.index == index);
        let missing = || Failure { code: Code::Absent, message: "no sound track".into() };
        let stream = container.input().stream(index).ok_or_else(missing)?;
        let (id, tick) = (stream.parameters().id(), f64::from(stream.time_base()));
        container.alone(index);
        let clock = container.clock(index);
        let track = SoundTrack { sample_rate: 0, tick, clock, forgets: false, counted: false };
        let pending = VecDeque::new();
        let mut opened = Self { container, index, id, track, pending, even: None, priming: 0, stride: None, started };
        opened.learn()?;
        Ok(opened)
    }

    /// Decodes the first packets, since containers may be wrong about rate and length.
    fn learn(&mut self) -> Result<(), Failure> {
        let mut started = match self.started.take() {
            Some(started) => started,
            None => Started { index: self.index, decoder: self.decoder()?, made: VecDeque::new() },
        };
        let mut found: Option<(u32, usize)> = None;
        for number in 0..PROBED {
            let Some(packet) = self.packet() else { break };
            let whole = skipped(&packet) == 0.0;
            for block in started.made(number, &packet) {
                // a packet without priming tells how long all are
                if whole || found.is_none() {
                    found = Some((block.sample_rate, block.samples.len()));
                }
            }
            self.pending.push_back(packet);
            if whole && found.is_some() {
                break;
            }
        }
        self.started = Some(started);
        let nothing = || Failure { code: Code::Undecodable, message: "no sound in the recording".into() };
        let (sample_rate, samples) = found.ok_or_else(nothing)?;
        self.track.sample_rate = sample_rate;
        // of these all packets of a stream are as long
        let even = matches!(self.id, Id::AAC | Id::AAC_LATM | Id::AC3 | Id::EAC3 | Id::MP1 | Id::MP2 | Id::MP3);
        self.even = even.then_some(samples);
        let ticks_of_samples = self.track.tick * f64::from(sample_rate);
        let whole_ticks = (ticks_of_samples - ticks_of_samples.round()).abs() < 1e-9 && ticks_of_samples >= 0.5;
        self.track.counted = even || whole_ticks;
        let stride = samples as f64 / ticks_of_samples;
        if even && self.container.is_movie() && (stride - stride.round()).abs() < 1e-9 {
            self.stride = self.container.even_times(self.index, stride.round() as i64).then_some(stride.round() as i64);
        }
        Ok(())
    }

    fn decoder(&self) -> Result<Decoder, Failure> {
        let tick = Some(self.track.tick).filter(|_| !self.container.survey.untimed);
        Decoder::of(&self.container, self.index, self.id, tick)
    }

    /// The track's next packet.
    fn packet(&mut self) -> Option<Packet> {
        loop {
            let packet = self.container.packet()?;
            if packet.stream() == self.index {
                return Some(packet);
            }
        }
    }
}

impl Reader for Ffmpeg {
    type Packet = Packet;

    fn track(&self) -> &SoundTrack {
        &self.track
    }

    fn next(&mut self) -> Result<Option<Packet>, Failure> {
        Ok(self.pending.pop_front().or_else(|| self.packet()))
    }

    fn time(&self, packet: &Packet) -> Option<f64> {
        packet.pts().filter(|_| !self.container.survey.untimed).map(|pts| pts as f64 * self.track.tick)
    }

    fn stated(&mut self, packet: &Packet) -> (Option<f64>, usize) {
        let SoundTrack { sample_rate, tick, .. } = self.track;
        let rate = f64::from(sample_rate);
        let samples = self.even.unwrap_or_else(|| (packet.duration().max(0) as f64 * tick * rate).round() as usize);
        // as decoders do: priming is taken off, and the time rounded to ticks
        self.priming += skipped(packet) as usize;
        let off = self.priming.min(samples);
        self.priming -= off;
        let ticks = (off as f64 / rate / tick).round();
        (self.time(packet).map(|time| time + ticks * tick), samples - off)
    }

    fn jump(&mut self, media: f64) -> bool {
        if self.stride.is_none() || media <= 0.0 {
            return false;
        }
        self.pending.clear();
        self.container.seek(self.index, media);
        true
    }

    fn fresh(&mut self, first: bool) -> Result<Box<dyn Decode<Packet>>, Failure> {
        match self.started.take_if(|_| first) {
            Some(started) => Ok(Box::new(started)),
            None => Ok(Box::new(self.decoder()?)),
        }
    }

    fn promised_end(&self) -> Option<f64> {
        self.container.promised_end(self.index)
    }

    fn note(&self, end: f64) -> Option<String> {
        self.container.survey.jumped(end)
    }
}

struct Decoder {
    decoder: decoder::Audio,
    /// Seconds, where time stamps mean anything.
    tick: Option<f64>,
    frame: Audio,
    mono: Vec<f32>,
}

impl Decoder {
    /// A decoder of the stream `index`, which holds `id`, at its beginning.
    fn of(container: &Container, index: usize, id: Id, tick: Option<f64>) -> Result<Self, Failure> {
        let opened = ffmpeg::opened(ffmpeg::decoder(container, index)?, id)?;
        let decoder = opened.audio().map_err(failure(Code::Unsupported))?;
        Ok(Self { decoder, tick, frame: Audio::empty(), mono: Vec::new() })
    }
}

/// A decoder that has been given the first packets of its stream, and keeps what it made of them for when it is given them again: opening another takes
/// longer than decoding a second of sound.
pub(super) struct Started {
    index: usize,
    decoder: Decoder,
    /// By packet.
    made: VecDeque<(Vec<Made>, Result<(), Failure>)>,
}

/// As [`Block`].
pub(super) struct Made {
    sample_rate: u32,
    pub(super) time: Option<f64>,
    samples: Vec<f32>,
}

impl Started {
    /// A decoder of a stream of a container whose times mean something.
    pub(super) fn new(container: &Container, stream: &Stream<'_>) -> Result<Self, Failure> {
        let (index, tick) = (stream.index(), f64::from(stream.time_base()));
        let decoder = Decoder::of(container, index, stream.parameters().id(), Some(tick))?;
        Ok(Self { index, decoder, made: VecDeque::new() })
    }

    /// What it makes of the stream's next packet.
    pub(super) fn next(&mut self, packet: &Packet) -> &[Made] {
        self.made(self.made.len(), packet)
    }

    /// What it makes of a packet that it has been given, or is given now: the packet of that number.
    fn made(&mut self, number: usize, packet: &Packet) -> &[Made] {
        if number == self.made.len() {
            let mut blocks = Vec::new();
            let outcome = self.decoder.decode(Some(packet), &mut |Block { sample_rate, time, samples }| {
                blocks.push(Made { sample_rate, time, samples: samples.to_vec() });
                Ok(())
            });
            self.made.push_back((blocks, outcome));
        }
        self.made.get(number).map_or(&[], |(blocks, _)| blocks)
    }
}

impl Decode<Packet> for Started {
    fn decode(&mut self, packet: Option<&Packet>, each: &mut dyn FnMut(Block<'_>) -> Result<(), Failure>) -> Result<(), Failure> {
        let Some((blocks, outcome)) = packet.and_then(|_| self.made.pop_front()) else {
            return self.decoder.decode(packet, each);
        };
        for Made { sample_rate, time, samples } in &blocks {
            each(Block { sample_rate: *sample_rate, time: *time, samples })?;
        }
        outcome
    }
}

impl Decode<Packet> for Decoder {
    fn decode(&mut self, packet: Option<&Packet>, each: &mut dyn FnMut(Block<'_>) -> Result<(), Failure>) -> Result<(), Failure> {
        // a packet that cannot be decoded is a hole, which shows in the times
        let _ = match packet {
            Some(packet) => self.decoder.send_packet(packet),
            None => self.decoder.send_eof(),
        };
        while self.decoder.receive_frame(&mut self.frame).is_ok() {
            let sample_rate = self.frame.rate();
            if sample_rate == 0 || self.frame.samples() == 0 {
                continue;
            }
            mix_down(&self.frame, &mut self.mono)?;
            let ticks = self.frame.pts().or_else(|| self.frame.timestamp());
            let time = ticks.zip(self.tick).map(|(ticks, tick)| ticks as f64 * tick);
            each(Block { sample_rate, time, samples: &self.mono })?;
        }
        Ok(())
    }
}
