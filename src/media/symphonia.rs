//! Sound through Symphonia, where it is right ([`super::sniff`]).

use std::fs::File;
use std::path::Path;

use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatReader, SeekMode, SeekTo, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Time, TimeBase};

use super::clock::Clock;
use super::sniff::Plain;
use super::sound::{Block, Decode, Reader, SoundTrack};
use crate::error::{Code, Failure};

/// An open sound track.
pub(super) struct Symphonia {
    format: Box<dyn FormatReader>,
    id: u32,
    track: SoundTrack,
    parameters: AudioCodecParameters,
    promised_end: Option<f64>,
}

fn fail(code: Code) -> impl Fn(SymphoniaError) -> Failure {
    move |error| Failure { code, message: error.to_string() }
}

impl Symphonia {
    /// Opens the only sound track of a file that is `plain`. `Err` means: try another decoder.
    pub(super) fn open(path: &Path, plain: &Plain) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| Failure { code: Code::Unreadable, message: error.to_string() })?;
        let mut hint = Hint::new();
        hint.with_extension(match plain {
            Plain::Wave => "wav",
            Plain::Flac => "flac",
            Plain::Mp3 => "mp3",
            Plain::Mp4(_) => "m4a",
            Plain::Adts => "aac",
        });
        let stream = MediaSourceStream::new(Box::new(file), Default::default());
        let format = symphonia::default::get_probe()
            .probe(&hint, stream, Default::default(), Default::default())
            .map_err(fail(Code::Unreadable))?;
        let track = format
            .default_track(TrackType::Audio)
            .ok_or_else(|| Failure { code: Code::Absent, message: "no sound track".into() })?;
        let lacks = |what: &str| Failure { code: Code::Unsupported, message: format!("the sound track does not say its {what}") };
        let parameters = track.codec_params.as_ref().and_then(|p| p.audio()).ok_or_else(|| lacks("codec"))?.clone();
        let sample_rate = parameters.sample_rate.filter(|&rate| rate > 0).ok_or_else(|| lacks("sample rate"))?;
        let time_base = track.time_base.or_else(|| TimeBase::try_from_recip(sample_rate)).ok_or_else(|| lacks("time base"))?;
        let tick = f64::from(time_base.numer.get()) / f64::from(time_base.denom.get());
        let edits = if let Plain::Mp4(track) = plain { track.edits.clone() } else { Vec::new() };
        let clock = Clock { edits, origin: 0.0 };
        let ends = track.duration.map(|duration| (duration.get() as f64 + track.start_ts.get().max(0) as f64) * tick);
        let forgets = !matches!(plain, Plain::Mp4(_) | Plain::Adts);
        let (id, promised_end) = (track.id, ends.map(|end| clock.end(end)));
        let track = SoundTrack { sample_rate, tick, clock, forgets, counted: true };
        Ok(Self { format, id, track, parameters, promised_end })
    }
}

impl Reader for Symphonia {
    type Packet = Packet;

    fn track(&self) -> &SoundTrack {
        &self.track
    }

    fn next(&mut self) -> Result<Option<Packet>, Failure> {
        loop {
            match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.id => return Ok(Some(packet)),
                Ok(Some(_)) => {}
                // a file that stops in the middle of a packet ends there; whether that is too early is checked by time
                Ok(None) | Err(SymphoniaError::IoError(_) | SymphoniaError::DecodeError(_)) => return Ok(None),
                Err(error) => return Err(fail(Code::Undecodable)(error)),
            }
        }
    }

    fn time(&self, packet: &Packet) -> Option<f64> {
        Some(begins(packet, self.track.tick))
    }

    fn stated(&mut self, packet: &Packet) -> (Option<f64>, usize) {
        let samples = packet.dur.get().saturating_sub(packet.trim_start.get()).saturating_sub(packet.trim_end.get());
        let samples = samples as f64 * self.track.tick * f64::from(self.track.sample_rate);
        (Some(begins(packet, self.track.tick)), samples.round() as usize)
    }

    fn jump(&mut self, media: f64) -> bool {
        // AAC is read through, as FFmpeg does: its start decides what noise there is
        let Some(time) = Time::try_from_secs_f64(media).filter(|_| self.track.forgets && media > 0.0) else { return false };
        self.format.seek(SeekMode::Accurate, SeekTo::Time { time, track_id: Some(self.id) }).is_ok()
    }

    fn fresh(&mut self, _: bool) -> Result<Box<dyn Decode<Packet>>, Failure> {
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(&self.parameters, &AudioDecoderOptions::default())
            .map_err(fail(Code::Unsupported))?;
        Ok(Box::new(Decoder { decoder, tick: self.track.tick, planes: Vec::new() }))
    }

    fn promised_end(&self) -> Option<f64> {
        self.promised_end
    }
}

/// Where a packet's first sample that is kept begins, in seconds.
fn begins(packet: &Packet, tick: f64) -> f64 {
    (packet.pts.get() as f64 + packet.trim_start.get() as f64) * tick
}

struct Decoder {
    decoder: Box<dyn AudioDecoder>,
    tick: f64,
    planes: Vec<Vec<f32>>,
}

impl Decode<Packet> for Decoder {
    fn decode(&mut self, packet: Option<&Packet>, each: &mut dyn FnMut(Block<'_>) -> Result<(), Failure>) -> Result<(), Failure> {
        let Some(packet) = packet else { return Ok(()) };
        let buffer = match self.decoder.decode(packet) {
            Ok(buffer) => buffer,
            Err(SymphoniaError::DecodeError(_)) => return Ok(()),
            Err(error) => return Err(fail(Code::Undecodable)(error)),
        };
        let sample_rate = buffer.spec().rate();
        // a core without its SBR has half of the samples; a last packet may be stated shorter than it is
        let stated = packet.dur.get() as f64 * self.tick * f64::from(sample_rate);
        let trimmed = packet.trim_start.get() + packet.trim_end.get() > 0;
        if !trimmed && (buffer.frames() as f64) < stated - 0.5 {
            let message = format!("a packet of {stated} samples gave {}", buffer.frames());
            return Err(Failure { code: Code::Unsupported, message });
        }
        buffer.copy_to_vecs_planar::<f32>(&mut self.planes);
        each(Block { sample_rate, time: Some(begins(packet, self.tick)), samples: mean(&mut self.planes) })
    }
}

/// Mean of the channels, in the first one's place.
fn mean(planes: &mut [Vec<f32>]) -> &[f32] {
    let channels = planes.len() as f32;
    let Some((mono, others)) = planes.split_first_mut() else { return &[] };
    if !others.is_empty() {
        for other in &*others {
            mono.iter_mut().zip(other).for_each(|(sum, x)| *sum += x);
        }
        mono.iter_mut().for_each(|sum| *sum /= channels);
    }
    mono
}
